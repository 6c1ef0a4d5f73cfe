import type { FilterPlugin } from '../framework.ts';
import { type HostPort, podInfo } from '../nodeinfo.ts';

/** Source: plugins/nodeports v1.36. */
const REASON = "node(s) didn't have free ports for the requested pod ports";
const ANY = '0.0.0.0';

/** Two pods of a node cannot have the same host port. */
export const nodePorts: FilterPlugin = {
  name: 'NodePorts',
  filter(pod, { pods }) {
    const wanted = podInfo(pod).hostPorts;
    if (wanted.length === 0) return undefined;
    for (const { hostPorts } of pods.values())
      if (hostPorts.some((used) => wanted.some((port) => clash(used, port))))
        return { reasons: [REASON], resolvable: true };
    return undefined;
  },
};

function clash(a: HostPort, b: HostPort): boolean {
  const ipA = a.ip === '' ? ANY : a.ip;
  const ipB = b.ip === '' ? ANY : b.ip;
  return a.port === b.port && a.protocol === b.protocol && (ipA === ipB || ipA === ANY || ipB === ANY);
}
