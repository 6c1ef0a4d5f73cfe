import { EVENT, type FilterPlugin, MAX_SCORE, type Rejection, type ScorePlugin } from '../framework.ts';
import type { NodeInfo, PodInfo } from '../nodeinfo.ts';

/** What the pod requests must be left on the node; of nodes where it is, the emptier one is better. Source: plugins/noderesources/fit.go v1.36. */
export const nodeResourcesFit: FilterPlugin & ScorePlugin = {
  name: 'NodeResourcesFit',
  weight: 1,
  wakeOn: EVENT.nodeAdd | EVENT.nodeAllocatable | EVENT.podDelete | EVENT.podScaleDown,
  prepare(pod) {
    const wanted = Object.entries(pod.requests).filter(([, amount]) => amount > 0);
    return { check: (node) => insufficient(wanted, node) };
  },
  score: (pod, nodes) => nodes.map((node) => leastAllocated(pod, node)),
};

function insufficient(wanted: readonly (readonly [string, number])[], node: NodeInfo): Rejection | undefined {
  let reasons: string[] | undefined;
  let resolvable = true;
  // A node that does not say how many pods it takes, takes none.
  if (node.pods.size + 1 > (node.allocatable['pods'] ?? 0)) reasons = ['Too many pods'];
  for (const [name, amount] of wanted) {
    const allocatable = node.allocatable[name] ?? 0;
    if (amount <= allocatable - (node.requested[name] ?? 0)) continue;
    (reasons ??= []).push(`Insufficient ${name}`);
    if (amount > allocatable) resolvable = false;
  }
  return reasons === undefined ? undefined : { reasons, resolvable };
}

/** How empty the node stays: the mean over cpu and memory. Source: plugins/noderesources/least_allocated.go v1.36. */
function leastAllocated({ nonZero: own }: PodInfo, { allocatable, nonZero: used }: NodeInfo): number {
  let sum = 0;
  let count = 0;
  for (const name of ['cpu', 'memory'] as const) {
    const capacity = allocatable[name] ?? 0;
    if (capacity === 0) continue;
    const free = capacity - used[name] - own[name];
    if (free > 0) sum += Math.floor((free * MAX_SCORE) / capacity);
    count++;
  }
  return count === 0 ? 0 : Math.floor(sum / count);
}

/**
 * Nodes whose use of cpu and memory the pod makes more alike are better: 75 when it changes nothing. A pod that asks for neither has no preference.
 * Source: plugins/noderesources/balanced_allocation.go v1.36.
 */
export const nodeResourcesBalancedAllocation: ScorePlugin = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  score({ requests }, nodes) {
    const { cpu = 0, memory = 0 } = requests;
    if (cpu === 0 && memory === 0) return undefined;
    return nodes.map((node) => {
      const change = balance(node, cpu, memory) - balance(node, 0, 0);
      return MAX_SCORE / 2 + Math.floor((MAX_SCORE / 2 + change) / 2);
    });
  },
};

/** {@link MAX_SCORE} when cpu and memory are used alike, half of it when one is used up and the other is free. */
function balance({ allocatable, requested }: NodeInfo, moreCpu: number, moreMemory: number): number {
  const { cpu = 0, memory = 0 } = allocatable;
  if (cpu === 0 || memory === 0) return MAX_SCORE;
  const cpuShare = Math.min(1, ((requested['cpu'] ?? 0) + moreCpu) / cpu);
  const memoryShare = Math.min(1, ((requested['memory'] ?? 0) + moreMemory) / memory);
  return Math.floor((1 - Math.abs((cpuShare - memoryShare) / 2)) * MAX_SCORE);
}
