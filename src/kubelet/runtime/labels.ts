import type { Container, Pod } from '#api';
import { ANNOTATION, LABEL } from '../names.ts';
import { containerHash } from './hash.ts';

export function podLabels({ metadata }: Pod): Record<string, string> {
  return {
    ...metadata.labels,
    [LABEL.podName]: metadata.name,
    [LABEL.podNamespace]: metadata.namespace ?? '',
    [LABEL.podUid]: metadata.uid,
  };
}

/** Those of the pod are carried along, and where it comes from. */
export function podAnnotations({ metadata }: Pod): Record<string, string> {
  return {
    ...metadata.annotations,
    [ANNOTATION.configSource]: 'api',
    [ANNOTATION.configSeen]: metadata.annotations?.[ANNOTATION.configSeen] ?? metadata.creationTimestamp,
  };
}

export function containerLabels({ metadata }: Pod, container: Container): Record<string, string> {
  return {
    [LABEL.podName]: metadata.name,
    [LABEL.podNamespace]: metadata.namespace ?? '',
    [LABEL.podUid]: metadata.uid,
    [LABEL.containerName]: container.name,
  };
}

/** What the agent must know of a container later, even when the pod is gone from the API. */
export function containerAnnotations(pod: Pod, container: Container, restartCount: number): Record<string, string> {
  const { deletionGracePeriodSeconds } = pod.metadata;
  const { terminationGracePeriodSeconds } = pod.spec;
  const { lifecycle, ports = [] } = container;
  return {
    [ANNOTATION.hash]: containerHash(container),
    [ANNOTATION.restartCount]: String(restartCount),
    [ANNOTATION.terminationMessagePath]: container.terminationMessagePath ?? '',
    [ANNOTATION.terminationMessagePolicy]: container.terminationMessagePolicy ?? '',
    ...(deletionGracePeriodSeconds !== undefined && {
      [ANNOTATION.podDeletionGracePeriod]: String(deletionGracePeriodSeconds),
    }),
    ...(terminationGracePeriodSeconds !== undefined && {
      [ANNOTATION.podTerminationGracePeriod]: String(terminationGracePeriodSeconds),
    }),
    ...(lifecycle?.preStop !== undefined && { [ANNOTATION.preStopHandler]: JSON.stringify(lifecycle.preStop) }),
    ...(ports.length > 0 && { [ANNOTATION.ports]: JSON.stringify(ports) }),
  };
}
