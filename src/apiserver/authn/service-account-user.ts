/** Service accounts as users. Source: apiserver pkg/authentication/serviceaccount/util.go v1.36. */
import type { UserInfo } from '../admission/admission.ts';

const PREFIX = 'system:serviceaccount:';

/** Name a service account goes by as a user. */
export const serviceAccountName = (namespace: string, name: string): string => `${PREFIX}${namespace}:${name}`;

const serviceAccountGroups = (namespace: string): string[] => [
  'system:serviceaccounts',
  `system:serviceaccounts:${namespace}`,
];

/** A service account as somebody who has shown who he is. */
export const serviceAccountUser = (namespace: string, name: string): UserInfo => ({
  name: serviceAccountName(namespace, name),
  groups: [...serviceAccountGroups(namespace), 'system:authenticated'],
});
