/**
 * The scheduler on a real API server with a store in memory, both in this process: pods bound per second, how long the event loop is held, what one
 * decision costs. `npm run bench -- scheduler [PODS] [NODES]`, or run this file. A quarter of a minute for 5,000 pods on 100 nodes.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Draft, Node, Pod, Service, ServiceAccount } from '#api';
import { type Client, newClient, newEventRecorder, newInformers } from '#client';
import { newScheduler } from '#scheduler';
import { startTestApiServer, type TestApiServer } from '#testing';
import { silentLogger, systemClock } from '#util';

const LABELS = { app: 'web' };

export async function run(args: readonly string[] = []): Promise<void> {
  const [pods = 5000, nodes = 100] = args.map(Number);
  console.log(`${pods} pods, ${nodes} nodes; a quarter of all nodes in each of 4 zones`);
  await round('pods on their own', pods, nodes, {});
  await round('pods of one Service', pods, nodes, { labels: LABELS });
  const hostname = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: LABELS } };
  const topologySpreadConstraints = [{ ...hostname, maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' }];
  await round('pods spread evenly by constraint', pods, nodes, { labels: LABELS, spec: { topologySpreadConstraints } });
  const term = { ...hostname, topologyKey: 'topology.kubernetes.io/zone' };
  const affinity = {
    podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term }] },
  };
  await round('pods that like to be together', pods, nodes, { labels: LABELS, spec: { affinity } });
}

interface PodParts {
  readonly labels?: Record<string, string>;
  readonly spec?: object;
}

async function round(title: string, pods: number, nodes: number, parts: PodParts): Promise<void> {
  await using api = await startTestApiServer();
  const { client } = api;
  await client.create(ServiceAccount, { metadata: { namespace: 'default', name: 'default' } });
  await client.create(Service, {
    metadata: { namespace: 'default', name: 'web' },
    spec: { selector: LABELS, ports: [{ port: 80 }] },
  });
  await createNodes(client, nodes);
  await createPods(client, pods, parts);
  const { seconds, stallMs } = await bindAll(api, pods);
  const rate = Math.round(pods / seconds);
  console.log(
    `${title.padEnd(34)} ${rate} pods/s bound (${seconds.toFixed(2)} s), event loop held ${stallMs.toFixed(0)} ms at most`,
  );
}

async function createNodes(client: Client, count: number): Promise<void> {
  const room = { cpu: '64', memory: '256Gi', pods: '250' };
  for (let i = 0; i < count; i++) {
    const name = `node-${i}`;
    const labels = { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': `zone-${i % 4}` };
    await client.create(Node, { metadata: { name, labels }, spec: {}, status: { allocatable: room, capacity: room } });
    // New nodes are tainted until their conditions have been seen, which nobody does here.
    await client.patch(Node, { name }, { spec: { taints: null } });
  }
}

async function createPods(client: Client, count: number, { labels = {}, spec = {} }: PodParts): Promise<void> {
  const containers = [{ name: 'c', image: 'registry/app:1', resources: { requests: { cpu: '100m', memory: '64Mi' } } }];
  const draft = (i: number): Draft<Pod> => ({
    metadata: { namespace: 'default', name: `p-${i}`, labels },
    spec: { containers, ...spec },
  });
  for (let i = 0; i < count; i += 500)
    await Promise.all(Array.from({ length: Math.min(500, count - i) }, (_, j) => client.create(Pod, draft(i + j))));
}

/** From the start of the scheduler to the moment a watcher has seen all pods bound. */
async function bindAll({ server, client }: TestApiServer, pods: number): Promise<{ seconds: number; stallMs: number }> {
  const stop = new AbortController();
  const { signal } = stop;
  const seen = newInformers({ client, clock: systemClock, random: Math.random, log: silentLogger });
  const watched = seen.informer(Pod);
  await seen.start({ signal });
  let bound = 0;
  const { promise: done, resolve } = Promise.withResolvers<void>();
  watched.addHandler(({ object, old }) => {
    if (old?.spec.nodeName === undefined && object.spec.nodeName !== undefined && ++bound === pods) resolve();
  });

  const own = newClient(server.transport({ name: 'system:kube-scheduler', groups: ['system:masters'] }));
  const common = { client: own, clock: systemClock, random: Math.random, log: silentLogger };
  const recorder = newEventRecorder({ ...common, component: 'default-scheduler', signal });
  const stall = watchEventLoop();
  const began = performance.now();
  const running = newScheduler({ ...common, informers: newInformers(common), recorder }).run({ signal });
  await done;
  const seconds = (performance.now() - began) / 1000;
  const stallMs = await stall.stop();
  stop.abort();
  await running;
  return { seconds, stallMs };
}

/** Longest time between two turns of the event loop. */
function watchEventLoop(): { stop(): Promise<number> } {
  const stop = new AbortController();
  const watch = async (): Promise<number> => {
    let longest = 0;
    for (let last = performance.now(); !stop.signal.aborted;) {
      await nextTurn();
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
    }
    return longest;
  };
  const longest = watch();
  return {
    stop() {
      stop.abort();
      return longest;
    },
  };
}

if (import.meta.main) await run(process.argv.slice(2));
