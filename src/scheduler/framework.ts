import type { Pod } from '#api';
import type { NodeInfo } from './nodeinfo.ts';

/** Scores lie between 0 and this. Source: framework.MaxNodeScore v1.36. */
export const MAX_SCORE = 100;

/**
 * Why a node will not do. `resolvable`: taking pods off the node would help, which is what preemption asks.
 * Source: framework.Unschedulable and UnschedulableAndUnresolvable v1.36.
 */
export interface Rejection {
  readonly reasons: readonly string[];
  readonly resolvable: boolean;
}

/** Says whether a pod may run on a node: a pure function of both. */
export interface FilterPlugin {
  readonly name: string;
  filter(pod: Pod, node: NodeInfo): Rejection | undefined;
}

/** Says how well a node suits a pod; scores of all nodes are made comparable by `normalize`, if there is one. */
export interface ScorePlugin {
  readonly name: string;
  readonly weight: number;
  score(pod: Pod, node: NodeInfo): number;
  /** Default: the scores are between 0 and {@link MAX_SCORE} already. */
  normalize?(scores: readonly number[]): readonly number[];
}

/** Scales so that the best is {@link MAX_SCORE}. Source: helper.DefaultNormalizeScore v1.36. */
export function normalizeByMax(scores: readonly number[], reverse: boolean): number[] {
  const max = Math.max(0, ...scores);
  if (max === 0) return scores.map(() => (reverse ? MAX_SCORE : 0));
  return scores.map((score) => {
    const scaled = Math.floor((score * MAX_SCORE) / max);
    return reverse ? MAX_SCORE - scaled : scaled;
  });
}
