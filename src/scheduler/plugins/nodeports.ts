import { EVENT, type FilterPlugin } from '../framework.ts';
import type { HostPort, NodeInfo } from '../nodeinfo.ts';

/** Source: plugins/nodeports v1.36. */
const REJECTION = { reasons: ["node(s) didn't have free ports for the requested pod ports"], resolvable: true };
const ANY = '0.0.0.0';

/** Two pods of a node cannot have the same host port. */
export const nodePorts: FilterPlugin = {
  name: 'NodePorts',
  wakeOn: EVENT.nodeAdd | EVENT.podDelete,
  prepare: ({ hostPorts }) =>
    hostPorts.length === 0 ? undefined : { check: (node) => (isTaken(node, hostPorts) ? REJECTION : undefined) },
};

function isTaken({ pods }: NodeInfo, wanted: readonly HostPort[]): boolean {
  for (const { hostPorts } of pods.values())
    if (hostPorts.some((used) => wanted.some((port) => clash(used, port)))) return true;
  return false;
}

/** Source: HostPortInfo.CheckConflict of kube-scheduler/framework v1.36. */
function clash(a: HostPort, b: HostPort): boolean {
  const ipA = a.ip === '' ? ANY : a.ip;
  const ipB = b.ip === '' ? ANY : b.ip;
  return a.port === b.port && a.protocol === b.protocol && (ipA === ipB || ipA === ANY || ipB === ANY);
}
