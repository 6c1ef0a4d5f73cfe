/**
 * The kubelet's HTTPS interface (port 10250): logs, exec, attach, port-forward, the pods of the node and what they use. The API
 * server is its usual client.
 *
 * Owns the listening socket, who may ask, the connections of streams and their end. Invariants: nothing is answered to a client
 * whose certificate the cluster's authority has not signed, nor without asking the authoriser; a stream's two connections end
 * together, and its process with them. It does not know how pods run: it asks a PodLookup and the runtime.
 */
import { rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import type { CriClient } from '#cri';
import type { Clock, Logger } from '#util';
import { authenticate, errorAnswer, JSON_TYPE, podList, rawAnswer, sendJson, TEXT, urlOf } from './http-answer.ts';
import { HttpError } from './http-error.ts';
import { serveContainerLogs } from './logs/logs.ts';
import type { PodLookup } from './pod-lookup.ts';
import { accessesOf, type KubeletAccess, parseRoute, type Route } from './routes.ts';
import { newStats, type NodeStats, resourceMetrics } from './stats.ts';
import { isStreaming, newStreaming } from './streaming/streaming.ts';
import type { UpgradeRequest } from './streaming/tunnel.ts';

export type { PodLookup } from './pod-lookup.ts';
export type { KubeletAccess } from './routes.ts';
export type { NodeStats } from './stats.ts';

/** Go's http.DefaultMaxHeaderBytes, which upstream uses: the command line of an exec is in the request line. */
const MAX_HEADER_BYTES = 1024 * 1024;
/** IdleTimeout of upstream's server. */
const IDLE_CONNECTION_MS = 90_000;
/** WriteTimeout of upstream's server: four hours. */
const ANSWER_TIMEOUT_MS = 4 * 60 * 60_000;
const HEADERS_TIMEOUT_MS = 30_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;

export interface KubeletTls {
  /** PEM: the serving certificate and its key, and the authority of client certificates. */
  cert: string;
  key: string;
  clientCa: string;
}

export interface KubeletServerOptions {
  tls: KubeletTls;
  nodeName: string;
  pods: PodLookup;
  cri: CriClient;
  /** Whether `access.user` may do that; a rejection counts as an error of the server, not as a no. */
  authorize: (access: KubeletAccess, options: { signal: AbortSignal }) => Promise<boolean>;
  /** Why the kubelet is unwell, for /healthz; undefined when it is well. */
  unhealthyBecause: () => string | undefined;
  nodeStats: () => Promise<NodeStats>;
  /** Emptied at the start; containerd's shims must see it under the same path. */
  fifoDirectory: string;
  clock: Clock;
  log: Logger;
}

export interface KubeletServer extends AsyncDisposable {
  /** Listens; resolves with the port (useful when 0 was asked for). */
  listen(port: number, host?: string): Promise<number>;
  /** For new connections from now on. */
  setTls(tls: KubeletTls): void;
}

interface Admitted {
  route: Route;
  query: URLSearchParams;
}

export function newKubeletServer(options: KubeletServerOptions): KubeletServer {
  const { cri, pods, log, clock, nodeName, nodeStats } = options;
  const streaming = newStreaming(options);
  const stats = newStats({ cri, nodeName, allPods: () => pods.allPods(), nodeStats });
  const closing = new AbortController();
  const streams = new Set<Promise<void>>();

  async function admit(request: IncomingMessage, signal: AbortSignal): Promise<Admitted> {
    const user = authenticate(request.socket as TLSSocket);
    const method = request.method ?? 'GET';
    const url = urlOf(request);
    const route = parseRoute(method, url.pathname);
    const accesses = accessesOf(user, method, route);
    for (const access of accesses) {
      if (await options.authorize(access, { signal })) return { route, query: url.searchParams };
    }
    const subresources = accesses.map(({ subresource }) => subresource).join(' ');
    const verb = accesses[0]?.verb ?? '';
    throw new HttpError(
      403,
      `Forbidden (user=${user.name}, verb=${verb}, resource=nodes, subresource(s)=[${subresources}])\n`,
    );
  }

  async function answer(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const { route, query } = await admit(request, signal);
    switch (route.kind) {
      case 'healthz': {
        const reason = options.unhealthyBecause();
        if (reason !== undefined) throw new HttpError(500, `[-]syncloop failed: ${reason}\nhealthz check failed\n`);
        return void response.writeHead(200, TEXT).end('ok');
      }
      case 'pods':
        return sendJson(response, podList(pods.allPods()));
      case 'runningpods':
        return sendJson(response, podList(pods.allPods().filter((pod) => pods.readySandboxId(pod) !== undefined)));
      case 'statsSummary':
        return sendJson(response, await stats.summary({ signal }));
      case 'resourceMetrics': {
        const text = resourceMetrics(await stats.summary({ signal }));
        return void response.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text);
      }
      case 'containerLogs':
        return serveContainerLogs(route, query, response, { cri, pods, clock, log }, { signal });
      case 'run':
        return void response.writeHead(200, JSON_TYPE).end(await runCommand(route, query, signal));
      case 'exec':
      case 'attach':
      case 'portForward':
        throw new HttpError(400, 'Upgrade request required');
    }
  }

  async function runCommand(
    route: Extract<Route, { kind: 'run' }>,
    query: URLSearchParams,
    signal: AbortSignal,
  ): Promise<Buffer> {
    const pod = pods.podByName(route.namespace, route.pod);
    if (pod === undefined) throw new HttpError(404, 'pod does not exist');
    const sameUid = route.uid === undefined || route.uid === pod.metadata.uid;
    const id = sameUid ? pods.runningContainerId(pod, route.container) : undefined;
    if (id === undefined) throw new HttpError(500, `container not found (${JSON.stringify(route.container)})`);
    const command = (query.get('cmd') ?? '').split(' ');
    const result = await cri.runtime.execSync({ container_id: id, cmd: command, timeout: 0 }, { signal });
    if (result.exit_code !== 0) {
      const text = `command '${command.join(' ')}' exited with ${result.exit_code}: ${result.stderr.toString()}`;
      throw new HttpError(500, text);
    }
    return Buffer.concat([result.stdout, result.stderr]);
  }

  async function onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.on('close', () => gone.abort(new Error('the client has gone')));
    try {
      await answer(request, response, AbortSignal.any([gone.signal, closing.signal]));
    } catch (error) {
      if (gone.signal.aborted || closing.signal.aborted || response.headersSent) return void response.destroy();
      const { code, text, headers } = errorAnswer(error, log);
      response.writeHead(code, { ...TEXT, ...headers }).end(text);
    }
  }

  async function onUpgrade(upgrade: UpgradeRequest): Promise<void> {
    const { request, socket } = upgrade;
    socket.on('error', () => socket.destroy()); // an error is followed by close, which everybody listens to
    const gone = new AbortController();
    socket.on('close', () => gone.abort(new Error('the client has gone')));
    const signal = AbortSignal.any([gone.signal, closing.signal]);
    try {
      const { route, query } = await admit(request, signal);
      if (!isStreaming(route)) throw new HttpError(400, 'this path takes no upgrade');
      socket.setTimeout(0); // from now on idle time is the stream's
      await streaming.serve(route, query, upgrade, { signal });
    } catch (error) {
      if (signal.aborted) socket.destroy();
      else socket.end(rawAnswer(errorAnswer(error, log)));
    }
  }

  const server = createServer({
    ...secureContext(options.tls),
    requestCert: true,
    rejectUnauthorized: false, // the answer to a stranger is 401, not a broken handshake
    minVersion: 'TLSv1.2',
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    keepAliveTimeout: IDLE_CONNECTION_MS,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  });
  server.setTimeout(ANSWER_TIMEOUT_MS);
  server.on('request', (request, response) => void onRequest(request, response));
  server.on('upgrade', (request, socket, head) => {
    const served = onUpgrade({ request, socket: socket as Socket, head });
    streams.add(served);
    void served.finally(() => streams.delete(served));
  });

  return {
    async listen(port, host) {
      await rm(options.fifoDirectory, { recursive: true, force: true });
      return listen(server, port, host);
    },
    setTls: (tls) => server.setSecureContext(secureContext(tls)),
    async [Symbol.asyncDispose]() {
      if (closing.signal.aborted) return;
      closing.abort(new Error('the kubelet is stopping'));
      const closed = new Promise((resolve) => server.close(resolve));
      await Promise.allSettled(streams);
      server.closeAllConnections();
      await closed;
    },
  };
}

function secureContext({ cert, key, clientCa }: KubeletTls): SecureContextOptions {
  return { cert, key, ca: clientCa };
}

function listen(server: Server, port: number, host: string | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host }, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
