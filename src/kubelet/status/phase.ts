import type { ContainerStatus, Pod } from '#api';
import { isRestartableInit } from '../resources/pod-resources.ts';
import { restartsAfterExit } from '../pods/restart.ts';

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

export const isTerminal = (phase: string | undefined): boolean => phase === 'Succeeded' || phase === 'Failed';

/**
 * The phase that follows from the statuses of all containers. `terminal`: nothing will be started again, whatever the restart policy;
 * `initialized`: a regular container has run. Source: getPhase (kubelet_pods.go v1.36).
 */
export function podPhase(
  pod: Pod,
  statuses: readonly ContainerStatus[],
  { terminal, initialized }: { terminal: boolean; initialized: boolean },
): PodPhase {
  const statusOf = new Map(statuses.map((status) => [status.name, status]));
  let pendingInit = 0;
  let initFailed = false;
  let pendingSidecars = 0;
  let unknown = 0;
  let running = 0;
  let waiting = 0;
  let stopped = 0;
  let final = 0;
  let succeeded = 0;

  for (const container of pod.spec.initContainers ?? []) {
    const status = statusOf.get(container.name);
    const last = status?.lastState?.terminated;
    if (isRestartableInit(container)) {
      if (status?.state === undefined) unknown++;
      else if (status.state.running !== undefined) {
        if (status.started !== true) pendingSidecars++;
        running++;
      } else if (status.state.waiting !== undefined && last === undefined) {
        pendingSidecars++;
        waiting++;
      }
      continue;
    }
    const ended = status?.state?.terminated ?? (status?.state?.waiting === undefined ? undefined : last);
    if (ended === undefined) pendingInit++;
    else if (ended.exitCode !== 0 && !restartsAfterExit(pod, container, ended.exitCode)) initFailed = true;
  }

  for (const container of pod.spec.containers) {
    const { state, lastState } = statusOf.get(container.name) ?? {};
    if (state?.running !== undefined) running++;
    else if (state?.terminated !== undefined) {
      stopped++;
      if (!restartsAfterExit(pod, container, state.terminated.exitCode)) final++;
      if (state.terminated.exitCode === 0) succeeded++;
    } else if (state?.waiting !== undefined) {
      const last = lastState?.terminated;
      if (last === undefined) waiting++;
      else {
        stopped++;
        if (!restartsAfterExit(pod, container, last.exitCode)) final++;
      }
    } else unknown++;
  }

  if (initFailed) return 'Failed';
  if (pendingInit > 0 || (pendingSidecars > 0 && !initialized) || waiting > 0) return 'Pending';
  if (running > 0 && unknown === 0) return 'Running';
  if (running === 0 && stopped > 0 && unknown === 0) {
    if (!terminal && stopped !== final) return 'Running'; // some are about to run again
    return stopped === succeeded ? 'Succeeded' : 'Failed';
  }
  return 'Pending';
}
