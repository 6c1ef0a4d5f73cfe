/** Our HTTP/2 against Node's: whatever Node's client does must work. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { test, type TestContext } from 'node:test';
import { silentLogger, systemClock } from '#util';
import { CODE, GrpcError } from '../etcd/errors.ts';
import { type GrpcMethod, type GrpcSink, newGrpcServer } from './grpc.ts';
const MAX_BYTES = 2 << 20;

interface Seen {
  /** Streams that ended for the server. */
  ended: number;
  sink: GrpcSink | undefined;
}

async function serve(t: TestContext): Promise<{ port: number; seen: Seen }> {
  const seen: Seen = { ended: 0, sink: undefined };
  const methods = new Map<string, GrpcMethod>([
    ['/test/Echo', { type: 'unary', handle: async (request) => request }],
    ['/test/Hang', { type: 'unary', handle: () => new Promise(() => {}) }],
    [
      '/test/Fail',
      {
        type: 'unary',
        handle: async () => {
          throw new GrpcError(CODE.notFound, 'nö: 100 %\n');
        },
      },
    ],
    [
      '/test/Much',
      {
        type: 'server-stream',
        async handle(request, sink) {
          for (let i = 0; i < Number(request); i++) if (!sink.send(Buffer.alloc(100_000, i))) await sink.drained();
        },
      },
    ],
    [
      '/test/Both',
      {
        type: 'bidirectional',
        open(sink) {
          seen.sink = sink;
          return {
            onMessage: (message) => void sink.send(message),
            async onEnd() {
              seen.ended++;
            },
          };
        },
      },
    ],
  ]);
  const page = (path: string): { contentType: string; body: string } | undefined =>
    path === '/health' ? { contentType: 'application/json', body: '{}' } : undefined;
  const server = newGrpcServer({ clock: systemClock, log: silentLogger, methods, maxRequestBytes: MAX_BYTES, page });
  t.after(() => server.close());
  return { port: await server.listen('127.0.0.1', 0), seen };
}

async function start(t: TestContext): Promise<{ session: ClientHttp2Session; port: number; seen: Seen }> {
  const { port, seen } = await serve(t);
  const session = connect(`http://127.0.0.1:${port}`);
  t.after(() => session.destroy());
  return { session, port, seen };
}

function call(session: ClientHttp2Session, path: string, more: Record<string, string> = {}): ClientHttp2Stream {
  return session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...more,
  });
}

function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

interface Answer {
  readonly headers: Record<string, unknown>;
  readonly messages: readonly Buffer[];
  readonly trailers: Record<string, unknown>;
}

async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  let headers = {};
  let trailers = {};
  const chunks: Buffer[] = [];
  stream.on('response', (received) => (headers = { ...received }));
  stream.on('trailers', (received) => (trailers = { ...received }));
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'close');
  const messages: Buffer[] = [];
  for (let rest = Buffer.concat(chunks); rest.length > 0;) {
    const end = 5 + rest.readUInt32BE(1);
    messages.push(rest.subarray(5, end));
    rest = rest.subarray(end);
  }
  return { headers, messages, trailers };
}

async function echo(session: ClientHttp2Session, message: Buffer, more?: Record<string, string>): Promise<void> {
  const stream = call(session, '/test/Echo', more);
  stream.end(framed(message));
  const { headers, messages, trailers } = await answerOf(stream);
  assert.equal(headers[':status'], 200);
  assert.equal(headers['content-type'], 'application/grpc');
  assert.equal(messages.length, 1);
  assert.ok(messages[0]!.equals(message));
  assert.equal(trailers['grpc-status'], '0');
}

test('messages of all sizes come back, many at once on one connection', async (t) => {
  const { session } = await start(t);
  const sizes = [0, 1, 16_370, 16_384, 70_000, MAX_BYTES, ...Array.from({ length: 300 }, (_, i) => i * 397)];
  await Promise.all(sizes.map((size, i) => echo(session, Buffer.alloc(size, i))));
  await echo(session, Buffer.from('the end'));
});

test('headers that come and go, in any code, leave the path as it is', async (t) => {
  const { session } = await start(t);
  for (let i = 0; i < 200; i++) {
    const value = `${i % 7} ${'ÿ~\\"<>{}^`'.repeat(i % 13)} ${'z'.repeat((i * 37) % 900)}`;
    await echo(session, Buffer.of(i), { [`x-${i % 11}`]: value, 'grpc-timeout': `${i}m` });
  }
  await echo(session, Buffer.of(1), { large: 'x'.repeat(40_000) }); // in several frames
});

test('a client that reads slowly makes the server wait, and misses nothing', async (t) => {
  const { session } = await start(t);
  const stream = call(session, '/test/Much');
  stream.end(framed(Buffer.from('120')));
  stream.pause();
  // Others on the same connection do not wait for it.
  await echo(session, Buffer.from('small'));
  const answer = answerOf(stream);
  stream.resume();
  const { messages, trailers } = await answer;
  assert.equal(messages.length, 120);
  for (const [i, message] of messages.entries()) assert.ok(message.equals(Buffer.alloc(100_000, i)));
  assert.equal(trailers['grpc-status'], '0');
});

test('a stream goes both ways, and the server hears when it is reset', async (t) => {
  const { session, seen } = await start(t);
  const stream = call(session, '/test/Both');
  for (const text of ['one', 'two']) {
    stream.write(framed(Buffer.from(text)));
    const [chunk] = (await once(stream, 'data')) as [Buffer];
    assert.equal(chunk.toString('utf8', 5), text);
  }
  assert.equal(seen.ended, 0);
  stream.close(constants.NGHTTP2_CANCEL);
  await once(stream, 'close');
  await echo(session, Buffer.from('behind it'));
  assert.equal(seen.ended, 1);
  assert.equal(seen.sink?.closed, true);
  assert.equal(seen.sink?.send(Buffer.from('to nobody')), true);
});

test('the end of a connection ends its streams', async (t) => {
  const { session, port, seen } = await start(t);
  const stream = call(session, '/test/Both');
  stream.on('error', () => {});
  stream.write(framed(Buffer.from('x')));
  await once(stream, 'data');
  session.destroy();
  const other = connect(`http://127.0.0.1:${port}`);
  t.after(() => other.destroy());
  while (seen.ended === 0) await echo(other, Buffer.from('still there'));
});

test('what fails says so in its headers', async (t) => {
  const { session } = await start(t);
  const failing = call(session, '/test/Fail');
  failing.end(framed(Buffer.alloc(0)));
  const { headers, messages } = await answerOf(failing);
  assert.deepEqual([headers['grpc-status'], headers['grpc-message']], ['5', 'n%C3%B6: 100 %25%0A']);
  assert.deepEqual(messages, []);

  const unknown = call(session, '/a.Service/Missing');
  unknown.end(framed(Buffer.alloc(100_000)));
  const answer = await answerOf(unknown);
  assert.equal(answer.headers['grpc-message'], 'unknown method Missing for service a.Service');

  const large = call(session, '/test/Echo');
  large.on('error', () => {});
  large.end(framed(Buffer.alloc(MAX_BYTES + 1)));
  assert.equal((await answerOf(large)).headers['grpc-status'], '3');

  const empty = call(session, '/test/Echo');
  empty.end();
  assert.equal((await answerOf(empty)).headers['grpc-status'], '13');
  await echo(session, Buffer.from('still there'));
});

test('pages are served beside the calls, and what is neither is refused', async (t) => {
  const { session } = await start(t);
  const get = (path: string): Promise<Answer> => answerOf(session.request({ ':path': path }));
  const raw = session.request({ ':path': '/health' });
  let body = '';
  raw.setEncoding('utf8').on('data', (text: string) => (body += text));
  const [headers] = (await once(raw, 'response')) as [Record<string, unknown>];
  await once(raw, 'close');
  assert.deepEqual([headers[':status'], headers['content-type'], body], [200, 'application/json', '{}']);
  assert.equal((await get('/nothing')).headers[':status'], 404);
  const post = session.request({ ':method': 'POST', ':path': '/test/Echo', 'content-type': 'text/plain' });
  post.end('x');
  assert.equal((await answerOf(post)).headers[':status'], 415);
});

test('calls that are given up before their end do not count for ever', async (t) => {
  const { session } = await start(t);
  for (let round = 0; round < 12; round++) {
    const streams = Array.from({ length: 400 }, () => call(session, '/test/Echo'));
    for (const stream of streams) {
      stream.on('error', () => {});
      stream.write(Buffer.of(0, 0));
    }
    await echo(session, Buffer.from('x'));
    for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL);
    await echo(session, Buffer.from('x'));
  }
});
