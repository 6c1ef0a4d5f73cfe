import { createServer as createH1Server, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createH2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { StatusError } from '#api';
import type { Logger } from '#util';
import type { ByteSink, Headers, HttpRequest, HttpResponse, Peer } from './context.ts';

/** Streams one HTTP/2 connection may have open. Source: http2-max-streams-per-connection default v1.36. */
const MAX_STREAMS = 250;
/** Bytes of request headers. Source: net/http DefaultMaxHeaderBytes as kube-apiserver leaves it. */
const MAX_HEADER_BYTES = 1 << 20;
/** A client has this long to finish its TLS handshake and to send its headers. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
const HEADERS_TIMEOUT_MS = 30_000;

export interface ServerOptions {
  readonly certificate: string;
  readonly key: string;
  /** Authorities whose client certificates count. */
  readonly clientCa: string;
  readonly log: Logger;
  /** Answers a request. `onClose` is called once if the client leaves before the answer is sent. */
  readonly handle: (request: HttpRequest, onClose: (listener: () => void) => void) => Promise<HttpResponse>;
}

export interface HttpServer {
  /** Listens on more than one address with the same handler; resolves with the port. */
  listen(host: string, port: number): Promise<number>;
  /** Stops listening and cuts what is still open after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** One TLS port for HTTP/2 (stream API) and HTTP/1.1 (which alone can upgrade), told apart by ALPN. */
export function newHttpServer(options: ServerOptions): HttpServer {
  const { log, handle } = options;
  const h2 = createH2Server({ settings: { maxConcurrentStreams: MAX_STREAMS, initialWindowSize: 1 << 20 } });
  const h1 = createH1Server({ maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: 0 });
  h2.on('stream', (stream, headers) => void onStream(stream as ServerHttp2Stream, headers));
  h2.on('sessionError', (error) => log.debug('HTTP/2 session failed', { error }));
  h1.on('request', (request, response) => void onRequest(request, response));
  h1.on('upgrade', (request, socket: Duplex, head: Buffer) => void onUpgrade(request, socket, head));

  const sockets = new Set<TLSSocket>();
  const listeners: ReturnType<typeof createTlsServer>[] = [];

  function onSecure(socket: TLSSocket): void {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', (error) => log.debug('Connection failed', { error }));
    socket.setNoDelay(true);
    if (socket.alpnProtocol === 'h2') h2.emit('connection', socket);
    else h1.emit('connection', socket);
  }

  async function onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    // Without a listener an error on a stream, such as a reset by the client, would end the process.
    stream.on('error', (error) => log.debug('HTTP/2 stream failed', { error }));
    const socket = stream.session?.socket as TLSSocket | undefined;
    if (socket === undefined) return;
    const request = newRequest(
      headers[':method'] ?? 'GET',
      headers[':path'] ?? '/',
      headers as Headers,
      peerOf(socket),
      stream,
    );
    const response = await handle(request, (listener) => stream.once('close', listener));
    if (stream.destroyed) return;
    if ('upgrade' in response) {
      stream.close();
      return;
    }
    const { status, headers: own } = response;
    if ('stream' in response) {
      stream.respond({ ':status': status, ...own });
      await response.stream(sinkOf(stream));
      return;
    }
    const body = bodyOf(response.body);
    if (request.method === 'HEAD' || body === undefined) {
      stream.respond({ ':status': status, ...own }, { endStream: true });
      return;
    }
    stream.respond({ ':status': status, ...own, 'content-length': String(body.length) });
    stream.end(body);
  }

  async function onRequest(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const request = newRequest(
      incoming.method ?? 'GET',
      incoming.url ?? '/',
      incoming.headers as Headers,
      peerOf(incoming.socket as TLSSocket),
      incoming,
    );
    outgoing.on('error', (error) => log.debug('Connection failed', { error }));
    const response = await handle(request, (listener) =>
      outgoing.once('close', () => {
        if (!outgoing.writableFinished) listener();
      }),
    );
    if (outgoing.destroyed) return;
    if ('upgrade' in response) {
      outgoing.destroy();
      return;
    }
    outgoing.statusCode = response.status;
    for (const [name, value] of Object.entries(response.headers ?? {}))
      if (value !== undefined) outgoing.setHeader(name, value);
    if ('stream' in response) {
      outgoing.flushHeaders();
      await response.stream(sinkOf(outgoing));
      return;
    }
    const body = bodyOf(response.body) ?? Buffer.alloc(0);
    outgoing.setHeader('content-length', body.length);
    outgoing.end(request.method === 'HEAD' ? undefined : body);
  }

  async function onUpgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', (error) => log.debug('Upgraded connection failed', { error }));
    const peer = peerOf(socket as TLSSocket);
    const request = newRequest(
      incoming.method ?? 'GET',
      incoming.url ?? '/',
      incoming.headers as Headers,
      peer,
      incoming,
    );
    const response = await handle(request, (listener) => socket.once('close', listener));
    if (socket.destroyed) return;
    if ('upgrade' in response) {
      response.upgrade(socket, head);
      return;
    }
    if ('stream' in response) {
      socket.destroy();
      return;
    }
    const body = bodyOf(response.body) ?? Buffer.alloc(0);
    const lines = Object.entries(response.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(
      Buffer.concat([
        Buffer.from(
          `HTTP/1.1 ${response.status} ${response.status === 101 ? '' : 'Refused'}\r\n${lines.join('')}content-length: ${body.length}\r\nconnection: close\r\n\r\n`,
        ),
        body,
      ]),
    );
  }

  return {
    async listen(host, port) {
      const server = createTlsServer(
        {
          cert: options.certificate,
          key: options.key,
          ca: options.clientCa,
          requestCert: true,
          // Anonymous clients are let in; who they are is decided by authentication.
          rejectUnauthorized: false,
          ALPNProtocols: ['h2', 'http/1.1'],
          minVersion: 'TLSv1.2',
          handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
        },
        onSecure,
      );
      server.on('tlsClientError', (error) => log.debug('TLS handshake failed', { error }));
      listeners.push(server);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      server.once('error', reject);
      server.listen({ host, port, backlog: 1024 }, resolve);
      await promise;
      server.off('error', reject);
      server.on('error', (error) => log.error('Listener failed', { error }));
      const address = server.address();
      return typeof address === 'object' && address !== null ? address.port : port;
    },
    async close(graceMs) {
      const closed = listeners.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
      const timer = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, graceMs);
      await Promise.all(closed);
      clearTimeout(timer);
    },
  };
}

/** Peers by connection: the certificate is read once, not once a request. */
const peers = new WeakMap<TLSSocket, Peer>();

function peerOf(socket: TLSSocket): Peer {
  const known = peers.get(socket);
  if (known !== undefined) return known;
  const peer: Peer = { remoteAddress: socket.remoteAddress ?? '', ...certificateOf(socket) };
  peers.set(socket, peer);
  return peer;
}

function certificateOf(socket: TLSSocket): Partial<Peer> {
  const certificate = socket.getPeerCertificate();
  if (certificate === undefined || Object.keys(certificate).length === 0) return {};
  if (!socket.authorized) return { certificateError: String(socket.authorizationError) };
  const { CN, O } = certificate.subject as { CN?: string | string[]; O?: string | string[] };
  return { certificate: { commonName: [CN ?? ''].flat()[0] ?? '', organizations: [O ?? []].flat() } };
}

function newRequest(
  method: string,
  url: string,
  headers: Headers,
  peer: Peer,
  source: IncomingMessage | ServerHttp2Stream,
): HttpRequest {
  const at = url.indexOf('?');
  let query: URLSearchParams | undefined;
  return {
    method,
    path: at < 0 ? url : url.slice(0, at),
    get query() {
      return (query ??= new URLSearchParams(at < 0 ? '' : url.slice(at + 1)));
    },
    headers,
    peer,
    body: (limitBytes) => readBody(source, headers, limitBytes),
    raw: 'rawHeaders' in source && 'httpVersion' in source ? source : undefined,
  };
}

/** Source of the text: apiserver pkg/endpoints/handlers/rest.go limitedReadBody v1.36. */
const tooLarge = (limitBytes: number): StatusError =>
  new StatusError('RequestEntityTooLarge', `Request entity too large: limit is ${limitBytes}`);

async function readBody(
  source: IncomingMessage | ServerHttp2Stream,
  headers: Headers,
  limitBytes: number,
): Promise<Buffer> {
  if (Number(headers['content-length'] ?? 0) > limitBytes) throw tooLarge(limitBytes);
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let size = 0;
  source.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= limitBytes) chunks.push(chunk);
    else reject(tooLarge(limitBytes));
  });
  source.once('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
  source.once('close', () => reject(new StatusError('BadRequest', 'unexpected EOF')));
  source.once('error', reject);
  return await promise;
}

function bodyOf(body: Buffer | string | readonly Buffer[] | undefined): Buffer | undefined {
  if (body === undefined || Buffer.isBuffer(body)) return body;
  return typeof body === 'string' ? Buffer.from(body) : Buffer.concat(body);
}

function sinkOf(target: ServerHttp2Stream | ServerResponse): ByteSink {
  return {
    write: (chunk) => target.destroyed || target.writableEnded || target.write(chunk),
    async drained() {
      if (target.destroyed || !target.writableNeedDrain) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      target.once('drain', resolve);
      target.once('close', resolve);
      await promise;
      target.off('drain', resolve);
      target.off('close', resolve);
    },
    end() {
      if (!target.destroyed) target.end();
    },
    get bufferedBytes() {
      return target.writableLength;
    },
  };
}
