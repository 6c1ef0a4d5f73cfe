import type { Draft, Node, NodeCondition, NodeStatus } from '#api';
import type { Image } from '#cri';
import type { KubeletConfig } from '../config.ts';
import { timeText } from '../text.ts';
import { KUBELET_VERSION } from '../version.ts';
import type { Machine } from './machine.ts';

/** Memory kept for the system, below which upstream evicts: memory.available of the default eviction thresholds. */
const EVICTION_MEMORY_BYTES = 100 * 1024 * 1024;
/** nodefs.available of the default eviction thresholds. */
const EVICTION_STORAGE_SHARE = 0.1;
/** Source: nodeStatusMaxImages and MaxNamesPerImageInNodeStatus. */
const MAX_IMAGES = 50;
const MAX_NAMES_PER_IMAGE = 5;

/** What the runtime says of itself. */
export interface RuntimeHealth {
  /** `1.6.20`; empty: it has not answered yet. */
  readonly version: string;
  /** Why pods cannot run; empty: they can. */
  readonly runtimeErrors: readonly string[];
  /** Why pods cannot have addresses. */
  readonly networkErrors: readonly string[];
}

function nodeCapacity(machine: Machine, maxPods: number): Record<string, string> {
  return {
    cpu: String(machine.cpus),
    'ephemeral-storage': `${Math.floor(machine.ephemeralStorageBytes / 1024)}Ki`,
    ...Object.fromEntries(machine.hugePageSizes.map((size) => [`hugepages-${size}`, '0'])),
    memory: `${Math.floor(machine.memoryBytes / 1024)}Ki`,
    pods: String(maxPods),
  };
}

export function nodeAllocatable(machine: Machine, maxPods: number): Record<string, string> {
  return {
    ...nodeCapacity(machine, maxPods),
    'ephemeral-storage': String(Math.floor(machine.ephemeralStorageBytes * (1 - EVICTION_STORAGE_SHARE))),
    memory: `${Math.floor(Math.max(0, machine.memoryBytes - EVICTION_MEMORY_BYTES) / 1024)}Ki`,
  };
}

export function nodeLabels(
  { nodeName, labels = {} }: KubeletConfig,
  { architecture }: Machine,
): Record<string, string> {
  return {
    ...labels,
    'beta.kubernetes.io/arch': architecture,
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': architecture,
    'kubernetes.io/hostname': nodeName.toLowerCase(),
    'kubernetes.io/os': 'linux',
  };
}

interface ConditionDraft {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

/** Nothing is evicted by this agent, so that no pressure is ever reported. Texts: pkg/kubelet/nodestatus/setters.go v1.36. */
const NO_PRESSURE: readonly ConditionDraft[] = [
  {
    type: 'MemoryPressure',
    status: 'False',
    reason: 'KubeletHasSufficientMemory',
    message: 'kubelet has sufficient memory available',
  },
  {
    type: 'DiskPressure',
    status: 'False',
    reason: 'KubeletHasNoDiskPressure',
    message: 'kubelet has no disk pressure',
  },
  {
    type: 'PIDPressure',
    status: 'False',
    reason: 'KubeletHasSufficientPID',
    message: 'kubelet has sufficient PID available',
  },
];

/** Reasons of the events that tell of a condition's change. */
const EVENT_OF: Readonly<Record<string, string>> = {
  MemoryPressure: 'NodeHasSufficientMemory',
  DiskPressure: 'NodeHasNoDiskPressure',
  PIDPressure: 'NodeHasSufficientPID',
};

function readyCondition({ runtimeErrors, networkErrors }: RuntimeHealth): ConditionDraft {
  const errors = [...runtimeErrors, ...networkErrors];
  return errors.length === 0
    ? { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
    : { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: errors.join(',') };
}

/** Ready is the last. `events`: reasons of the events to record. */
export function nodeConditions(
  health: RuntimeHealth,
  previous: readonly NodeCondition[],
  nowMs: number,
): { conditions: NodeCondition[]; events: string[] } {
  const now = timeText(nowMs);
  const events: string[] = [];
  const conditions = [...NO_PRESSURE, readyCondition(health)].map((draft): NodeCondition => {
    const old = previous.find(({ type }) => type === draft.type);
    const changed = old?.status !== draft.status;
    if (draft.type !== 'Ready') {
      if (changed) events.push(EVENT_OF[draft.type] ?? '');
    } else if (changed && old !== undefined) events.push(draft.status === 'True' ? 'NodeReady' : 'NodeNotReady');
    return { ...draft, lastHeartbeatTime: now, lastTransitionTime: changed ? now : (old?.lastTransitionTime ?? now) };
  });
  const own = new Set(conditions.map(({ type }) => type));
  return { conditions: [...previous.filter(({ type }) => !own.has(type)), ...conditions], events };
}

export function nodeImages(images: readonly Image[]): NonNullable<NodeStatus['images']> {
  return images
    .toSorted((a, b) => Number(BigInt(b.size) - BigInt(a.size)))
    .slice(0, MAX_IMAGES)
    .map(({ repo_digests, repo_tags, size }) => ({
      names: [...repo_digests, ...repo_tags].slice(0, MAX_NAMES_PER_IMAGE),
      sizeBytes: Number(size),
    }));
}

export interface NodeStatusContext {
  readonly config: KubeletConfig;
  readonly machine: Machine;
  readonly health: RuntimeHealth;
  readonly images: readonly Image[];
  readonly nowMs: number;
}

/** Source: defaultNodeStatusFuncs (kubelet_node_status.go v1.36). */
export function nodeStatus(previous: NodeStatus, context: NodeStatusContext): { status: NodeStatus; events: string[] } {
  const { config, machine, health, images, nowMs } = context;
  const { conditions, events } = nodeConditions(health, previous.conditions ?? [], nowMs);
  const status: NodeStatus = {
    addresses: [
      { type: 'InternalIP', address: config.nodeIP },
      { type: 'Hostname', address: config.nodeName },
    ],
    capacity: nodeCapacity(machine, config.maxPods),
    allocatable: nodeAllocatable(machine, config.maxPods),
    conditions,
    daemonEndpoints: { kubeletEndpoint: { Port: config.port } },
    images: nodeImages(images),
    nodeInfo: {
      architecture: machine.architecture,
      bootID: machine.bootID,
      containerRuntimeVersion: `containerd://${health.version.replace(/^v/, '')}`,
      kernelVersion: machine.kernelVersion,
      kubeProxyVersion: '',
      kubeletVersion: KUBELET_VERSION,
      machineID: machine.machineID,
      operatingSystem: 'linux',
      osImage: machine.osImage,
      systemUUID: machine.systemUUID,
    },
  };
  return { status, events };
}

/** The Node as it is registered. Source: initialNode. */
export function initialNode(context: NodeStatusContext): Draft<Node> {
  const { config, machine } = context;
  return {
    metadata: {
      name: config.nodeName,
      labels: nodeLabels(config, machine),
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
    spec: {
      ...(config.podCIDR !== undefined && { podCIDR: config.podCIDR, podCIDRs: [config.podCIDR] }),
      ...(config.taints !== undefined && config.taints.length > 0 && { taints: [...config.taints] }),
    },
    status: nodeStatus({}, context).status,
  };
}
