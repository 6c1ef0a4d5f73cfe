import { type FilterPlugin, MAX_SCORE, type ScorePlugin } from '../framework.ts';
import { type NodeInfo, podInfo } from '../nodeinfo.ts';

/** Pods a node takes when it does not say. */
const DEFAULT_PODS = 110;

/** What the pod requests must be left on the node; of nodes where it is, the emptier one is better. Source: plugins/noderesources/fit.go v1.36. */
export const nodeResourcesFit: FilterPlugin & ScorePlugin = {
  name: 'NodeResourcesFit',
  weight: 1,
  filter(pod, node) {
    const reasons: string[] = [];
    let resolvable = true;
    if (node.pods.size + 1 > (node.allocatable['pods'] ?? DEFAULT_PODS)) reasons.push('Too many pods');
    for (const [name, amount] of Object.entries(podInfo(pod).requests)) {
      if (amount === 0) continue;
      const allocatable = node.allocatable[name] ?? 0;
      if (amount <= allocatable - (node.requested[name] ?? 0)) continue;
      reasons.push(`Insufficient ${name}`);
      if (amount > allocatable) resolvable = false;
    }
    return reasons.length === 0 ? undefined : { reasons, resolvable };
  },
  // LeastAllocated over cpu and memory, each of weight 1.
  score(pod, node) {
    const [cpu, memory] = fractions(pod, node);
    const free = (fraction: number): number => Math.floor(Math.max(0, 1 - fraction) * MAX_SCORE);
    return Math.floor((free(cpu) + free(memory)) / 2);
  },
};

/** Nodes whose cpu and memory would be used alike are better. Source: plugins/noderesources/balanced_allocation.go v1.36. */
export const nodeResourcesBalancedAllocation: ScorePlugin = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  score(pod, node) {
    const [cpu, memory] = fractions(pod, node);
    const deviation = Math.abs(Math.min(cpu, 1) - Math.min(memory, 1)) / 2;
    return Math.floor((1 - deviation) * MAX_SCORE);
  },
};

/** Shares of cpu and memory in use with the pod on the node. */
function fractions(pod: Parameters<ScorePlugin['score']>[0], { allocatable, nonZero }: NodeInfo): [number, number] {
  const own = podInfo(pod).nonZero;
  const share = (used: number, of: number | undefined): number => (of === undefined || of === 0 ? 1 : used / of);
  return [share(nonZero.cpu + own.cpu, allocatable['cpu']), share(nonZero.memory + own.memory, allocatable['memory'])];
}
