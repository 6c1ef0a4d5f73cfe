/** Every role and binding a cluster has from the start. */
import type { ClusterRole, ClusterRoleBinding, Draft, Role, RoleBinding, Subject } from '#api';
import { controllerRules } from './controller-roles.ts';
import { namespaceRoleBindings, namespaceRoles } from './namespace-roles.ts';
import { clusterRole, DEFAULT_METADATA, rule } from './rule.ts';
import { account, group, RBAC_GROUP, user } from './subjects.ts';
import { systemRoles } from './system-roles.ts';
import { userRoles } from './user-roles.ts';

export interface Policy {
  readonly clusterRoles: readonly Draft<ClusterRole>[];
  readonly clusterRoleBindings: readonly Draft<ClusterRoleBinding>[];
  readonly roles: readonly Draft<Role>[];
  readonly roleBindings: readonly Draft<RoleBinding>[];
}

const binding = (roleName: string, subjects: readonly Subject[], name = roleName): Draft<ClusterRoleBinding> => ({
  metadata: { name, ...DEFAULT_METADATA },
  roleRef: { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name: roleName },
  ...(subjects.length === 0 ? {} : { subjects: [...subjects] }),
});

const AUTHENTICATED = group('system:authenticated');
const SCHEDULER = user('system:kube-scheduler');
const CONTROLLER = 'system:controller:';

/** Source: clusterRoleBindings of bootstrappolicy/policy.go v1.36. */
const systemBindings: readonly Draft<ClusterRoleBinding>[] = [
  binding('cluster-admin', [group('system:masters')]),
  binding('system:monitoring', [group('system:monitoring')]),
  binding('system:discovery', [AUTHENTICATED]),
  binding('system:basic-user', [AUTHENTICATED]),
  binding('system:public-info-viewer', [AUTHENTICATED, group('system:unauthenticated')]),
  binding('system:node-proxier', [user('system:kube-proxy')]),
  binding('system:kube-controller-manager', [user('system:kube-controller-manager')]),
  binding('system:kube-dns', [account('kube-system', 'kube-dns')]),
  binding('system:kube-scheduler', [SCHEDULER]),
  binding('system:volume-scheduler', [SCHEDULER]),
  binding('system:service-account-issuer-discovery', [group('system:serviceaccounts')]),
  // Nodes are let in by their own authorizer; the binding is there to be filled by who has none.
  binding('system:node', []),
];

/** Upstream's own, by default created and kept whole by the API server's hook `rbac/bootstrap-roles`. */
export const defaultPolicy: Policy = {
  clusterRoles: [
    ...userRoles,
    ...systemRoles,
    ...Object.entries(controllerRules).map(([name, rules]) => clusterRole(CONTROLLER + name, rules)),
  ],
  clusterRoleBindings: [
    ...systemBindings,
    ...Object.keys(controllerRules).map((name) => binding(CONTROLLER + name, [account('kube-system', name)])),
  ],
  roles: namespaceRoles,
  roleBindings: namespaceRoleBindings,
};

const unmarked = <T extends Draft<ClusterRole> | Draft<ClusterRoleBinding>>(draft: T): T => ({
  ...draft,
  metadata: { name: draft.metadata.name },
});

const DNS_CONTROLLER = 'pirogue:dns-controller';

/**
 * What the installer adds: kubeadm's binding of its administrators (cmd/kubeadm/app/phases/kubeconfig v1.36), and what this program's own parts need:
 * proxy and DNS run in every node's agent, under the node's identity.
 */
export const installerPolicy: Policy = {
  clusterRoles: [
    unmarked(
      clusterRole(DNS_CONTROLLER, [
        rule('create get', 'core', 'services'),
        rule('create delete get update', 'discovery.k8s.io', 'endpointslices'),
      ]),
    ),
  ],
  clusterRoleBindings: [
    unmarked(binding('cluster-admin', [group('kubeadm:cluster-admins')], 'kubeadm:cluster-admins')),
    unmarked(binding('system:node-proxier', [group('system:nodes')], 'pirogue:node-proxier')),
    unmarked(binding(DNS_CONTROLLER, [account('kube-system', 'dns-controller')])),
  ],
  roles: [],
  roleBindings: [],
};
