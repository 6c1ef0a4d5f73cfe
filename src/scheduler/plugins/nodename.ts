import type { FilterPlugin } from '../framework.ts';

/** Source: plugins/nodename v1.36. */
const REASON = "node(s) didn't match the requested node name";

export const nodeName: FilterPlugin = {
  name: 'NodeName',
  filter: (pod, { node }) =>
    (pod.spec.nodeName ?? '') === '' || pod.spec.nodeName === node.metadata.name
      ? undefined
      : { reasons: [REASON], resolvable: false },
};
