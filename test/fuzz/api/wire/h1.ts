/** Requests as HTTP/1.1 writes them, and as it must not: lengths that are wrong, chunks that are cut, lines that are folded. */
import { mutateBytes } from '../mutate/bytes.ts';
import type { Random } from '../random.ts';
import type { FuzzRequest } from '../request.ts';

const LENGTHS = ['-1', 'x', '99999999999999999999', '0', '+5', '5, 6', '5,5', '0x10', ' 7', ''];
const CODINGS = [
  'chunked',
  'Chunked',
  'chunked, chunked',
  'gzip, chunked',
  'chunked, identity',
  'identity',
  'x',
  ' chunked',
  'chunked;q=1',
  '\u000bchunked',
];
const SIZES = ['ffffffffffffffff', '-1', 'x', '', '0x5', ' 5', '5;ext="\r"', '00000000000000000000005', '7fffffff'];
const VERSIONS = ['HTTP/1.0', 'HTTP/0.9', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 ', 'HTTP/9', ''];
const LINES = [
  'expect: 100-continue',
  'expect: 200-ok',
  'connection: close',
  'connection: keep-alive, upgrade, host, authorization',
  'upgrade: h2c',
  'http2-settings: AAMAAABkAAQCAAAAAAIAAAAA',
  'te: trailers',
  'trailer: authorization',
  'host: y',
  'host : x',
  ' folded: x',
  'x: a\r\n b',
  'x: a\n\tb',
  ': empty',
  'no colon',
  'x\0y: z',
  'x: \r',
  'proxy-connection: keep-alive',
  'max-forwards: 0',
  `long: ${'x'.repeat(70_000)}`,
  Array.from({ length: 3000 }, (_, i) => `h${i}: v`).join('\r\n'),
];

function framingOf(request: FuzzRequest, random: Random): { lines: string[]; body: Buffer } {
  const { body, cutAt } = request;
  if (body === undefined && random.chance(0.9)) return { lines: [], body: Buffer.alloc(0) };
  const sent = (body ?? Buffer.alloc(0)).subarray(0, cutAt);
  const length = `content-length: ${random.chance(0.1) ? random.pick(LENGTHS) : String(body?.length ?? 0)}`;
  if (random.chance(0.75)) return { lines: random.chance(0.03) ? [length, length] : [length], body: sent };
  const coding = `transfer-encoding: ${random.chance(0.8) ? 'chunked' : random.pick(CODINGS)}`;
  return { lines: random.chance(0.1) ? [length, coding] : [coding], body: chunked(sent, random) };
}

function chunked(body: Buffer, random: Random): Buffer {
  const parts: Buffer[] = [];
  const step = random.pick([1, 7, 100, 1 << 14]);
  for (let at = 0; at < body.length && parts.length < 500; at += step) {
    const part = body.subarray(at, at + step);
    const size = random.chance(0.02) ? random.pick(SIZES) : part.length.toString(16);
    parts.push(
      Buffer.from(`${size}${random.chance(0.05) ? ';a=b' : ''}\r\n`),
      part,
      Buffer.from(random.chance(0.01) ? '\n' : '\r\n'),
    );
  }
  const end = random.pick([
    '0\r\n\r\n',
    '0\r\n\r\n',
    '0\r\n\r\n',
    '0\r\nauthorization: Bearer x\r\n\r\n',
    '0\r\n',
    '',
    '000\r\n\r\n',
    '0\r\n\r\nGET / HTTP/1.1\r\n\r\n',
  ]);
  return Buffer.concat([...parts, Buffer.from(end)]);
}

export function h1Bytes(request: FuzzRequest, random: Random): Buffer {
  const { method, url, headers, repeated = [] } = request;
  const { lines, body } = framingOf(request, random);
  const target = random.chance(0.03) ? random.pick([`https://x${url}`, `//x${url}`, url.slice(1), '*', 'x:443']) : url;
  const version = random.chance(0.03) ? random.pick(VERSIONS) : 'HTTP/1.1';
  const own = [...Object.entries(headers), ...repeated]
    .filter(([name]) => name !== 'content-length')
    .map(([name, value]) => `${name}: ${value}`);
  const odd = random.chance(0.15) ? [random.pick(LINES)] : [];
  const host = random.chance(0.97) ? ['host: x'] : [];
  const end = random.chance(0.98) ? '\r\n' : '\n';
  const head = Buffer.from(
    [`${method} ${target} ${version}`, ...host, ...lines, ...own, ...odd, '', ''].join(end),
    'latin1',
  );
  const whole = Buffer.concat([random.chance(0.15) ? mutateBytes(head, random) : head, body]);
  // Pipelined.
  return random.chance(0.1) ? Buffer.concat([whole, whole]) : whole;
}
