import {
  allKinds,
  deepFreeze,
  type Draft,
  formatTime,
  Node,
  Pod,
  type PodSpec,
  ServiceAccount,
  StatusError,
  type Transport,
  type WatchEvent,
} from '#api';
import { type Client, type Informers, newClient, newInformers, referenceOf } from '#client';
import { type Controller, type ControllerContext, type Manager, runControllers } from '#runtime';
import { startTestApiServer } from '#testing';
import { FakeClock, type Logger, silentLogger } from '#util';
import { newControllers } from '../controllers.ts';

interface TestContext {
  after(fn: () => Promise<void>): void;
}

export interface TestCluster {
  readonly client: Client;
  readonly clock: FakeClock;
  readonly informers: Informers;
  readonly manager: Manager;
  /** Events as `component type reason: message`, in order. */
  readonly events: string[];
  /** Requests that change something, as `verb plural name`. */
  readonly writes: string[];
  /** Fails writes for which it returns an error. */
  intercept: (verb: string, plural: string) => Error | undefined;
  /** Whether the answer to a write that was done gets lost on its way. */
  loseAnswer: () => boolean;
  /** Turns of the event loop by which watch events come late. Default 0: before the answer to the write. */
  lag: number;
  /** Breaks all watches of the controllers. */
  dropWatches(): void;
  /** Resolves when `condition` holds; fails when nothing happens any more and it does not. */
  until(what: string, condition: () => Promise<boolean> | boolean): Promise<void>;
  /** Everything in the work queues is done. */
  settled(): Promise<void>;
  /** Plays kubelet: gives the pods an address on a node and makes them ready. */
  runPods(where?: (pod: Pod) => boolean, nodeName?: string): Promise<void>;
  pods(namespace?: string): Promise<readonly Pod[]>;
  addNode(name: string): Promise<Node>;
}

const names = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

/** Controllers on a real API server with a store in memory, and a clock that stands still until told. Objects handed out are frozen. */
export async function startCluster(
  t: TestContext,
  select: (name: string) => boolean = () => true,
  extra: (context: ControllerContext) => readonly Controller[] = () => [],
): Promise<TestCluster> {
  const clock = new FakeClock(Date.parse('2026-01-01T00:00:00Z'));
  const api = await startTestApiServer({ clock });
  // Pods are admitted only where there is one.
  await api.client.create(ServiceAccount, { metadata: { namespace: 'default', name: 'default' } });
  const stop = new AbortController();
  const writes: string[] = [];
  const events: string[] = [];
  const failures: string[] = [];
  const log: Logger = {
    ...silentLogger,
    error: (message, fields) => failures.push(`${message} ${JSON.stringify(fields)} ${String(fields?.['error'])}`),
    warn: (message, fields) => failures.push(`${message} ${String(fields?.['error'])}`),
    with: () => log,
  };
  const inner = api.server.transport(
    { name: 'system:kube-controller-manager', groups: ['system:masters'] },
    { userAgent: 'kube-controller-manager' },
  );
  const lines = new Set<AbortController>();
  const cluster: Partial<TestCluster> & Pick<TestCluster, 'intercept' | 'loseAnswer' | 'lag'> = {
    lag: 0,
    intercept: () => undefined,
    loseAnswer: () => false,
  };
  const transport: Transport = {
    async request(request, options) {
      if (names.has(request.verb)) {
        const failure = cluster.intercept(request.verb, request.kind.plural);
        if (failure !== undefined) throw failure;
        writes.push(
          [
            request.verb,
            request.kind.plural + (request.subresource === undefined ? '' : `/${request.subresource}`),
            request.name ?? '',
          ]
            .join(' ')
            .trim(),
        );
      }
      const answer = deepFreeze(await inner.request(request, options));
      if (names.has(request.verb) && cluster.loseAnswer())
        throw new StatusError('ServiceUnavailable', 'connection lost');
      return answer;
    },
    async watch(request, { signal }) {
      const line = new AbortController();
      lines.add(line);
      let arrived: Promise<void> | undefined;
      const deliver = (batch: readonly WatchEvent[]): void => {
        if (!line.signal.aborted) request.onEvents(batch.map((event) => deepFreeze(event)));
      };
      const late = async (before: Promise<void> | undefined, batch: readonly WatchEvent[]): Promise<void> => {
        for (let i = 0; i < cluster.lag; i++) await turn();
        await before;
        deliver(batch);
      };
      const onEvents = (batch: readonly WatchEvent[]): void => {
        if (cluster.lag === 0 && arrived === undefined) deliver(batch);
        else arrived = late(arrived, batch);
      };
      try {
        await inner.watch({ ...request, onEvents }, { signal: AbortSignal.any([signal, line.signal]) });
        await arrived;
        line.signal.throwIfAborted();
      } finally {
        lines.delete(line);
      }
    },
  };
  const client = newClient(transport);
  const informers = newInformers({ client, clock, random: () => 0, log });
  const recorder = (component: string) => ({
    event: (object: Parameters<typeof referenceOf>[0], type: string, reason: string, message: string): void => {
      events.push(`${component} ${referenceOf(object).name} ${type} ${reason}: ${message}`);
    },
  });
  const context = { client, informers, clock, random: () => 0, log };
  const all = newControllers(
    { ...context, recorder, clientOf: () => client },
    {
      kinds: allKinds,
      rootCA: 'CA',
      secretToken: async ({ metadata: { name, uid } }, secret) => `token of ${name} ${uid} in ${secret}`,
    },
  );
  const chosen = [...all.filter(({ name }) => select(name)), ...extra({ ...context, recorder: recorder('test') })];
  const manager = runControllers(chosen, { informers, clock, log }, { signal: stop.signal });
  await manager.synced;
  t.after(async () => {
    stop.abort();
    await manager.done;
    await api[Symbol.asyncDispose]();
  });

  const isIdle = (): boolean =>
    manager.status().every(({ queueDepth, processing }) => queueDepth === 0 && processing === 0);
  async function settled(): Promise<void> {
    for (let quiet = 0, turns = 0; quiet < 15; turns++) {
      if (turns > 20_000)
        throw new Error(
          `never settles: ${JSON.stringify(manager.status().filter((s) => s.queueDepth + s.processing > 0))}`,
        );
      await turn();
      quiet = isIdle() ? quiet + 1 : 0;
    }
  }

  return Object.assign(cluster, {
    client: api.client,
    clock,
    informers,
    manager,
    events,
    writes,
    settled,
    dropWatches() {
      for (const line of lines) line.abort(new StatusError('ServiceUnavailable', 'connection lost'));
    },
    async until(what: string, condition: () => Promise<boolean> | boolean) {
      for (let round = 0; round < 40; round++) {
        if (await condition()) return;
        await settled();
        if (await condition()) return;
        clock.advance(100); // lets retries happen
      }
      throw new Error(
        `never came about: ${what}\n${failures.slice(-10).join('\n')}\n${JSON.stringify(manager.status(), undefined, 1)}`,
      );
    },
    async pods(namespace = 'default') {
      return (await api.client.list(Pod, { namespace })).items;
    },
    async addNode(name: string) {
      const node = await api.client.create(Node, { metadata: { name }, spec: {} });
      const at = formatTime(clock.now());
      const ready = {
        type: 'Ready',
        status: 'True',
        reason: 'KubeletReady',
        message: 'kubelet is posting ready status',
      };
      const conditions = [{ ...ready, lastHeartbeatTime: at, lastTransitionTime: at }];
      return api.client.updateStatus(Node, { ...node, status: { ...node.status, conditions } });
    },
    async runPods(where: (pod: Pod) => boolean = () => true, nodeName = 'node1') {
      for (const pod of (await api.client.list(Pod)).items) {
        if (
          !where(pod) ||
          pod.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
        )
          continue;
        if (pod.metadata.deletionTimestamp !== undefined) continue;
        try {
          if (pod.spec.nodeName === undefined) await bind(api.client, pod, nodeName);
          const ip = `10.244.0.${(addresses = (addresses % 250) + 1)}`;
          const at = formatTime(clock.now());
          const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: at }];
          const status = { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions };
          await api.client.patch(Pod, pod.metadata, { status }, { subresource: 'status' });
        } catch (error) {
          // The controllers go on meanwhile and may have deleted it.
          if (!StatusError.is(error, 'NotFound', 'Conflict')) throw error;
        }
      }
    },
  }) as TestCluster;
}

let addresses = 0;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function bind(client: Client, { metadata }: Pod, nodeName: string): Promise<void> {
  const { namespace, name } = metadata;
  const body = {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { namespace, name },
    target: { kind: 'Node', name: nodeName },
  };
  await client.createSubresource(Pod, { namespace, name }, 'binding', body);
}

export const podSpec: PodSpec = {
  containers: [{ name: 'web', image: 'nginx:1', ports: [{ name: 'http', containerPort: 8080 }] }],
};

export const podDraft = (name: string, labels: Record<string, string>, spec: Partial<PodSpec> = {}): Draft<Pod> => ({
  metadata: { namespace: 'default', name, labels },
  spec: { ...podSpec, ...spec },
});
