import { toleratesTaint } from '#api';
import { EVENT, type FilterPlugin } from '../framework.ts';

/** Source: plugins/nodeunschedulable v1.36. */
const REJECTION = { reasons: ['node(s) were unschedulable'], resolvable: false };
const TAINT = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** A cordoned node takes no pods but those that tolerate it. */
export const nodeUnschedulable: FilterPlugin = {
  name: 'NodeUnschedulable',
  wakeOn: EVENT.nodeAdd | EVENT.nodeTaints,
  prepare: ({ pod }) =>
    (pod.spec.tolerations ?? []).some((toleration) => toleratesTaint(toleration, TAINT))
      ? undefined
      : { check: ({ node }) => (node.spec.unschedulable === true ? REJECTION : undefined) },
};
