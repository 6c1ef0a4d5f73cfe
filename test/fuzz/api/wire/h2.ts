/** Frames of HTTP/2 (RFC 9113): requests that are right, and such as break what the protocol says. */
import { mutateBytes } from '../mutate/bytes.ts';
import type { Random } from '../random.ts';
import type { FuzzRequest } from '../request.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const DATA = 0;
const HEADERS = 1;
const PRIORITY = 2;
const RST_STREAM = 3;
const SETTINGS = 4;
const PUSH_PROMISE = 5;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const CONTINUATION = 9;
const END_STREAM = 1;
const END_HEADERS = 4;
const PADDED = 8;
const MAX_FRAME = 1 << 14;

function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream >>> 0, 5);
  return Buffer.concat([head, payload]);
}

/** An integer of HPACK with a prefix of `bits` (RFC 7541 section 5.1). */
function integer(value: number, bits: number, first: number): Buffer {
  const most = 2 ** bits - 1;
  if (value < most) return Buffer.from([first | value]);
  const bytes = [first | most];
  for (let rest = value - most; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) {
      bytes.push(rest);
      return Buffer.from(bytes);
    }
    bytes.push((rest % 128) | 128);
  }
}

const text = (value: string): Buffer =>
  Buffer.concat([integer(Buffer.byteLength(value, 'latin1'), 7, 0), Buffer.from(value, 'latin1')]);

/** A header by its letters; `indexed`: it goes into the dynamic table. */
const literal = (name: string, value: string, indexed: boolean): Buffer =>
  Buffer.concat([Buffer.from([indexed ? 0x40 : 0]), text(name), text(value)]);

/** Blocks that are no headers, or odd ones. */
const ODD_BLOCKS: readonly (() => Buffer)[] = [
  () => Buffer.from([0x80]), // index 0
  () => integer(4000, 7, 0x80), // an index that is not there
  () => Buffer.alloc(12, 0xff), // an integer that does not end
  () => integer(2 ** 30, 5, 0x20), // a table larger than was agreed
  () => integer(0, 5, 0x20),
  () => Buffer.concat([Buffer.from([0]), integer(50, 7, 0x80), Buffer.alloc(50, 0xff)]), // Huffman padding that is too long
  () => literal('X-Upper', 'x', false),
  () => literal(':path', '/again', false),
  () => literal(':status', '200', false),
  () => literal('', 'x', false),
  () => literal('connection', 'close', false),
  () => literal('transfer-encoding', 'chunked', false),
  () => literal('te', 'gzip', false),
  () => literal('content-length', '99', false),
  () => literal('a', 'x\r\ny: z', false),
  () => literal('a', '\0', false),
  () => literal('cookie', 'x'.repeat(5000), true),
  () => Buffer.concat(Array.from({ length: 400 }, (_, i) => literal(`h${i}`, 'v'.repeat(50), true))),
];

function headerBlock({ method, url, headers, repeated = [] }: FuzzRequest, random: Random): Buffer {
  const pseudo: [string, string][] = [
    [':method', method],
    [':scheme', 'https'],
    [':authority', 'x'],
    [':path', url],
  ];
  const kept = pseudo.filter(() => random.chance(0.99));
  const all = [...kept, ...Object.entries(headers), ...repeated].map(([name, value]) =>
    literal(name, value, random.chance(0.3)),
  );
  if (random.chance(0.2)) all.splice(random.below(all.length + 1), 0, random.pick(ODD_BLOCKS)());
  return Buffer.concat(all);
}

/** A request on a stream, whole or nearly. */
function requestFrames(request: FuzzRequest, stream: number, random: Random): Buffer[] {
  const block = headerBlock(request, random);
  const { body, cutAt } = request;
  const end = body === undefined ? END_STREAM : 0;
  const cut = random.chance(0.2) ? random.below(block.length + 1) : Math.min(block.length, MAX_FRAME);
  const frames =
    cut < block.length
      ? [
          frame(HEADERS, end, stream, block.subarray(0, cut)),
          frame(CONTINUATION, END_HEADERS, stream, block.subarray(cut, cut + MAX_FRAME)),
        ]
      : [frame(HEADERS, end | END_HEADERS, stream, block)];
  if (body === undefined) return frames;
  const sent = body.subarray(0, cutAt);
  for (let at = 0; at < sent.length && frames.length < 40; at += MAX_FRAME)
    frames.push(frame(DATA, 0, stream, sent.subarray(at, at + MAX_FRAME)));
  if (random.chance(0.9)) frames.push(frame(DATA, END_STREAM, stream));
  return frames;
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};

const setting = (id: number, value: number): Buffer => Buffer.concat([Buffer.from([0, id]), uint32(value)]);

/** Frames between those of requests. */
const ODD_FRAMES: readonly ((stream: number, random: Random) => Buffer)[] = [
  (stream) => frame(RST_STREAM, 0, stream, uint32(8)),
  (stream) => frame(WINDOW_UPDATE, 0, stream, uint32(0)),
  (stream) => frame(WINDOW_UPDATE, 0, stream, uint32(2 ** 31 - 1)),
  () => frame(WINDOW_UPDATE, 0, 0, uint32(2 ** 31 - 1)),
  (stream) => frame(PRIORITY, 0, stream, Buffer.concat([uint32(stream), Buffer.from([255])])),
  () => frame(PRIORITY, 0, 0, Buffer.alloc(5)),
  () => frame(SETTINGS, 0, 0, setting(4, 2 ** 31)),
  () => frame(SETTINGS, 0, 0, setting(4, 0)),
  () => frame(SETTINGS, 0, 0, setting(5, 1)),
  () => frame(SETTINGS, 0, 0, setting(1, 2 ** 32 - 1)),
  () => frame(SETTINGS, 0, 0, setting(3, 0)),
  () => frame(SETTINGS, 0, 1),
  () => frame(SETTINGS, 1, 0, Buffer.alloc(6)),
  () => frame(SETTINGS, 0, 0, Buffer.alloc(5)),
  () => Buffer.concat(Array.from({ length: 500 }, () => frame(SETTINGS, 0, 0))),
  () => Buffer.concat(Array.from({ length: 500 }, () => frame(PING, 0, 0, Buffer.alloc(8)))),
  () => frame(PING, 0, 1, Buffer.alloc(8)),
  () => frame(PING, 0, 0, Buffer.alloc(7)),
  () => frame(GOAWAY, 0, 0, Buffer.alloc(8)),
  (stream) => frame(PUSH_PROMISE, END_HEADERS, stream, uint32(2)),
  (stream) => frame(CONTINUATION, 0, stream, Buffer.alloc(3)),
  (stream) =>
    Buffer.concat([frame(HEADERS, 0, stream), ...Array.from({ length: 300 }, () => frame(CONTINUATION, 0, stream))]),
  (stream) => frame(DATA, PADDED, stream, Buffer.from([255, 0])),
  (stream) => frame(HEADERS, PADDED | END_HEADERS, stream, Buffer.from([9])),
  () => frame(DATA, 0, 0, Buffer.alloc(1)),
  () => frame(DATA, 0, 99, Buffer.alloc(1)),
  (stream) => Buffer.concat(Array.from({ length: 300 }, () => frame(DATA, 0, stream))),
  () => frame(200, 255, 2 ** 31 + 1, Buffer.alloc(40)),
  // Longer than a frame may be.
  (stream) => frame(DATA, 0, stream, Buffer.alloc(MAX_FRAME + 1)),
  (stream, random) =>
    frame(
      random.below(12),
      random.below(256),
      stream,
      Buffer.from(Array.from({ length: random.pick([0, 1, 4, 5, 8, 40]) }, () => random.below(256))),
    ),
];

/** A connection's first bytes: a few requests, and between them what should not be there. */
export function h2Bytes(requests: readonly FuzzRequest[], random: Random): Buffer {
  const parts: Buffer[] = [random.chance(0.98) ? PREFACE : mutateBytes(PREFACE, random), frame(SETTINGS, 0, 0)];
  let stream = 1;
  for (const request of requests) {
    parts.push(...requestFrames(request, stream, random));
    if (random.chance(0.4)) parts.push(random.pick(ODD_FRAMES)(stream, random));
    stream = random.chance(0.95) ? stream + 2 : random.pick([0, 2, stream, 2 ** 31 - 1]);
  }
  // Opened and reset at once, again and again.
  if (random.chance(0.05) && requests[0] !== undefined)
    for (let i = 0; i < 200; i++, stream += 2) {
      parts.push(...requestFrames({ ...requests[0], body: undefined }, stream, random));
      parts.push(frame(RST_STREAM, 0, stream, uint32(8)));
    }
  const whole = Buffer.concat(parts);
  return random.chance(0.15) ? mutateBytes(whole, random) : whole;
}
