import {
  type Container,
  labelSelectorAsSelector,
  type Node,
  type Pod,
  type PodAffinityTerm,
  podRequests,
  type PodSpec,
  type ResourceAmounts,
  resourceAmounts,
  type Selector,
  type WeightedPodAffinityTerm,
} from '#api';

/** What a container without requests is taken to use when nodes are compared. Source: schedutil DefaultMilliCPURequest, DefaultMemoryRequest v1.36. */
const DEFAULT_REQUESTS = { cpu: '100m', memory: '200Mi' };
/** Results of {@link NodeInfo.countMatching} a node remembers; a Deployment's pods all ask the same. */
const MAX_COUNTS = 64;

/** A pod with what the plugins ask of it, computed once. */
export interface PodInfo {
  readonly pod: Pod;
  readonly priority: number;
  readonly requests: ResourceAmounts;
  /** cpu in thousandths and memory in bytes, with defaults for containers that ask for nothing. */
  readonly nonZero: { readonly cpu: number; readonly memory: number };
  readonly hostPorts: readonly HostPort[];
  /** Absent when it wants to be neither near other pods nor away from them. */
  readonly affinity?: PodAffinities | undefined;
}

export interface HostPort {
  readonly protocol: string;
  /** '' is any address. */
  readonly ip: string;
  readonly port: number;
}

export interface PodAffinities {
  readonly required: readonly AffinityTerm[];
  readonly requiredAnti: readonly AffinityTerm[];
  /** Weights of terms to stay away from are negative. */
  readonly preferred: readonly { readonly weight: number; readonly term: AffinityTerm }[];
}

/** Some pods, and how far "near them" reaches. */
export interface AffinityTerm {
  /** The same for terms that mean the same pods, wherever they are from and however far they reach. */
  readonly key: string;
  readonly namespaces: ReadonlySet<string>;
  /** Absent: pods of `namespaces` only. */
  readonly namespaceSelector?: Selector | undefined;
  readonly selector: Selector;
  readonly topologyKey: string;
}

/** What the pods of a node together say to pods that a term means. */
export interface NodeTerm {
  readonly term: AffinityTerm;
  /** Pods that will not have them near. */
  anti: number;
  /** Pods that must have them near. */
  required: number;
  /** Sum of the weights of preferences, negative for those to stay away. */
  preference: number;
}

export function podInfo(pod: Pod): PodInfo {
  const { spec } = pod;
  const requests = podRequests(pod);
  const { cpu = 0, memory = 0 } = asksForAll(spec) ? requests : podRequests({ spec: withDefaults(spec) });
  const info = { pod, priority: spec.priority ?? 0, requests, nonZero: { cpu, memory }, hostPorts: hostPorts(spec) };
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  return podAffinity === undefined && podAntiAffinity === undefined ? info : { ...info, affinity: affinities(pod) };
}

const asksForBoth = ({ resources }: Container): boolean =>
  resources?.requests?.['cpu'] !== undefined && resources.requests['memory'] !== undefined;

const asksForAll = ({ containers, initContainers = [] }: PodSpec): boolean =>
  containers.every(asksForBoth) && initContainers.every(asksForBoth);

function withDefaults(spec: PodSpec): PodSpec {
  const filled = (container: Container): Container => ({
    ...container,
    resources: { ...container.resources, requests: { ...DEFAULT_REQUESTS, ...container.resources?.requests } },
  });
  return {
    ...spec,
    containers: spec.containers.map(filled),
    ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(filled) }),
  };
}

/** Of the init containers only sidecars keep their ports. Source: GetHostPorts in pkg/scheduler/util v1.36. */
function hostPorts({ containers, initContainers = [] }: PodSpec): HostPort[] {
  const ports: HostPort[] = [];
  for (const container of [...initContainers.filter((c) => c.restartPolicy === 'Always'), ...containers])
    for (const { hostPort = 0, hostIP = '', protocol = 'TCP' } of container.ports ?? [])
      if (hostPort > 0) ports.push({ protocol, ip: hostIP, port: hostPort });
  return ports;
}

function affinities({ metadata: { namespace = '' }, spec }: Pod): PodAffinities {
  const term = (t: PodAffinityTerm): AffinityTerm => affinityTerm(t, namespace);
  const weighted =
    (sign: 1 | -1) =>
    ({ weight, podAffinityTerm }: WeightedPodAffinityTerm) => ({ weight: sign * weight, term: term(podAffinityTerm) });
  const { podAffinity: near, podAntiAffinity: away } = spec.affinity ?? {};
  return {
    required: (near?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(term),
    requiredAnti: (away?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(term),
    preferred: [
      ...(near?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(weighted(1)),
      ...(away?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(weighted(-1)),
    ],
  };
}

/** A term that names no namespaces in any way means the pod's own. Source: newAffinityTerm, getNamespacesFromPodAffinityTerm v1.36. */
function affinityTerm(term: PodAffinityTerm, namespace: string): AffinityTerm {
  const { namespaces: listed = [], namespaceSelector, labelSelector, topologyKey } = term;
  const namespaces = listed.length === 0 && namespaceSelector === undefined ? [namespace] : listed.toSorted();
  const [of, selector] = [namespaceSelector, labelSelector].map(labelSelectorAsSelector) as [Selector, Selector];
  // An absent selector means nothing, an empty one everything; their texts are the same.
  const texts = [namespaces, namespaceSelector && of.toString(), labelSelector && selector.toString()];
  return {
    key: JSON.stringify(texts),
    namespaces: new Set(namespaces),
    ...(namespaceSelector === undefined ? {} : { namespaceSelector: of }),
    selector,
    topologyKey,
  };
}

/** A node with the sums over its pods, kept up to date pod by pod. */
export class NodeInfo {
  node: Node;
  allocatable: ResourceAmounts = {};
  /** Size in bytes of each image the node has, by each of its names. */
  images: ReadonlyMap<string, number> = new Map();
  readonly pods = new Map<string, PodInfo>();
  /** The affinity terms of its pods, summed up: pods of one owner all have the same. */
  readonly terms = new Map<string, NodeTerm>();
  readonly requested: ResourceAmounts = {};
  readonly nonZero = { cpu: 0, memory: 0 };
  readonly #counts = new Map<string, number>();
  #lowestPriority: number | undefined;

  constructor(node: Node) {
    this.node = node;
    this.update(node);
  }

  update(node: Node): void {
    this.node = node;
    this.allocatable = resourceAmounts(node.status.allocatable);
    const images = new Map<string, number>();
    for (const { names = [], sizeBytes = 0 } of node.status.images ?? [])
      for (const name of names) images.set(name, sizeBytes);
    this.images = images;
  }

  /** Of all its pods; Infinity when there are none. */
  get lowestPriority(): number {
    if (this.#lowestPriority === undefined) {
      let lowest = Infinity;
      for (const { priority } of this.pods.values()) if (priority < lowest) lowest = priority;
      this.#lowestPriority = lowest;
    }
    return this.#lowestPriority;
  }

  /** Adds a pod, or takes its new state over. */
  add(info: PodInfo): void {
    const { uid } = info.pod.metadata;
    this.remove(uid);
    this.pods.set(uid, info);
    this.#count(info, 1);
  }

  /** Takes over a pod that changed in nothing that counts here: only its status, say. */
  refresh(pod: Pod): void {
    const known = this.pods.get(pod.metadata.uid);
    if (known === undefined) return;
    this.pods.set(pod.metadata.uid, { ...known, pod });
  }

  remove(uid: string): void {
    const info = this.pods.get(uid);
    if (info === undefined) return;
    this.pods.delete(uid);
    this.#count(info, -1);
  }

  /** A copy that keeps only some of the pods. */
  filtered(keep: (pod: PodInfo) => boolean): NodeInfo {
    const copy = new NodeInfo(this.node);
    for (const info of this.pods.values()) if (keep(info)) copy.add(info);
    return copy;
  }

  /** How many of its pods match. Remembered under `key` until its pods change, or not at all without a key. */
  countMatching(key: string | undefined, matches: (pod: Pod) => boolean): number {
    const known = key === undefined ? undefined : this.#counts.get(key);
    if (known !== undefined) return known;
    let count = 0;
    for (const { pod } of this.pods.values()) if (matches(pod)) count++;
    if (key === undefined) return count;
    if (this.#counts.size >= MAX_COUNTS) this.#counts.clear();
    this.#counts.set(key, count);
    return count;
  }

  #count({ requests, nonZero, affinity }: PodInfo, sign: 1 | -1): void {
    this.#counts.clear();
    this.#lowestPriority = undefined;
    for (const name in requests) this.requested[name] = (this.requested[name] ?? 0) + sign * requests[name]!;
    this.nonZero.cpu += sign * nonZero.cpu;
    this.nonZero.memory += sign * nonZero.memory;
    if (affinity === undefined) return;
    for (const term of affinity.requiredAnti) this.#countTerm(term, 'anti', sign);
    for (const term of affinity.required) this.#countTerm(term, 'required', sign);
    for (const { weight, term } of affinity.preferred) this.#countTerm(term, 'preference', sign * weight);
  }

  #countTerm(term: AffinityTerm, field: 'anti' | 'required' | 'preference', amount: number): void {
    const key = `${term.topologyKey} ${term.key}`;
    const sums = this.terms.get(key) ?? { term, anti: 0, required: 0, preference: 0 };
    sums[field] += amount;
    if (sums.anti === 0 && sums.required === 0 && sums.preference === 0) this.terms.delete(key);
    else this.terms.set(key, sums);
  }
}
