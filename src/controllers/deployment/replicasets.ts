import {
  type Deployment,
  getScaledValueFromIntOrPercent,
  type PodTemplateSpec,
  type ReplicaSet,
  safeEncode,
  semanticEqual,
} from '#api';
import { desiredReplicas, maxReplicas } from './annotations.ts';

/** The arithmetic of rollouts. Pure. Source: pkg/controller/deployment/util/deployment_util.go v1.36. */

export const TEMPLATE_HASH = 'pod-template-hash';

export const sizeOf = ({ spec }: ReplicaSet | Deployment): number => spec.replicas ?? 1;
export const total = (sets: readonly ReplicaSet[], of: (rs: ReplicaSet) => number | undefined): number =>
  sets.reduce((sum, rs) => sum + (of(rs) ?? 0), 0);
export const totalSize = (sets: readonly ReplicaSet[]): number => total(sets, sizeOf);
export const activeOnly = (sets: readonly ReplicaSet[]): ReplicaSet[] => sets.filter((rs) => sizeOf(rs) > 0);

export const isRollingUpdate = ({ spec }: Deployment): boolean => spec.strategy?.type !== 'Recreate';

const older = (a: ReplicaSet, b: ReplicaSet): number => {
  const [x, y] = [a.metadata, b.metadata];
  if (x.creationTimestamp !== y.creationTimestamp) return x.creationTimestamp < y.creationTimestamp ? -1 : 1;
  return x.name < y.name ? -1 : 1;
};
const oldestFirst = (sets: readonly ReplicaSet[]): ReplicaSet[] => sets.toSorted(older);

/** The ReplicaSet with the Deployment's template, the oldest if there are several. */
export const findNew = (deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined =>
  oldestFirst(sets).find((rs) => equalIgnoreHash(rs.spec.template, deployment.spec.template));

export function equalIgnoreHash(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  return semanticEqual(withoutHash(a), withoutHash(b));
}

function withoutHash(template: PodTemplateSpec | undefined): unknown {
  const { [TEMPLATE_HASH]: _hash, ...labels } = template?.metadata?.labels ?? {};
  return { ...template, metadata: { ...template?.metadata, labels, creationTimestamp: undefined } };
}

/** How many pods a rolling update may make beyond, and lack below, the size wanted. */
export function fenceposts(deployment: Deployment): { readonly maxSurge: number; readonly maxUnavailable: number } {
  const size = sizeOf(deployment);
  if (!isRollingUpdate(deployment)) return { maxSurge: 0, maxUnavailable: 0 };
  const { maxSurge = '25%', maxUnavailable = '25%' } = deployment.spec.strategy?.rollingUpdate ?? {};
  const surge = getScaledValueFromIntOrPercent(maxSurge, size, true);
  const unavailable = getScaledValueFromIntOrPercent(maxUnavailable, size, false);
  // Both zero could never move: percentages of small numbers come to that.
  if (surge === 0 && unavailable === 0) return { maxSurge: 0, maxUnavailable: Math.min(1, size) };
  return { maxSurge: surge, maxUnavailable: Math.min(unavailable, size) };
}

/** Size of the new ReplicaSet that stays within the surge. */
export function newSize(deployment: Deployment, all: readonly ReplicaSet[], current: number): number {
  const wanted = sizeOf(deployment);
  if (!isRollingUpdate(deployment)) return wanted;
  const room = wanted + fenceposts(deployment).maxSurge - totalSize(all);
  return room <= 0 ? current : current + Math.min(room, wanted - current);
}

/** Sizes of old ReplicaSets after all have given up as much as availability allows: sick pods first, then the oldest sets. */
export function shrinkOld(
  deployment: Deployment,
  newRS: ReplicaSet,
  old: readonly ReplicaSet[],
): Map<ReplicaSet, number> {
  const sizes = new Map(oldestFirst(activeOnly(old)).map((rs) => [rs, sizeOf(rs)]));
  const minAvailable = sizeOf(deployment) - fenceposts(deployment).maxUnavailable;
  const newUnavailable = sizeOf(newRS) - (newRS.status.availableReplicas ?? 0);
  let mayGo = totalSize([...sizes.keys(), newRS]) - minAvailable - newUnavailable;
  if (mayGo <= 0) return new Map();

  for (const [rs, size] of sizes) {
    const going = Math.min(mayGo, Math.max(0, size - (rs.status.availableReplicas ?? 0)));
    sizes.set(rs, size - going);
    mayGo -= going;
    if (mayGo <= 0) break;
  }
  let spare = total([...sizes.keys(), newRS], (rs) => rs.status.availableReplicas) - minAvailable;
  for (const [rs, size] of sizes) {
    if (spare <= 0) break;
    const going = Math.min(size, spare);
    sizes.set(rs, size - going);
    spare -= going;
  }
  return new Map([...sizes].filter(([rs, size]) => size !== sizeOf(rs)));
}

/** The only set with pods, or the newest when none has any; undefined when several have. */
export function activeOrLatest(newRS: ReplicaSet | undefined, old: readonly ReplicaSet[]): ReplicaSet | undefined {
  const all = newRS === undefined ? [...old] : [...old, newRS];
  const active = activeOnly(all);
  if (active.length === 0) return newRS ?? oldestFirst(old).at(-1);
  return active.length === 1 ? active[0] : undefined;
}

/** The new set has all the pods it should, and they are available. */
export function isSaturated(deployment: Deployment, newRS: ReplicaSet | undefined): boolean {
  if (newRS === undefined) return false;
  const size = sizeOf(deployment);
  return sizeOf(newRS) === size && desiredReplicas(newRS) === size && (newRS.status.availableReplicas ?? 0) === size;
}

/**
 * Sizes after scaling amid a rollout: what is added or removed is shared among the sets in proportion to their sizes, so that the rollout
 * is neither sped up nor set back. What rounding leaves over goes to the largest.
 */
export function proportionalSizes(deployment: Deployment, sets: readonly ReplicaSet[]): Map<ReplicaSet, number> {
  const wanted = sizeOf(deployment);
  const allowed = wanted > 0 ? wanted + fenceposts(deployment).maxSurge : 0;
  const toAdd = allowed - totalSize(sets);
  // The largest first; of equals the newer when growing, the older when shrinking.
  const sorted = sets.toSorted((a, b) => sizeOf(b) - sizeOf(a) || (toAdd > 0 ? older(b, a) : older(a, b)));
  const sizes = new Map<ReplicaSet, number>();
  let added = 0;
  for (const rs of sorted) {
    const share = toAdd === 0 || added === toAdd ? 0 : within(toAdd - added, fraction(deployment, rs, allowed));
    sizes.set(rs, sizeOf(rs) + share);
    added += share;
  }
  const [largest] = sorted;
  if (largest !== undefined) sizes.set(largest, Math.max(0, (sizes.get(largest) ?? 0) + toAdd - added));
  return sizes;
}

/** `share`, but no further from zero than `limit`. */
const within = (limit: number, share: number): number => (limit > 0 ? Math.min(share, limit) : Math.max(share, limit));

function fraction(deployment: Deployment, rs: ReplicaSet, allowed: number): number {
  if (sizeOf(deployment) === 0) return -sizeOf(rs);
  const before = maxReplicas(rs) ?? deployment.status.replicas ?? 0;
  return before === 0 ? 0 : Math.round((sizeOf(rs) * allowed) / before) - sizeOf(rs);
}

/** Old sets to delete so that only as many remain as the history limit says; none that has pods or has not been seen to have none. */
export function beyondHistory(
  deployment: Deployment,
  old: readonly ReplicaSet[],
  revisionOf: (rs: ReplicaSet) => number,
): ReplicaSet[] {
  const limit = deployment.spec.revisionHistoryLimit ?? 10;
  const alive = old.filter((rs) => rs.metadata.deletionTimestamp === undefined);
  return alive
    .toSorted((a, b) => revisionOf(a) - revisionOf(b) || older(a, b))
    .slice(0, Math.max(0, alive.length - limit))
    .filter(
      ({ spec, status, metadata }) =>
        status.replicas === 0 && spec.replicas === 0 && (metadata.generation ?? 0) <= (status.observedGeneration ?? 0),
    );
}

/**
 * The name part that says which template a ReplicaSet has: FNV-1a of the template, changed by the number of collisions met so far. Only
 * this program needs to agree with itself on it: ReplicaSets are found by template, never by hash.
 */
export function templateHash(template: PodTemplateSpec, collisions: number): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(canonical(template) + (collisions === 0 ? '' : `#${collisions}`))) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return safeEncode(String(hash));
}

const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
