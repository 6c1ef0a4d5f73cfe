import type { FieldError } from '../field-error.ts';
import { index, required } from '../field-error.ts';
import type * as rbac from '../generated/rbac.v1.ts';
import { defineKind } from '../kind.ts';
import { DEFAULT_COLUMNS, defaultRow } from '../table.ts';
import { validateLabelSelector } from '../validation/fields.ts';
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

function validateAggregation({ aggregationRule }: ClusterRole): FieldError[] {
  if (aggregationRule === undefined) return [];
  const path = 'aggregationRule.clusterRoleSelectors';
  const selectors = aggregationRule.clusterRoleSelectors ?? [];
  const none = 'at least one clusterRoleSelector required if aggregationRule is non-nil';
  return [
    ...(selectors.length === 0 ? [required(path, none)] : []),
    ...selectors.flatMap((selector, i) => validateLabelSelector(selector, index(path, i))),
  ];
}

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
  validate: (role) => [...validateRules(role.rules, false), ...validateAggregation(role)],
  columns: DEFAULT_COLUMNS,
  row: defaultRow,
});
