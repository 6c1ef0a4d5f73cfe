import { labelSelectorAsSelector, type Node, type Pod, type Selector, untoleratedTaint } from '#api';
import { type Cluster, EVENT, type FilterPlugin, MAX_SCORE, type NodeCheck, type ScorePlugin } from '../framework.ts';
import type { NodeInfo } from '../nodeinfo.ts';
import { requiredNodeAffinity } from './nodeaffinity.ts';

/** Source of the texts and rules: plugins/podtopologyspread v1.36. */
const UNEVEN = { reasons: ["node(s) didn't match pod topology spread constraints"], resolvable: true };
const NO_TOPOLOGY = {
  reasons: ["node(s) didn't match pod topology spread constraints (missing required label)"],
  resolvable: false,
};
const HOSTNAME = 'kubernetes.io/hostname';

interface Constraint {
  readonly maxSkew: number;
  readonly topologyKey: string;
  readonly minDomains: number;
  readonly selector: Selector;
  /** Names selector and namespace; see {@link NodeInfo.countMatching}. */
  readonly key: string;
  /** Whether pods on this node are counted at all. */
  readonly includes: (node: Node) => boolean;
}

/** Constraints of the pod's own filter or score; a pod without any is spread softly over hosts and zones with the others of its Services and owner. */
export const podTopologySpread: FilterPlugin & ScorePlugin = {
  name: 'PodTopologySpread',
  weight: 2,
  wakeOn:
    EVENT.podAdd |
    EVENT.podLabels |
    EVENT.podDelete |
    EVENT.nodeAdd |
    EVENT.nodeDelete |
    EVENT.nodeLabels |
    EVENT.nodeTaints,
  prepare({ pod }, { nodes }) {
    const constraints = ownConstraints(pod, 'DoNotSchedule');
    return constraints.length === 0 ? undefined : evenly(pod, constraints, nodes);
  },
  score({ pod }, nodes, cluster) {
    const own = (pod.spec.topologySpreadConstraints ?? []).length > 0;
    const constraints = own ? ownConstraints(pod, 'ScheduleAnyway') : defaultConstraints(pod, cluster);
    return constraints.length === 0 ? undefined : spreadScores(pod, constraints, nodes, cluster.nodes, own);
  },
};

function ownConstraints(pod: Pod, action: 'DoNotSchedule' | 'ScheduleAnyway'): Constraint[] {
  const wanted = (pod.spec.topologySpreadConstraints ?? []).filter((c) => c.whenUnsatisfiable === action);
  if (wanted.length === 0) return [];
  const affinity = requiredNodeAffinity(pod);
  return wanted.map(({ maxSkew, topologyKey, minDomains = 1, labelSelector, nodeAffinityPolicy, nodeTaintsPolicy }) => {
    // matchLabelKeys are part of the selector already: the API server adds them when the pod is created.
    const selector = labelSelectorAsSelector(labelSelector);
    const includes = (node: Node): boolean =>
      (nodeAffinityPolicy === 'Ignore' || affinity === undefined || affinity(node)) &&
      (nodeTaintsPolicy !== 'Honor' || isTolerated(pod, node));
    return { maxSkew, topologyKey, minDomains, selector, key: keyOf(pod, selector), includes };
  });
}

const isTolerated = ({ spec }: Pod, node: Node): boolean =>
  untoleratedTaint(node.spec.taints, spec.tolerations, ['NoSchedule', 'NoExecute']) === undefined;

/** Source: systemDefaultConstraints of plugin.go v1.36. */
function defaultConstraints(pod: Pod, cluster: Cluster): Constraint[] {
  const selector = cluster.defaultSelector(pod);
  if (selector.empty) return [];
  const affinity = requiredNodeAffinity(pod);
  const includes = (node: Node): boolean => affinity === undefined || affinity(node);
  const common = { minDomains: 1, selector, key: keyOf(pod, selector), includes };
  return [
    { ...common, topologyKey: HOSTNAME, maxSkew: 3 },
    { ...common, topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5 },
  ];
}

const keyOf = (pod: Pod, selector: Selector): string => `spread ${pod.metadata.namespace ?? ''} ${selector.toString()}`;

/** Pods of the pod's namespace that the constraint means and that are not being deleted. An empty selector means none here, unlike elsewhere. */
function count(node: NodeInfo, { key, selector }: Constraint, { metadata: { namespace } }: Pod): number {
  if (selector.empty) return 0;
  return node.countMatching(
    key,
    ({ metadata }) =>
      metadata.deletionTimestamp === undefined && metadata.namespace === namespace && selector.matches(metadata.labels),
  );
}

const hasAll = ({ metadata }: Node, constraints: readonly Constraint[]): boolean =>
  constraints.every(({ topologyKey }) => metadata.labels?.[topologyKey] !== undefined);

/** Source: filtering.go. */
function evenly(pod: Pod, constraints: readonly Constraint[], all: readonly NodeInfo[]): NodeCheck {
  const domains = constraints.map(() => new Map<string, number>());
  for (const info of all) {
    if (!hasAll(info.node, constraints)) continue;
    for (const [i, constraint] of constraints.entries()) {
      if (!constraint.includes(info.node)) continue;
      const value = info.node.metadata.labels?.[constraint.topologyKey] ?? '';
      domains[i]!.set(value, (domains[i]!.get(value) ?? 0) + count(info, constraint, pod));
    }
  }
  const limits = constraints.map(({ maxSkew, minDomains, selector }, i) => {
    const counts = domains[i]!;
    const least = counts.size < minDomains ? 0 : Math.min(...counts.values());
    return maxSkew + least - (selector.matches(pod.metadata.labels) ? 1 : 0);
  });
  return {
    check({ node }) {
      for (const [i, { topologyKey }] of constraints.entries()) {
        const value = node.metadata.labels?.[topologyKey];
        if (value === undefined) return NO_TOPOLOGY;
        if ((domains[i]!.get(value) ?? 0) > limits[i]!) return UNEVEN;
      }
      return undefined;
    },
  };
}

/**
 * Fewer matching pods in the node's topologies are better. `strict`: nodes without one of the topologies get nothing, which does not hold for the
 * defaults, since few clusters have zones. Source: scoring.go.
 */
function spreadScores(
  pod: Pod,
  constraints: readonly Constraint[],
  nodes: readonly NodeInfo[],
  all: readonly NodeInfo[],
  strict: boolean,
): number[] {
  const taking = (info: NodeInfo): boolean => !strict || hasAll(info.node, constraints);
  const scored = nodes.filter(taking);
  const terms = constraints.map((constraint) => {
    const { topologyKey } = constraint;
    if (topologyKey === HOSTNAME) return { constraint, weight: Math.log(scored.length + 2) };
    const valueOf = ({ node }: NodeInfo): string => node.metadata.labels?.[topologyKey] ?? '';
    const domains = new Map(scored.map((info) => [valueOf(info), 0]));
    for (const info of all) {
      const known = domains.get(valueOf(info));
      if (known !== undefined && taking(info) && constraint.includes(info.node))
        domains.set(valueOf(info), known + count(info, constraint, pod));
    }
    return { constraint, weight: Math.log(domains.size + 2), domains };
  });
  const raw = nodes.map((info) => {
    if (!taking(info)) return undefined;
    let score = 0;
    for (const { constraint, weight, domains } of terms) {
      const value = info.node.metadata.labels?.[constraint.topologyKey];
      if (value === undefined) continue;
      const matching = domains === undefined ? count(info, constraint, pod) : (domains.get(value) ?? 0);
      score += matching * weight + constraint.maxSkew - 1;
    }
    return Math.round(score);
  });
  return fewestIsBest(raw);
}

function fewestIsBest(raw: readonly (number | undefined)[]): number[] {
  let min = Infinity;
  let max = 0;
  for (const score of raw) {
    if (score === undefined) continue;
    if (score < min) min = score;
    if (score > max) max = score;
  }
  return raw.map((score) => {
    if (score === undefined) return 0;
    return max === 0 ? MAX_SCORE : Math.floor((MAX_SCORE * (max + min - score)) / max);
  });
}
