import type { FieldError } from '../field-error.ts';
import { forbiddenField } from '../field-error.ts';
import type * as scheduling from '../generated/scheduling.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';
import { own } from '../validation/equal.ts';
import { validateEnum, validateImmutable } from '../validation/fields.ts';

export type PriorityClass = scheduling.PriorityClass;

const HIGHEST_USER_PRIORITY = 1_000_000_000;
const POLICIES = ['PreemptLowerPriority', 'Never'];
/** Source: SystemPriorityClasses in pkg/apis/scheduling/v1/helpers.go v1.36. */
export const SYSTEM_PRIORITIES: Readonly<Record<string, number>> = {
  'system-node-critical': 2 * HIGHEST_USER_PRIORITY + 1000,
  'system-cluster-critical': 2 * HIGHEST_USER_PRIORITY,
};

function validatePriorityClass({
  metadata: { name },
  value = 0,
  globalDefault = false,
  preemptionPolicy,
}: PriorityClass): FieldError[] {
  const errors: FieldError[] = [];
  if (name.startsWith('system-')) {
    const known = own(SYSTEM_PRIORITIES, name);
    const why =
      known === undefined
        ? `${name} is not a known system priority class`
        : known !== value
          ? `value of ${name} PriorityClass must be ${known}`
          : globalDefault
            ? `globalDefault of ${name} PriorityClass must be false`
            : undefined;
    if (why !== undefined) {
      const reserved = "priority class names with 'system-' prefix are reserved for system use only. error:";
      errors.push(forbiddenField('metadata.name', `${reserved} ${why}`));
    }
  } else if (value > HIGHEST_USER_PRIORITY) {
    const why = `maximum allowed value of a user defined priority is ${HIGHEST_USER_PRIORITY}`;
    errors.push(forbiddenField('value', why));
  }
  return preemptionPolicy === undefined
    ? errors
    : [...errors, ...validateEnum(preemptionPolicy, POLICIES, 'preemptionPolicy')];
}

/** Source: pkg/apis/scheduling/{v1/defaults.go,validation}, pkg/registry/scheduling/priorityclass/strategy.go v1.36. */
export const PriorityClass = defineKind<PriorityClass>({
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  shortNames: ['pc'],
  namespaced: false,
  definition: 'scheduling.v1.PriorityClass',

  defaults(priorityClass) {
    priorityClass.value ??= 0;
    priorityClass.preemptionPolicy ??= 'PreemptLowerPriority';
  },
  validateCreate: validatePriorityClass,
  validateUpdate: ({ value, preemptionPolicy }, old) => [
    ...(value === old.value ? [] : [forbiddenField('value', 'may not be changed in an update.')]),
    ...validateImmutable(preemptionPolicy, old.preemptionPolicy, 'preemptionPolicy'),
  ],
  // It never moves.
  prepareForCreate({ metadata }) {
    metadata.generation = 1;
  },

  columns: [
    NAME,
    { name: 'Value', type: 'integer' },
    { name: 'Global-Default', type: 'boolean' },
    AGE,
    { name: 'PreemptionPolicy', type: 'string' },
  ],
  row: (priorityClass, { nowMs }) => ({
    cells: [
      priorityClass.metadata.name,
      priorityClass.value ?? 0,
      priorityClass.globalDefault ?? false,
      age(priorityClass, nowMs),
      priorityClass.preemptionPolicy ?? '',
    ],
  }),
});
