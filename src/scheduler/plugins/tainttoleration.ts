import { type Taint, toleratesTaint, type Toleration, untoleratedTaint } from '#api';
import { EVENT, type FilterPlugin, normalizeByMax, type ScorePlugin } from '../framework.ts';

/** Which taint it was does not stand in the message since v1.35. Source: plugins/tainttoleration v1.36. */
const REJECTION = { reasons: ['node(s) had untolerated taint(s)'], resolvable: false };
const KEEP_OFF = ['NoSchedule', 'NoExecute'];

/** Pods stay off nodes whose NoSchedule and NoExecute taints they do not tolerate, and rather off those with PreferNoSchedule. */
export const taintToleration: FilterPlugin & ScorePlugin = {
  name: 'TaintToleration',
  weight: 3,
  wakeOn: EVENT.nodeAdd | EVENT.nodeTaints,
  prepare: ({ pod }) => ({
    check: ({ node }) =>
      untoleratedTaint(node.spec.taints, pod.spec.tolerations, KEEP_OFF) === undefined ? undefined : REJECTION,
  }),
  score({ pod }, nodes) {
    const tolerations = (pod.spec.tolerations ?? []).filter(
      (t) => (t.effect ?? '') === '' || t.effect === 'PreferNoSchedule',
    );
    return normalizeByMax(
      nodes.map(({ node }) => countUntolerated(node.spec.taints, tolerations)),
      true,
    );
  },
};

function countUntolerated(taints: readonly Taint[] = [], tolerations: readonly Toleration[]): number {
  let count = 0;
  for (const taint of taints)
    if (taint.effect === 'PreferNoSchedule' && !tolerations.some((t) => toleratesTaint(t, taint))) count++;
  return count;
}
