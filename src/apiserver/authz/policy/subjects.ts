import type { Subject } from '#api';

export const RBAC_GROUP = 'rbac.authorization.k8s.io';

export const user = (name: string): Subject => ({ apiGroup: RBAC_GROUP, kind: 'User', name });
export const group = (name: string): Subject => ({ apiGroup: RBAC_GROUP, kind: 'Group', name });
export const account = (namespace: string, name: string): Subject => ({ kind: 'ServiceAccount', name, namespace });
