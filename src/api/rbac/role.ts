import type { FieldError } from '../field-error.ts';
import { index, invalid, required } from '../field-error.ts';
import type { LabelSelector } from '../generated/meta.v1.ts';
import type * as rbac from '../generated/rbac.v1.ts';
import { defineKind } from '../kind.ts';
import { DEFAULT_COLUMNS, defaultRow } from '../table.ts';
import { labelSelectorAsSelector } from '../selector/label-selector.ts';
import { StatusError } from '../status.ts';
import { hasInvalidSelector, validateLabelSelector } from '../validation/fields.ts';
import { nameIsPathSegment } from '../validation/names.ts';
import { RBAC_GROUP, validateRules } from './rules.ts';

export type Role = rbac.Role;
export type ClusterRole = rbac.ClusterRole;

/** Source: pkg/registry/rbac/role/strategy.go v1.36. */
export const Role = defineKind<Role>({
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'Role',
  plural: 'roles',
  namespaced: true,
  definition: 'rbac.v1.Role',
  createOnUpdate: true,
  validateName: nameIsPathSegment,
  validate: ({ rules }) => validateRules(rules, true),
  columns: DEFAULT_COLUMNS,
  row: defaultRow,
});

function validateAggregation({ aggregationRule }: ClusterRole, old: ClusterRole | undefined): FieldError[] {
  if (aggregationRule === undefined) return [];
  const invalidValues = (old?.aggregationRule?.clusterRoleSelectors ?? []).some(hasInvalidSelector);
  const path = 'aggregationRule.clusterRoleSelectors';
  const selectors = aggregationRule.clusterRoleSelectors ?? [];
  const none = 'at least one clusterRoleSelector required if aggregationRule is non-nil';
  return [
    ...(selectors.length === 0 ? [required(path, none)] : []),
    ...selectors.flatMap((selector, i) => validateAggregated(selector, index(path, i), invalidValues)),
  ];
}

function isUsableSelector(selector: LabelSelector): boolean {
  try {
    labelSelectorAsSelector(selector);
    return true;
  } catch (error) {
    if (error instanceof StatusError) return false;
    throw error;
  }
}

/** A selector that cannot be used is told of twice: by its parts, and as a whole. */
const validateAggregated = (selector: LabelSelector, path: string, invalidValues: boolean): FieldError[] => [
  ...validateLabelSelector(selector, path, { invalidValues }),
  ...(isUsableSelector(selector) ? [] : [invalid(path, null, 'invalid label selector.')]),
];

/** Source: pkg/registry/rbac/clusterrole/strategy.go v1.36. */
export const ClusterRole = defineKind<ClusterRole>({
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'ClusterRole',
  plural: 'clusterroles',
  namespaced: false,
  definition: 'rbac.v1.ClusterRole',
  createOnUpdate: true,
  validateName: nameIsPathSegment,
  validate: (role, old) => [...validateRules(role.rules, false), ...validateAggregation(role, old)],
  columns: DEFAULT_COLUMNS,
  row: defaultRow,
});
