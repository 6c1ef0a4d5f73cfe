import type { ClusterRole, Draft, PolicyRule, Role } from '#api';

const words = (text: string): string[] => text.split(' ').toSorted();
/** `core` stands for the group without a name. */
const groups = (text: string): string[] =>
  text
    .split(' ')
    .map((group) => (group === 'core' ? '' : group))
    .toSorted();

/** A rule in words: `rule('get list', 'core apps', 'pods deployments')`. Its lists are in order, as upstream's RuleOrDie leaves them. */
export const rule = (verbs: string, apiGroups: string, resources: string, names?: string): PolicyRule => ({
  verbs: words(verbs),
  apiGroups: groups(apiGroups),
  resources: words(resources),
  ...(names === undefined ? {} : { resourceNames: words(names) }),
});

export const urls = (verbs: string, nonResourceURLs: string): PolicyRule => ({
  verbs: words(verbs),
  nonResourceURLs: words(nonResourceURLs),
});

export const READ = 'get list watch';
export const WRITE = 'create delete deletecollection patch update';
export const ALL = `${READ} ${WRITE}`;

/** Everybody may tell of what happened. */
export const eventsRule = rule('create patch update', 'core events.k8s.io', 'events');

/** Marks of what the server itself brings and keeps whole. Source: addDefaultMetadata of policy.go v1.36. */
export const DEFAULT_METADATA = {
  labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' },
  annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
} as const;

export const clusterRole = (
  name: string,
  rules: readonly PolicyRule[],
  labels: Readonly<Record<string, string>> = {},
): Draft<ClusterRole> => ({
  metadata: { name, ...DEFAULT_METADATA, labels: { ...DEFAULT_METADATA.labels, ...labels } },
  rules: [...rules],
});

export const role = (namespace: string, name: string, rules: readonly PolicyRule[]): Draft<Role> => ({
  metadata: { name, namespace, ...DEFAULT_METADATA },
  rules: [...rules],
});
