import { toleratesTaint } from '#api';
import { type FilterPlugin, normalizeByMax, type ScorePlugin } from '../framework.ts';

/** Which taint it was is in the node, not in the message, since v1.34. Source: plugins/tainttoleration v1.36. */
const REASON = 'node(s) had untolerated taint(s)';

/** Pods stay off nodes whose NoSchedule and NoExecute taints they do not tolerate, and rather off those with PreferNoSchedule. */
export const taintToleration: FilterPlugin & ScorePlugin = {
  name: 'TaintToleration',
  weight: 3,
  filter(pod, { node }) {
    const tolerations = pod.spec.tolerations ?? [];
    const repelled = (node.spec.taints ?? []).some(
      (taint) =>
        (taint.effect === 'NoSchedule' || taint.effect === 'NoExecute') &&
        !tolerations.some((t) => toleratesTaint(t, taint)),
    );
    return repelled ? { reasons: [REASON], resolvable: false } : undefined;
  },
  score(pod, { node }) {
    const tolerations = (pod.spec.tolerations ?? []).filter(
      (t) => (t.effect ?? '') === '' || t.effect === 'PreferNoSchedule',
    );
    return (node.spec.taints ?? []).filter(
      (taint) => taint.effect === 'PreferNoSchedule' && !tolerations.some((t) => toleratesTaint(t, taint)),
    ).length;
  },
  normalize: (scores) => normalizeByMax(scores, true),
};
