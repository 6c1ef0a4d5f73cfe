import {
  conflict,
  type DeleteOptions,
  copyObject,
  equalValues,
  formatTime,
  invalid,
  invalidObject,
  type Kind,
  type KubeObject,
  notFound,
  notSupported,
  resourceText,
} from '#api';
import type { Entry } from '../watchcache/entry.ts';
import type { RegistryEnvironment, Target, WriteScope } from './scope.ts';

/** Finalizers the garbage collector takes off. Source: meta/v1 FinalizerOrphanDependents, FinalizerDeleteDependents. */
const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';

export interface DeleteResult {
  readonly entry: Entry;
  /** False: it is marked and goes later, by grace period or finalizers. */
  readonly gone: boolean;
}

/** Deletes one object, or marks it for deletion. Source: store.go Delete, rest/delete.go BeforeDelete v1.36. */
export async function deleteObject(
  env: RegistryEnvironment,
  target: Target,
  name: string,
  options: DeleteOptions,
  scope: WriteScope,
): Promise<DeleteResult> {
  const { resource, namespace } = target;
  const { kind } = resource;
  checkOptions(options);
  for (;;) {
    scope.signal?.throwIfAborted();
    const current = resource.get(namespace, name);
    if (current === undefined) throw notFound(kind, name);
    const old = resource.object(current);
    checkPreconditions(kind, old, options);
    await env.admission.validate({
      operation: 'DELETE',
      kind,
      subresource: '',
      namespace,
      name,
      oldObject: old,
      user: scope.user,
      dryRun: scope.dryRun,
    });

    const next = copyObject(old, { isOwn: false });
    const stays = mark(env, kind, next, options);
    if (scope.dryRun) return { entry: stays ? resource.unwritten(next, current) : current, gone: !stays };
    if (stays) {
      const entry = equalValues(next, old) ? current : await resource.replace(current, next);
      if (entry !== undefined) return { entry, gone: false };
    } else {
      const entry = await removeObject(env, target, current, next);
      if (entry !== undefined) return { entry, gone: true };
    }
  }
}

/** Takes an object out of the store and lets go of what hangs on it. Undefined when another write came between. */
export async function removeObject(
  env: RegistryEnvironment,
  { resource }: Target,
  current: Entry,
  object: KubeObject,
): Promise<Entry | undefined> {
  const entry = await resource.remove(current);
  const after = entry === undefined ? undefined : env.hooks.get(resourceText(resource.kind))?.afterDelete?.(object);
  if (after !== undefined) await after;
  return entry;
}

/** An object marked for deletion goes with the update that takes away the last thing that held it. Source: store.go ShouldDeleteDuringUpdate v1.36. */
export function goesNow(env: RegistryEnvironment, kind: Kind, object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata;
  return (
    deletionTimestamp !== undefined &&
    (deletionGracePeriodSeconds ?? 0) === 0 &&
    (finalizers ?? []).length === 0 &&
    (env.hooks.get(resourceText(kind))?.mayGo?.(object) ?? true)
  );
}

/** Writes the marks of a deletion into `object`; true when it stays for now. */
function mark(env: RegistryEnvironment, kind: Kind, object: KubeObject, options: DeleteOptions): boolean {
  const { metadata } = object;
  const nowMs = env.clock.now();
  const finalizers = withPropagation(kind, metadata.finalizers ?? [], options);
  if (finalizers.length > 0) metadata.finalizers = finalizers;
  else delete metadata.finalizers;

  if (env.hooks.get(resourceText(kind))?.beginDelete?.(object, nowMs) === true) return true;
  const grace = gracePeriod(kind, object, options);
  if (grace > 0) {
    setDeletion(object, nowMs, grace);
    return true;
  }
  if (finalizers.length > 0) {
    setDeletion(object, nowMs, 0);
    return true;
  }
  return false;
}

/** Seconds the object is left to end by itself. A second request may shorten a grace period, never lengthen it. */
function gracePeriod(kind: Kind, object: KubeObject, { gracePeriodSeconds }: DeleteOptions): number {
  if (kind.gracePeriodSeconds === undefined) return 0;
  // A negative period counts as one second (BeforeDelete).
  const requested = gracePeriodSeconds !== undefined && gracePeriodSeconds < 0 ? 1 : gracePeriodSeconds;
  const wanted = kind.gracePeriodSeconds(object, requested);
  const known = object.metadata.deletionGracePeriodSeconds;
  return object.metadata.deletionTimestamp === undefined || known === undefined ? wanted : Math.min(wanted, known);
}

/** Marks `object` as being deleted; its time is the end of the grace period, as upstream's is. */
export function setDeletion(object: KubeObject, nowMs: number, graceSeconds: number): void {
  const { metadata } = object;
  if (metadata.deletionTimestamp !== undefined && metadata.deletionGracePeriodSeconds === graceSeconds) return;
  const startMs =
    metadata.deletionTimestamp === undefined
      ? nowMs
      : Math.min(nowMs, Date.parse(metadata.deletionTimestamp) - durationMs(metadata.deletionGracePeriodSeconds ?? 0));
  if (metadata.deletionTimestamp === undefined && metadata.generation !== undefined && metadata.generation > 0)
    metadata.generation += 1;
  metadata.deletionTimestamp = formatTime(startMs + durationMs(graceSeconds));
  metadata.deletionGracePeriodSeconds = graceSeconds;
}

/** Beyond 292 years a period wraps around, as it does in Go's 64 bits of nanoseconds. */
const durationMs = (seconds: number): number =>
  Math.abs(seconds) < MAX_DURATION_SECONDS
    ? seconds * 1000
    : Number(BigInt.asIntN(64, BigInt(seconds) * 1_000_000_000n) / 1_000_000n);

const MAX_DURATION_SECONDS = 9e9;

/** Source: deletionFinalizersForGarbageCollection in store.go v1.36: the request, then what the object says, then the kind. */
function withPropagation(kind: Kind, finalizers: readonly string[], options: DeleteOptions): string[] {
  const orphan = options.propagationPolicy === 'Orphan' || options.orphanDependents === true;
  const foreground = options.propagationPolicy === 'Foreground';
  const stated = options.propagationPolicy !== undefined || options.orphanDependents !== undefined;
  if (!stated) {
    const decided = finalizers.includes(ORPHAN) || finalizers.includes(FOREGROUND);
    return kind.orphansDependents === true && !decided ? [...finalizers, ORPHAN] : [...finalizers];
  }
  const kept = finalizers.filter((f) => f !== ORPHAN && f !== FOREGROUND);
  if (orphan) kept.push(ORPHAN);
  if (foreground) kept.push(FOREGROUND);
  return kept;
}

/** Source of the texts, which name the kind where others name the resource: rest.BeforeDelete v1.36. */
export function checkPreconditions({ group, kind }: Kind, object: KubeObject, { preconditions }: DeleteOptions): void {
  const { uid, resourceVersion, name } = object.metadata;
  if (preconditions?.uid !== undefined && preconditions.uid !== uid)
    throw conflict(
      { group, plural: kind },
      name,
      `the UID in the precondition (${preconditions.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    );
  if (preconditions?.resourceVersion !== undefined && preconditions.resourceVersion !== resourceVersion)
    throw conflict(
      { group, plural: kind },
      name,
      `the ResourceVersion in the precondition (${preconditions.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    );
}

/** Source: metav1 validation.ValidateDeleteOptions v0.36. */
function checkOptions({ orphanDependents, propagationPolicy }: DeleteOptions): void {
  const errors = [];
  if (orphanDependents !== undefined && propagationPolicy !== undefined)
    errors.push(
      invalid('propagationPolicy', propagationPolicy, 'orphanDependents and deletionPropagation cannot be both set'),
    );
  if (propagationPolicy !== undefined && !POLICIES.includes(propagationPolicy))
    errors.push(notSupported('propagationPolicy', propagationPolicy, [...POLICIES, 'nil']));
  if (errors.length > 0) throw invalidObject({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', errors);
}

const POLICIES = ['Foreground', 'Background', 'Orphan'];
