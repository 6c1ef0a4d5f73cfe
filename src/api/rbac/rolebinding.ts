import type * as rbac from '../generated/rbac.v1.ts';
import type { Column, Row } from '../kind.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';
import { nameIsPathSegment } from '../validation/names.ts';
import { defaultBinding, RBAC_GROUP, subjectCells, validateBinding, validateBindingUpdate } from './rules.ts';

export type RoleBinding = rbac.RoleBinding;
export type ClusterRoleBinding = rbac.ClusterRoleBinding;

const COLUMNS: readonly Column[] = [
  NAME,
  { name: 'Role', type: 'string' },
  AGE,
  { name: 'Users', type: 'string', priority: 1 },
  { name: 'Groups', type: 'string', priority: 1 },
  { name: 'ServiceAccounts', type: 'string', priority: 1 },
];

const row = (binding: RoleBinding | ClusterRoleBinding, { nowMs }: { readonly nowMs: number }): Row => ({
  cells: [
    binding.metadata.name,
    `${binding.roleRef.kind}/${binding.roleRef.name}`,
    age(binding, nowMs),
    ...subjectCells(binding.subjects),
  ],
});

/** Source: pkg/registry/rbac/rolebinding/strategy.go v1.36. */
export const RoleBinding = defineKind<RoleBinding>({
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'RoleBinding',
  plural: 'rolebindings',
  namespaced: true,
  definition: 'rbac.v1.RoleBinding',
  createOnUpdate: true,
  validateName: nameIsPathSegment,
  defaults: defaultBinding,
  validate: (binding) => validateBinding(binding, ['Role', 'ClusterRole'], true),
  validateUpdate: validateBindingUpdate,
  columns: COLUMNS,
  row,
});

/** Source: pkg/registry/rbac/clusterrolebinding/strategy.go v1.36. */
export const ClusterRoleBinding = defineKind<ClusterRoleBinding>({
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  namespaced: false,
  definition: 'rbac.v1.ClusterRoleBinding',
  createOnUpdate: true,
  validateName: nameIsPathSegment,
  defaults: defaultBinding,
  validate: (binding) => validateBinding(binding, ['ClusterRole'], false),
  validateUpdate: validateBindingUpdate,
  columns: COLUMNS,
  row,
});
