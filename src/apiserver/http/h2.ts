import { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { type Clock, HTTP2_CODE, Http2Session, type Http2Stream, type Logger, type StreamHandler } from '#util';
import { bytesOf, newRequest, peerOf, type RequestBody, tooLarge, unexpectedEnd } from './connection.ts';
import type { ByteSink, HttpHandler, HttpResponse } from './context.ts';

/** Source: resourceBody99Percentile and the default number of streams of apiserver pkg/server/secure_serving.go v1.36. */
const STREAM_WINDOW_BYTES = 256 << 10;
const CONNECTION_WINDOW_BYTES = 100 * STREAM_WINDOW_BYTES;
/** Upstream has 100, beyond which its clients open further connections; ours keep all their watches on one. */
const MAX_STREAMS = 1000;
/** Source: MaxHeaderBytes, as above, and maxHeaderListSize of Go's net/http2: room for ten headers more. */
const MAX_HEADER_BYTES = (1 << 20) + 10 * 32;
/** Source: nghttp2_option_set_stream_reset_rate_limit: by default so many at once, and so many a second. */
const RESETS = { burst: 1000, perSecond: 33 };
/** What Go's net/http2 says of it: handleHeaderListTooLong. */
const TOO_LONG = Buffer.from('<h1>HTTP Error 431</h1><p>Request Header Field(s) Too Large</p>');

export interface H2Options {
  readonly handle: HttpHandler;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Serves the requests of a connection. */
export function serveH2(socket: TLSSocket, options: H2Options): Http2Session {
  const { log, clock } = options;
  return new Http2Session(socket, {
    maxStreams: MAX_STREAMS,
    streamWindowBytes: STREAM_WINDOW_BYTES,
    connectionWindowBytes: CONNECTION_WINDOW_BYTES,
    maxHeaderBytes: MAX_HEADER_BYTES,
    resets: RESETS,
    clock,
    onStream: (stream) => serveStream(socket, stream, options),
    onTooLong: (stream) => stream.answer({ 'content-type': 'text/html; charset=utf-8' }, [TOO_LONG], { status: 431 }),
    onError: (error) => log.debug('HTTP/2 session failed', { error }),
  });
}

function serveStream(socket: TLSSocket, stream: Http2Stream, { handle, clock, log }: H2Options): void {
  const { method, path, headers } = stream.request;
  const body = new StreamBody(stream);
  stream.handler = body;
  if (headers['expect'] === '100-continue') stream.respond({}, 100);
  const request = newRequest({ method, url: path, headers, peer: peerOf(socket), body });
  const fail = (error: unknown): void => {
    log.error('Answer failed', { path, error });
    stream.reset(HTTP2_CODE.internal);
  };
  const send = (response: HttpResponse): void => {
    respond(stream, method, response, dateText(clock.now()))?.catch(fail);
  };
  try {
    const response = handle(request, body.onLeft);
    if (response instanceof Promise) response.then(send).catch(fail);
    else send(response);
  } catch (error) {
    fail(error);
  }
}

let date = { second: 0, text: '' };

/** Source: net/http, which dates every answer. Made anew each second. */
function dateText(nowMs: number): string {
  const second = Math.floor(nowMs / 1000);
  if (date.second !== second) date = { second, text: new Date(nowMs).toUTCString() };
  return date.text;
}

function respond(stream: Http2Stream, method: string, response: HttpResponse, now: string): Promise<void> | undefined {
  if (stream.over) {
    stream.abandon();
    return undefined;
  }
  if ('upgrade' in response) {
    stream.reset(HTTP2_CODE.http11Required);
    return undefined;
  }
  const { status } = response;
  if ('stream' in response) return respondStream(stream, response, now);
  const { body } = response;
  if (body === undefined) {
    stream.answerHeaders(response.headers ?? {}, status, { date: now });
    return undefined;
  }
  const chunks = bytesOf(body);
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  const { headers = {} } = response;
  const more = { 'content-length': String(length), date: now };
  if (method === 'HEAD') stream.answerHeaders(headers, status, more);
  else stream.answer(headers, chunks, { status, more });
  return undefined;
}

async function respondStream(
  stream: Http2Stream,
  { status, headers, setCookie, stream: write }: Extract<HttpResponse, { stream: unknown }>,
  now: string,
): Promise<void> {
  stream.respond(headers ?? {}, status, { 'set-cookie': setCookie, date: now });
  try {
    await write(sinkOf(stream));
  } finally {
    stream.abandon();
  }
}

const sinkOf = (stream: Http2Stream): ByteSink => ({
  write: (chunk, written) => stream.write(chunk, written),
  drained: () => stream.drained(),
  end: () => stream.end(),
  get closed() {
    return stream.closed;
  },
  cut: () => stream.reset(HTTP2_CODE.internal),
  get bufferedBytes() {
    return stream.queuedBytes;
  },
});

/** Who asked for the body of a request. */
type Reader =
  | { readonly as: 'bytes'; readonly limitBytes: number; resolve(body: Buffer): void; reject(error: Error): void }
  | { readonly as: 'stream'; readonly readable: Readable };

/**
 * The body of a request. What comes before anybody asks for it is kept, which the window of the stream bounds; it is copied together, since small pieces would
 * each keep the memory of all that came with them.
 */
class StreamBody implements RequestBody, StreamHandler {
  readonly raw = undefined;
  readonly #stream: Http2Stream;
  #left: (() => void) | undefined;
  #buffer: Buffer = NOTHING;
  #size = 0;
  #reader: Reader | undefined;
  #ended = false;
  #closed = false;
  /** Handed on, and not asked for more yet. */
  #owed = 0;

  constructor(stream: Http2Stream) {
    this.#stream = stream;
  }

  readonly onLeft = (listener: () => void): void => {
    this.#left = listener;
  };

  values(name: string): readonly string[] {
    const { repeated, headers } = this.#stream.request;
    return repeated?.get(name) ?? [headers[name] ?? []].flat();
  }

  read(limitBytes: number): Promise<Buffer> {
    if (this.#size > limitBytes) return Promise.reject(tooLarge(limitBytes));
    if (this.#ended) return Promise.resolve(this.#taken());
    if (this.#closed) return Promise.reject(unexpectedEnd());
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    this.#reader = { as: 'bytes', limitBytes, resolve, reject };
    this.#stream.consumed(this.#size);
    return promise;
  }

  get readable(): Readable {
    if (this.#reader?.as === 'stream') return this.#reader.readable;
    const readable = new Readable({
      read: () => {
        this.#stream.consumed(this.#owed);
        this.#owed = 0;
      },
    });
    // Whoever reads hears of it by the end of the stream; where nobody does, nothing is lost.
    readable.on('error', () => undefined);
    this.#reader = { as: 'stream', readable };
    this.#owed = this.#size;
    if (this.#size > 0) readable.push(this.#taken());
    if (this.#ended) readable.push(null);
    else if (this.#closed) readable.destroy(unexpectedEnd());
    return readable;
  }

  onData(chunk: Buffer): boolean {
    const reader = this.#reader;
    if (reader?.as === 'stream') {
      if (reader.readable.destroyed || reader.readable.push(Buffer.from(chunk))) return true;
      this.#owed += chunk.length;
      return false;
    }
    if (reader !== undefined && this.#size + chunk.length > reader.limitBytes) {
      this.#buffer = NOTHING;
      this.#size = Infinity; // the rest is thrown away
      reader.reject(tooLarge(reader.limitBytes));
      return true;
    }
    this.#add(chunk);
    return reader !== undefined;
  }

  onEnd(): void {
    this.#ended = true;
    if (this.#reader?.as === 'stream') this.#reader.readable.push(null);
    else this.#reader?.resolve(this.#taken());
  }

  onClose(answered: boolean): void {
    this.#closed = true;
    if (!answered) this.#left?.();
    if (this.#ended) return;
    if (this.#reader?.as === 'stream') this.#reader.readable.destroy(unexpectedEnd());
    else this.#reader?.reject(unexpectedEnd());
  }

  /** The one piece of a small body is not copied. */
  #add(chunk: Buffer): void {
    const size = this.#size + chunk.length;
    if (this.#size === 0) this.#buffer = chunk;
    else {
      if (size > this.#buffer.length) {
        const said = Number(this.#stream.request.headers['content-length'] ?? 0);
        const larger = Buffer.allocUnsafeSlow(Math.max(2 * size, Math.min(said, STREAM_WINDOW_BYTES)));
        this.#buffer.copy(larger, 0, 0, this.#size);
        this.#buffer = larger;
      }
      chunk.copy(this.#buffer, this.#size);
    }
    this.#size = size;
  }

  #taken(): Buffer {
    const body = this.#buffer.subarray(0, this.#size);
    this.#buffer = NOTHING;
    this.#size = 0;
    return body;
  }
}

const NOTHING = Buffer.alloc(0);
