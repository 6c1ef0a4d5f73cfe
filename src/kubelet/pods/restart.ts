import type { Container, Pod } from '#api';
import { newestContainer, type RuntimePod } from '../runtime/model.ts';

/** Whether a container that ended with `exitCode` runs again. Source: ContainerShouldRestart (pkg/api/v1/pod/util.go v1.36). */
export function restartsAfterExit({ spec }: Pod, container: Container, exitCode: number): boolean {
  for (const { action, exitCodes } of container.restartPolicyRules ?? []) {
    if (exitCodes === undefined) continue;
    const listed = (exitCodes.values ?? []).includes(exitCode);
    if (action === 'Restart' && (exitCodes.operator === 'In' ? listed : exitCodes.operator === 'NotIn' && !listed))
      return true;
  }
  switch (container.restartPolicy ?? spec.restartPolicy) {
    case 'Never':
      return false;
    case 'OnFailure':
      return exitCode !== 0;
    default:
      return true;
  }
}

/** Whether the container is to be started. Source: ShouldContainerBeRestarted (pkg/kubelet/container/helpers.go v1.36). */
export function shouldStart(pod: Pod, container: Container, runtimePod: RuntimePod): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false;
  const status = newestContainer(runtimePod, container.name);
  switch (status?.state) {
    case 'running':
      return false;
    case 'exited':
      return restartsAfterExit(pod, container, status.exitCode);
    default:
      return true;
  }
}
