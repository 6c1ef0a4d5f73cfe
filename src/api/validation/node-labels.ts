/** Labels of nodes that have been replaced, which is worth a warning. Source: pkg/api/node/util.go v1.36. */
import { child, index } from '../field-error.ts';
import type { NodeSelectorTerm, TopologySelectorTerm } from '../generated/core.v1.ts';
import type { LabelSelector } from '../generated/meta.v1.ts';
import { own } from './equal.ts';
import { isLabelValue } from './names.ts';

const DEPRECATED: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
};

/** What to say of a label; undefined when there is nothing. */
export const deprecatedNodeLabel = (key: string | undefined): string | undefined => own(DEPRECATED, key ?? '');

const keyWarnings = (key: string | undefined, path: string): string[] => {
  const message = deprecatedNodeLabel(key);
  return message === undefined ? [] : [`${path}: ${key} is ${message}`];
};

/** `values`: those of preferences are not validated, so that they are worth a word here. */
export const nodeTermWarnings = (term: NodeSelectorTerm | undefined, path: string, values: boolean): string[] =>
  (term?.matchExpressions ?? []).flatMap((expression, i) => {
    const at = index(child(path, 'matchExpressions'), i);
    return [
      ...keyWarnings(expression.key, child(at, 'key')),
      ...(values ? (expression.values ?? []) : []).flatMap((value, j) =>
        isLabelValue(value).map((wrong) => `${index(child(at, 'values'), j)}: ${value} is invalid, ${wrong}`),
      ),
    ];
  });

export const nodeSelectorWarnings = (selector: LabelSelector | undefined, path: string): string[] => [
  ...(selector?.matchExpressions ?? []).flatMap(({ key }, i) =>
    keyWarnings(key, child(index(child(path, 'matchExpressions'), i), 'key')),
  ),
  ...Object.keys(selector?.matchLabels ?? {}).flatMap((key) => keyWarnings(key, child(path, 'matchLabels', key))),
];

export const topologyWarnings = (terms: readonly TopologySelectorTerm[] | undefined, path: string): string[] =>
  (terms ?? []).flatMap(({ matchLabelExpressions = [] }, i) =>
    matchLabelExpressions.flatMap(({ key }, j) => {
      const message = deprecatedNodeLabel(key);
      const at = child(index(child(index(path, i), 'matchLabelExpressions'), j), 'key');
      return message === undefined ? [] : [`${at}: ${message}`];
    }),
  );
