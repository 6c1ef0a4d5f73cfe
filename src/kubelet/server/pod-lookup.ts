import type { Pod } from '#api';

/** What the server asks of the kubelet: its pods, and which of their containers run. */
export interface PodLookup {
  /** The pod with the newest status this kubelet knows, which may be ahead of the API server's. */
  podByName(namespace: string, name: string): Pod | undefined;
  allPods(): readonly Pod[];
  /** The runtime's id (without `containerd://`) of the container of that name that runs now, of whichever sort. */
  runningContainerId(pod: Pod, containerName: string): string | undefined;
  /** The runtime's id of the pod's sandbox, when it is ready. */
  readySandboxId(pod: Pod): string | undefined;
}
