import { validateRequirements } from '../core/pod/requirements.ts';
import { validateTolerations } from '../core/pod/scheduling.ts';
import type { FieldError } from '../field-error.ts';
import { child, duplicate, index, required } from '../field-error.ts';
import type { Toleration } from '../generated/core.v1.ts';
import type * as node from '../generated/node.v1.ts';
import { defineKind } from '../kind.ts';
import { deprecatedNodeLabel } from '../validation/node-labels.ts';
import { AGE, age, NAME } from '../table.ts';
import { Seen, validateDNS1123Label, validateImmutable, validateLabels } from '../validation/fields.ts';

export type RuntimeClass = node.RuntimeClass;

/** As upstream's internal type is shown: its fields have no JSON names. */
const shownToleration = ({
  key = '',
  operator = '',
  value = '',
  effect = '',
  tolerationSeconds,
}: Toleration): object => ({
  Key: key,
  Operator: operator,
  Value: value,
  Effect: effect,
  TolerationSeconds: tolerationSeconds ?? null,
});

function validateScheduling(scheduling: node.Scheduling | undefined, path: string): FieldError[] {
  const tolerations = scheduling?.tolerations ?? [];
  const at = child(path, 'tolerations');
  const seen = new Seen();
  const keyOfToleration = ({ key = '', operator = '', value = '', effect = '' }: Toleration): string =>
    JSON.stringify([key, operator, value, effect]);
  return [
    ...validateLabels(scheduling?.nodeSelector, child(path, 'nodeSelector')),
    ...validateTolerations(tolerations, at),
    ...tolerations.flatMap((toleration, i) =>
      seen.add(keyOfToleration(toleration)) ? [] : [duplicate(index(at, i), shownToleration(toleration))],
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
  createOnUpdate: true,
  unconditionalUpdate: false,
  anyFinalizers: true,
  warnings: ({ scheduling }) =>
    Object.keys(scheduling?.nodeSelector ?? {}).flatMap((key) => {
      const message = deprecatedNodeLabel(key);
      return message === undefined ? [] : [`scheduling.nodeSelector: ${message}`];
    }),

  validate: ({ handler, overhead, scheduling }) => [
    ...((handler ?? '') === '' ? [required('handler')] : validateDNS1123Label(handler, 'handler')),
    // The overhead is read as limits of a container, and so are the paths.
    ...(overhead === undefined
      ? []
      : validateRequirements({ limits: overhead.podFixed }, 'overhead', { claimNames: new Set() })),
    ...validateScheduling(scheduling, 'scheduling'),
  ],
  validateUpdate: ({ handler }, old) => validateImmutable(handler ?? '', old.handler ?? '', 'handler'),

  columns: [NAME, { name: 'Handler', type: 'string' }, AGE],
  row: (runtimeClass, { nowMs }) => ({
    cells: [runtimeClass.metadata.name, runtimeClass.handler, age(runtimeClass, nowMs)],
  }),
});
