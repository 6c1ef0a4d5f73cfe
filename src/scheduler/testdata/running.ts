import { type Draft, Event, getCondition, Node, Pod, type PodSpec, ServiceAccount, type Transport } from '#api';
import { type Client, newClient, newEventRecorder, newInformers } from '#client';
import { startTestApiServer } from '#testing';
import { FakeClock, type Logger, silentLogger } from '#util';
import { newScheduler } from '../scheduler.ts';
import { ROOM } from './objects.ts';

interface TestContext {
  after(fn: () => Promise<void>): void;
}

export interface RunningScheduler {
  readonly client: Client;
  /** The scheduler's own; the API server runs on the system's. */
  readonly clock: FakeClock;
  /** Complaints of the scheduler. */
  readonly complaints: string[];
  /** The pod as it is now. */
  pod(name: string): Pod | undefined;
  pods(): readonly Pod[];
  /** Events about a pod, as `type reason: message`, in the order they were made. */
  eventsOf(name: string): string[];
  /** Resolves when `condition` holds; fails when it does not within ten seconds. */
  until(what: string, condition: () => boolean): Promise<void>;
  /** Lets everything that is on its way arrive. */
  settle(): Promise<void>;
  addNode(
    name: string,
    parts?: Partial<Pick<Node, 'spec'>> & { labels?: Record<string, string>; room?: Record<string, string> },
  ): Promise<Node>;
  addPod(
    name: string,
    parts?: { requests?: Record<string, string>; labels?: Record<string, string>; spec?: Partial<PodSpec> },
  ): Promise<Pod>;
  stop(): Promise<void>;
}

export interface RunningOptions {
  /** What stands between the scheduler and the API server. */
  readonly wrap?: (transport: Transport) => Transport;
}

/** A scheduler on a real API server with a store in memory. */
export async function startScheduler(
  t: TestContext,
  { wrap = (inner) => inner }: RunningOptions = {},
): Promise<RunningScheduler> {
  const api = await startTestApiServer();
  const { client } = api;
  // Pods are admitted only where there is one.
  await client.create(ServiceAccount, { metadata: { namespace: 'default', name: 'default' } });
  const clock = new FakeClock(Date.parse('2026-01-01T00:00:00Z'));
  const complaints: string[] = [];
  const complain = (message: string, fields?: Record<string, unknown>): void => {
    complaints.push(`${message} ${String(fields?.['error'])}`);
  };
  const log: Logger = { ...silentLogger, warn: complain, error: complain, with: () => log };
  const stopping = new AbortController();
  const { signal } = stopping;

  const watching = new AbortController();
  const seen = newInformers({ client, clock, random: () => 0, log: silentLogger });
  const [pods, events] = [seen.informer(Pod), seen.informer(Event)];
  await seen.start(watching);

  const own = newClient(wrap(api.server.transport({ name: 'system:kube-scheduler', groups: ['system:masters'] })));
  const common = { client: own, clock, random: () => 0, log };
  const recorder = newEventRecorder({ ...common, component: 'default-scheduler', signal });
  const scheduler = newScheduler({ ...common, informers: newInformers(common), recorder });
  const running = scheduler.run({ signal });
  t.after(async () => {
    stopping.abort();
    await running;
    watching.abort();
    await api[Symbol.asyncDispose]();
  });

  return {
    client,
    clock,
    complaints,
    pod: (name) => pods.get(`default/${name}`),
    pods: () => pods.list('default'),
    eventsOf: (name) =>
      events
        .list('default')
        .filter(({ involvedObject }) => involvedObject.name === name)
        .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
        .map(({ type, reason, message }) => `${type} ${reason}: ${message}`),
    async until(what, condition) {
      const deadline = performance.now() + 10_000;
      while (!condition()) {
        if (performance.now() > deadline) throw new Error(`never came about: ${what}\n${complaints.join('\n')}`);
        await turn();
      }
    },
    settle,
    async addNode(name, { spec = {}, labels = {}, room = ROOM } = {}) {
      await client.create(Node, {
        metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
        spec,
        status: { allocatable: room, capacity: room },
      });
      // New nodes are tainted until their conditions have been seen, which nobody does here.
      const taints = spec.taints ?? [];
      const ready = await client.patch(Node, { name }, { spec: { taints } }, { type: 'application/merge-patch+json' });
      await settle();
      return ready;
    },
    addPod: (name, parts) => client.create(Pod, podDraft(name, parts)),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await turn();
}

function podDraft(
  name: string,
  { requests, labels = {}, spec = {} }: Parameters<RunningScheduler['addPod']>[1] = {},
): Draft<Pod> {
  const container = {
    name: 'c',
    image: 'registry/app:1',
    ...(requests === undefined ? {} : { resources: { requests } }),
  };
  return { metadata: { namespace: 'default', name, labels }, spec: { containers: [container], ...spec } };
}

export const nodeOf = (scheduler: RunningScheduler, name: string): string | undefined =>
  scheduler.pod(name)?.spec.nodeName;
export const scheduled = (scheduler: RunningScheduler, name: string) =>
  getCondition(scheduler.pod(name)?.status, 'PodScheduled');
export const isTurnedAway = (scheduler: RunningScheduler, name: string) => (): boolean =>
  scheduled(scheduler, name)?.reason === 'Unschedulable' && scheduler.eventsOf(name).length > 0;
export const isBound = (scheduler: RunningScheduler, name: string) => (): boolean =>
  nodeOf(scheduler, name) !== undefined;
