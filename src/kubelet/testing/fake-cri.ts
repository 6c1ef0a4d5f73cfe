/** A container runtime in memory, on a clock that tests move. Only what the kubelet calls is there. */
import {
  type ContainerConfig,
  type ContainerdEvent,
  type ContainerStatus,
  type CriClient,
  CriError,
  type CriErrorCode,
  type Image,
  type ImageService,
  type Input,
  type PodSandboxConfig,
  type PodSandboxStatus,
  type RuntimeService,
  type TasksService,
} from '#cri';
import type { Clock } from '#util';

export interface FakeContainer {
  readonly id: string;
  readonly sandboxId: string;
  readonly config: Input<ContainerConfig>;
  readonly createdAt: bigint;
  state: ContainerStatus['state'];
  startedAt: bigint;
  finishedAt: bigint;
  exitCode: number;
  reason: string;
  message: string;
}

interface FakeSandbox {
  readonly id: string;
  readonly config: Input<PodSandboxConfig>;
  readonly createdAt: bigint;
  readonly ip: string;
  ready: boolean;
}

export interface FakeImage {
  readonly id: string;
  readonly uid?: number;
  readonly username?: string;
}

const labelsOf = (config: Input<{ labels: Record<string, string> }>): Record<string, string> =>
  Object.fromEntries(Object.entries(config.labels ?? {}).map(([key, value]) => [key, value ?? '']));

function unimplemented<Service extends object>(methods: Partial<Service>): Service {
  return new Proxy(methods, {
    get(target, name) {
      const found: unknown = Reflect.get(target, name);
      return (
        found ?? (() => Promise.reject(new CriError(String(name), 'Unimplemented', `the fake has no ${String(name)}`)))
      );
    },
  }) as Service;
}

export class FakeCri implements CriClient {
  readonly containers = new Map<string, FakeContainer>();
  readonly sandboxes = new Map<string, FakeSandbox>();
  /** Images on the node, by name. */
  readonly present = new Map<string, FakeImage>();
  /** Images of registries: pulling one makes it present; pulling another fails. */
  readonly registry = new Map<string, FakeImage>();
  /** Error of the next pulls, by image. */
  readonly pullErrors = new Map<string, { code: CriErrorCode; details: string }>();
  /** Every call, as `Method detail`. */
  readonly calls: string[] = [];
  /** Error of the next calls, by method. */
  readonly failing = new Map<string, { code: CriErrorCode; details: string }>();
  /** Answer to execSync by the command joined with spaces. Default: exit code 0. */
  readonly execResults = new Map<string, { exitCode: number; output: string }>();
  /** What making a sandbox waits for. A caller that does not wait for the end gets none, and there is a sandbox nevertheless. */
  sandboxHold: Promise<void> = Promise.resolve();
  /** Containers (by name) that take no notice of TERM. */
  readonly stubborn = new Set<string>();
  /** Credentials of the pulls so far. */
  readonly auths: (string | undefined)[] = [];
  networkReady = true;

  readonly #clock: Clock;
  #handlers = new Set<(event: ContainerdEvent) => void>();
  #sequence = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  #nanos(): bigint {
    // Two things made in the same millisecond still have an order.
    return BigInt(Math.trunc(this.#clock.now())) * 1_000_000n + BigInt(this.#sequence);
  }

  #called(method: string, detail = ''): void {
    this.calls.push(detail === '' ? method : `${method} ${detail}`);
    const error = this.failing.get(method);
    if (error !== undefined) throw new CriError(method, error.code, error.details);
  }

  #emit(event: ContainerdEvent): void {
    for (const handler of this.#handlers) handler(event);
  }

  /** The newest container of a name that runs. Throws when there is none. */
  running(name: string): FakeContainer {
    const found = [...this.containers.values()].findLast(
      ({ config, state }) => config.metadata?.name === name && state === 'CONTAINER_RUNNING',
    );
    if (found === undefined) throw new Error(`no container ${name} runs`);
    return found;
  }

  isRunning(name: string): boolean {
    return [...this.containers.values()].some(
      ({ config, state }) => config.metadata?.name === name && state === 'CONTAINER_RUNNING',
    );
  }

  /** The container's process ends. */
  exit(container: FakeContainer, exitCode: number, reason = exitCode === 0 ? 'Completed' : 'Error'): void {
    if (container.state === 'CONTAINER_EXITED') return;
    this.#sequence++;
    Object.assign(container, { state: 'CONTAINER_EXITED', exitCode, reason, finishedAt: this.#nanos() });
    const exitedAtNanos = container.finishedAt;
    this.#emit({
      topic: '/tasks/exit',
      containerId: container.id,
      execId: undefined,
      pid: 1,
      exitStatus: exitCode,
      exitedAtNanos,
    });
  }

  /** As after a reboot: nothing runs, everything is remembered. */
  reboot(): void {
    for (const sandbox of this.sandboxes.values()) sandbox.ready = false;
    for (const container of this.containers.values()) {
      if (container.state === 'CONTAINER_RUNNING') this.exit(container, 255, 'Unknown');
    }
  }

  #container(id: string): FakeContainer {
    const found = this.containers.get(id);
    if (found === undefined) throw new CriError('', 'NotFound', `container "${id}" not found`);
    return found;
  }

  #statusOf(container: FakeContainer): ContainerStatus {
    const { id, config, state, createdAt, startedAt, finishedAt, exitCode, reason, message } = container;
    const { name = '', attempt = 0 } = config.metadata ?? {};
    const image = config.image?.user_specified_image ?? '';
    return {
      id,
      metadata: { name, attempt },
      state,
      created_at: `${createdAt}`,
      started_at: `${startedAt}`,
      finished_at: `${finishedAt}`,
      exit_code: exitCode,
      image: { image, annotations: {}, user_specified_image: image, runtime_handler: '' },
      image_ref: `${image}@sha256:0`,
      reason,
      message,
      labels: labelsOf({ labels: config.labels }),
      annotations: labelsOf({ labels: config.annotations }),
      mounts: [],
      log_path: '',
      image_id: '',
    };
  }

  readonly runtime: RuntimeService = unimplemented<RuntimeService>({
    version: () =>
      Promise.resolve({
        version: '0.1.0',
        runtime_name: 'containerd',
        runtime_version: '1.6.20',
        runtime_api_version: 'v1',
      }),
    status: () =>
      Promise.resolve({
        status: {
          conditions: [
            { type: 'RuntimeReady', status: true, reason: '', message: '' },
            this.networkReady
              ? { type: 'NetworkReady', status: true, reason: '', message: '' }
              : {
                  type: 'NetworkReady',
                  status: false,
                  reason: 'NetworkPluginNotReady',
                  message: 'cni plugin not initialized',
                },
          ],
        },
        info: {},
        runtime_handlers: [],
      }),
    runPodSandbox: async ({ config = {} }, { signal } = {}) => {
      this.#called('RunPodSandbox', config.metadata?.name ?? '');
      await this.sandboxHold;
      const number = ++this.#sequence;
      const id = `sandbox-${number}`;
      const ip = config.linux?.security_context?.namespace_options?.network === 'NODE' ? '' : `10.244.1.${number}`;
      this.sandboxes.set(id, { id, config, createdAt: this.#nanos(), ip, ready: true });
      signal?.throwIfAborted();
      return { pod_sandbox_id: id };
    },
    stopPodSandbox: async ({ pod_sandbox_id: id = '' }) => {
      this.#called('StopPodSandbox');
      const sandbox = this.sandboxes.get(id);
      if (sandbox === undefined) throw new CriError('StopPodSandbox', 'NotFound', 'no such sandbox');
      sandbox.ready = false;
      for (const container of this.containers.values()) {
        if (container.sandboxId === id && container.state === 'CONTAINER_RUNNING') this.exit(container, 137);
      }
      return {};
    },
    removePodSandbox: async ({ pod_sandbox_id: id = '' }) => {
      this.#called('RemovePodSandbox');
      this.sandboxes.delete(id);
      for (const container of this.containers.values())
        if (container.sandboxId === id) this.containers.delete(container.id);
      return {};
    },
    podSandboxStatus: async ({ pod_sandbox_id: id = '' }) => {
      const sandbox = this.sandboxes.get(id);
      if (sandbox === undefined) throw new CriError('PodSandboxStatus', 'NotFound', 'no such sandbox');
      const { config, createdAt, ip, ready } = sandbox;
      const { name = '', uid = '', namespace = '', attempt = 0 } = config.metadata ?? {};
      const status: PodSandboxStatus = {
        id,
        metadata: { name, uid, namespace, attempt },
        state: ready ? 'SANDBOX_READY' : 'SANDBOX_NOTREADY',
        created_at: `${createdAt}`,
        network: { ip: ready ? ip : '', additional_ips: [] },
        linux: {
          namespaces: { options: { network: ip === '' ? 'NODE' : 'POD', pid: 'CONTAINER', ipc: 'POD', target_id: '' } },
        },
        labels: labelsOf({ labels: config.labels }),
        annotations: {},
        runtime_handler: '',
      };
      return { status, info: {}, containers_statuses: [], timestamp: '0' };
    },
    listPodSandbox: async ({ filter }) => {
      this.#called('ListPodSandbox');
      const uid = filter?.label_selector?.['io.kubernetes.pod.uid'];
      const items = [...this.sandboxes.values()].map(({ id, config, ready, createdAt }) => ({
        id,
        state: ready ? ('SANDBOX_READY' as const) : ('SANDBOX_NOTREADY' as const),
        created_at: `${createdAt}` as const,
        labels: labelsOf({ labels: config.labels }),
        annotations: {},
        runtime_handler: '',
      }));
      return { items: items.filter(({ labels }) => uid === undefined || labels['io.kubernetes.pod.uid'] === uid) };
    },
    createContainer: async ({ pod_sandbox_id: sandboxId = '', config = {} }) => {
      this.#called('CreateContainer', config.metadata?.name ?? '');
      const id = `container-${++this.#sequence}`;
      this.containers.set(id, {
        id,
        sandboxId,
        config,
        createdAt: this.#nanos(),
        state: 'CONTAINER_CREATED',
        startedAt: 0n,
        finishedAt: 0n,
        exitCode: 0,
        reason: '',
        message: '',
      });
      return { container_id: id };
    },
    startContainer: async ({ container_id: id = '' }) => {
      const container = this.#container(id);
      try {
        this.#called('StartContainer', container.config.metadata?.name ?? '');
      } catch (error) {
        const message = error instanceof CriError ? error.details : '';
        Object.assign(container, {
          state: 'CONTAINER_EXITED',
          exitCode: 128,
          reason: 'StartError',
          message,
          finishedAt: this.#nanos(),
        });
        throw error;
      }
      Object.assign(container, { state: 'CONTAINER_RUNNING', startedAt: this.#nanos() });
      this.#emit({ topic: '/tasks/start', containerId: id, pid: 1 });
      return {};
    },
    stopContainer: async ({ container_id: id = '', timeout = 0 }, { signal } = {}) => {
      const container = this.#container(id);
      const name = container.config.metadata?.name ?? '';
      this.#called('StopContainer', `${name} ${timeout}`);
      if (container.state !== 'CONTAINER_RUNNING') return {};
      if (this.stubborn.has(name)) {
        await new Promise<void>((resolve, reject) => {
          const timer = this.#clock.after(Number(timeout) * 1000, () => resolve());
          signal?.addEventListener('abort', () => {
            timer[Symbol.dispose]();
            reject(signal.reason as Error);
          });
        });
        this.exit(container, 137);
      } else this.exit(container, 143);
      return {};
    },
    removeContainer: async ({ container_id: id = '' }) => {
      this.#called('RemoveContainer');
      this.containers.delete(id);
      this.#emit({ topic: '/containers/delete', containerId: id });
      return {};
    },
    listContainers: async ({ filter }) => {
      this.#called('ListContainers');
      const uid = filter?.label_selector?.['io.kubernetes.pod.uid'];
      const containers = [...this.containers.values()].map((container) => ({
        ...this.#statusOf(container),
        pod_sandbox_id: container.sandboxId,
      }));
      return {
        containers: containers.filter(({ labels }) => uid === undefined || labels['io.kubernetes.pod.uid'] === uid),
      };
    },
    containerStatus: async ({ container_id: id = '' }) => ({ status: this.#statusOf(this.#container(id)), info: {} }),
    execSync: async ({ cmd = [] }) => {
      const command = cmd.join(' ');
      this.#called('ExecSync', command);
      const { exitCode, output } = this.execResults.get(command) ?? { exitCode: 0, output: '' };
      return { stdout: Buffer.from(output), stderr: Buffer.alloc(0), exit_code: exitCode };
    },
  });

  readonly image: ImageService = unimplemented<ImageService>({
    imageStatus: async ({ image }) => {
      const found = this.#imageOf(image?.image ?? '');
      return { info: {}, ...(found !== undefined && { image: found }) };
    },
    pullImage: async ({ image, auth }) => {
      const name = image?.image ?? '';
      this.#called('PullImage', name);
      this.auths.push(auth?.username);
      const error = this.pullErrors.get(name);
      if (error !== undefined) throw new CriError('PullImage', error.code, error.details);
      const found = this.registry.get(name);
      if (found === undefined)
        throw new CriError('PullImage', 'NotFound', `failed to resolve reference "${name}": ${name}: not found`);
      this.present.set(name, found);
      return { image_ref: found.id };
    },
    listImages: async () => ({ images: [...this.present.keys()].flatMap((name) => this.#imageOf(name) ?? []) }),
  });

  #imageOf(name: string): Image | undefined {
    const entry = [...this.present].find(([own, { id }]) => own === name || id === name);
    if (entry === undefined) return undefined;
    const [tag, { id, uid, username = '' }] = entry;
    return {
      id,
      repo_tags: [tag],
      repo_digests: [],
      size: '1000',
      username,
      pinned: false,
      ...(uid !== undefined && { uid: { value: `${uid}` as `${bigint}` } }),
    };
  }

  readonly tasks: TasksService = unimplemented<TasksService>({});

  readonly events: CriClient['events'] = {
    subscribe: (handler, { signal, onResynchronise }) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        this.#handlers.add(handler);
        signal.addEventListener('abort', () => {
          this.#handlers.delete(handler);
          resolve();
        });
        onResynchronise();
      }),
  };

  [Symbol.dispose](): void {
    this.#handlers.clear();
  }
}
