/** What the runtime knows of one pod, read through CRI. */
export type RunState = 'created' | 'running' | 'exited' | 'unknown';

export interface RuntimeContainer {
  readonly id: string;
  readonly name: string;
  readonly sandboxId: string;
  /** As the runtime names it. */
  readonly image: string;
  /** Digest or id: what becomes `imageID` in the status. */
  readonly imageRef: string;
  readonly hash: string;
  readonly restartCount: number;
  readonly state: RunState;
  /** Nanoseconds since the Unix epoch, to order by. */
  readonly createdAtNanos: bigint;
  readonly startedAtMs?: number | undefined;
  readonly finishedAtMs?: number | undefined;
  readonly exitCode: number;
  readonly reason: string;
  /** The runtime's message and the container's termination message. */
  readonly message: string;
  /** File of the container's log, on the node. */
  readonly logPath: string;
  readonly user?:
    | { readonly uid: number; readonly gid: number; readonly supplementalGroups: readonly number[] }
    | undefined;
  /** Annotations that this agent wrote when it created the container. */
  readonly annotations: Readonly<Record<string, string>>;
}

export interface RuntimeSandbox {
  readonly id: string;
  readonly ready: boolean;
  readonly attempt: number;
  readonly createdAtNanos: bigint;
  readonly hostNetwork: boolean;
  readonly ips: readonly string[];
}

export interface RuntimePod {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  /** Newest first. */
  readonly sandboxes: readonly RuntimeSandbox[];
  /** Newest first. */
  readonly containers: readonly RuntimeContainer[];
  /** Of the newest sandbox, if it is ready. */
  readonly ips: readonly string[];
}

/** The newest instance of a container. */
export const newestContainer = ({ containers }: RuntimePod, name: string): RuntimeContainer | undefined =>
  containers.find((container) => container.name === name);

export const emptyRuntimePod = (pod: { uid: string; name: string; namespace: string }): RuntimePod => ({
  ...pod,
  sandboxes: [],
  containers: [],
  ips: [],
});
