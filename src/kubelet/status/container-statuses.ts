import type { Container, ContainerStatus, Pod, VolumeMountStatus } from '#api';
import type { ProbeVerdicts } from '../probes/probe-manager.ts';
import { isRestartableInit } from '../resources/pod-resources.ts';
import { newestContainer, type RuntimeContainer, type RuntimePod } from '../runtime/model.ts';
import { timeText } from '../text.ts';
import { shouldStart } from '../pods/restart.ts';
import type { StartFailure } from '../pods/start-failure.ts';

/** Source of this file: convertToAPIContainerStatuses (kubelet_pods.go v1.36) and UpdatePodStatus (prober_manager.go). */
const LOST_EXIT_CODE = 137;

export interface StatusContext {
  readonly runtimePod: RuntimePod;
  /** Why a container was not started at the last attempt. */
  failureOf(containerName: string): Pick<StartFailure, 'reason' | 'message'> | undefined;
  verdictsOf(containerId: string): ProbeVerdicts;
  readonly nowMs: number;
}

export type ContainerSort = 'init' | 'regular' | 'ephemeral';

type State = NonNullable<ContainerStatus['state']>;

const containerId = ({ id }: RuntimeContainer): string => `containerd://${id}`;

function volumeMounts({ volumeMounts: mounts = [] }: Container): VolumeMountStatus[] | undefined {
  if (mounts.length === 0) return undefined;
  return mounts.map(({ name, mountPath, readOnly }) => ({
    name,
    mountPath,
    ...(readOnly === true && { readOnly, recursiveReadOnly: 'Disabled' }),
  }));
}

function stateOf(instance: RuntimeContainer, wasRunning: boolean): State {
  switch (instance.state) {
    case 'running':
      return { running: { startedAt: timeText(instance.startedAtMs ?? 0) } };
    case 'exited':
      return {
        terminated: {
          exitCode: instance.exitCode,
          reason: instance.reason === '' ? undefined : instance.reason,
          message: instance.message === '' ? undefined : instance.message,
          startedAt: timeText(instance.startedAtMs ?? 0),
          finishedAt: timeText(instance.finishedAtMs ?? 0),
          containerID: containerId(instance),
        },
      };
    case 'created':
      return { waiting: {} };
    case 'unknown':
      if (!wasRunning) return { waiting: {} };
      return {
        terminated: {
          exitCode: LOST_EXIT_CODE,
          reason: 'ContainerStatusUnknown',
          message: 'The container could not be located when the pod was terminated',
        },
      };
  }
}

function fromInstance(
  container: Container,
  instance: RuntimeContainer,
  old: ContainerStatus | undefined,
): ContainerStatus {
  const wasRunning = old?.state?.running !== undefined;
  const requests = container.resources?.requests;
  return {
    name: container.name,
    image: instance.image,
    imageID: instance.imageRef,
    containerID: containerId(instance),
    restartCount: instance.restartCount + (instance.state === 'unknown' && wasRunning ? 1 : 0),
    ready: false,
    state: stateOf(instance, wasRunning),
    lastState: {},
    ...(requests !== undefined && { allocatedResources: requests }),
    ...(container.resources !== undefined && { resources: container.resources }),
    ...(instance.user !== undefined && {
      user: {
        linux: {
          uid: instance.user.uid,
          gid: instance.user.gid,
          supplementalGroups: [...instance.user.supplementalGroups],
        },
      },
    }),
    volumeMounts: volumeMounts(container),
  };
}

/** A container the runtime does not know: not made yet, or lost. */
function withoutInstance(pod: Pod, container: Container, old: ContainerStatus | undefined): ContainerStatus {
  if (old?.state?.terminated !== undefined) return old;
  const waiting = { reason: (pod.spec.initContainers ?? []).length > 0 ? 'PodInitializing' : 'ContainerCreating' };
  const status: ContainerStatus = {
    name: container.name,
    image: container.image ?? '',
    imageID: '',
    restartCount: old?.restartCount ?? 0,
    ready: false,
    state: { waiting },
    lastState: old?.lastState ?? {},
    volumeMounts: volumeMounts(container),
  };
  if (old?.state?.running === undefined || status.lastState?.terminated !== undefined) return status;
  // It ran, so that it is not waiting to be made: without this the pod would go back to Pending.
  return {
    ...status,
    restartCount: status.restartCount + (pod.metadata.deletionTimestamp === undefined ? 1 : 0),
    lastState: {
      terminated: {
        exitCode: LOST_EXIT_CODE,
        reason: 'ContainerStatusUnknown',
        message: 'The container could not be located when the pod was deleted.  The container used to be Running',
      },
    },
  };
}

const regularCreated = (pod: Pod, runtimePod: RuntimePod): boolean =>
  pod.spec.containers.some(({ name }) =>
    ['created', 'running', 'exited'].includes(newestContainer(runtimePod, name)?.state ?? ''),
  );

/** Containers that wait to be started again are waiting, for the reason they were not. */
function withFailure(
  pod: Pod,
  container: Container,
  sort: ContainerSort,
  status: ContainerStatus,
  context: StatusContext,
): ContainerStatus {
  const instance = newestContainer(context.runtimePod, container.name);
  if (sort === 'init') {
    if (instance?.state === 'exited' && instance.exitCode === 0) return status;
    const forgotten = instance === undefined && status.state?.waiting !== undefined && !isRestartableInit(container);
    if (forgotten && regularCreated(pod, context.runtimePod)) {
      const message =
        'Unable to get init container status from container runtime and pod has been initialized, treat it as exited normally';
      return { ...status, state: { terminated: { reason: 'Completed', message, exitCode: 0 } } };
    }
  }
  if (sort === 'ephemeral' && instance !== undefined) return status;
  if (!shouldStart(pod, container, context.runtimePod)) return status;
  const failure = context.failureOf(container.name);
  if (failure === undefined) return status;
  const lastState = status.state?.terminated === undefined ? status.lastState : status.state;
  return { ...status, lastState, state: { waiting: { reason: failure.reason, message: failure.message } } };
}

/** `started` and `ready`, which the probes decide on. */
function withProbes(
  container: Container,
  sort: ContainerSort,
  status: ContainerStatus,
  verdictsOf: StatusContext['verdictsOf'],
): ContainerStatus {
  if (sort === 'ephemeral') return status;
  const running = status.state?.running !== undefined;
  const verdicts = verdictsOf(status.containerID?.replace('containerd://', '') ?? '');
  const started = running && (container.startupProbe === undefined || verdicts.startup === 'success');
  if (sort === 'init' && !isRestartableInit(container))
    return { ...status, started, ready: status.state?.terminated?.exitCode === 0 };
  return {
    ...status,
    started,
    ready: started && (container.readinessProbe === undefined || verdicts.readiness === 'success'),
  };
}

/** Statuses of one sort of containers: init containers as in the spec, the others by name. */
export function containerStatuses(
  pod: Pod,
  sort: ContainerSort,
  previous: readonly ContainerStatus[] | undefined,
  context: StatusContext,
): ContainerStatus[] {
  const { spec } = pod;
  const containers =
    { init: spec.initContainers, regular: spec.containers, ephemeral: spec.ephemeralContainers }[sort] ?? [];
  const statuses = containers.map((container) => {
    const old = previous?.find(({ name }) => name === container.name);
    const [newest, before] = context.runtimePod.containers.filter(({ name }) => name === container.name);
    let status = newest === undefined ? withoutInstance(pod, container, old) : fromInstance(container, newest, old);
    if (newest !== undefined) {
      // The one before it may have been removed by hand: what was reported of it stays.
      const sameInstance = old?.containerID === status.containerID;
      const reported = sameInstance
        ? old?.lastState
        : old?.state?.terminated === undefined
          ? old?.lastState
          : { terminated: old.state.terminated };
      status = { ...status, lastState: before === undefined ? (reported ?? {}) : stateOf(before, false) };
    }
    return withProbes(container, sort, withFailure(pod, container, sort, status, context), context.verdictsOf);
  });
  return sort === 'init' ? statuses : statuses.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
