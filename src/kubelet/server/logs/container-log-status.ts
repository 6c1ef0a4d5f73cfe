import type { ContainerStatus, Pod } from '#api';
import { HttpError } from '../http-error.ts';

/**
 * Which container's log is meant, as a CRI container id. Throws (400) with upstream's words when there is none yet or no
 * more: validateContainerLogStatus, pkg/kubelet/kubelet_pods.go v1.33.
 */
export function containerIdForLogs(pod: Pod, containerName: string, previous: boolean): string {
  const container = `container ${JSON.stringify(containerName)} in pod ${JSON.stringify(pod.metadata.name)}`;
  const status = findStatus(pod, containerName);
  if (status === undefined) throw new HttpError(400, `${container} is not available`);
  const { waiting, running, terminated } = status.state ?? {};
  const last = status.lastState?.terminated;
  const lastId = last?.containerID ?? '';
  if (previous) {
    if (lastId === '') throw new HttpError(400, `previous terminated ${container} not found`);
    return runtimeId(lastId);
  }
  if (running !== undefined) return runtimeId(status.containerID ?? '');
  if (terminated !== undefined || last !== undefined) {
    // When the next container could not be started it has no id: the one before it has the logs.
    const id = (terminated?.containerID ?? '') || lastId;
    if (id === '') throw new HttpError(400, `${container} is terminated`);
    return runtimeId(id);
  }
  if (waiting === undefined) throw new HttpError(400, `${container} is waiting to start - no logs yet`);
  throw new HttpError(400, `${container} is waiting to start: ${waitingText(waiting.reason ?? '')}`);
}

function waitingText(reason: string): string {
  switch (reason) {
    case 'ErrImagePull':
      return "image can't be pulled";
    case 'ImagePullBackOff':
      return 'trying and failing to pull image';
    default:
      return reason;
  }
}

function findStatus({ status }: Pod, name: string): ContainerStatus | undefined {
  const all = [status?.containerStatuses, status?.initContainerStatuses, status?.ephemeralContainerStatuses];
  return all.flatMap((list) => list ?? []).find((candidate) => candidate.name === name);
}

/** `containerd://<id>` → `<id>`. */
function runtimeId(containerId: string): string {
  return containerId.slice(containerId.indexOf('://') < 0 ? 0 : containerId.indexOf('://') + 3);
}

/** Whether the pod's spec has a container of that name, of whichever sort. */
export function hasContainer({ spec }: Pod, name: string): boolean {
  const all = [spec.containers, spec.initContainers, spec.ephemeralContainers];
  return all.some((list) => list?.some((container) => container.name === name) === true);
}
