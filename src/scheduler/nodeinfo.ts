import { type Node, type Pod, podRequests, type ResourceAmounts, resourceAmounts } from '#api';

/** What a container without requests is taken to use when nodes are compared. Source: schedutil DefaultMilliCPURequest, DefaultMemoryRequest v1.36. */
const DEFAULT_CPU_MILLI = 100;
const DEFAULT_MEMORY_BYTES = 200 * 1024 * 1024;

/** A pod with what the plugins ask of it, computed once. */
export interface PodInfo {
  readonly pod: Pod;
  readonly requests: ResourceAmounts;
  /** cpu in thousandths and memory in bytes, with defaults for containers that ask for nothing. */
  readonly nonZero: { readonly cpu: number; readonly memory: number };
  /** `protocol/hostIP/port` of host ports. */
  readonly hostPorts: readonly HostPort[];
}

export interface HostPort {
  readonly protocol: string;
  readonly ip: string;
  readonly port: number;
}

export function podInfo(pod: Pod): PodInfo {
  const requests = podRequests(pod);
  const { containers, initContainers = [] } = pod.spec;
  const running = [...containers, ...initContainers.filter((c) => c.restartPolicy === 'Always')];
  const missing = (name: string): number => running.filter((c) => c.resources?.requests?.[name] === undefined).length;
  return {
    pod,
    requests,
    nonZero: {
      cpu: (requests['cpu'] ?? 0) + missing('cpu') * DEFAULT_CPU_MILLI,
      memory: (requests['memory'] ?? 0) + missing('memory') * DEFAULT_MEMORY_BYTES,
    },
    hostPorts: running.flatMap((c) =>
      (c.ports ?? [])
        .filter((p) => (p.hostPort ?? 0) > 0)
        .map((p) => ({ protocol: p.protocol ?? 'TCP', ip: p.hostIP ?? '', port: p.hostPort! })),
    ),
  };
}

/** A node with the sums over its pods, kept up to date pod by pod. */
export class NodeInfo {
  node: Node;
  allocatable: ResourceAmounts;
  readonly pods = new Map<string, PodInfo>();
  readonly requested: ResourceAmounts = {};
  readonly nonZero = { cpu: 0, memory: 0 };

  constructor(node: Node) {
    this.node = node;
    this.allocatable = resourceAmounts(node.status.allocatable);
  }

  update(node: Node): void {
    this.node = node;
    this.allocatable = resourceAmounts(node.status.allocatable);
  }

  /** Adds a pod, or takes its new state over. */
  add(info: PodInfo): void {
    this.remove(info.pod.metadata.uid);
    this.pods.set(info.pod.metadata.uid, info);
    this.#count(info, 1);
  }

  remove(uid: string): void {
    const info = this.pods.get(uid);
    if (info === undefined) return;
    this.pods.delete(uid);
    this.#count(info, -1);
  }

  #count({ requests, nonZero }: PodInfo, sign: 1 | -1): void {
    for (const [name, amount] of Object.entries(requests))
      this.requested[name] = (this.requested[name] ?? 0) + sign * amount;
    this.nonZero.cpu += sign * nonZero.cpu;
    this.nonZero.memory += sign * nonZero.memory;
  }
}
