import { toleratesTaint } from '#api';
import type { FilterPlugin } from '../framework.ts';

/** Source: plugins/nodeunschedulable v1.36. */
const REASON = 'node(s) were unschedulable';
const TAINT = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** A cordoned node takes no pods but those that tolerate it. */
export const nodeUnschedulable: FilterPlugin = {
  name: 'NodeUnschedulable',
  filter(pod, { node }) {
    if (node.spec.unschedulable !== true) return undefined;
    const tolerated = (pod.spec.tolerations ?? []).some((t) => toleratesTaint(t, TAINT));
    return tolerated ? undefined : { reasons: [REASON], resolvable: false };
  },
};
