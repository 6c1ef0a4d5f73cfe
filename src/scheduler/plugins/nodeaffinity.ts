import type { Node, NodeSelectorRequirement, NodeSelectorTerm } from '#api';
import { type FilterPlugin, normalizeByMax, type ScorePlugin } from '../framework.ts';

/** Source: plugins/nodeaffinity v1.36. */
const REASON = "node(s) didn't match Pod's node affinity/selector";

/** `nodeSelector` and node affinity: required terms filter, preferred ones score. */
export const nodeAffinity: FilterPlugin & ScorePlugin = {
  name: 'NodeAffinity',
  weight: 2,
  filter(pod, { node }) {
    const labels = node.metadata.labels ?? {};
    const selected = Object.entries(pod.spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value);
    const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
    const matched = terms === undefined || terms.some((term) => matchesTerm(term, node));
    return selected && matched ? undefined : { reasons: [REASON], resolvable: false };
  },
  score(pod, { node }) {
    const preferred = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    return preferred
      .filter(({ weight, preference }) => weight !== 0 && matchesTerm(preference, node))
      .reduce((sum, { weight }) => sum + weight, 0);
  },
  normalize: (scores) => normalizeByMax(scores, false),
};

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
      return isInteger(value) && isInteger(values[0]) && Number(value) > Number(values[0]);
    case 'Lt':
      return isInteger(value) && isInteger(values[0]) && Number(value) < Number(values[0]);
    default:
      return false;
  }
}

const isInteger = (text: string | undefined): boolean => text !== undefined && /^-?\d+$/.test(text);
