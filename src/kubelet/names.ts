import { join } from 'node:path';
import type { Pod } from '#api';
import type { KubeletConfig } from './config.ts';

/** Labels and annotations of sandboxes and containers. Source: pkg/kubelet/kuberuntime/labels.go and pkg/kubelet/types/labels.go v1.36. */
export const LABEL = {
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  podUid: 'io.kubernetes.pod.uid',
  containerName: 'io.kubernetes.container.name',
} as const;

export const ANNOTATION = {
  hash: 'io.kubernetes.container.hash',
  restartCount: 'io.kubernetes.container.restartCount',
  terminationMessagePath: 'io.kubernetes.container.terminationMessagePath',
  terminationMessagePolicy: 'io.kubernetes.container.terminationMessagePolicy',
  preStopHandler: 'io.kubernetes.container.preStopHandler',
  ports: 'io.kubernetes.container.ports',
  podDeletionGracePeriod: 'io.kubernetes.pod.deletionGracePeriod',
  podTerminationGracePeriod: 'io.kubernetes.pod.terminationGracePeriod',
  configSource: 'kubernetes.io/config.source',
  configSeen: 'kubernetes.io/config.seen',
} as const;

export interface PodPaths {
  readonly root: string;
  readonly volumes: string;
  readonly etcHosts: string;
  readonly subpaths: string;
  /** Directory of a container's termination messages. */
  container(name: string): string;
  readonly logs: string;
}

type Identity = Pick<Pod, 'metadata'>;

/** Source: pkg/kubelet/kubelet_getters.go and BuildPodLogsDirectory (kuberuntime/helpers.go). */
export function podPaths(
  { kubeletDir, podLogsDir }: Pick<KubeletConfig, 'kubeletDir' | 'podLogsDir'>,
  pod: Identity,
): PodPaths {
  const { name, namespace = '', uid } = pod.metadata;
  const root = join(kubeletDir, 'pods', uid);
  return {
    root,
    volumes: join(root, 'volumes'),
    etcHosts: join(root, 'etc-hosts'),
    subpaths: join(root, 'volume-subpaths'),
    container: (container) => join(root, 'containers', container),
    logs: join(podLogsDir, `${namespace}_${name}_${uid}`),
  };
}
