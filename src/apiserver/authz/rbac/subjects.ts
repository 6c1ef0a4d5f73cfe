import type { Subject } from '#api';
import type { UserInfo } from '../../admission/admission.ts';
import { serviceAccountName } from '../../authn/service-account-user.ts';

/** What subjects and users are looked up by. Undefined: a subject that is nobody. */
export function subjectKey({ kind, name, namespace = '' }: Subject, bindingNamespace: string): string | undefined {
  switch (kind) {
    case 'User':
      return userKey(name);
    case 'Group':
      return groupKey(name);
    case 'ServiceAccount': {
      const own = namespace === '' ? bindingNamespace : namespace;
      return own === '' ? undefined : userKey(serviceAccountName(own, name));
    }
    default:
      return undefined;
  }
}

const userKey = (name: string): string => `u:${name}`;
const groupKey = (name: string): string => `g:${name}`;

/** All that `user` is looked up by. */
export const keysOf = ({ name, groups }: UserInfo): string[] => [userKey(name), ...groups.map(groupKey)];

/** Source: describeSubject in pkg/registry/rbac/validation/rule.go v1.36; name and namespace stand in this order there. */
export function subjectText({ kind, name, namespace = '' }: Subject, bindingNamespace: string): string {
  if (kind !== 'ServiceAccount') return `${kind} ${JSON.stringify(name)}`;
  return `${kind} ${JSON.stringify(`${name}/${namespace === '' ? bindingNamespace : namespace}`)}`;
}
