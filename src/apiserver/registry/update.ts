import {
  badRequest,
  conflict,
  equalValues,
  ignoreManagedFieldsTimestamps,
  invalid,
  invalidObject,
  type Kind,
  type KubeObject,
  nameIsPathSegment,
  notFound,
  resourceText,
  StatusError,
  validateObjectMeta,
  validateObjectMetaUpdate,
} from '#api';
import type { Entry } from '../watchcache/entry.ts';
import { checkNamespace, createObject } from './create.ts';
import type { Resource } from './resource.ts';
import { goesNow, removeObject } from './delete.ts';
import { admitted } from './managed-fields.ts';
import { pauseOf } from './pace.ts';
import type { RegistryEnvironment, Target, WriteOutcome, WriteScope } from './scope.ts';
import { gathered, refuse } from './validation.ts';

/** Source: registry.OptimisticLockErrorMsg v1.36. */
const MODIFIED = 'the object has been modified; please apply your changes to the latest version and try again';

export interface UpdateRequest {
  readonly name: string;
  /** '' for the object itself, `status`, or one of the kind's parts. */
  readonly subresource: string;
  /**
   * The object as it shall be, made from the stored one (shared: copy it). Called again when another write came between.
   * Undefined leaves everything as it is.
   */
  readonly change: (current: KubeObject) => KubeObject | Promise<KubeObject>;
  /** Makes the object where there is none. Absent: it must exist. */
  readonly create?: () => KubeObject | Promise<KubeObject>;
  /** A change without resourceVersion is applied to whatever is there, whatever the kind says. */
  readonly unconditional?: boolean;
  readonly operationOnConflict?: 'retry' | 'fail';
}

export interface UpdateResult {
  readonly entry: Entry;
  readonly created: boolean;
}

/** Compare-and-swap loop: read, change, check, write, again when somebody else was quicker. Source: store.go Update, etcd3 GuaranteedUpdate v1.36. */
export async function updateObject(
  env: RegistryEnvironment,
  target: Target,
  request: UpdateRequest,
  scope: WriteScope,
): Promise<UpdateResult> {
  const { resource, namespace } = target;
  const { kind } = resource;
  for (;;) {
    scope.signal?.throwIfAborted();
    const current = resource.get(namespace, request.name);
    if (current === undefined) {
      if (request.create === undefined) throw notFound(kind, request.name);
      const entry = await createNamed(env, target, request.name, await request.create(), scope);
      if (entry !== undefined) return { entry, created: true };
      continue;
    }
    const old = resource.object(current);
    if (scope.load !== undefined) scope.load.loadBytes = Math.max(scope.load.loadBytes, current.value.length);
    const next = await request.change(old);
    checkNamespace(kind.namespaced, next, namespace);
    if (next.metadata.name !== request.name) throw nameMismatch(next.metadata.name, request.name);
    checkLock(resource, next, old, request);
    next.metadata.resourceVersion = old.metadata.resourceVersion;
    const entry = await updateOnce(env, target, request, { current, old, next }, scope);
    if (entry !== undefined) return { entry, created: false };
  }
}

/** Creates what was to be updated. Undefined when somebody else was quicker. */
async function createNamed(
  env: RegistryEnvironment,
  target: Target,
  name: string,
  object: KubeObject,
  scope: WriteScope,
): Promise<Entry | undefined> {
  const { resource, namespace } = target;
  checkNamespace(resource.kind.namespaced, object, namespace);
  if (object.metadata.name !== name) throw nameMismatch(object.metadata.name, name);
  // It says which version there should be, but there is none to compare. Source: Store.Update of registry/generic v1.36.
  const { resourceVersion: _, ...metadata } = object.metadata;
  try {
    return await createObject(env, target, { ...object, metadata } as KubeObject, scope);
  } catch (error) {
    if (StatusError.is(error, 'AlreadyExists') && resource.get(namespace, name) !== undefined) return undefined;
    throw error;
  }
}

/** What the caller knew of the object must still hold. */
function checkLock(
  resource: Resource,
  next: KubeObject,
  old: KubeObject,
  { unconditional, name }: UpdateRequest,
): void {
  const { kind } = resource;
  const { resourceVersion, uid } = next.metadata;
  if (uid !== undefined && uid !== '' && uid !== old.metadata.uid)
    throw conflict(
      kind,
      name,
      // Source: storage.NewInvalidObjError v1.36.
      `StorageError: invalid object, Code: 4, Key: ${resource.key(old.metadata.namespace ?? '', name)}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`,
    );
  if (resourceVersion !== undefined && resourceVersion !== '') {
    if (resourceVersion !== old.metadata.resourceVersion) throw conflict(kind, name, MODIFIED);
  } else if (unconditional !== true && kind.unconditionalUpdate === false) {
    // The resource stands where the kind should: upstream has it so.
    throw invalidObject({ group: kind.group, kind: kind.plural }, name, [
      invalid('metadata.resourceVersion', 0, 'must be specified for an update'),
    ]);
  }
}

interface Versions {
  readonly current: Entry;
  readonly old: KubeObject;
  readonly next: KubeObject;
}

async function updateOnce(
  env: RegistryEnvironment,
  target: Target,
  { name, subresource }: UpdateRequest,
  { current, old, next }: Versions,
  scope: WriteScope,
): Promise<Entry | undefined> {
  const { resource, namespace } = target;
  const { kind } = resource;
  const attributes = {
    operation: 'UPDATE',
    kind,
    subresource,
    namespace,
    name,
    object: next,
    oldObject: old,
    user: scope.user,
    dryRun: scope.dryRun,
  } as const;
  await admitted(env, attributes, scope);
  const pause = pauseOf(scope.load);
  if (pause !== undefined) await pause();
  prepare(kind, next, old, { subresource, nowMs: env.clock.now() });
  const hooks = subresource === '' ? env.hooks.get(resourceText(kind)) : undefined;
  const begun = hooks?.beginUpdate?.(next, old, scope);
  const finish = begun === undefined ? undefined : await begun;
  let outcome: WriteOutcome = 'failed';
  try {
    ignoreManagedFieldsTimestamps(next, old);
    if (pause !== undefined) await pause();
    const ready = kind.ready?.();
    if (ready !== undefined) await ready;
    const early = hooks?.prepareValidation?.(next, old);
    if (early !== undefined) refuse(kind, name, await early);
    validate(kind, next, old, subresource);
    if (hooks?.validate !== undefined) refuse(kind, name, await hooks.validate(next, old));
    for (const text of kind.warnings?.(next, old) ?? []) scope.warn(text);
    if (pause !== undefined) await pause();
    await env.admission.validate(attributes);
    if (pause !== undefined) await pause();
    if (!resource.isStale(current) && sameStored(kind, next, old)) return current;
    if (scope.dryRun) return resource.unwritten(next, current);
    outcome = 'unknown';
    const entry = goesNow(env, kind, next)
      ? await removeObject(env, target, current, next)
      : await resource.replace(current, next);
    outcome = entry === undefined ? 'failed' : 'done';
    return entry;
  } finally {
    if (finish !== undefined) await finish(outcome);
  }
}

/** What an update may not touch is taken over from the stored object. Source: rest.BeforeUpdate v1.36. */
function prepare(
  kind: Kind,
  next: KubeObject,
  old: KubeObject,
  { subresource, nowMs }: { readonly subresource: string; readonly nowMs: number },
): void {
  const { metadata } = next;
  metadata.uid = old.metadata.uid;
  metadata.resourceVersion = old.metadata.resourceVersion;
  metadata.creationTimestamp = old.metadata.creationTimestamp;
  assignOrDelete(metadata, 'generation', old.metadata.generation);
  assignOrDelete(metadata, 'deletionTimestamp', old.metadata.deletionTimestamp);
  assignOrDelete(metadata, 'deletionGracePeriodSeconds', old.metadata.deletionGracePeriodSeconds);
  assignOrDelete(metadata, 'generateName', old.metadata.generateName);
  delete metadata.selfLink;
  if (subresource === 'status') {
    kind.status?.prepareForUpdate(next, old, { nowMs });
  } else if (subresource !== '') {
    kind.parts?.[subresource]?.prepareForUpdate(next, old, { nowMs });
  } else {
    if (kind.status !== undefined) takeOver(next, old, 'status');
    kind.prepareForUpdate?.(next, old);
  }
  if (kind.generation === true && !KEEPS_GENERATION.has(subresource) && !sameSpec(kind, next, old))
    // A part may have put other metadata in place.
    next.metadata.generation = (old.metadata.generation ?? 0) + 1;
}

/** Whether the same would be kept: in a version that is not stored, defaults may come with the conversion only, as an autoscaler's target does. */
const sameStored = ({ storedAs }: Kind, next: KubeObject, old: KubeObject): boolean =>
  equalValues(next, old) || (storedAs !== undefined && equalValues(storedAs.toStored(next), storedAs.toStored(old)));

function assignOrDelete<T extends object, K extends keyof T>(object: T, key: K, value: T[K] | undefined): void {
  if (value === undefined) delete object[key];
  else object[key] = value;
}

function takeOver(next: KubeObject, old: KubeObject, field: string): void {
  const from = old as unknown as Record<string, unknown>;
  const to = next as unknown as Record<string, unknown>;
  if (from[field] === undefined) delete to[field];
  else to[field] = from[field];
}

/** Subresources whose writes are no change of what is wanted: a pod that gets its node is the same pod. */
const KEEPS_GENERATION = new Set(['status', 'binding', 'finalize']);

/** Everything but status, and of metadata what the kind says, is what generation counts. */
function sameSpec({ generationMetadata = [] }: Kind, a: KubeObject, b: KubeObject): boolean {
  if (generationMetadata.some((part) => !equalValues(a.metadata[part] ?? {}, b.metadata[part] ?? {}))) return false;
  const { metadata: _am, status: _as, ...left } = a as KubeObject & { status?: unknown };
  const { metadata: _bm, status: _bs, ...right } = b as KubeObject & { status?: unknown };
  return equalValues(left, right);
}

function validate(kind: Kind, next: KubeObject, old: KubeObject, subresource: string): void {
  const own = (): ReturnType<NonNullable<Kind['validate']>> => {
    if (subresource === 'status') return kind.status?.validateUpdate?.(next, old) ?? [];
    if (subresource !== '') return kind.parts?.[subresource]?.validateUpdate?.(next, old) ?? [];
    const [ofObject, ofChange] = [kind.validate?.(next, old) ?? [], kind.validateUpdate?.(next, old) ?? []];
    return kind.changesFirst === true ? [...ofChange, ...ofObject] : [...ofObject, ...ofChange];
  };
  const errors = gathered(() => [
    ...validateObjectMeta(next.metadata, {
      namespaced: kind.namespaced,
      validateName: nameIsPathSegment,
      anyFinalizers: kind.anyFinalizers,
    }),
    ...validateObjectMetaUpdate(next.metadata, old.metadata, kind),
    ...own(),
  ]);
  refuse(kind, next.metadata.name, errors);
}

/** Source: checkName of apiserver pkg/endpoints/handlers/rest.go v1.36. */
export const nameMismatch = (name: string | undefined, url: string): StatusError =>
  badRequest(
    (name ?? '') === ''
      ? `the name of the object (${url} based on URL) was undeterminable: name must be provided`
      : `the name of the object (${name}) does not match the name on the URL (${url})`,
  );
