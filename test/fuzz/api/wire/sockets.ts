/** The same requests over real connections, and what no client would send: broken heads, cut bodies, frames out of order. */
import { once } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import { connect, type SecureContextOptions } from 'node:tls';
import { errorText, newLogger } from '#util';
import { type HttpsServer, startHttpsServer } from '../../../../src/apiserver/testdata/https.ts';
import { generate } from '../requests/generate.ts';
import { mutateBytes } from '../mutate/bytes.ts';
import { newRandom, type Random } from '../random.ts';
import type { FuzzRequest } from '../request.ts';

/** Who is silent for so long is left. */
const SILENCE_MS = 300;
const AT_ONCE = 16;
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Sends so many requests, half of them as raw bytes; returns what went wrong. */
export async function runSockets(runs: number, seed: number): Promise<{ answers: number; problems: string[] }> {
  const problems: string[] = [];
  const onError = (error: unknown): void => void problems.push(errorText(error));
  process.on('unhandledRejection', onError);
  const log = newLogger({ level: 'error', write: (line) => void problems.push(line), now: () => 0 });
  let answers = 0;
  try {
    await using server = await startHttpsServer({ log });
    let next = 0;
    const worker = async (): Promise<void> => {
      let session = server.connect();
      while (next < runs && problems.every(isExpected)) {
        const random = newRandom(Math.imul(seed, 0x9e3779b1) + next++);
        const request = generate(random);
        if (session.destroyed || session.closed) session = server.connect();
        const way = random.below(4);
        const status =
          way === 0
            ? await rawH1(server, headAndBody(request, random))
            : way === 1
              ? await rawH2(server, frames(random))
              : await overH2(session, request);
        if (status === undefined) continue;
        answers++;
        if (status === 500 && request.method !== 'PATCH') problems.push(`500: ${request.method} ${request.url}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    const { status } = await server.ask('/readyz');
    if (status !== 200) problems.push(`/readyz answers ${status}`);
  } finally {
    process.off('unhandledRejection', onError);
  }
  return { answers, problems: problems.filter((line) => !isExpected(line)) };
}

/** A patch upstream too answers with 500 is logged, but no fault. */
const isExpected = (line: string): boolean => line.includes('"message":"Request failed"') && line.includes('PATCH');

/** A request as HTTP/1.1 writes it, sometimes with its bytes changed, its length wrong or its chunks cut. */
function headAndBody({ method, url, headers, body, cutAt }: FuzzRequest, random: Random): Buffer {
  const sent = body?.subarray(0, cutAt);
  const length = random.chance(0.1)
    ? random.pick(['-1', 'x', '99999999999999999999', '0', '+5', '5, 6'])
    : body?.length;
  const chunked = random.chance(0.2);
  const framing =
    body === undefined ? [] : chunked ? ['transfer-encoding: chunked'] : [`content-length: ${String(length)}`];
  const own = Object.entries(headers)
    .filter(([name]) => name !== 'content-length')
    .map(([name, value]) => `${name}: ${value}`);
  const head = Buffer.from([`${method} ${url} HTTP/1.1`, 'host: x', ...framing, ...own, '', ''].join('\r\n'), 'latin1');
  const size = random.chance(0.2) ? random.pick(['ffffffffffffffff', '-1', 'x', '']) : (sent?.length ?? 0).toString(16);
  const tail =
    sent === undefined ? [] : chunked ? [Buffer.from(`${size}\r\n`), sent, Buffer.from('\r\n0\r\n\r\n')] : [sent];
  const whole = Buffer.concat([random.chance(0.3) ? mutateBytes(head, random) : head, ...tail]);
  return random.chance(0.1) ? Buffer.concat([whole, whole]) : whole;
}

/** HTTP/2 frames: the preface, then such that are known with odd lengths, flags and streams. */
function frames(random: Random): Buffer {
  const parts: Buffer[] = [PREFACE, frame(4, 0, 0, Buffer.alloc(0))];
  for (let left = random.below(12); left > 0; left--) {
    const payload = Buffer.from(
      Array.from({ length: random.pick([0, 1, 4, 5, 6, 8, 40, 300]) }, () => random.below(256)),
    );
    parts.push(frame(random.below(12), random.below(64), random.pick([0, 1, 1, 2, 3, 5, 2 ** 31 - 1]), payload));
  }
  const whole = Buffer.concat(parts);
  return random.chance(0.3) ? mutateBytes(whole, random) : whole;
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** What comes back for these bytes on a connection of their own, until it is silent. */
async function exchange(server: HttpsServer, bytes: Buffer, protocol: string): Promise<Buffer> {
  const credentials: SecureContextOptions = server.admin;
  const socket = connect({
    host: '127.0.0.1',
    port: server.port,
    ca: server.ca,
    ALPNProtocols: [protocol],
    ...credentials,
  });
  const chunks: Buffer[] = [];
  // The server may cut it as it likes.
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
  socket.setTimeout(SILENCE_MS, () => socket.destroy());
  socket.on('secureConnect', () => socket.write(bytes));
  await once(socket, 'close');
  return Buffer.concat(chunks);
}

async function rawH1(server: HttpsServer, bytes: Buffer): Promise<number | undefined> {
  const answer = await exchange(server, bytes, 'http/1.1');
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer.toString('latin1', 0, 20))?.[1];
  return status === undefined ? undefined : Number(status);
}

async function rawH2(server: HttpsServer, bytes: Buffer): Promise<undefined> {
  await exchange(server, bytes, 'h2');
}

/** Through a client; undefined when it was refused or reset. A watch is left as soon as it has begun, a body that is cut is reset. */
async function overH2(session: ClientHttp2Session, request: FuzzRequest): Promise<number | undefined> {
  const { method, url, headers, body, cutAt } = request;
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  let status: number | undefined;
  try {
    const { 'content-length': _length, ...own } = headers;
    const stream = session.request({ ':method': method, ':path': url, ...own }, { endStream: body === undefined });
    stream.on('response', (answer) => {
      status = Number(answer[':status']);
      if (url.includes('watch')) stream.close();
      else stream.resume();
    });
    stream.on('error', () => undefined);
    stream.on('close', () => resolve(status));
    stream.setTimeout(20 * SILENCE_MS, () => stream.close());
    if (body === undefined) return await promise;
    if (cutAt === undefined) stream.end(body);
    else stream.write(body.subarray(0, cutAt), () => stream.close());
    return await promise;
  } catch {
    return undefined; // headers that the client refuses to send
  }
}
