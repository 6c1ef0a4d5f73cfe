import type { FieldRequirement, NonResourceRule, Requirement, ResourceRule } from '#api';
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

export interface Authorizer {
  authorize(attributes: AuthorizationAttributes): Decision | Promise<Decision>;
  permissions(user: UserInfo, namespace: string): Permissions | Promise<Permissions>;
}

export function authorizationAttributes(user: UserInfo, info: RequestInfo): AuthorizationAttributes {
  const { verb, isResourceRequest, path, group, version, resource, subresource, namespace, name } = info;
  return { user, verb, isResourceRequest, path, group, version, resource, subresource, namespace, name };
}

/** Groups that may do everything: upstream's privileged group, and the one kubeadm binds to cluster-admin. */
const ADMINISTRATORS = new Set(['system:masters', 'kubeadm:cluster-admins']);
/** The cluster's own components. */
const COMPONENT_USERS = new Set(['system:kube-controller-manager', 'system:kube-scheduler', 'system:kube-proxy']);
const NODES = 'system:nodes';
/** What everybody may read. Source: ClusterRole system:public-info-viewer v1.36. */
const PUBLIC_PATHS = new Set(['/healthz', '/livez', '/readyz', '/version', '/version/']);

const AUTHENTICATED = 'system:authenticated';
/** What whoever is known may read besides. Source: ClusterRole system:discovery v1.36. */
const DISCOVERY_PATHS = /^\/(?:api|apis|openapi)(?:\/|$)/;

const ALLOWED: Decision = { allowed: true, reason: '' };
const NO_OPINION: Decision = { allowed: false, reason: '' };

/** Lets in administrators and the cluster's components, who else is known to discovery, and the rest to the public paths only. */
export const fixedAuthorizer: Authorizer = {
  authorize({ user, isResourceRequest, path, verb }) {
    if (user.groups.some((g) => ADMINISTRATORS.has(g) || g === NODES) || COMPONENT_USERS.has(user.name)) return ALLOWED;
    if (isResourceRequest || verb !== 'get') return NO_OPINION;
    if (PUBLIC_PATHS.has(path)) return ALLOWED;
    if (user.groups.includes(AUTHENTICATED) && DISCOVERY_PATHS.test(path)) return ALLOWED;
    return NO_OPINION;
  },
  permissions: () => ({ resourceRules: [], nonResourceRules: [], incomplete: true, errors: [] }),
};

/** Source: apiserver pkg/endpoints/handlers/responsewriters/errors.go forbiddenMessage v1.36. */
export function forbiddenText(a: AuthorizationAttributes, reason: string): string {
  const tail = reason === '' ? '' : `: ${reason}`;
  const user = a.user.name;
  if (!a.isResourceRequest) return `forbidden: User "${user}" cannot ${a.verb} path "${a.path}"${tail}`;
  const resource = a.subresource === '' ? a.resource : `${a.resource}/${a.subresource}`;
  const subject = a.group === '' ? a.resource : `${a.resource}.${a.group}`;
  const named = a.name === '' ? subject : `${subject} "${a.name}"`;
  const where = a.namespace === '' ? 'at the cluster scope' : `in the namespace "${a.namespace}"`;
  return `${named} is forbidden: User "${user}" cannot ${a.verb} resource "${resource}" in API group "${a.group}" ${where}${tail}`;
}
