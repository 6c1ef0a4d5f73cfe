/**
 * gRPC over Node's HTTP/2: length-prefixed messages, status in the trailers (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). No
 * compression: nobody who speaks to etcd asks for it. A library takes several times the processor time per call; see docs/benchmarks.md.
 */
import {
  constants,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Logger } from '#util';
import { asGrpcError, CODE, GrpcError, requestTooLarge, unimplemented } from '../etcd/errors.ts';

const PREFIX_BYTES = 5;
const MAX_STREAMS = 4096;
const SESSION_MEGABYTES = 1024;

/** Where the messages of a stream go. */
export interface GrpcSink {
  /** False: the client reads too slowly; wait for {@link drained}. Does nothing when the stream is over. */
  send(message: Buffer): boolean;
  drained(): Promise<void>;
  readonly closed: boolean;
  /** Bytes that wait for the client. */
  readonly bufferedBytes: number;
}

/** What a client sends on a stream of its own. */
export interface GrpcSource {
  /** What it throws ends the stream. */
  onMessage(message: Buffer): void;
  /** The client sends no more, or has gone: lets go of all that hangs on the stream, and resolves when all is answered. */
  onEnd(): Promise<void>;
}

export type GrpcMethod =
  | { readonly type: 'unary'; handle(request: Buffer): Promise<Buffer> }
  | { readonly type: 'server-stream'; handle(request: Buffer, sink: GrpcSink): Promise<void> }
  | { readonly type: 'bidirectional'; open(sink: GrpcSink): GrpcSource };

export interface ServerTls {
  readonly certificate: string;
  readonly key: string;
  /** Clients must show a certificate that this authority signed. */
  readonly clientCa: string;
}

export interface GrpcServerOptions {
  /** Absent: whoever reaches the port may do anything. For tests. */
  readonly tls?: ServerTls | undefined;
  readonly log: Logger;
  /** `/package.Service/Method` → what does it. */
  readonly methods: ReadonlyMap<string, GrpcMethod>;
  /** Requests are refused beyond this. */
  readonly maxRequestBytes: number;
  /** Plain GETs beside the calls: `/health` and its like. Undefined for a path there is not. */
  readonly page: (path: string) => { readonly contentType: string; readonly body: string } | undefined;
}

export interface GrpcServer {
  listen(host: string, port: number): Promise<number>;
  close(): Promise<void>;
}

export function newGrpcServer(options: GrpcServerOptions): GrpcServer {
  const { log } = options;
  const server = newServer(options.tls);
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  server.on('sessionError', (error) => log.debug('HTTP/2 session failed', { error }));
  server.on('tlsClientError', (error) => log.debug('TLS handshake failed', { error }));
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', (error) => log.debug('HTTP/2 stream failed', { error }));
    onStream(options, stream, headers);
  });
  return {
    listen: (host, port) => listen(server, host, port),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.destroy();
      await closed;
    },
  };
}

function newServer(tls: ServerTls | undefined): Http2Server | Http2SecureServer {
  const settings = { maxConcurrentStreams: MAX_STREAMS, initialWindowSize: 1 << 20 };
  const common = { settings, maxSessionMemory: SESSION_MEGABYTES };
  if (tls === undefined) return createServer(common);
  return createSecureServer({
    ...common,
    cert: tls.certificate,
    key: tls.key,
    ca: tls.clientCa,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
  });
}

function listen(server: Http2Server | Http2SecureServer, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function onStream(options: GrpcServerOptions, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const path = headers[':path'] ?? '';
  if (headers[':method'] !== 'POST') return answerPage(options, stream, path);
  if (!(headers['content-type'] ?? '').startsWith('application/grpc')) {
    stream.respond({ ':status': constants.HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE }, { endStream: true });
    return;
  }
  const method = options.methods.get(path);
  if (method === undefined) {
    const [, service = '', name = ''] = path.split('/');
    stream.resume();
    return fail(stream, unimplemented(`unknown method ${name} for service ${service}`));
  }
  const { maxRequestBytes } = options;
  switch (method.type) {
    case 'unary':
      return readOne(stream, maxRequestBytes, (request) => {
        method.handle(request).then(
          (answer) => succeed(stream, answer),
          (error: unknown) => fail(stream, asGrpcError(error)),
        );
      });
    case 'server-stream':
      return readOne(stream, maxRequestBytes, (request) => {
        const sink = openSink(stream);
        method.handle(request, sink).then(
          () => sink.finish(undefined),
          (error: unknown) => sink.finish(asGrpcError(error)),
        );
      });
    case 'bidirectional':
      return readAll(stream, maxRequestBytes, method);
  }
}

function answerPage({ page }: GrpcServerOptions, stream: ServerHttp2Stream, path: string): void {
  const found = page(path);
  stream.resume();
  if (found === undefined) {
    stream.respond({ ':status': constants.HTTP_STATUS_NOT_FOUND }, { endStream: true });
    return;
  }
  stream.respond({ ':status': constants.HTTP_STATUS_OK, 'content-type': found.contentType });
  stream.end(found.body);
}

/** Calls `onMessage` with the one message of a request that ends with it. */
function readOne(stream: ServerHttp2Stream, maxBytes: number, onMessage: (message: Buffer) => void): void {
  const frames = new Frames(maxBytes);
  let refused = false;
  stream.on('data', (chunk: Buffer) => {
    if (refused) return;
    try {
      frames.add(chunk);
    } catch (error) {
      refused = true;
      fail(stream, asGrpcError(error));
    }
  });
  stream.on('end', () => {
    if (refused || stream.destroyed) return;
    const message = frames.next();
    if (message === undefined) fail(stream, new GrpcError(CODE.internal, 'the request has no message'));
    else onMessage(message);
  });
}

function readAll(
  stream: ServerHttp2Stream,
  maxBytes: number,
  method: Extract<GrpcMethod, { type: 'bidirectional' }>,
): void {
  const frames = new Frames(maxBytes);
  const sink = openSink(stream);
  const source = method.open(sink);
  let over = false;
  const end = (failure?: GrpcError): void => {
    if (over) return;
    over = true;
    source.onEnd().then(
      () => sink.finish(failure),
      (error: unknown) => sink.finish(failure ?? asGrpcError(error)),
    );
  };
  stream.on('data', (chunk: Buffer) => {
    if (over) return;
    try {
      frames.add(chunk);
      for (let message = frames.next(); message !== undefined; message = frames.next()) source.onMessage(message);
    } catch (error) {
      end(asGrpcError(error));
    }
  });
  stream.on('end', () => end());
  stream.on('close', () => end());
}

/** Cuts what arrives into messages. Throws GrpcError. */
class Frames {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes >= PREFIX_BYTES && this.#head().readUInt32BE(1) > this.#maxBytes) throw requestTooLarge();
  }

  /** A whole message, if there is one. */
  next(): Buffer | undefined {
    if (this.#bytes < PREFIX_BYTES) return undefined;
    const head = this.#head();
    const length = head.readUInt32BE(1);
    if (this.#bytes < PREFIX_BYTES + length) return undefined;
    if (head[0] !== 0) throw unimplemented('grpc: Decompressor is not installed for grpc-encoding');
    const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#bytes);
    const rest = all.subarray(PREFIX_BYTES + length);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
    return all.subarray(PREFIX_BYTES, PREFIX_BYTES + length);
  }

  #head(): Buffer {
    const first = this.#chunks[0]!;
    if (first.length >= PREFIX_BYTES) return first;
    this.#chunks = [Buffer.concat(this.#chunks, this.#bytes)];
    return this.#chunks[0]!;
  }
}

function frame(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, PREFIX_BYTES);
  return framed;
}

const HEADERS = { ':status': 200, 'content-type': 'application/grpc' } as const;

function succeed(stream: ServerHttp2Stream, answer: Buffer): void {
  if (stream.destroyed) return;
  stream.respond(HEADERS, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(frame(answer));
}

/** Without a message before it the status stands in the headers. */
function fail(stream: ServerHttp2Stream, error: GrpcError): void {
  if (stream.destroyed) return;
  stream.respond({ ...HEADERS, ...statusOf(error) }, { endStream: true });
  // What the client has yet to send is not waited for.
  if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
}

const statusOf = ({ code, message }: GrpcError): Record<string, string> => ({
  'grpc-status': String(code),
  'grpc-message': message.replaceAll(/[^\x20-\x24\x26-\x7e]/gu, (c) => percentEncoded(c)),
});

const percentEncoded = (character: string): string =>
  [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');

interface OpenSink extends GrpcSink {
  finish(error: GrpcError | undefined): void;
}

function openSink(stream: ServerHttp2Stream): OpenSink {
  let status: Record<string, string> = { 'grpc-status': '0' };
  if (!stream.destroyed) {
    stream.respond(HEADERS, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(status));
  }
  return {
    send: (message) => stream.destroyed || stream.writableEnded || stream.write(frame(message)),
    drained() {
      if (stream.destroyed || !stream.writableNeedDrain) return Promise.resolve();
      return new Promise((resolve) => {
        stream.once('drain', resolve);
        stream.once('close', resolve);
      });
    },
    get closed() {
      return stream.destroyed || stream.writableEnded;
    },
    get bufferedBytes() {
      return stream.writableLength;
    },
    finish(error) {
      if (stream.destroyed || stream.writableEnded) return;
      if (error !== undefined) status = statusOf(error);
      stream.end();
    },
  };
}
