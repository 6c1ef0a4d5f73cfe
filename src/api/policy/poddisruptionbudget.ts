import type { FieldError } from '../field-error.ts';
import { child, invalid } from '../field-error.ts';
import type * as policy from '../generated/policy.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';
import { validateConditions } from '../validation/conditions.ts';
import {
  validateAtMost100Percent,
  validateLabelSelector,
  validateNonnegative,
  validateOptionalEnum,
  validatePositiveIntOrPercent,
} from '../validation/fields.ts';

export type PodDisruptionBudget = policy.PodDisruptionBudget;

const EVICTION_POLICIES = ['AlwaysAllow', 'IfHealthyBudget'];

const emptyStatus = (): policy.PodDisruptionBudgetStatus => ({
  disruptionsAllowed: 0,
  currentHealthy: 0,
  desiredHealthy: 0,
  expectedPods: 0,
});

function validatePodDisruptionBudget({ spec }: PodDisruptionBudget): FieldError[] {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy } = spec;
  const errors: FieldError[] = [];
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    // Shown as upstream's internal type is: its fields have no JSON names.
    const shown = {
      MinAvailable: minAvailable,
      Selector: selector ?? null,
      MaxUnavailable: maxUnavailable,
      UnhealthyPodEvictionPolicy: unhealthyPodEvictionPolicy ?? null,
    };
    errors.push(invalid('spec', shown, 'minAvailable and maxUnavailable cannot be both set'));
  }
  for (const field of ['minAvailable', 'maxUnavailable'] as const) {
    const value = spec[field];
    const at = child('spec', field);
    if (value === undefined) continue;
    errors.push(...validatePositiveIntOrPercent(value, at), ...validateAtMost100Percent(value, at));
  }
  return [
    ...errors,
    ...validateLabelSelector(selector, 'spec.selector'),
    ...validateOptionalEnum(unhealthyPodEvictionPolicy, EVICTION_POLICIES, 'spec.unhealthyPodEvictionPolicy'),
  ];
}

/** Source: pkg/apis/policy/validation, pkg/registry/policy/poddisruptionbudget/strategy.go v1.36. */
export const PodDisruptionBudget = defineKind<PodDisruptionBudget>({
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  shortNames: ['pdb'],
  namespaced: true,
  definition: 'policy.v1.PodDisruptionBudget',
  unconditionalUpdate: false,

  defaults(budget) {
    budget.spec ??= {};
    budget.status = { ...emptyStatus(), ...budget.status };
  },
  validate: validatePodDisruptionBudget,
  generation: true,
  prepareForCreate(budget) {
    budget.status = emptyStatus();
  },
  status: {
    prepareForUpdate(budget, old) {
      budget.spec = old.spec;
    },
    validateUpdate: ({ status }) => [
      ...validateConditions(status.conditions, 'status.conditions'),
      ...(['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const).flatMap((field) =>
        validateNonnegative(status[field], child('status', field)),
      ),
    ],
  },

  columns: [
    NAME,
    { name: 'Min Available', type: 'string' },
    { name: 'Max Unavailable', type: 'string' },
    { name: 'Allowed Disruptions', type: 'integer' },
    AGE,
  ],
  row: (budget, { nowMs }) => ({
    cells: [
      budget.metadata.name,
      String(budget.spec.minAvailable ?? 'N/A'),
      String(budget.spec.maxUnavailable ?? 'N/A'),
      budget.status.disruptionsAllowed ?? 0,
      age(budget, nowMs),
    ],
  }),
});
