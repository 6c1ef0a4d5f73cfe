import type { Pod } from '#api';
import { type Cluster, EVENT, type FilterPlugin, MAX_SCORE, type NodeCheck, type ScorePlugin } from '../framework.ts';
import type { AffinityTerm, NodeInfo, PodInfo } from '../nodeinfo.ts';

/** Source of the texts and rules: plugins/interpodaffinity v1.36. */
const NOT_NEAR = { reasons: ["node(s) didn't match pod affinity rules"], resolvable: false };
const TOO_NEAR = { reasons: ["node(s) didn't match pod anti-affinity rules"], resolvable: true };
const KEPT_AWAY = { reasons: ["node(s) didn't satisfy existing pods anti-affinity rules"], resolvable: true };
/** What a required affinity of a pod that runs counts as when others are placed. Source: default of HardPodAffinityWeight. */
const HARD_WEIGHT = 1;

/** Pods near other pods and away from others, both as they ask and as pods that run already ask of them. */
export const interPodAffinity: FilterPlugin & ScorePlugin = {
  name: 'InterPodAffinity',
  weight: 2,
  wakeOn: EVENT.podAdd | EVENT.podLabels | EVENT.podDelete | EVENT.nodeAdd | EVENT.nodeLabels,
  prepare(incoming, cluster) {
    const { required = [], requiredAnti = [] } = incoming.affinity ?? {};
    const keptAway = topologiesKeptAway(incoming.pod, cluster);
    if (required.length === 0 && requiredAnti.length === 0 && keptAway.size === 0) return undefined;
    return nearAndAway(incoming.pod, required, requiredAnti, keptAway, cluster);
  },
  score(incoming, nodes, cluster) {
    const points = preferences(incoming, cluster);
    return points.size === 0 ? undefined : normalizeByRange(nodes.map((node) => sumOver(points, node)));
  },
};

/** Topology key → value → number. */
type Topologies = Map<string, Map<string, number>>;

function addTo(topologies: Topologies, { topologyKey }: AffinityTerm, { node }: NodeInfo, amount: number): void {
  const value = node.metadata.labels?.[topologyKey];
  if (value === undefined) return;
  const values = topologies.get(topologyKey) ?? new Map<string, number>();
  topologies.set(topologyKey, values.set(value, (values.get(value) ?? 0) + amount));
}

/** What stands under the node's own value of a topology. */
function at(values: ReadonlyMap<string, number> | undefined, key: string, { node }: NodeInfo): number | undefined {
  const value = node.metadata.labels?.[key];
  return value === undefined ? undefined : values?.get(value);
}

const isIn = (topologies: Topologies, { topologyKey }: AffinityTerm, node: NodeInfo): boolean =>
  at(topologies.get(topologyKey), topologyKey, node) !== undefined;

/** Whether the term means this pod. */
function meets({ namespaces, namespaceSelector, selector }: AffinityTerm, pod: Pod, cluster: Cluster): boolean {
  const { namespace = '', labels } = pod.metadata;
  return (
    selector.matches(labels) &&
    (namespaces.has(namespace) || namespaceSelector?.matches(cluster.namespaceLabels(namespace)) === true)
  );
}

/** How many pods of the node all the terms mean. */
function countMeant(terms: readonly AffinityTerm[], node: NodeInfo, cluster: Cluster): number {
  // Labels of namespaces may change without a word to the node.
  const lasting = terms.every(({ namespaceSelector }) => namespaceSelector === undefined || namespaceSelector.empty);
  const key = lasting ? `affinity ${terms.map((term) => term.key).join(' ')}` : undefined;
  return node.countMatching(key, (pod) => terms.every((term) => meets(term, pod, cluster)));
}

/** Where pods are that do not want this one near them. */
function topologiesKeptAway(pod: Pod, cluster: Cluster): Topologies {
  const found: Topologies = new Map();
  for (const node of cluster.nodes)
    for (const { term, anti } of node.terms.values())
      if (anti > 0 && meets(term, pod, cluster)) addTo(found, term, node, anti);
  return found;
}

function nearAndAway(
  pod: Pod,
  required: readonly AffinityTerm[],
  requiredAnti: readonly AffinityTerm[],
  keptAway: Topologies,
  cluster: Cluster,
): NodeCheck {
  const near: Topologies = new Map();
  const away: Topologies = new Map();
  const sum = (to: Topologies, meant: readonly AffinityTerm[], node: NodeInfo): void => {
    const count = countMeant(meant, node, cluster);
    if (count > 0) for (const term of meant) addTo(to, term, node, count);
  };
  for (const node of cluster.nodes) {
    if (required.length > 0) sum(near, required, node);
    for (const term of requiredAnti) sum(away, [term], node);
  }
  // The first of pods that want to be near each other may go anywhere, or none ever could.
  const first = near.size === 0 && required.every((term) => meets(term, pod, cluster));
  return {
    check(node) {
      const { labels = {} } = node.node.metadata;
      if (required.some(({ topologyKey }) => labels[topologyKey] === undefined)) return NOT_NEAR;
      if (!first && !required.every((term) => isIn(near, term, node))) return NOT_NEAR;
      if (requiredAnti.some((term) => isIn(away, term, node))) return TOO_NEAR;
      for (const [key, values] of keptAway) if (at(values, key, node) !== undefined) return KEPT_AWAY;
      return undefined;
    },
  };
}

/** What the pods that run, and the pod itself, give each topology. */
function preferences({ pod, affinity }: PodInfo, cluster: Cluster): Topologies {
  const points: Topologies = new Map();
  for (const node of cluster.nodes) {
    for (const { weight, term } of affinity?.preferred ?? []) {
      const count = countMeant([term], node, cluster);
      if (count > 0) addTo(points, term, node, weight * count);
    }
    for (const { term, required, preference } of node.terms.values()) {
      const weight = required * HARD_WEIGHT + preference;
      if (weight !== 0 && meets(term, pod, cluster)) addTo(points, term, node, weight);
    }
  }
  return points;
}

function sumOver(points: Topologies, node: NodeInfo): number {
  let sum = 0;
  for (const [key, values] of points) sum += at(values, key, node) ?? 0;
  return sum;
}

/** From the worst, 0, to the best, {@link MAX_SCORE}. */
function normalizeByRange(scores: readonly number[]): number[] {
  let [min, max] = [Infinity, -Infinity];
  for (const score of scores) {
    if (score < min) min = score;
    if (score > max) max = score;
  }
  return scores.map((score) => (max === min ? 0 : Math.floor(MAX_SCORE * ((score - min) / (max - min)))));
}
