/** Roles and bindings, and who is meant by them: the users the fuzzer acts as. */
import type { Json } from '../mutate/json.ts';

/** Has rights only by bindings. */
export const SOMEBODY = 'somebody';
export const GROUPS = ['g', 'system:masters', 'system:authenticated', 'system:serviceaccounts', 'system:nodes', ''];

const all = ['*'];
const SUBJECTS: Json = [
  { kind: 'User', name: SOMEBODY, apiGroup: 'rbac.authorization.k8s.io' },
  { kind: 'Group', name: 'g', apiGroup: 'rbac.authorization.k8s.io' },
  { kind: 'ServiceAccount', name: 'default', namespace: 'default' },
];

/** By `kind.group`. */
export const ACCESS: Readonly<Record<string, readonly { [key: string]: Json }[]>> = {
  'Role.rbac.authorization.k8s.io': [
    { rules: [{ apiGroups: [''], resources: ['pods', 'pods/log'], verbs: ['get', '*'] }] },
    { rules: [{ apiGroups: all, resources: ['*/scale', '*'], verbs: all, resourceNames: ['web'] }] },
  ],
  'ClusterRole.rbac.authorization.k8s.io': [
    {
      metadata: { labels: { a: 'b' } },
      rules: [
        { nonResourceURLs: ['/healthz', '/a/*'], verbs: ['get'] },
        { apiGroups: all, resources: all, verbs: ['get', 'list', 'watch', 'create', 'bind', 'escalate'] },
        { apiGroups: [''], resources: ['users', 'groups', 'serviceaccounts', 'userextras/x'], verbs: ['impersonate'] },
      ],
    },
    { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }, {}] }, rules: [] },
  ],
  'RoleBinding.rbac.authorization.k8s.io': [
    { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'web' }, subjects: SUBJECTS },
    { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' }, subjects: SUBJECTS },
  ],
  'ClusterRoleBinding.rbac.authorization.k8s.io': [
    { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'web' }, subjects: SUBJECTS },
    { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'admin' }, subjects: SUBJECTS },
  ],
  'ServiceAccount.': [
    {
      secrets: [{ name: 'web' }],
      imagePullSecrets: [{ name: 'x' }],
      automountServiceAccountToken: false,
      metadata: { annotations: { 'kubernetes.io/enforce-mountable-secrets': 'true' } },
    },
  ],
};
