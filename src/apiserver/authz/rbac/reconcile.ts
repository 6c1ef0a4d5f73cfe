/** Creates default roles and bindings and gives back what they have lost. Source: component-helpers auth/rbac/reconciliation v0.36. */
import {
  type AggregationRule,
  ClusterRole,
  ClusterRoleBinding,
  type Draft,
  equalValues,
  type Kind,
  type KubeObject,
  type PolicyRule,
  Role,
  RoleBinding,
  type RoleRef,
  StatusError,
  type Subject,
  type Transport,
} from '#api';
import type { Policy } from '../policy/policy.ts';
import { uncovered } from './rules.ts';

const AUTO_UPDATE = 'rbac.authorization.kubernetes.io/autoupdate';
/** Tries when others write the same objects. */
const ATTEMPTS = 5;

/** Brings all of it about at once: the store makes the writes durable together. */
export async function reconcilePolicy(transport: Transport, policy: Policy): Promise<void> {
  const { clusterRoles, roles, clusterRoleBindings, roleBindings } = policy;
  await Promise.all([
    ...clusterRoles.map((wanted) => reconcile(transport, ClusterRole, wanted, withRules)),
    ...roles.map((wanted) => reconcile(transport, Role, wanted, withRules)),
    ...clusterRoleBindings.map((wanted) => reconcile(transport, ClusterRoleBinding, wanted, withSubjects)),
    ...roleBindings.map((wanted) => reconcile(transport, RoleBinding, wanted, withSubjects)),
  ]);
}

/** What becomes of an object that is there: undefined is left alone; `recreate`: nothing else will do. */
type Merge<T extends KubeObject> = (existing: T, wanted: Draft<T>) => T | 'recreate' | undefined;

async function reconcile<T extends KubeObject>(
  transport: Transport,
  kind: Kind<T>,
  wanted: Draft<T>,
  merge: Merge<T>,
): Promise<void> {
  const { name, namespace } = wanted.metadata;
  const at = { kind, name, namespace };
  for (let attempt = 1; ; attempt++) {
    try {
      const existing = await find<T>(transport, at);
      if (existing === undefined) {
        await transport.request({ verb: 'create', kind, namespace, body: wanted });
        return;
      }
      // Somebody does not want it kept.
      if (existing.metadata.annotations?.[AUTO_UPDATE] === 'false') return;
      const next = merge(existing, wanted);
      if (next === undefined) return;
      if (next !== 'recreate') {
        await transport.request({ ...at, verb: 'update', body: next });
        return;
      }
      const { uid } = existing.metadata;
      await transport.request({ ...at, verb: 'delete', body: { preconditions: { uid } } });
    } catch (error) {
      if (attempt === ATTEMPTS || !StatusError.is(error, 'Conflict', 'AlreadyExists', 'NotFound')) throw error;
    }
  }
}

async function find<T>(
  transport: Transport,
  at: { kind: Kind; name: string | undefined; namespace: string | undefined },
): Promise<T | undefined> {
  try {
    return (await transport.request({ ...at, verb: 'get' })) as T;
  } catch (error) {
    if (StatusError.is(error, 'NotFound')) return undefined;
    throw error;
  }
}

/** Labels and annotations that are there win. */
function withMetadata<T extends KubeObject>(existing: T, { metadata }: Draft<T>): T {
  const labels = { ...metadata.labels, ...existing.metadata.labels };
  const annotations = { ...metadata.annotations, ...existing.metadata.annotations };
  const own = {
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  };
  return { ...existing, metadata: { ...existing.metadata, ...own } };
}

const unlessSame = <T>(existing: T, next: T): T | undefined => (equalValues(existing, next) ? undefined : next);

interface Rules extends KubeObject {
  rules?: PolicyRule[] | undefined;
  aggregationRule?: AggregationRule | undefined;
}

/** Missing rules and selectors are added, others stay. */
function withRules<T extends Rules>(existing: T, wanted: Draft<T>): T | undefined {
  const { rules = [], aggregationRule } = wanted as Pick<Rules, 'rules' | 'aggregationRule'>;
  const next: T = withMetadata(existing, wanted);
  const missing = uncovered(existing.rules ?? [], rules);
  if (missing.length > 0) next.rules = [...(existing.rules ?? []), ...missing];
  if (aggregationRule === undefined) {
    delete next.aggregationRule;
    return unlessSame(existing, next);
  }
  const selectors = existing.aggregationRule?.clusterRoleSelectors ?? [];
  const lacking = (aggregationRule.clusterRoleSelectors ?? []).filter(
    (selector) => !selectors.some((known) => equalValues(known, selector)),
  );
  if (lacking.length > 0) next.aggregationRule = { clusterRoleSelectors: [...selectors, ...lacking] };
  return unlessSame(existing, next);
}

interface Subjects extends KubeObject {
  roleRef: RoleRef;
  subjects?: Subject[] | undefined;
}

/** Missing subjects are added, others stay; a binding to another role is made anew, since that cannot be changed. */
function withSubjects<T extends Subjects>(existing: T, wanted: Draft<T>): T | 'recreate' | undefined {
  const { roleRef, subjects = [] } = wanted as Pick<Subjects, 'roleRef' | 'subjects'>;
  if (!equalValues(existing.roleRef, roleRef)) return 'recreate';
  const next: T = withMetadata(existing, wanted);
  const missing = subjects.filter((subject) => !(existing.subjects ?? []).some((known) => equalValues(known, subject)));
  if (missing.length > 0) next.subjects = [...(existing.subjects ?? []), ...missing];
  return unlessSame(existing, next);
}
