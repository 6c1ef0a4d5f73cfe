import type { Pod } from '#api';
import type { EventRecorder, ObjectReferenceLike } from '#client';

type EventType = 'Normal' | 'Warning';

/** Events about pods and their containers, hung where upstream hangs them. */
export interface PodEvents {
  pod(pod: Pod, type: EventType, reason: string, message: string): void;
  container(pod: Pod, containerName: string, type: EventType, reason: string, message: string): void;
}

/** Source: GenerateContainerRef and fieldPath (pkg/kubelet/container/ref.go). */
function fieldPathOf({ spec }: Pod, name: string): string | undefined {
  if (spec.containers.some((c) => c.name === name)) return `spec.containers{${name}}`;
  if (spec.initContainers?.some((c) => c.name === name) === true) return `spec.initContainers{${name}}`;
  if (spec.ephemeralContainers?.some((c) => c.name === name) === true) return `spec.ephemeralContainers{${name}}`;
  return undefined;
}

export function newPodEvents(recorder: EventRecorder): PodEvents {
  const reference = ({ metadata }: Pod, fieldPath?: string): ObjectReferenceLike => ({
    kind: 'Pod',
    apiVersion: 'v1',
    namespace: metadata.namespace,
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    fieldPath,
  });
  return {
    pod: (pod, type, reason, message) => recorder.event(reference(pod), type, reason, message),
    container: (pod, name, type, reason, message) =>
      recorder.event(reference(pod, fieldPathOf(pod, name)), type, reason, message),
  };
}
