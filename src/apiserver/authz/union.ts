import type { UserInfo } from '../admission/admission.ts';
import {
  type AuthorizationAttributes,
  type Authorizer,
  type Decision,
  NO_PERMISSIONS,
  type Permissions,
} from './authz.ts';
import { nodeRules } from './policy/node-rules.ts';
import { compileRule, ruleVerdict } from './rbac/rules.ts';

const ALLOWED: Decision = { allowed: true, reason: '' };
const NO_OPINION: Decision = { allowed: false, reason: '' };

const isPromise = <T>(value: T | Promise<T>): value is Promise<T> => value instanceof Promise;

/** Asks one after the other until one has an opinion. Source: apiserver pkg/authorization/union v1.36. */
export function unionAuthorizer(authorizers: readonly Authorizer[]): Authorizer {
  return {
    authorize(attributes) {
      const asked: Decision[] = [];
      for (const [i, authorizer] of authorizers.entries()) {
        const decision = authorizer.authorize(attributes);
        if (isPromise(decision)) return askOn(decision, authorizers.slice(i + 1), attributes, asked);
        if (decision.allowed || decision.denied === true) return decision;
        asked.push(decision);
      }
      return noOpinion(asked);
    },
    async permissions(user, namespace) {
      const all = await Promise.all(authorizers.map(async (one) => await one.permissions(user, namespace)));
      return {
        resourceRules: all.flatMap(({ resourceRules }) => resourceRules),
        nonResourceRules: all.flatMap(({ nonResourceRules }) => nonResourceRules),
        incomplete: all.some(({ incomplete }) => incomplete),
        errors: all.flatMap(({ errors }) => errors),
      };
    },
  };
}

/** The rest of the line, once one of it takes its time. */
async function askOn(
  pending: Promise<Decision>,
  rest: readonly Authorizer[],
  attributes: AuthorizationAttributes,
  asked: Decision[],
): Promise<Decision> {
  const first = await pending;
  if (first.allowed || first.denied === true) return first;
  asked.push(first);
  for (const authorizer of rest) {
    const decision = await authorizer.authorize(attributes);
    if (decision.allowed || decision.denied === true) return decision;
    asked.push(decision);
  }
  return noOpinion(asked);
}

function noOpinion(asked: readonly Decision[]): Decision {
  const reasons = asked.map(({ reason }) => reason).filter((reason) => reason !== '');
  const errors = asked.map(({ error }) => error).filter((error) => error !== undefined);
  if (reasons.length === 0 && errors.length === 0) return NO_OPINION;
  return {
    allowed: false,
    reason: reasons.join('\n'),
    ...(errors.length === 0 ? {} : { error: errors.join(', ') }),
  };
}

/** Lets members of a group do everything, whatever the roles say. Source: NewPrivilegedGroups of apiserver pkg/authorization/authorizerfactory v1.36. */
export const privilegedGroup = (group: string): Authorizer => ({
  authorize: ({ user }) => (user.groups.includes(group) ? ALLOWED : NO_OPINION),
  permissions: () => NO_PERMISSIONS,
});

const isNode = ({ name, groups }: UserInfo): boolean =>
  name.startsWith('system:node:') && groups.includes('system:nodes');

/**
 * Lets nodes do what nodes do. Source: plugin/pkg/auth/authorizer/node v1.36, which besides looks up whether an object has to do with a pod of the
 * node; that part is not here.
 */
export function nodeAuthorizer(): Authorizer {
  const rules = nodeRules.map(compileRule);
  return {
    authorize(attributes) {
      if (!isNode(attributes.user)) return NO_OPINION;
      return rules.some((rule) => ruleVerdict(rule, attributes) === 'allowed') ? ALLOWED : NO_OPINION;
    },
    permissions: (user): Permissions =>
      isNode(user)
        ? { ...NO_PERMISSIONS, incomplete: true, errors: ['node authorizer does not support user rule resolution'] }
        : NO_PERMISSIONS,
  };
}
