import { roundedToMilli } from '../core/pod/defaults.ts';
import { validateQuantity, validateResourceName } from '../core/pod/requirements.ts';
import { validateTolerations } from '../core/pod/scheduling.ts';
import type { FieldError } from '../field-error.ts';
import { child, duplicate, index } from '../field-error.ts';
import type * as node from '../generated/node.v1.ts';
import { defineKind } from '../kind.ts';
import { deprecatedNodeLabel } from '../validation/node-labels.ts';
import { AGE, age, NAME } from '../table.ts';
import { eachKey, Seen, validateDNS1123Label, validateImmutable, validateLabels } from '../validation/fields.ts';

export type RuntimeClass = node.RuntimeClass;

function validateScheduling(scheduling: node.Scheduling | undefined, path: string): FieldError[] {
  const tolerations = scheduling?.tolerations ?? [];
  const at = child(path, 'tolerations');
  const seen = new Seen();
  return [
    ...validateLabels(scheduling?.nodeSelector, child(path, 'nodeSelector')),
    ...validateTolerations(tolerations, at),
    ...tolerations.flatMap((toleration, i) =>
      seen.add(JSON.stringify(toleration)) ? [] : [duplicate(index(at, i), toleration)],
    ),
  ];
}

/** Source: pkg/apis/node/validation, pkg/registry/node/runtimeclass/strategy.go v1.36. */
export const RuntimeClass = defineKind<RuntimeClass>({
  group: 'node.k8s.io',
  version: 'v1',
  kind: 'RuntimeClass',
  plural: 'runtimeclasses',
  namespaced: false,
  definition: 'node.v1.RuntimeClass',
  unconditionalUpdate: false,
  warnings: ({ scheduling }) =>
    Object.keys(scheduling?.nodeSelector ?? {}).flatMap((key) => {
      const message = deprecatedNodeLabel(key);
      return message === undefined ? [] : [`scheduling.nodeSelector: ${message}`];
    }),

  defaults({ overhead }) {
    if (overhead?.podFixed !== undefined) overhead.podFixed = roundedToMilli(overhead.podFixed);
  },
  validate: ({ handler, overhead, scheduling }) => [
    ...validateDNS1123Label(handler ?? '', 'handler'),
    ...eachKey(overhead?.podFixed, 'overhead.podFixed', (name, quantity, at) => [
      ...validateResourceName(name, at),
      ...validateQuantity(name, quantity, at),
    ]),
    ...validateScheduling(scheduling, 'scheduling'),
  ],
  validateUpdate: ({ handler }, old) => validateImmutable(handler, old.handler, 'handler'),

  columns: [NAME, { name: 'Handler', type: 'string' }, AGE],
  row: (runtimeClass, { nowMs }) => ({
    cells: [runtimeClass.metadata.name, runtimeClass.handler, age(runtimeClass, nowMs)],
  }),
});
