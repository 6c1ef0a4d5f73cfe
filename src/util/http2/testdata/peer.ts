/** A server to be spoken to in frames. */
import { once } from 'node:events';
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { systemClock } from '../../clock.ts';
import { FLAG, FRAME, frameOf, PREFACE, settingsFrame } from '../frames.ts';
import { writeHeaders } from '../hpack-writer.ts';
import { Http2Session } from '../session.ts';
import type { Http2Stream } from '../stream.ts';

export const MAX_STREAMS = 10;
export const STREAM_WINDOW = 100_000;
const CONNECTION_WINDOW = 300_000;
export const MAX_HEADER_BYTES = 20_000;

export interface Server {
  readonly port: number;
  readonly sessions: Http2Session[];
  /** What hangs. */
  readonly streams: Http2Stream[];
  closed: number;
}

/** `/echo` sends the body back, `/hang` never answers, `/much` sends a MiB. */
export async function serve(t: TestContext): Promise<Server> {
  const sockets = new Set<Socket>();
  const found: Server = { port: 0, sessions: [], streams: [], closed: 0 };
  const listener = createServer((socket) => {
    sockets.add(socket);
    const limits = {
      maxStreams: MAX_STREAMS,
      streamWindowBytes: STREAM_WINDOW,
      connectionWindowBytes: CONNECTION_WINDOW,
    };
    found.sessions.push(
      new Http2Session(socket, {
        ...limits,
        maxHeaderBytes: MAX_HEADER_BYTES,
        resets: { burst: 50, perSecond: 1 },
        clock: systemClock,
        onStream: (stream) => answer(stream, found),
        onTooLong: (stream) => stream.answerHeaders({}, 431),
        onError() {},
      }),
    );
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  return Object.assign(found, { port: (listener.address() as AddressInfo).port });
}

function answer(stream: Http2Stream, server: Server): void {
  const chunks: Buffer[] = [];
  const { path } = stream.request;
  if (path === '/hang') server.streams.push(stream);
  stream.handler = {
    onData(chunk) {
      chunks.push(chunk);
      return path !== '/hang';
    },
    onEnd() {
      if (path === '/hang') return;
      const body = path === '/much' ? Buffer.alloc(1 << 20, 'm') : Buffer.concat(chunks);
      stream.answer({ 'content-length': String(body.length) }, [body], { status: 200 });
    },
    onClose() {
      server.closed++;
      if (path !== '/hang') stream.abandon();
    },
  };
}

export const request = (path: string, more: Record<string, string> = {}): Buffer =>
  writeHeaders({ ':method': 'POST', ':scheme': 'http', ':path': path, ':authority': 'x', ...more });

export const BOTH = FLAG.endHeaders | FLAG.endStream;
export const headers = (id: number, block: Buffer, flags: number = FLAG.endHeaders): Buffer =>
  frameOf(FRAME.headers, flags, id, block);
export const get = (id: number, path = '/echo', more = {}): Buffer => headers(id, request(path, more), BOTH);
export const data = (id: number, bytes: Buffer | string, flags: number = FLAG.none): Buffer =>
  frameOf(FRAME.data, flags, id, Buffer.from(bytes));
export const frame = (type: number, id: number, bytes: number, flags: number = FLAG.none): Buffer =>
  frameOf(type, flags, id, Buffer.alloc(bytes));
export const many = (count: number, make: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at + 9 <= bytes.length;) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    frames.push({
      type: bytes[at + 3]!,
      flags: bytes[at + 4]!,
      id: bytes.readUInt32BE(at + 5),
      payload: bytes.subarray(at + 9, end),
    });
    at = end;
  }
  return frames;
}

const LAST_PING = Buffer.from('the last');

/** What comes back for some bytes behind the preface, until the connection is closed or a ping behind them is answered. */
export async function exchange(
  port: number,
  bytes: Buffer,
  preface = Buffer.concat([PREFACE, settingsFrame([])]),
  piece = Infinity,
): Promise<Frame[]> {
  const socket = connectSocket({ port, host: '127.0.0.1' });
  socket.on('error', () => {}); // it may end while we write
  const closed = once(socket, 'close');
  socket.setNoDelay(true);
  const sent = Buffer.concat([preface, bytes, frameOf(FRAME.ping, FLAG.none, 0, LAST_PING)]);
  for (let at = 0; at < sent.length; at += piece) socket.write(sent.subarray(at, at + piece));
  let all = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    all = Buffer.concat([all, chunk]);
    if (all.subarray(-8).equals(LAST_PING)) socket.destroy();
  });
  await closed;
  return framesOf(all);
}

/** The code a connection was ended with, or a stream; undefined: neither. */
export function verdict(frames: readonly Frame[]): string {
  const end = frames.find(({ type }) => type === FRAME.goAway);
  if (end !== undefined) return `connection ${end.payload.readUInt32BE(4)}`;
  const reset = frames.findLast(({ type }) => type === FRAME.reset);
  return reset === undefined ? 'nothing' : `stream ${reset.id} ${reset.payload.readUInt32BE(0)}`;
}
