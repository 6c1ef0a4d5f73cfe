/** Roles and bindings in kube-system and kube-public. Source: bootstrappolicy/namespace_policy.go v1.36. */
import type { Draft, Role, RoleBinding, Subject } from '#api';
import { account, RBAC_GROUP, user } from './subjects.ts';
import { DEFAULT_METADATA, eventsRule, READ, role, rule } from './rule.ts';

const SYSTEM = 'kube-system';
const PUBLIC = 'kube-public';
const CONTROLLER = 'system:controller:';
const MANAGER = 'kube-controller-manager';
const SCHEDULER = 'kube-scheduler';

const leaderLocking = [
  rule(`create ${READ} update`, 'coordination.k8s.io', 'leases'),
  rule(`create ${READ} update`, 'coordination.k8s.io', 'leasecandidates'),
];

export const namespaceRoles: readonly Draft<Role>[] = [
  role(SYSTEM, 'extension-apiserver-authentication-reader', [
    rule(READ, 'core', 'configmaps', 'extension-apiserver-authentication'),
  ]),
  role(SYSTEM, `${CONTROLLER}bootstrap-signer`, [rule(READ, 'core', 'secrets')]),
  role(SYSTEM, `${CONTROLLER}cloud-provider`, [rule(`create ${READ}`, 'core', 'configmaps')]),
  role(SYSTEM, `${CONTROLLER}token-cleaner`, [rule(`delete ${READ}`, 'core', 'secrets'), eventsRule]),
  role(SYSTEM, `system::leader-locking-${MANAGER}`, leaderLocking),
  role(SYSTEM, `system::leader-locking-${SCHEDULER}`, leaderLocking),
  role(PUBLIC, `${CONTROLLER}bootstrap-signer`, [
    rule(READ, 'core', 'configmaps'),
    rule('update', 'core', 'configmaps', 'cluster-info'),
    eventsRule,
  ]),
];

const binding = (
  namespace: string,
  roleName: string,
  subjects: readonly Subject[],
  name = roleName,
): Draft<RoleBinding> => ({
  metadata: { name, namespace, ...DEFAULT_METADATA },
  roleRef: { apiGroup: RBAC_GROUP, kind: 'Role', name: roleName },
  subjects: [...subjects],
});

export const namespaceRoleBindings: readonly Draft<RoleBinding>[] = [
  binding(
    SYSTEM,
    'extension-apiserver-authentication-reader',
    [user(`system:${MANAGER}`), user(`system:${SCHEDULER}`)],
    'system::extension-apiserver-authentication-reader',
  ),
  binding(SYSTEM, `system::leader-locking-${MANAGER}`, [
    user(`system:${MANAGER}`),
    account(SYSTEM, MANAGER),
    account(SYSTEM, 'leader-election-controller'),
  ]),
  binding(SYSTEM, `system::leader-locking-${SCHEDULER}`, [user(`system:${SCHEDULER}`), account(SYSTEM, SCHEDULER)]),
  binding(SYSTEM, `${CONTROLLER}bootstrap-signer`, [account(SYSTEM, 'bootstrap-signer')]),
  binding(SYSTEM, `${CONTROLLER}cloud-provider`, [account(SYSTEM, 'cloud-provider')]),
  binding(SYSTEM, `${CONTROLLER}token-cleaner`, [account(SYSTEM, 'token-cleaner')]),
  binding(PUBLIC, `${CONTROLLER}bootstrap-signer`, [account(SYSTEM, 'bootstrap-signer')]),
];
