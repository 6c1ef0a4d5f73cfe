import type { Deployment, ReplicaSet } from '#api';

/** Source of these: pkg/controller/deployment/util/deployment_util.go v1.36. */
export const REVISION = 'deployment.kubernetes.io/revision';
const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas';
const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas';
const MAX_HISTORY_LENGTH = 2000;

/** Not handed down from a Deployment to its ReplicaSets. */
const OWN: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  'deprecated.deployment.rollback.to',
]);

type Annotations = Readonly<Record<string, string>>;

/** 0 where there is none. */
export const revisionOf = ({ metadata }: ReplicaSet): number => Number(metadata.annotations?.[REVISION] ?? 0) || 0;

export const desiredReplicas = (rs: ReplicaSet): number | undefined => numberIn(rs, DESIRED_REPLICAS);
export const maxReplicas = (rs: ReplicaSet): number | undefined => numberIn(rs, MAX_REPLICAS);

function numberIn({ metadata }: ReplicaSet, key: string): number | undefined {
  const text = metadata.annotations?.[key];
  return text === undefined || !/^-?\d+$/.test(text) ? undefined : Number(text);
}

/** What tells a ReplicaSet how large its Deployment is; how scaling is told apart from a rollout. */
export const sizeAnnotations = (desired: number, max: number): Annotations => ({
  [DESIRED_REPLICAS]: String(desired),
  [MAX_REPLICAS]: String(max),
});

/** Annotations of the newest ReplicaSet: those of the Deployment, its revision, and the revisions it stood for before. */
export function newReplicaSetAnnotations(
  { metadata }: Deployment,
  current: Annotations,
  revision: number,
): Annotations {
  const inherited = Object.fromEntries(Object.entries(metadata.annotations ?? {}).filter(([key]) => !OWN.has(key)));
  const next: Record<string, string> = { ...current, ...inherited };
  const before = current[REVISION];
  if (Number(before ?? 0) >= revision) return next;
  next[REVISION] = String(revision);
  if (before === undefined) return next;
  const history = (current[REVISION_HISTORY] ?? '').split(',').filter((entry) => entry !== '');
  history.push(before);
  while (history.join(',').length > MAX_HISTORY_LENGTH) history.shift();
  next[REVISION_HISTORY] = history.join(',');
  return next;
}
