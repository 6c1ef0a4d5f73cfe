/** Service accounts as users. Source: apiserver pkg/authentication/serviceaccount/util.go v1.36. */
import { nameIsDNSLabel, nameIsDNSSubdomain } from '#api';
import type { UserInfo } from '../admission/admission.ts';

const PREFIX = 'system:serviceaccount:';

/** Name a service account goes by as a user. */
export const serviceAccountName = (namespace: string, name: string): string => `${PREFIX}${namespace}:${name}`;

export const serviceAccountGroups = (namespace: string): string[] => [
  'system:serviceaccounts',
  `system:serviceaccounts:${namespace}`,
];

/** The service account a user name stands for; undefined when it stands for none. */
export function splitServiceAccountName(user: string): { namespace: string; name: string } | undefined {
  if (!user.startsWith(PREFIX)) return undefined;
  const [namespace = '', name = '', ...more] = user.slice(PREFIX.length).split(':');
  if (more.length > 0 || nameIsDNSLabel(namespace, false).length > 0) return undefined;
  return nameIsDNSSubdomain(name, false).length > 0 ? undefined : { namespace, name };
}

/** A service account as somebody who has shown who he is. */
export const serviceAccountUser = (namespace: string, name: string): UserInfo => ({
  name: serviceAccountName(namespace, name),
  groups: [...serviceAccountGroups(namespace), 'system:authenticated'],
});
