/** exec, attach and port-forward: which way each protocol of the client takes to the container. */
import type { Pod } from '#api';
import { type CriClient, CriError } from '#cri';
import type { Clock, Logger } from '#util';
import { createWebSocketStream } from 'ws';
import { HttpError } from '../http-error.ts';
import type { PodLookup } from '../pod-lookup.ts';
import { serveAttachV5 } from './attach.ts';
import { REMOTE_COMMAND_V5, serveExecV5 } from './remote-command.ts';
import type { Route } from '../routes.ts';
import { offeredProtocols, parsePorts, parseStreamOptions } from './stream-options.ts';
import { join, passRefusal, requestUpgrade, tunnel, type UpgradeRequest } from './tunnel.ts';
import { newAcceptWebSocket } from './web-socket.ts';

/** What containerd knows of it, with a status for an error. */
const REMOTE_COMMAND_V4 = 'v4.channel.k8s.io';
const PORT_FORWARD = 'portforward.k8s.io';
/** SPDY carried in the messages of a WebSocket (KEP-4006): what kubectl ≥ 1.31 tries first. */
const TUNNELLED_PORT_FORWARD = 'SPDY/3.1+portforward.k8s.io';
/** How long containerd keeps a streaming token nobody used (kubelet/pkg/cri/streaming/request_cache.go). */
const TOKEN_TTL_SECONDS = 60;

export type StreamingRoute = Extract<Route, { kind: 'exec' | 'attach' | 'portForward' }>;

export function isStreaming(route: Route): route is StreamingRoute {
  return route.kind === 'exec' || route.kind === 'attach' || route.kind === 'portForward';
}

export interface StreamingDependencies {
  cri: CriClient;
  pods: PodLookup;
  clock: Clock;
  log: Logger;
  fifoDirectory: string;
}

export interface Streaming {
  /**
   * Serves an upgrade from its admission to its end. A rejection means that nothing has been said to the client yet;
   * failures after the upgrade just end the connection.
   */
  serve(
    route: StreamingRoute,
    query: URLSearchParams,
    upgrade: UpgradeRequest,
    options: { signal: AbortSignal },
  ): Promise<void>;
}

export function newStreaming({ cri, pods, clock, log, fifoDirectory }: StreamingDependencies): Streaming {
  const acceptWebSocket = newAcceptWebSocket();

  function findPod({ namespace, pod: name, uid }: StreamingRoute): Pod {
    const pod = pods.podByName(namespace, name);
    if (pod === undefined) throw new HttpError(404, 'pod does not exist');
    if (uid !== undefined && pod.metadata.uid !== uid) throw new HttpError(404, 'pod not found');
    return pod;
  }

  function findContainer(route: Extract<StreamingRoute, { kind: 'exec' | 'attach' }>): string {
    const id = pods.runningContainerId(findPod(route), route.container);
    if (id === undefined) throw new HttpError(500, `container not found (${JSON.stringify(route.container)})`);
    return id;
  }

  async function exec(
    route: Extract<StreamingRoute, { kind: 'exec' }>,
    query: URLSearchParams,
    upgrade: UpgradeRequest,
    signal: AbortSignal,
  ): Promise<void> {
    const streams = parseStreamOptions(query);
    const command = query.getAll('command');
    const containerId = findContainer(route);
    if (!offeredProtocols(upgrade.request.headers).includes(REMOTE_COMMAND_V5)) {
      const { url } = await streamingUrl(
        cri.runtime.exec({ container_id: containerId, cmd: command, ...streams }, { signal }),
      );
      return tunnel(upgrade, new URL(url), { signal, clock });
    }
    const webSocket = await acceptWebSocket(upgrade, REMOTE_COMMAND_V5);
    if (webSocket === undefined) return;
    using scope = new DisposableStack();
    const onAbort = (): void => webSocket.terminate();
    signal.addEventListener('abort', onAbort, { once: true });
    scope.defer(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
    const process = { containerId, command, ...streams };
    await serveExecV5({ webSocket, transport: upgrade.socket }, process, { cri, clock, fifoDirectory, log });
  }

  async function attach(
    route: Extract<StreamingRoute, { kind: 'attach' }>,
    query: URLSearchParams,
    upgrade: UpgradeRequest,
    signal: AbortSignal,
  ): Promise<void> {
    const streams = parseStreamOptions(query);
    const containerId = findContainer(route);
    const { url } = await streamingUrl(cri.runtime.attach({ container_id: containerId, ...streams }, { signal }));
    if (!offeredProtocols(upgrade.request.headers).includes(REMOTE_COMMAND_V5)) {
      await tunnel(upgrade, new URL(url), { signal, clock });
      return;
    }
    const headers = ['Connection', 'Upgrade', 'Upgrade', 'SPDY/3.1', 'X-Stream-Protocol-Version', REMOTE_COMMAND_V4];
    const answer = await requestUpgrade(new URL(url), { method: 'POST', headers }, { signal });
    if (answer.kind === 'refused') return passRefusal(answer.response, upgrade.socket);
    const { socket } = answer;
    socket.on('error', () => socket.destroy());
    const webSocket = await acceptWebSocket(upgrade, REMOTE_COMMAND_V5);
    if (webSocket === undefined) return void socket.destroy();
    using scope = new DisposableStack();
    const onAbort = (): void => webSocket.terminate();
    signal.addEventListener('abort', onAbort, { once: true });
    scope.defer(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
    await serveAttachV5(webSocket, answer, streams);
  }

  async function portForward(
    route: Extract<StreamingRoute, { kind: 'portForward' }>,
    query: URLSearchParams,
    upgrade: UpgradeRequest,
    signal: AbortSignal,
  ): Promise<void> {
    const protocols = offeredProtocols(upgrade.request.headers);
    const tunnelled = protocols.includes(TUNNELLED_PORT_FORWARD);
    const port = protocols.length > 0 && !tunnelled ? parsePorts(query) : [];
    const pod = findPod(route);
    const sandboxId = pods.readySandboxId(pod);
    if (sandboxId === undefined) {
      const { name, namespace, uid } = pod.metadata;
      throw new HttpError(500, `failed to find sandboxID for pod ${name}_${namespace}(${uid})`);
    }
    const { url } = await streamingUrl(cri.runtime.portForward({ pod_sandbox_id: sandboxId, port }, { signal }));
    if (!tunnelled) return tunnel(upgrade, targetWithPorts(url, port), { signal, clock });

    const headers = ['Connection', 'Upgrade', 'Upgrade', 'SPDY/3.1', 'X-Stream-Protocol-Version', PORT_FORWARD];
    const answer = await requestUpgrade(new URL(url), { method: 'POST', headers }, { signal });
    if (answer.kind === 'refused') return passRefusal(answer.response, upgrade.socket);
    const runtime = answer.socket;
    runtime.on('error', () => runtime.destroy());
    if (answer.head.length > 0) runtime.unshift(answer.head);
    const webSocket = await acceptWebSocket(upgrade, TUNNELLED_PORT_FORWARD);
    if (webSocket === undefined) return void runtime.destroy();
    await join(createWebSocketStream(webSocket), runtime, { signal, clock });
  }

  return {
    serve(route, query, upgrade, { signal }) {
      switch (route.kind) {
        case 'exec':
          return exec(route, query, upgrade, signal);
        case 'attach':
          return attach(route, query, upgrade, signal);
        case 'portForward':
          return portForward(route, query, upgrade, signal);
      }
    },
  };
}

/** containerd's WebSocket port-forward reads the ports from its own query. */
function targetWithPorts(url: string, ports: readonly number[]): URL {
  const target = new URL(url);
  for (const port of ports) target.searchParams.append('port', String(port));
  return target;
}

/** How a refusal of the runtime to open a stream is answered: WriteError of kubelet/pkg/cri/streaming/errors.go v0.33. */
async function streamingUrl<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof CriError)) throw error;
    const code = error.code === 'NotFound' ? 404 : error.code === 'ResourceExhausted' ? 429 : 500;
    const headers = code === 429 ? { 'Retry-After': String(TOKEN_TTL_SECONDS) } : {};
    throw new HttpError(code, error.message, { cause: error, headers });
  }
}
