import { type FieldRequirement, type NonResourceRule, type Requirement, type ResourceRule, StatusError } from '#api';
import type { UserInfo } from '../admission/admission.ts';
import type { RequestInfo } from '../http/request-info.ts';

/** Source: apiserver pkg/authorization/authorizer Attributes. */
export interface AuthorizationAttributes {
  readonly user: UserInfo;
  readonly verb: string;
  readonly isResourceRequest: boolean;
  readonly path: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** What a list is limited to, where a question about access says so. */
  readonly labelSelector?: readonly Requirement[];
  readonly fieldSelector?: readonly FieldRequirement[];
}

export interface Decision {
  readonly allowed: boolean;
  /** Nobody asked after this one may allow it. */
  readonly denied?: boolean;
  /** Added to the refusal when not ''. */
  readonly reason: string;
  /** What went wrong on the way to the decision. */
  readonly error?: string | undefined;
}

/** What somebody may do in a namespace, as far as it can be told. */
export interface Permissions {
  readonly resourceRules: readonly ResourceRule[];
  readonly nonResourceRules: readonly NonResourceRule[];
  /** There may be more. */
  readonly incomplete: boolean;
  readonly errors: readonly string[];
}

export const NO_PERMISSIONS: Permissions = { resourceRules: [], nonResourceRules: [], incomplete: false, errors: [] };

export interface Authorizer {
  authorize(attributes: AuthorizationAttributes): Decision | Promise<Decision>;
  permissions(user: UserInfo, namespace: string): Permissions | Promise<Permissions>;
}

export function authorizationAttributes(user: UserInfo, info: RequestInfo): AuthorizationAttributes {
  const { verb, isResourceRequest, path, group, version, resource, subresource, namespace, name } = info;
  return { user, verb, isResourceRequest, path, group, version, resource, subresource, namespace, name };
}

/** Several errors as one text. Source: Aggregate.Error of apimachinery pkg/util/errors v0.36. */
export function aggregate(errors: readonly string[]): string {
  const all = [...new Set(errors)];
  return all.length === 1 ? all[0]! : `[${all.join(', ')}]`;
}

const MARKUP: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
/** A refusal must not look like HTML to a browser. */
const sanitized = (text: string): string => text.replaceAll(/[&<>]/g, (c) => MARKUP[c]!);

/** The refusal of a request, with upstream's words and details. */
export function forbidden(attributes: AuthorizationAttributes, reason: string): StatusError {
  const { isResourceRequest, name, group, resource } = attributes;
  const named = {
    ...(name === '' ? {} : { name }),
    ...(group === '' ? {} : { group }),
    ...(resource === '' ? {} : { kind: resource }),
  };
  return new StatusError('Forbidden', forbiddenText(attributes, reason), { details: isResourceRequest ? named : {} });
}

/** Source: apiserver pkg/endpoints/handlers/responsewriters/errors.go forbiddenMessage v1.36. */
function forbiddenText(a: AuthorizationAttributes, reason: string): string {
  const user = `User ${JSON.stringify(a.user.name)}`;
  const tail = reason === '' ? '' : `: ${reason}`;
  if (!a.isResourceRequest)
    return `forbidden: ${sanitized(`${user} cannot ${a.verb} path ${JSON.stringify(a.path)}`)}${tail}`;
  const resource = a.subresource === '' ? a.resource : `${a.resource}/${a.subresource}`;
  const subject = a.group === '' ? a.resource : `${a.resource}.${a.group}`;
  const named = a.name === '' ? subject : `${subject} "${a.name}"`;
  const where = a.namespace === '' ? 'at the cluster scope' : `in the namespace "${a.namespace}"`;
  const what = `${user} cannot ${a.verb} resource "${resource}" in API group "${a.group}" ${where}`;
  return `${named} is forbidden: ${sanitized(what)}${tail}`;
}
