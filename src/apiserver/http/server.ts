import { createServer as createH1Server, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import {
  constants,
  createServer as createH2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type { Logger } from '#util';
import { bodyOf, newRequest, peerOf, sinkOf } from './connection.ts';
import type { Headers, HttpHandler } from './context.ts';

/**
 * Streams one HTTP/2 connection may have open. Upstream has 250; but Node refuses a stream at the limit while others that have just ended are still
 * being let go, so the limit stands where clients do not come.
 */
const MAX_STREAMS = 1000;
/** Answers may wait in one connection up to this before it takes no more requests. Node's default of 10 refuses clients that list a lot at once. */
const SESSION_MEGABYTES = 1024;
/** Bytes of request headers. Source: net/http DefaultMaxHeaderBytes as kube-apiserver leaves it. */
const MAX_HEADER_BYTES = 1 << 20;
/** A client has this long to finish its TLS handshake and to send its headers. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
const HEADERS_TIMEOUT_MS = 30_000;
/** A connection with no request on it is closed after this. Source: IdleTimeout of apiserver pkg/server/secure_serving.go v1.36. */
const IDLE_TIMEOUT_MS = 90_000;
/** A request body may go on for this long after the answer, without anything of it coming. */
const LINGER_MS = 1000;
/** The kernel asks this often whether a silent client is still there, else one that lost its network would be kept for ever. Source: Go's default. */
const KEEP_ALIVE_MS = 15_000;

export interface ServerOptions {
  readonly certificate: string;
  readonly key: string;
  /** Authorities whose client certificates count. */
  readonly clientCa: string;
  readonly log: Logger;
  readonly handle: HttpHandler;
  /** Whether a request to this URL may take its connection over; elsewhere an Upgrade header is ignored. */
  readonly upgrades: (url: string) => boolean;
}

export interface HttpServer {
  /** Listens on more than one address with the same handler; resolves with the port. */
  listen(host: string, port: number): Promise<number>;
  /** Stops listening, lets requests under way end, and cuts what is still open after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** One TLS port for HTTP/2 (stream API) and HTTP/1.1 (which alone can upgrade), told apart by ALPN. */
export function newHttpServer(options: ServerOptions): HttpServer {
  const { log, handle, upgrades } = options;
  const h2 = createH2Server({
    settings: { maxConcurrentStreams: MAX_STREAMS, initialWindowSize: 1 << 20 },
    maxSessionMemory: SESSION_MEGABYTES,
  });
  const h1 = createH1Server({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: 0,
    keepAliveTimeout: IDLE_TIMEOUT_MS,
    shouldUpgradeCallback: ({ url = '' }) => upgrades(url),
  });
  // It never listens itself, but only this makes it watch over its timeouts.
  h1.emit('listening');
  /** With what each has open. */
  const sessions = new Map<ServerHttp2Session, { streams: number }>();
  h2.on('session', (session) => {
    const open = { streams: 0 };
    sessions.set(session, open);
    session.on('close', () => sessions.delete(session));
    session.setTimeout(IDLE_TIMEOUT_MS, () => {
      if (open.streams === 0) session.close();
    });
  });
  h2.on('sessionError', (error) => log.debug('HTTP/2 session failed', { error }));
  h2.on('stream', (stream, headers, _flags, rawHeaders) => {
    onStream(stream as ServerHttp2Stream, headers, rawHeaders).catch((error: unknown) => {
      log.error('Answer failed', { path: headers[':path'], error });
      (stream as ServerHttp2Stream).close(constants.NGHTTP2_INTERNAL_ERROR);
    });
  });
  h1.on('request', (request, response) => {
    onRequest(request, response).catch((error: unknown) => {
      log.error('Answer failed', { path: request.url, error });
      response.destroy();
    });
  });
  h1.on('upgrade', (request, socket: Duplex, head: Buffer) => {
    onUpgrade(request, socket, head).catch((error: unknown) => {
      log.error('Answer failed', { path: request.url, error });
      socket.destroy();
    });
  });

  const sockets = new Set<TLSSocket>();
  const listeners: ReturnType<typeof createTlsServer>[] = [];

  function onSecure(socket: TLSSocket): void {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', (error) => log.debug('Connection failed', { error }));
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    if (socket.alpnProtocol === 'h2') h2.emit('connection', socket);
    else h1.emit('connection', socket);
  }

  const onStreamError = (error: Error): void => log.debug('HTTP/2 stream failed', { error });

  async function onStream(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
  ): Promise<void> {
    // Without a listener an error on a stream, such as a reset by the client, would end the process.
    stream.on('error', onStreamError);
    const session = stream.session as ServerHttp2Session | undefined;
    const open = session === undefined ? undefined : sessions.get(session);
    if (session === undefined || open === undefined) return;
    const socket = session.socket as TLSSocket;
    let left: (() => void) | undefined;
    open.streams++;
    stream.once('close', () => {
      open.streams--;
      left?.();
    });
    if (headers.expect === '100-continue') stream.additionalHeaders({ ':status': 100 });
    const { ':method': method = 'GET', ':path': path = '/' } = headers;
    const request = newRequest(method, path, headers as Headers, peerOf(socket), stream, rawHeaders);
    const response = await handle(request, (listener) => (left = listener));
    if (stream.destroyed) return;
    if ('upgrade' in response) {
      stream.close(constants.NGHTTP2_HTTP_1_1_REQUIRED);
      return;
    }
    // A body nobody reads is thrown away; a client that is answered and still does not end it is not waited for.
    if (!stream.endAfterHeaders && !stream.readableEnded) {
      if (stream.readableFlowing === null) stream.resume();
      stream.once('finish', () => stream.setTimeout(LINGER_MS, () => stream.close()));
    }
    const { status, headers: own } = response;
    if ('stream' in response) {
      const { setCookie } = response;
      stream.respond({
        ':status': status,
        ...own,
        ...(setCookie === undefined ? {} : { 'set-cookie': [...setCookie] }),
      });
      await response.stream(sinkOf(stream));
      return;
    }
    const body = bodyOf(response.body);
    if (body === undefined) {
      stream.respond({ ':status': status, ...own }, { endStream: true });
      return;
    }
    const all = { ':status': status, ...own, 'content-length': String(body.length) };
    stream.respond(all, { endStream: method === 'HEAD' });
    if (method !== 'HEAD') stream.end(body);
  }

  async function onRequest(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/', headers, socket } = incoming;
    const request = newRequest(
      method,
      url,
      headers as Headers,
      peerOf(socket as TLSSocket),
      incoming,
      incoming.rawHeaders,
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
      if (response.setCookie !== undefined) outgoing.setHeader('set-cookie', response.setCookie);
      outgoing.flushHeaders();
      await response.stream(sinkOf(outgoing));
      return;
    }
    const body = bodyOf(response.body);
    if (body !== undefined) outgoing.setHeader('content-length', body.length);
    outgoing.end(method === 'HEAD' ? undefined : body);
  }

  async function onUpgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', (error) => log.debug('Upgraded connection failed', { error }));
    const { method = 'GET', url = '/', headers } = incoming;
    const request = newRequest(
      method,
      url,
      headers as Headers,
      peerOf(socket as TLSSocket),
      incoming,
      incoming.rawHeaders,
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
    const start = `HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? 'Refused'}\r\n`;
    const end = `content-length: ${body.length}\r\nconnection: close\r\n\r\n`;
    socket.end(Buffer.concat([Buffer.from(`${start}${lines.join('')}${end}`), body]));
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
      for (const session of sessions.keys()) session.close();
      h1.closeIdleConnections();
      const timer = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, graceMs);
      await Promise.all(closed);
      clearTimeout(timer);
      h1.close();
    },
  };
}
