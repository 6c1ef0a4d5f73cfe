import type { Node, NodeSelectorRequirement, NodeSelectorTerm, Pod } from '#api';
import { EVENT, type FilterPlugin, normalizeByMax, type ScorePlugin } from '../framework.ts';

/** Source of the texts: plugins/nodeaffinity v1.36. */
const REJECTION = { reasons: ["node(s) didn't match Pod's node affinity/selector"], resolvable: false };
const CONFLICT = 'pod affinity terms conflict';

/** `nodeSelector` and node affinity: required terms filter, preferred ones score. */
export const nodeAffinity: FilterPlugin & ScorePlugin = {
  name: 'NodeAffinity',
  weight: 2,
  wakeOn: EVENT.nodeAdd | EVENT.nodeLabels,
  prepare({ pod }) {
    const required = requiredNodeAffinity(pod);
    if (required === undefined) return undefined;
    const nodeNames = onlyNodes(requiredTerms(pod) ?? []);
    if (nodeNames?.size === 0) return CONFLICT;
    return {
      ...(nodeNames === undefined ? {} : { nodeNames }),
      check: ({ node }) => (required(node) ? undefined : REJECTION),
    };
  },
  score({ pod }, nodes) {
    const preferred = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    if (preferred.length === 0) return undefined;
    return normalizeByMax(
      nodes.map(({ node }) =>
        preferred.reduce((sum, { weight, preference }) => sum + (matchesTerm(preference, node) ? weight : 0), 0),
      ),
      false,
    );
  },
};

const requiredTerms = ({ spec }: Pod): readonly NodeSelectorTerm[] | undefined =>
  spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;

/** Whether a node satisfies the pod's `nodeSelector` and required node affinity; `undefined` when it has neither. */
export function requiredNodeAffinity(pod: Pod): ((node: Node) => boolean) | undefined {
  const selector = Object.entries(pod.spec.nodeSelector ?? {});
  const terms = requiredTerms(pod);
  if (selector.length === 0 && terms === undefined) return undefined;
  return (node) => {
    const labels = node.metadata.labels ?? {};
    for (const [key, value] of selector) if (labels[key] !== value) return false;
    return terms === undefined || terms.some((term) => matchesTerm(term, node));
  };
}

/** The nodes that the terms name, when each of them names some: what pods of a DaemonSet do. */
function onlyNodes(terms: readonly NodeSelectorTerm[]): Set<string> | undefined {
  if (terms.length === 0) return undefined;
  const names = new Set<string>();
  for (const { matchFields = [] } of terms) {
    const lists = matchFields
      .filter((r) => r.key === 'metadata.name' && r.operator === 'In')
      .map((r) => r.values ?? []);
    const [first, ...others] = lists;
    if (first === undefined) return undefined;
    for (const name of first) if (others.every((list) => list.includes(name))) names.add(name);
  }
  return names;
}

/** A term without requirements matches nothing. Source: component-helpers scheduling/corev1/nodeaffinity v1.36. */
function matchesTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: Node): boolean {
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  const labels = node.metadata.labels ?? {};
  return (
    matchExpressions.every((r) => matches(r, labels[r.key])) &&
    matchFields.every((r) => r.key === 'metadata.name' && matches(r, node.metadata.name))
  );
}

function matches({ operator, values = [] }: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
    case 'Lt': {
      const [actual, bound] = [integer(value), integer(values[0])];
      if (actual === undefined || bound === undefined) return false;
      return operator === 'Gt' ? actual > bound : actual < bound;
    }
    default:
      return false;
  }
}

/** Exact: numbers in labels may be larger than a double holds. */
const integer = (text: string | undefined): bigint | undefined =>
  text !== undefined && /^-?\d{1,19}$/.test(text) ? BigInt(text) : undefined;
