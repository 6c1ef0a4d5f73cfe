/**
 * gRPC over HTTP/2: length-prefixed messages, status in the trailers (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). No
 * compression: nobody who speaks to etcd asks for it. A library takes several times the processor time per call; see docs/benchmarks.md.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createSecureServer } from 'node:tls';
import { type Clock, Http2Session, type Http2Stream, type Logger, type StreamHandler, writeHeaders } from '#util';
import { asGrpcError, CODE, GrpcError, requestTooLarge, unimplemented } from '../etcd/errors.ts';

const PREFIX_BYTES = 5;
/** A request fits into the window of its stream. Whoever comes here has shown a certificate, so nobody is counted closely. */
const LIMITS = {
  maxStreams: 4096,
  streamWindowBytes: 4 << 20,
  connectionWindowBytes: 64 << 20,
  maxHeaderBytes: 64 << 10,
  resets: { burst: 100_000, perSecond: 10_000 },
};

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
  readonly clock: Clock;
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
  const { clock, log } = options;
  const sessions = new Set<Http2Session>();
  const server = newServer(options, (socket) => {
    const session = new Http2Session(socket, {
      ...LIMITS,
      clock,
      onStream: (stream) => void (stream.handler = handlerOf(options, stream)),
      onError: (error) => log.debug('HTTP/2 session failed', { error }),
    });
    sessions.add(session);
    socket.on('close', () => sessions.delete(session));
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

function newServer({ tls, log }: GrpcServerOptions, onConnection: (socket: Socket) => void): Server {
  if (tls === undefined) return createServer(onConnection);
  const server = createSecureServer(
    {
      cert: tls.certificate,
      key: tls.key,
      ca: tls.clientCa,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['h2'],
    },
    onConnection,
  );
  server.on('tlsClientError', (error) => log.debug('TLS handshake failed', { error }));
  return server;
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function handlerOf(options: GrpcServerOptions, stream: Http2Stream): StreamHandler {
  const { method: verb, path, headers } = stream.request;
  const contentType = headers['content-type'] ?? '';
  if (verb !== 'POST') return answerPage(options, stream, path);
  if (!contentType.startsWith('application/grpc')) {
    stream.answerHeaders(writeHeaders({ ':status': '415' }));
    return DEAF;
  }
  const method = options.methods.get(path);
  if (method === undefined) {
    const [, service = '', name = ''] = path.split('/');
    fail(stream, unimplemented(`unknown method ${name} for service ${service}`));
    return DEAF;
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

/** What is left of a request that is answered already. */
const DEAF: StreamHandler = { onData: () => true, onEnd() {}, onClose() {} };

function answerPage({ page }: GrpcServerOptions, stream: Http2Stream, path: string): StreamHandler {
  return {
    ...DEAF,
    onEnd() {
      const found = page(path);
      if (found === undefined) return stream.answerHeaders(writeHeaders({ ':status': '404' }));
      const body = Buffer.from(found.body);
      const length = String(body.length);
      const headers = writeHeaders({ ':status': '200', 'content-type': found.contentType, 'content-length': length });
      stream.answer(headers, [body]);
    },
    onClose: () => stream.abandon(),
  };
}

/** Calls `onMessage` with the one message of a request that ends with it. */
function readOne(stream: Http2Stream, maxBytes: number, onMessage: (message: Buffer) => void): StreamHandler {
  const frames = new Frames(maxBytes);
  let refused = false;
  let read = false;
  return {
    onData(chunk) {
      if (refused) return true;
      try {
        frames.add(chunk);
      } catch (error) {
        refused = true;
        fail(stream, asGrpcError(error));
      }
      return true;
    },
    onEnd() {
      if (refused) return;
      read = true;
      try {
        const message = frames.next();
        if (message === undefined) throw new GrpcError(CODE.internal, 'the request has no message');
        onMessage(message);
      } catch (error) {
        fail(stream, asGrpcError(error));
      }
    },
    onClose() {
      if (!read) stream.abandon();
    },
  };
}

function readAll(
  stream: Http2Stream,
  maxBytes: number,
  method: Extract<GrpcMethod, { type: 'bidirectional' }>,
): StreamHandler {
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
  return {
    onData(chunk) {
      if (over) return true;
      try {
        frames.add(chunk);
        for (let message = frames.next(); message !== undefined; message = frames.next()) source.onMessage(message);
      } catch (error) {
        end(asGrpcError(error));
      }
      return true;
    },
    onEnd: () => end(),
    onClose: () => end(),
  };
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

function prefixOf(message: Buffer): Buffer {
  const prefix = Buffer.allocUnsafe(PREFIX_BYTES);
  prefix[0] = 0;
  prefix.writeUInt32BE(message.length, 1);
  return prefix;
}

const HEADERS = { ':status': '200', 'content-type': 'application/grpc' } as const;
const OK = { 'grpc-status': '0' } as const;
const HEADERS_BLOCK = writeHeaders(HEADERS);
const OK_BLOCK = writeHeaders(OK);

function succeed(stream: Http2Stream, answer: Buffer): void {
  stream.answer(HEADERS_BLOCK, [prefixOf(answer), answer], { trailers: OK_BLOCK });
}

/** Without a message before it the status stands in the headers. */
function fail(stream: Http2Stream, error: GrpcError): void {
  stream.answerHeaders(writeHeaders({ ...HEADERS, ...statusOf(error) }));
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

function openSink(stream: Http2Stream): OpenSink {
  stream.respond(HEADERS_BLOCK);
  return {
    send: (message) => stream.writeParts(prefixOf(message), message),
    drained: () => stream.drained(),
    get closed() {
      return stream.closed;
    },
    get bufferedBytes() {
      return stream.queuedBytes;
    },
    finish: (error) => stream.end(error === undefined ? OK_BLOCK : writeHeaders(statusOf(error))),
  };
}
