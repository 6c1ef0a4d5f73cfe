import { createServer as createH1Server, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type { Clock, Http2Session, Logger } from '#util';
import { bodyOf, messageBody, newRequest, peerOf, sinkOf } from './connection.ts';
import type { Headers, HttpHandler, HttpRequest } from './context.ts';
import { serveH2 } from './h2.ts';

/** Bytes of request headers. Source: net/http DefaultMaxHeaderBytes as kube-apiserver leaves it. */
const MAX_HEADER_BYTES = 1 << 20;
/** A client has this long to finish its TLS handshake and to send its headers. Source of the latter: ReadHeaderTimeout of apiserver pkg/server/secure_serving.go v1.36. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
const HEADERS_TIMEOUT_MS = 32_000;
/** A connection with no request on it is closed after this. Source: IdleTimeout of apiserver pkg/server/secure_serving.go v1.36. */
const IDLE_TIMEOUT_MS = 90_000;
/** HTTP/2 connections are looked at this often. */
const TICK_MS = 4000;
const TICKS = { withinTicks: HEADERS_TIMEOUT_MS / TICK_MS, idleTicks: Math.ceil(IDLE_TIMEOUT_MS / TICK_MS) };
/** The kernel asks this often whether a silent client is still there, else one that lost its network would be kept for ever. Source: Go's default. */
const KEEP_ALIVE_MS = 15_000;

export interface ServerOptions {
  readonly certificate: string;
  readonly key: string;
  /** Authorities whose client certificates count. */
  readonly clientCa: string;
  readonly clock: Clock;
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

/** One TLS port for HTTP/2, by the server of our own, and HTTP/1.1 by Node's, which alone can upgrade; told apart by ALPN. */
export function newHttpServer(options: ServerOptions): HttpServer {
  const { clock, log, handle, upgrades } = options;
  const h1 = createH1Server({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: 0,
    keepAliveTimeout: IDLE_TIMEOUT_MS,
    shouldUpgradeCallback: ({ url = '' }) => upgrades(url),
  });
  // It never listens itself, but only this makes it watch over its timeouts.
  h1.emit('listening');
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
  const sessions = new Set<Http2Session>();
  const tick = (): void => {
    for (const session of sessions) session.tick(TICKS);
    ticking = sessions.size > 0 ? clock.after(TICK_MS, tick) : undefined;
  };
  let ticking: Disposable | undefined;
  const listeners: ReturnType<typeof createTlsServer>[] = [];

  function onSecure(socket: TLSSocket): void {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', (error) => log.debug('Connection failed', { error }));
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    if (socket.alpnProtocol !== 'h2') {
      h1.emit('connection', socket);
      return;
    }
    const session = serveH2(socket, options);
    sessions.add(session);
    socket.on('close', () => sessions.delete(session));
    ticking ??= clock.after(TICK_MS, tick);
  }

  async function onRequest(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const request = requestOf(incoming, incoming.socket as TLSSocket);
    const { method } = request;
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
    const request = requestOf(incoming, socket as TLSSocket);
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
      for (const session of sessions) session.goAway();
      h1.closeIdleConnections();
      const timer = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, graceMs);
      await Promise.all(closed);
      clearTimeout(timer);
      ticking?.[Symbol.dispose]();
      h1.close();
    },
  };
}

const requestOf = (incoming: IncomingMessage, socket: TLSSocket): HttpRequest =>
  newRequest({
    method: incoming.method ?? 'GET',
    url: incoming.url ?? '/',
    headers: incoming.headers as Headers,
    peer: peerOf(socket),
    body: messageBody(incoming),
  });
