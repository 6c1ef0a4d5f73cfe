import type { NonResourceRule, PolicyRule, ResourceRule, RoleRef } from '#api';
import { LruMap } from '#util';
import type { UserInfo } from '../../admission/admission.ts';
import { aggregate, type AuthorizationAttributes, type Authorizer, type Decision, type Permissions } from '../authz.ts';
import { type CompiledBinding, RbacIndex, type RbacResources } from './rbac-index.ts';
import { type CompiledRule, ruleVerdict } from './rules.ts';
import { keysOf, subjectText } from './subjects.ts';

/** Decisions kept for each user. */
const DECISIONS = 512;

/** One binding that applies to a user, with the rules it gives. */
interface Grant {
  /** `ClusterRoleBinding "x" of ClusterRole "y" to Group "z"`. */
  readonly source: string;
  readonly rules: readonly PolicyRule[];
  readonly compiled: readonly CompiledRule[];
  /** The role is not there. */
  readonly error?: string;
}

/** What is known of one user, as long as no role and no binding changes. */
interface UserRules {
  readonly generation: number;
  readonly keys: readonly string[];
  readonly grants: Map<string, readonly Grant[]>;
  readonly decisions: LruMap<string, Decision>;
}

/** Rules that apply to somebody, with what could not be found of them. */
export interface ResolvedRules {
  readonly rules: readonly PolicyRule[];
  readonly errors: readonly string[];
}

/** Lets in who a binding gives a role that allows it. Source: plugin/pkg/auth/authorizer/rbac/rbac.go, pkg/registry/rbac/validation/rule.go v1.36. */
export class RbacAuthorizer implements Authorizer {
  readonly #index: RbacIndex;
  /** By the user object, which is one per connection or token. */
  readonly #users = new WeakMap<UserInfo, UserRules>();

  constructor(resources: RbacResources) {
    this.#index = new RbacIndex(resources);
  }

  authorize(attributes: AuthorizationAttributes): Decision {
    const user = this.#rulesOf(attributes.user);
    // Most answers do not depend on the name, and so stand for all names.
    const nameless = requestKey(attributes);
    const key = `${nameless} ${attributes.name}`;
    const known = user.decisions.get(nameless) ?? user.decisions.get(key);
    if (known !== undefined) return known;
    const { decision, named } = this.#decide(user, attributes);
    user.decisions.set(named ? key : nameless, decision);
    return decision;
  }

  permissions(user: UserInfo, namespace: string): Permissions {
    const { rules, errors } = this.rulesFor(user, namespace);
    const resourceRules: ResourceRule[] = [];
    const nonResourceRules: NonResourceRule[] = [];
    for (const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } of rules) {
      if (resources.length > 0)
        resourceRules.push({
          verbs,
          ...(apiGroups.length === 0 ? {} : { apiGroups }),
          resources,
          ...(resourceNames.length === 0 ? {} : { resourceNames }),
        });
      if (nonResourceURLs.length > 0) nonResourceRules.push({ verbs, nonResourceURLs });
    }
    return { resourceRules, nonResourceRules, incomplete: false, errors };
  }

  /** All rules that apply to a user in a namespace; '' gives those of the whole cluster. */
  rulesFor(user: UserInfo, namespace: string): ResolvedRules {
    const grants = this.#grants(this.#rulesOf(user), namespace);
    return {
      rules: grants.flatMap(({ rules }) => rules),
      errors: grants.map(({ error }) => error).filter((error) => error !== undefined),
    };
  }

  /** Rules of the role a binding names; undefined when it is not there. */
  rulesOfRole({ kind, name }: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    this.#index.refresh();
    return this.#index.role(kind, namespace, name)?.rules;
  }

  #rulesOf(user: UserInfo): UserRules {
    const generation = this.#index.refresh();
    const known = this.#users.get(user);
    if (known !== undefined && known.generation === generation) return known;
    const rules = {
      generation,
      keys: keysOf(user),
      grants: new Map(),
      decisions: new LruMap<string, Decision>(DECISIONS),
    };
    this.#users.set(user, rules);
    return rules;
  }

  /** Grants over the whole cluster, then those in the namespace. */
  #grants(user: UserRules, namespace: string): readonly Grant[] {
    const clusterWide = this.#grantsIn(user, '');
    return namespace === '' ? clusterWide : [...clusterWide, ...this.#grantsIn(user, namespace)];
  }

  #grantsIn(user: UserRules, namespace: string): readonly Grant[] {
    const known = user.grants.get(namespace);
    if (known !== undefined) return known;
    const grants = this.#index.bindings(namespace, user.keys).map((binding) => this.#grant(binding, user.keys));
    // Names of namespaces that give nothing are the client's to invent.
    if (namespace === '' || grants.length > 0) user.grants.set(namespace, grants);
    return grants;
  }

  #grant({ binding, namespace, keys }: CompiledBinding, userKeys: readonly string[]): Grant {
    const { roleRef, subjects = [], metadata } = binding;
    const role = this.#index.role(roleRef.kind, namespace, roleRef.name);
    const subject = subjects[keys.findIndex((key) => key !== undefined && userKeys.includes(key))]!;
    // Source of the order of name and namespace: roleBindingDescriber.
    const name = namespace === '' ? metadata.name : `${metadata.name}/${namespace}`;
    const kind = namespace === '' ? 'ClusterRoleBinding' : 'RoleBinding';
    const source = `${kind} ${JSON.stringify(name)} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} to ${subjectText(subject, namespace)}`;
    if (role !== undefined) return { source, ...role };
    return { source, rules: [], compiled: [], error: missingRole(roleRef) };
  }

  #decide(user: UserRules, attributes: AuthorizationAttributes): { decision: Decision; named: boolean } {
    let named = false;
    const errors: string[] = [];
    for (const { source, compiled, error } of this.#grants(user, attributes.namespace)) {
      if (error !== undefined) errors.push(error);
      for (const rule of compiled) {
        const verdict = ruleVerdict(rule, attributes);
        named ||= verdict === 'named';
        if (verdict !== 'allowed') continue;
        const decision = { allowed: true, reason: `RBAC: allowed by ${source}` };
        return { decision, named: rule.names !== undefined };
      }
    }
    const reason = errors.length === 0 ? '' : `RBAC: ${aggregate(errors)}`;
    return { decision: { allowed: false, reason }, named };
  }
}

/** Source: what the lister says of a role that is not there. */
const missingRole = ({ kind, name }: RoleRef): string =>
  `${kind === 'Role' ? 'role' : 'clusterrole'}.rbac.authorization.k8s.io ${JSON.stringify(name)} not found`;

const requestKey = (a: AuthorizationAttributes): string =>
  a.isResourceRequest ? `${a.verb} ${a.group}/${a.resource}/${a.subresource} ${a.namespace}` : `${a.verb} ${a.path}`;
