/** Nobody gives away more than he has. Source: pkg/registry/rbac/escalation_check.go and the policybased storages of each kind v1.36. */
import {
  type ClusterRole,
  ClusterRoleBinding,
  ClusterRole as ClusterRoleKind,
  equalValues,
  forbidden,
  type KubeObject,
  notFound,
  type PolicyRule,
  Role,
  RoleBinding,
} from '#api';
import type { AdmissionAttributes, AdmissionPlugin } from '../../admission/admission.ts';
import type { Authorizer } from '../authz.ts';
import type { RbacAuthorizer } from './rbac.ts';
import { compact, listText, ruleText, uncovered } from './rules.ts';

const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

/**
 * No plugin of upstream's, whose storage of roles and bindings checks at this point: after mutating admission, before validation.
 * `authorizer` is all of them, `rbac` the one whose rules count.
 */
export function rbacEscalation(rbac: RbacAuthorizer, authorizer: Authorizer): AdmissionPlugin {
  const roles: ReadonlySet<unknown> = new Set([Role, ClusterRoleKind]);
  const bindings: ReadonlySet<unknown> = new Set([RoleBinding, ClusterRoleBinding]);
  return {
    name: 'RBACEscalation',
    async admit(attributes) {
      const { kind, object, oldObject, user, operation } = attributes;
      if (operation === 'DELETE' || object === undefined) return;
      const isRole = roles.has(kind);
      if (!isRole && !bindings.has(kind)) return;
      if (user.groups.includes('system:masters')) return;
      if (oldObject !== undefined && changesOnlyOwnership(object, oldObject)) return;
      if (isRole) await checkRole(rbac, authorizer, attributes);
      else await checkBinding(rbac, authorizer, attributes);
    },
  };
}

async function checkRole(rbac: RbacAuthorizer, authorizer: Authorizer, attributes: AdmissionAttributes): Promise<void> {
  const { kind, object, oldObject, name, operation } = attributes;
  // A new object has no name in the path.
  if (await isAllowed(authorizer, attributes, 'escalate', kind.plural, operation === 'CREATE' ? '' : name)) return;
  const role = object as ClusterRole;
  confirm(rbac, attributes, role.rules ?? []);
  const aggregates = (one: ClusterRole | undefined): boolean =>
    (one?.aggregationRule?.clusterRoleSelectors ?? []).length > 0;
  if (!aggregates(role) && !aggregates(oldObject)) return;
  // It can gather anything, and keep others from tightening it.
  if (missing(rbac, attributes, EVERYTHING).length > 0)
    throw forbidden(kind, role.metadata.name, 'must have cluster-admin privileges to use an aggregationRule');
}

async function checkBinding(
  rbac: RbacAuthorizer,
  authorizer: Authorizer,
  attributes: AdmissionAttributes,
): Promise<void> {
  const { roleRef } = attributes.object as RoleBinding | ClusterRoleBinding;
  // Others fail in validation.
  const target = roleRef.kind === 'Role' ? Role : roleRef.kind === 'ClusterRole' ? ClusterRoleKind : undefined;
  if (target === undefined) return;
  if (await isAllowed(authorizer, attributes, 'bind', target.plural, roleRef.name)) return;
  const rules = rbac.rulesOfRole(roleRef, attributes.namespace);
  if (rules === undefined) throw notFound(target, roleRef.name);
  confirm(rbac, attributes, rules);
}

async function isAllowed(
  authorizer: Authorizer,
  { user, namespace, kind: { group, version } }: AdmissionAttributes,
  verb: string,
  resource: string,
  name: string,
): Promise<boolean> {
  const common = { user, verb, isResourceRequest: true, path: '', subresource: '' };
  const { allowed } = await authorizer.authorize({ ...common, group, version, resource, namespace, name });
  return allowed;
}

const missing = (
  rbac: RbacAuthorizer,
  { user, namespace }: AdmissionAttributes,
  rules: readonly PolicyRule[],
): PolicyRule[] => uncovered(rbac.rulesFor(user, namespace).rules, rules);

/** Source: ConfirmNoEscalation in pkg/registry/rbac/validation/rule.go v1.36. */
function confirm(rbac: RbacAuthorizer, attributes: AdmissionAttributes, rules: readonly PolicyRule[]): void {
  const lacking = missing(rbac, attributes, rules);
  if (lacking.length === 0) return;
  const { user, namespace, kind, object } = attributes;
  const texts = [...new Set(compact(lacking).map(ruleText))].toSorted();
  const { errors } = rbac.rulesFor(user, namespace);
  throw forbidden(
    kind,
    object?.metadata.name ?? '',
    `user ${JSON.stringify(user.name)} (groups=${listText(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${texts.join('\n')}${errors.length === 0 ? '' : `; resolution errors: [${errors.join(' ')}]`}`,
  );
}

/** What the garbage collector must be able to write is no escalation. Source: IsOnlyMutatingGCFields in pkg/registry/rbac/helpers.go v1.36. */
function changesOnlyOwnership(object: KubeObject, old: KubeObject): boolean {
  const { ownerReferences, finalizers, managedFields } = old.metadata;
  const metadata = { ...object.metadata, ownerReferences, finalizers, managedFields };
  return equalValues(
    { ...object, metadata },
    { ...old, metadata: { ...old.metadata, ownerReferences, finalizers, managedFields } },
  );
}
