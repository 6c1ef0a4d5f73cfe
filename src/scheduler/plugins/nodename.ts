import { EVENT, type FilterPlugin } from '../framework.ts';

/** Source: plugins/nodename v1.36. */
const REJECTION = { reasons: ["node(s) didn't match the requested node name"], resolvable: false };

export const nodeName: FilterPlugin = {
  name: 'NodeName',
  wakeOn: EVENT.nodeAdd,
  prepare({ pod }) {
    const wanted = pod.spec.nodeName ?? '';
    return wanted === '' ? undefined : { check: ({ node }) => (node.metadata.name === wanted ? undefined : REJECTION) };
  },
};
