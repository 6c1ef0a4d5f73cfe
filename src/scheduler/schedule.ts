import type { Cluster, FilterPlugin, NodeCheck, Rejection, ScorePlugin } from './framework.ts';
import type { NodeInfo, PodInfo } from './nodeinfo.ts';
import { imageLocality } from './plugins/imagelocality.ts';
import { interPodAffinity } from './plugins/interpodaffinity.ts';
import { nodeAffinity } from './plugins/nodeaffinity.ts';
import { nodeName } from './plugins/nodename.ts';
import { nodePorts } from './plugins/nodeports.ts';
import { nodeResourcesBalancedAllocation, nodeResourcesFit } from './plugins/noderesources.ts';
import { nodeUnschedulable } from './plugins/nodeunschedulable.ts';
import { podTopologySpread } from './plugins/podtopologyspread.ts';
import { taintToleration } from './plugins/tainttoleration.ts';
import { EVENT } from './framework.ts';

/** In the order of upstream's default profile (apis/config/v1/default_plugins.go v1.36): the first that rejects gives the reason. */
const FILTERS: readonly FilterPlugin[] = [
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
  podTopologySpread,
  interPodAffinity,
];
const SCORES: readonly ScorePlugin[] = [
  taintToleration,
  nodeAffinity,
  nodeResourcesFit,
  podTopologySpread,
  interPodAffinity,
  nodeResourcesBalancedAllocation,
  imageLocality,
];

const NOT_HELPFUL = 'Preemption is not helpful for scheduling';
const NO_VICTIMS = 'No preemption victims found for incoming pod';

export type Decision =
  | { readonly nodeName: string }
  /** `wakeOn`: the {@link EVENT}s after which another try makes sense. */
  | { readonly nodeName?: undefined; readonly message: string; readonly wakeOn: number };

/** Where a pod should run: a pure function of the pod, the cluster and one random number in [0,1) for ties. */
export function schedule(pod: PodInfo, cluster: Cluster, random: number): Decision {
  const { nodes } = cluster;
  // Source: ErrNoNodesAvailable v1.36.
  if (nodes.length === 0) return { message: 'no nodes available to schedule pods', wakeOn: EVENT.nodeAdd };
  const plan = prepare(pod, cluster);
  if (plan.hopeless !== undefined) {
    const message = `${none(nodes.length)} ${plan.hopeless}.${preemption(pod, cluster, new Map())}`;
    return { message, wakeOn: plan.wakeOn };
  }
  const feasible: NodeInfo[] = [];
  const rejections = new Map<NodeInfo, Rejection>();
  let { wakeOn } = plan;
  for (const node of nodes) {
    const found = filter(plan, node);
    if (found === undefined) feasible.push(node);
    else {
      rejections.set(node, found.rejection);
      wakeOn |= found.wakeOn;
    }
  }
  if (feasible.length > 0) return { nodeName: best(pod, feasible, cluster, random).node.metadata.name };
  const reasons = counted([...rejections.values()].flatMap((rejection) => rejection.reasons));
  return { message: `${none(nodes.length)} ${reasons}.${preemption(pod, cluster, rejections)}`, wakeOn };
}

interface Plan {
  readonly checks: readonly { readonly plugin: FilterPlugin; readonly check: NodeCheck['check'] }[];
  /** Nodes that come into question, and why the others do not. */
  readonly only?: { readonly names: ReadonlySet<string>; readonly rejection: Rejection } | undefined;
  /** No node will do, for this reason. */
  readonly hopeless?: string | undefined;
  /** Of the plugins that rejected nodes before any was looked at. */
  readonly wakeOn: number;
}

/** Asks each plugin what it has against the pod. */
function prepare(pod: PodInfo, cluster: Cluster): Plan {
  const checks: { plugin: FilterPlugin; check: NodeCheck['check'] }[] = [];
  const restricting: FilterPlugin[] = [];
  let names: ReadonlySet<string> | undefined;
  let wakeOn = 0;
  for (const plugin of FILTERS) {
    const prepared = plugin.prepare(pod, cluster);
    if (prepared === undefined) continue;
    if (typeof prepared === 'string') return { checks, hopeless: prepared, wakeOn: plugin.wakeOn };
    checks.push({ plugin, check: prepared.check });
    if (prepared.nodeNames === undefined) continue;
    names = names?.intersection(prepared.nodeNames) ?? prepared.nodeNames;
    restricting.push(plugin);
    wakeOn |= plugin.wakeOn;
  }
  if (names === undefined) return { checks, wakeOn };
  const plugins = restricting.map(({ name }) => name).toSorted();
  const reason = `node(s) didn't satisfy plugin(s) [${plugins.join(' ')}]`;
  return { checks, only: { names, rejection: { reasons: [reason], resolvable: false } }, wakeOn };
}

function filter({ checks, only }: Plan, node: NodeInfo): { rejection: Rejection; wakeOn: number } | undefined {
  if (only !== undefined && !only.names.has(node.node.metadata.name)) return { rejection: only.rejection, wakeOn: 0 };
  for (const { plugin, check } of checks) {
    const rejection = check(node);
    if (rejection !== undefined) return { rejection, wakeOn: plugin.wakeOn };
  }
  return undefined;
}

function best(pod: PodInfo, nodes: readonly NodeInfo[], cluster: Cluster, random: number): NodeInfo {
  if (nodes.length === 1) return nodes[0]!;
  const totals = nodes.map(() => 0);
  for (const plugin of SCORES) {
    const scores = plugin.score(pod, nodes, cluster);
    if (scores === undefined) continue;
    for (let i = 0; i < totals.length; i++) totals[i]! += scores[i]! * plugin.weight;
  }
  let top = -Infinity;
  let ties: NodeInfo[] = [];
  for (let i = 0; i < totals.length; i++) {
    if (totals[i]! < top) continue;
    if (totals[i]! > top) ties = [];
    top = totals[i]!;
    ties.push(nodes[i]!);
  }
  return ties[Math.floor(random * ties.length)]!;
}

/** The start of `0/3 nodes are available: 1 Insufficient cpu, …`. Source of it all: FitError.Error of framework/types.go v1.36. */
const none = (count: number): string => `0/${count} nodes are available:`;

/**
 * What preemption would find, as upstream says it when it finds nothing. Nothing is evicted here; where evicting would help, nothing is said, as
 * upstream says nothing then. Source: plugins/defaultpreemption, framework/preemption v1.36.
 */
function preemption(pod: PodInfo, cluster: Cluster, rejections: ReadonlyMap<NodeInfo, Rejection>): string {
  if (pod.pod.spec.preemptionPolicy === 'Never') return ' preemption: not eligible due to preemptionPolicy=Never.';
  const found: string[] = [];
  for (const node of cluster.nodes) {
    if (rejections.get(node)?.resolvable !== true) {
      found.push(NOT_HELPFUL);
      continue;
    }
    const reasons = withoutVictims(pod, node, cluster);
    if (reasons === undefined) return '';
    found.push(...reasons);
  }
  return ` preemption: ${none(cluster.nodes.length)} ${counted(found)}.`;
}

/** Why the node would not do even without its pods of lower priority; `undefined` if it would. */
function withoutVictims(pod: PodInfo, node: NodeInfo, cluster: Cluster): readonly string[] | undefined {
  if (node.lowestPriority >= pod.priority) return [NO_VICTIMS];
  const rest = node.filtered(({ priority }) => priority >= pod.priority);
  const nodes = cluster.nodes.map((other) => (other === node ? rest : other));
  const view: Cluster = {
    nodes,
    nodesWithImage: (name) => cluster.nodesWithImage(name),
    defaultSelector: (of) => cluster.defaultSelector(of),
    namespaceLabels: (name) => cluster.namespaceLabels(name),
  };
  return filter(prepare(pod, view), rest)?.rejection.reasons;
}

function counted(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .toSorted()
    .join(', ');
}
