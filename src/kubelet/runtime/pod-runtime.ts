import { millisFromNanos, isNotFound, type ContainerStatus, type PodSandboxStatus, type RuntimeService } from '#cri';
import { LruMap } from '#util';
import { ANNOTATION, LABEL } from '../names.ts';
import type { RunState, RuntimeContainer, RuntimePod, RuntimeSandbox } from './model.ts';
import { terminationMessage } from './termination-message.ts';

/** Everything of the runtime that belongs to this kubelet, without details: what is compared to find changes. */
export interface RuntimeListing {
  readonly sandboxes: readonly { id: string; podUid: string; podName: string; podNamespace: string; ready: boolean }[];
  readonly containers: readonly { id: string; podUid: string; sandboxId: string; state: RunState }[];
}

/** Exited containers do not change: their details are read once. */
const EXITED_CACHE_SIZE = 1000;

const STATES = {
  CONTAINER_CREATED: 'created',
  CONTAINER_RUNNING: 'running',
  CONTAINER_EXITED: 'exited',
  CONTAINER_UNKNOWN: 'unknown',
} as const;

const byCreation = (a: { createdAtNanos: bigint }, b: { createdAtNanos: bigint }): number =>
  a.createdAtNanos < b.createdAtNanos ? 1 : a.createdAtNanos > b.createdAtNanos ? -1 : 0;

function sandboxOf({ id, state, created_at, metadata, network, linux }: PodSandboxStatus): RuntimeSandbox {
  const hostNetwork = linux?.namespaces?.options?.network === 'NODE';
  const ips = [network?.ip ?? '', ...(network?.additional_ips ?? []).map(({ ip }) => ip)].filter((ip) => ip !== '');
  return {
    id,
    ready: state === 'SANDBOX_READY',
    attempt: metadata?.attempt ?? 0,
    createdAtNanos: BigInt(created_at),
    hostNetwork,
    ips: hostNetwork ? [] : ips,
  };
}

async function messageOfExit(status: ContainerStatus): Promise<string> {
  const path = status.annotations[ANNOTATION.terminationMessagePath] ?? '';
  const policy = status.annotations[ANNOTATION.terminationMessagePolicy];
  const hostPath = path === '' ? undefined : status.mounts.find((mount) => mount.container_path === path)?.host_path;
  const fallbackToLogs =
    policy === 'FallbackToLogsOnError' && status.exit_code !== 0 && status.reason !== 'ContainerCannotRun';
  const own = await terminationMessage({ hostPath, logPath: status.log_path, fallbackToLogs });
  return [status.message, own].filter((text) => text !== '').join(': ');
}

async function containerOf(status: ContainerStatus, sandboxId: string): Promise<RuntimeContainer> {
  const state = STATES[status.state];
  const user = status.user?.linux;
  return {
    id: status.id,
    name: status.labels[LABEL.containerName] ?? status.metadata?.name ?? '',
    sandboxId,
    image: status.image?.image ?? '',
    imageRef: status.image_ref,
    hash: status.annotations[ANNOTATION.hash] ?? '',
    restartCount: Number(status.annotations[ANNOTATION.restartCount] ?? 0),
    state,
    createdAtNanos: BigInt(status.created_at),
    startedAtMs: state === 'created' ? undefined : millisFromNanos(status.started_at),
    finishedAtMs: state === 'exited' ? millisFromNanos(status.finished_at) : undefined,
    exitCode: state === 'exited' ? status.exit_code : 0,
    reason: state === 'exited' ? status.reason : '',
    message: state === 'exited' ? await messageOfExit(status) : '',
    logPath: status.log_path,
    user:
      user === undefined
        ? undefined
        : { uid: Number(user.uid), gid: Number(user.gid), supplementalGroups: user.supplemental_groups.map(Number) },
    annotations: status.annotations,
  };
}

/** Undefined when the thing is gone: between a list and a look another one may have removed it. */
async function unlessGone<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

export interface PodRuntime {
  list(options: { signal: AbortSignal }): Promise<RuntimeListing>;
  /** All that the runtime has of one pod. Source: GetPodStatus (kuberuntime_manager.go v1.36). */
  read(pod: { uid: string; name: string; namespace: string }, options: { signal: AbortSignal }): Promise<RuntimePod>;
}

export function newPodRuntime(runtime: RuntimeService): PodRuntime {
  const exited = new LruMap<string, RuntimeContainer>(EXITED_CACHE_SIZE);

  async function readContainer(
    id: string,
    sandboxId: string,
    signal: AbortSignal,
  ): Promise<RuntimeContainer | undefined> {
    const known = exited.get(id);
    if (known !== undefined) return known;
    const response = await unlessGone(runtime.containerStatus({ container_id: id }, { signal }));
    if (response?.status === undefined) return undefined;
    const container = await containerOf(response.status, sandboxId);
    if (container.state === 'exited') exited.set(id, container);
    return container;
  }

  return {
    async list({ signal }) {
      const [{ items }, { containers }] = await Promise.all([
        runtime.listPodSandbox({}, { signal }),
        runtime.listContainers({}, { signal }),
      ]);
      return {
        sandboxes: items
          .filter(({ labels }) => labels[LABEL.podUid] !== undefined)
          .map(({ id, labels, state }) => ({
            id,
            podUid: labels[LABEL.podUid] ?? '',
            podName: labels[LABEL.podName] ?? '',
            podNamespace: labels[LABEL.podNamespace] ?? '',
            ready: state === 'SANDBOX_READY',
          })),
        containers: containers
          .filter(({ labels }) => labels[LABEL.podUid] !== undefined)
          .map(({ id, labels, state, pod_sandbox_id }) => ({
            id,
            podUid: labels[LABEL.podUid] ?? '',
            sandboxId: pod_sandbox_id,
            state: STATES[state],
          })),
      };
    },

    async read({ uid, name, namespace }, { signal }) {
      const filter = { label_selector: { [LABEL.podUid]: uid } };
      const [{ items }, { containers }] = await Promise.all([
        runtime.listPodSandbox({ filter }, { signal }),
        runtime.listContainers({ filter }, { signal }),
      ]);
      const readSandbox = async (id: string): Promise<RuntimeSandbox | undefined> => {
        const response = await unlessGone(runtime.podSandboxStatus({ pod_sandbox_id: id }, { signal }));
        return response?.status && sandboxOf(response.status);
      };
      const [sandboxes, details] = await Promise.all([
        Promise.all(items.map(({ id }) => readSandbox(id))),
        Promise.all(containers.map((container) => readContainer(container.id, container.pod_sandbox_id, signal))),
      ]);
      const sorted = sandboxes.filter((sandbox) => sandbox !== undefined).toSorted(byCreation);
      return {
        uid,
        name,
        namespace,
        sandboxes: sorted,
        containers: details.filter((container) => container !== undefined).toSorted(byCreation),
        ips: sorted[0]?.ready === true ? sorted[0].ips : [],
      };
    },
  };
}
