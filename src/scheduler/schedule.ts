import type { Pod } from '#api';
import type { FilterPlugin, Rejection, ScorePlugin } from './framework.ts';
import type { NodeInfo } from './nodeinfo.ts';
import { nodeAffinity } from './plugins/nodeaffinity.ts';
import { nodeName } from './plugins/nodename.ts';
import { nodePorts } from './plugins/nodeports.ts';
import { nodeResourcesBalancedAllocation, nodeResourcesFit } from './plugins/noderesources.ts';
import { nodeUnschedulable } from './plugins/nodeunschedulable.ts';
import { taintToleration } from './plugins/tainttoleration.ts';

/** In the order of upstream's default profile (apis/config/v1/default_plugins.go v1.36): the first that rejects gives the reason. */
const FILTERS: readonly FilterPlugin[] = [
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
];
const SCORES: readonly ScorePlugin[] = [
  taintToleration,
  nodeAffinity,
  nodeResourcesFit,
  nodeResourcesBalancedAllocation,
];

export type Decision = { readonly nodeName: string } | { readonly nodeName?: undefined; readonly message: string };

/** Where a pod should run: a pure function of the pod, the nodes and one random number in [0,1) for ties. */
export function schedule(pod: Pod, nodes: readonly NodeInfo[], random: number): Decision {
  // Source: ErrNoNodesAvailable v1.36.
  if (nodes.length === 0) return { message: 'no nodes available to schedule pods' };
  const feasible: NodeInfo[] = [];
  const rejections: Rejection[] = [];
  for (const node of nodes) {
    const rejection = filter(pod, node);
    if (rejection === undefined) feasible.push(node);
    else rejections.push(rejection);
  }
  if (feasible.length === 0) return { message: failure(pod, nodes, rejections) };
  return { nodeName: best(pod, feasible, random).node.metadata.name };
}

function filter(pod: Pod, node: NodeInfo): Rejection | undefined {
  for (const plugin of FILTERS) {
    const rejection = plugin.filter(pod, node);
    if (rejection !== undefined) return rejection;
  }
  return undefined;
}

function best(pod: Pod, nodes: readonly NodeInfo[], random: number): NodeInfo {
  if (nodes.length === 1) return nodes[0]!;
  const totals = nodes.map(() => 0);
  for (const plugin of SCORES) {
    const raw = nodes.map((node) => plugin.score(pod, node));
    const scores = plugin.normalize?.(raw) ?? raw;
    for (const [i, score] of scores.entries()) totals[i] = totals[i]! + score * plugin.weight;
  }
  const top = Math.max(...totals);
  const ties = nodes.filter((_, i) => totals[i] === top);
  return ties[Math.floor(random * ties.length)]!;
}

/** `0/3 nodes are available: 1 Insufficient cpu, …`. Source: FitError.Error of framework/types.go v1.36. */
function failure(pod: Pod, nodes: readonly NodeInfo[], rejections: readonly Rejection[]): string {
  const head = `0/${nodes.length} nodes are available: `;
  const text = `${head}${counted(rejections.flatMap((r) => r.reasons))}.`;
  // What preemption finds is said only where it is known: pods of lower priority would have to be weighed against each other.
  const priority = pod.spec.priority ?? 0;
  const victims = nodes.some((node) => [...node.pods.values()].some((p) => (p.pod.spec.priority ?? 0) < priority));
  if (victims || pod.spec.preemptionPolicy === 'Never') return text;
  const found = rejections.map(({ resolvable }) =>
    resolvable ? 'No preemption victims found for incoming pod' : 'Preemption is not helpful for scheduling',
  );
  return `${text} preemption: ${head}${counted(found)}.`;
}

function counted(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .toSorted()
    .join(', ');
}
