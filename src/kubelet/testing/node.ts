/** One node with a real kubelet on a fake runtime, API and clock. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Container, type ContainerStatus, Pod, type PodCondition, type PodSpec, type PodStatus } from '#api';
import type { EventRecorder } from '#client';
import { FakeClock, silentLogger } from '#util';
import { type Kubelet, kubeletConfig, newKubelet } from '../kubelet.ts';
import type { Mounter } from '../volumes/mounter.ts';
import { FakeApi } from './fake-api.ts';
import { FakeCri } from './fake-cri.ts';

const NODE_NAME = 'node1';
const START_MS = Date.parse('2026-01-01T00:00:00Z');
/** A condition that has not come about by then will not: everything but the clock is in memory. */
const PATIENCE_MS = 3000;

/** Lets all that is under way run on until `condition` holds. The fake clock stands still meanwhile. */
export async function until(condition: () => boolean, what: () => unknown = () => ''): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!condition()) {
    if (performance.now() > end)
      throw new Error(`did not happen: ${condition.toString()} ${JSON.stringify(what(), undefined, 1)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Lets pass what is under way; for saying that something did not happen. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
}

export function pod(
  name: string,
  spec: Partial<PodSpec> & { containers?: Container[] } = {},
  metadata: Partial<Pod['metadata']> = {},
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: `${name}-uid`,
      resourceVersion: '',
      creationTimestamp: '2026-01-01T00:00:00Z',
      generation: 1,
      ...metadata,
    },
    spec: {
      nodeName: NODE_NAME,
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      ...spec,
      containers: spec.containers ?? [container('web')],
    },
    status: { phase: 'Pending' },
  };
}

export const container = (name: string, rest: Partial<Container> = {}): Container => ({
  name,
  image: 'nginx:1',
  imagePullPolicy: 'IfNotPresent',
  ...rest,
});

export const stateOf = (status: PodStatus, name = 'web'): ContainerStatus | undefined =>
  status.containerStatuses?.find((c) => c.name === name);

export const conditionOf = (status: PodStatus, type: string): PodCondition | undefined =>
  status.conditions?.find((c) => c.type === type);

export const ready = (node: TestNode, name: string): boolean =>
  conditionOf(node.get(name).status, 'Ready')?.status === 'True';

export class TestNode implements AsyncDisposable {
  readonly clock = new FakeClock(START_MS);
  readonly cri = new FakeCri(this.clock);
  readonly api = new FakeApi();
  /** `Type Reason message`, with `{container}` when the event is about one. */
  readonly events: string[] = [];
  readonly mounts = new Set<string>();
  readonly root: string;
  kubelet: Kubelet;
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  static async start(): Promise<TestNode> {
    const node = new TestNode(await mkdtemp(join(tmpdir(), 'kubelet-')));
    node.cri.present.set('nginx:1', { id: 'sha256:nginx' });
    node.startAgent();
    return node;
  }

  private constructor(root: string) {
    this.root = root;
    this.kubelet = this.#newKubelet();
  }

  startAgent(): void {
    this.kubelet = this.#newKubelet();
    this.#stop = new AbortController();
    this.#running = this.kubelet.run({ signal: this.#stop.signal });
  }

  async stopAgent(): Promise<void> {
    this.#stop.abort(new Error('the agent stops'));
    await this.#running;
  }

  #newKubelet(): Kubelet {
    const recorder: EventRecorder = {
      event: (object, type, reason, message) => {
        const path = 'fieldPath' in object ? (object.fieldPath ?? '') : '';
        const about = /\{(.*)\}/.exec(path)?.[0] ?? '';
        if (object.kind === 'Pod') this.events.push(`${type} ${reason} ${about}${about === '' ? '' : ' '}${message}`);
        else this.events.push(`${type} ${reason} node ${message}`);
      },
    };
    const mounter: Mounter = {
      isMountPoint: async (path) => this.mounts.has(path),
      mountTmpfs: async (path) => void this.mounts.add(path),
      bind: async (_source, target) => void this.mounts.add(target),
      unmountUnder: async (path) => {
        for (const mount of this.mounts) if (mount.startsWith(path)) this.mounts.delete(mount);
      },
    };
    return newKubelet({
      config: kubeletConfig({
        nodeName: NODE_NAME,
        clusterName: 'test',
        nodeIP: '172.18.0.2',
        cgroupRoot: '/pirogue/test/node1',
        kubeletDir: join(this.root, 'kubelet'),
        podLogsDir: join(this.root, 'logs'),
        podCIDR: '10.244.1.0/24',
        maxPods: 5,
      }),
      host: {
        cgroups: { mode: 'v1', hierarchies: [] },
        machine: {
          cpus: 2,
          memoryBytes: 4 * 2 ** 30,
          ephemeralStorageBytes: 10 * 2 ** 30,
          hugePageSizes: [],
          machineID: 'm',
          systemUUID: 's',
          bootID: 'b',
          kernelVersion: '6.1.0',
          osImage: 'Debian GNU/Linux 12 (bookworm)',
          architecture: 'amd64',
        },
      },
      client: this.api.client,
      informers: this.api.informers,
      recorder,
      cri: this.cri,
      clock: this.clock,
      random: () => 0,
      log: silentLogger,
      mounter,
      readText: async (path) =>
        path === '/etc/resolv.conf' ? 'nameserver 1.1.1.1\nsearch example.com\n' : '127.0.0.1 localhost\n',
    });
  }

  /** The pod as the API has it. */
  get(name: string): Pod {
    const found = this.api.get(Pod, 'default', name);
    if (found === undefined) throw new Error(`no pod ${name}`);
    return found;
  }

  has(name: string): boolean {
    return this.api.get(Pod, 'default', name) !== undefined;
  }

  /** Begins a graceful deletion, as the API server does. */
  delete(name: string, graceSeconds = 30): void {
    const found = this.get(name);
    const deletionTimestamp = new Date(this.clock.now() + graceSeconds * 1000).toISOString();
    this.api.put(Pod, {
      ...found,
      metadata: { ...found.metadata, deletionTimestamp, deletionGracePeriodSeconds: graceSeconds },
    });
  }

  /** Moves the clock in small steps, letting what wakes run on in between. */
  async advance(ms: number, stepMs = Math.max(1, ms / 20)): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.clock.advance(Math.min(stepMs, ms - passed));
      await settle();
    }
  }

  /** Lets time pass until `condition` holds, for what waits for the clock only once something else is done: a probe for its container. */
  async advanceUntil(condition: () => boolean, stepMs = 10): Promise<void> {
    await until(() => {
      if (condition()) return true;
      this.clock.advance(stepMs);
      return false;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopAgent();
    await rm(this.root, { recursive: true, force: true });
  }
}
