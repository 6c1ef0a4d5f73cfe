import type { Pod, Selector } from '#api';
import type { NodeInfo, PodInfo } from './nodeinfo.ts';

/** Scores lie between 0 and this. Source: framework.MaxNodeScore v1.36. */
export const MAX_SCORE = 100;

/**
 * What happens in the cluster that may let a waiting pod in; flags, to be added up. Source: framework.ClusterEvent v1.36, as far as plugins here
 * ask for it. A change of a waiting pod itself always counts and needs no flag.
 */
export const EVENT = {
  nodeAdd: 1,
  nodeDelete: 2,
  nodeAllocatable: 4,
  nodeLabels: 8,
  /** `spec.taints` or `spec.unschedulable`. */
  nodeTaints: 16,
  /** A pod is on a node that was on none. */
  podAdd: 32,
  podLabels: 64,
  /** A pod on a node asks for less than before. */
  podScaleDown: 128,
  /** A pod left its node, or ended. */
  podDelete: 256,
} as const;

/**
 * Why a node will not do. `resolvable`: taking pods off the node would help, which is what preemption asks.
 * Source: framework.Unschedulable and UnschedulableAndUnresolvable v1.36.
 */
export interface Rejection {
  readonly reasons: readonly string[];
  readonly resolvable: boolean;
}

/** What plugins see of the cluster beside the one node. Holds still while one pod is looked at. */
export interface Cluster {
  readonly nodes: readonly NodeInfo[];
  /** How many nodes have the image of that name. */
  nodesWithImage(name: string): number;
  /** Selects the pods of the same Services and of the same owner; empty when there is neither. */
  defaultSelector(pod: Pod): Selector;
  namespaceLabels(name: string): Readonly<Record<string, string>>;
}

/** How a plugin judges nodes for one pod. */
export interface NodeCheck {
  /** Only these nodes come into question at all. Absent: every node. */
  readonly nodeNames?: ReadonlySet<string>;
  check(node: NodeInfo): Rejection | undefined;
}

/** Says whether a pod may run on a node. */
export interface FilterPlugin {
  readonly name: string;
  /** {@link EVENT}s after which a node it rejected may do. */
  readonly wakeOn: number;
  /**
   * Looks at the pod once, before any node: upstream's PreFilter. `undefined`: the plugin has nothing to say about this pod;
   * a text: no node will do, whichever there are.
   */
  prepare(pod: PodInfo, cluster: Cluster): NodeCheck | string | undefined;
}

/** Says how well nodes suit a pod. */
export interface ScorePlugin {
  readonly name: string;
  readonly weight: number;
  /**
   * A score between 0 and {@link MAX_SCORE} for each of `nodes`, which have passed all filters, made comparable already; `undefined`: it has no
   * preference for this pod.
   */
  score(pod: PodInfo, nodes: readonly NodeInfo[], cluster: Cluster): readonly number[] | undefined;
}

/** Scales so that the best is {@link MAX_SCORE}. Source: helper.DefaultNormalizeScore v1.36. */
export function normalizeByMax(scores: readonly number[], reverse: boolean): number[] {
  let max = 0;
  for (const score of scores) if (score > max) max = score;
  if (max === 0) return scores.map(() => (reverse ? MAX_SCORE : 0));
  return scores.map((score) => {
    const scaled = Math.floor((score * MAX_SCORE) / max);
    return reverse ? MAX_SCORE - scaled : scaled;
  });
}
