import { LruMap } from '#util';
import { deepClone, equalValues } from '../equality.ts';
import type { ManagedFieldsEntry } from '../generated/meta.v1.ts';
import { apiVersionOf, type KubeObject } from '../kind.ts';
import { badRequest, StatusError } from '../status.ts';
import { formatTime } from '../time.ts';
import { ApplyConflicts } from './conflict.ts';
import { fieldElement } from './fieldpath/element.ts';
import { difference, type FieldSet, hasPath, isEmptySet, setOf, union } from './fieldpath/set.ts';
import { KUBECTL, lastAppliedSet, updateLastApplied } from './last-applied.ts';
import {
  capUpdateManagers,
  type Managed,
  managerId,
  type ManagedSet,
  ManagedFieldsError,
  NOTHING_MANAGED,
  type Operation,
  readManaged,
  writeManaged,
} from './managed.ts';
import { TypedError } from './typed/item.ts';
import { type ApplyType, isMap, type JsonObject } from './typed/type.ts';
import { shapeOf } from './typed/shape.ts';
import { typeErrors } from './typed/validate.ts';
import {
  applyManaged,
  type Convert,
  type Pause,
  type Rules,
  type SetFilter,
  type Typed,
  updateManaged,
} from './updater.ts';

export interface FieldManagerOptions {
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  /** Through which path it is written; '' for the object itself. */
  readonly subresource: string;
  readonly type: ApplyType;
  /** Makes an object of what apply merged: decoded, with defaults. It gets and gives a private copy. Throws StatusError. */
  readonly complete: (value: Record<string, unknown>) => KubeObject;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** What kept an update from being tracked; the write goes on with the owners there were. */
  readonly report: (error: Error) => void;
  /** To other versions of the kind, for owners who wrote in one. Default: there are none. */
  readonly convert?: Convert | undefined;
  /** By version. Default: every field can be owned. */
  readonly filter?: ((apiVersion: string) => SetFilter | undefined) | undefined;
}

export interface ApplyOptions {
  /** The fieldManager parameter, which apply requires. */
  readonly manager: string;
  /** Takes fields from others instead of failing. */
  readonly force: boolean;
  readonly pause?: Pause;
}

/** Tracks who owns which fields of the objects of one kind, written through one path. */
export interface FieldManager {
  /**
   * Before a create (`live` undefined), update or patch is admitted: gives `next`, a private copy with defaults, its managedFields.
   * Never fails.
   */
  update(live: KubeObject | undefined, next: KubeObject, manager: string, pause?: Pause): Promise<void>;
  /**
   * The object that applying `config` makes of `live`; undefined creates one. A private copy but for its managedFields. Throws StatusError:
   * Conflict with a cause for each field, BadRequest, or one without reason, each with upstream's text.
   */
  apply(live: KubeObject | undefined, config: JsonObject, options: ApplyOptions): Promise<KubeObject>;
}

/** Source: NewStripMetaManager, apimachinery pkg/util/managedfields/internal/stripmeta.go v0.36. */
const UNOWNED = setOf(
  ...['apiVersion', 'kind', 'metadata'].map((name) => [fieldElement(name)]),
  ...[
    'name',
    'namespace',
    'creationTimestamp',
    'selfLink',
    'uid',
    'clusterName',
    'generation',
    'managedFields',
    'resourceVersion',
  ].map((name) => [fieldElement('metadata'), fieldElement(name)]),
);

/** Shapes of created objects whose fields are remembered, for each kind and path, and how long a shape may be. */
const CREATED_SHAPES = 64;
const MAX_SHAPE_LENGTH = 8192;

const BEFORE_FIRST_APPLY = 'before-first-apply';

/**
 * The chain of managers of upstream as one. Order of what matters: which entries count, before-first-apply, the write itself, stripping of
 * metadata, times, merging with earlier entries of the manager, the cap, the annotation of kubectl.
 * Source: NewDefaultFieldManager, apimachinery pkg/util/managedfields/internal/fieldmanager.go v0.36.
 */
export function newFieldManager(options: FieldManagerOptions): FieldManager {
  const { kind, subresource, type, complete, now, report, filter } = options;
  const apiVersion = apiVersionOf(kind);
  const rules: Rules = { convert: options.convert ?? (() => undefined), filter };
  const empty = { apiVersion, kind: kind.kind, metadata: {} };

  const typed = (object: object): Typed => ({ value: withoutManagedFields(object), type, apiVersion });
  const timestamp = (): string => formatTime(now());
  const identity = (manager: string, operation: Operation): Omit<ManagedSet, 'set' | 'time'> => ({
    manager: manager === '' ? 'unknown' : manager,
    operation,
    apiVersion,
    subresource,
  });

  const createdSets = new LruMap<string, FieldSet>(CREATED_SHAPES);

  /** What is owned by who creates an object. */
  async function created(object: Typed, pause: Pause): Promise<FieldSet> {
    // Of a large object it would not be remembered.
    const shape = pause === undefined ? shapeOf(type, object.value) : undefined;
    const known = shape === undefined ? undefined : createdSets.get(shape);
    if (known !== undefined) return known;
    const { own } = await updateManaged(rules, typed(empty), object, NOTHING_MANAGED, pause);
    const set = difference(own, UNOWNED);
    if (shape !== undefined && shape.length <= MAX_SHAPE_LENGTH) createdSets.set(shape, set);
    return set;
  }

  async function trackCreate(object: Typed, manager: string, pause: Pause): Promise<Managed> {
    const set = await created(object, pause);
    if (isEmptySet(set)) return NOTHING_MANAGED;
    const entry = identity(manager, 'Update');
    return new Map([[managerId(entry), { ...entry, time: timestamp(), set }]]);
  }

  /** Owners after an update of `before` to `after`. */
  async function track(before: Typed, after: Typed, managed: Managed, manager: string, pause: Pause): Promise<Managed> {
    const { managers, own } = await updateManaged(rules, before, after, managed, pause);
    const set = difference(own, UNOWNED);
    if (!isEmptySet(set)) {
      const entry = identity(manager, 'Update');
      const id = managerId(entry);
      const earlier = managers.get(id);
      managers.set(id, { ...entry, time: timestamp(), set: earlier === undefined ? set : union(set, earlier.set) });
    }
    capUpdateManagers(managers);
    return managers;
  }

  async function update(live: KubeObject | undefined, next: KubeObject, manager: string, pause?: Pause): Promise<void> {
    try {
      const managed = managedBefore(live, next, subresource !== '');
      if (pause !== undefined) await pause();
      // Who has forgotten all owners does not want new ones: tracking starts with the creation or the next apply.
      const skip = managed.size === 0 && (live?.metadata.uid ?? '') !== '';
      const isNew = live === undefined && managed.size === 0;
      const owners = skip
        ? managed
        : isNew
          ? await trackCreate(typed(next), manager, pause)
          : await track(typed(live ?? empty), typed(next), managed, manager, pause);
      if (pause !== undefined) await pause();
      setManagedFields(next, writeManaged(owners));
    } catch (error) {
      if (!(error instanceof TypedError || error instanceof StatusError)) throw error;
      setManagedFields(next, live?.metadata.managedFields);
      report(error);
    }
  }

  /** One try, with force or without. Throws ApplyConflicts. */
  async function tryApply(
    live: Typed,
    config: Typed,
    managed: Managed,
    { manager, force, pause }: ApplyOptions,
  ): Promise<{ value: JsonObject | undefined; managers: Map<string, ManagedSet> }> {
    const entry = identity(manager, 'Apply');
    const id = managerId(entry);
    const time = managed.get(id)?.time;
    const { value, managers } = await applyManaged(rules, live, config, managed, {
      id,
      entry: { ...entry, time },
      force,
      pause,
    });
    const mine = managers.get(id);
    if (mine !== undefined) {
      const set = difference(mine.set, UNOWNED);
      if (isEmptySet(set)) managers.delete(id);
      else managers.set(id, { ...mine, set, time: value === undefined ? time : timestamp() });
    }
    return { value, managers };
  }

  async function applyTyped(
    live: Typed,
    config: Typed,
    managed: Managed,
    request: ApplyOptions,
  ): ReturnType<typeof tryApply> {
    try {
      return await tryApply(live, config, managed, request);
    } catch (error) {
      if (!(error instanceof ApplyConflicts) || request.manager !== KUBECTL) throw error;
      const allowed = lastAppliedSet(live);
      const left = error.conflicts.filter(({ path }) => !hasPath(allowed, path));
      if (left.length > 0) throw new ApplyConflicts(left);
      return await tryApply(live, config, managed, { ...request, force: true });
    }
  }

  async function apply(live: KubeObject | undefined, config: JsonObject, request: ApplyOptions): Promise<KubeObject> {
    checkConfig(options, config);
    const { pause } = request;
    if (pause !== undefined) await pause();
    const before = typed(live ?? empty);
    const where = (object: JsonObject): string => objectText(kind, object);
    try {
      const known = readManaged(live?.metadata.managedFields, true);
      const managed = known.size > 0 ? known : await track(typed(empty), before, known, BEFORE_FIRST_APPLY, pause);
      if (pause !== undefined) await pause();
      const { value, managers } = await applyTyped(before, typed(config), managed, request);
      if (pause !== undefined) await pause();
      const copy = deepClone(value ?? before.value);
      if (pause !== undefined) await pause();
      const object = value === undefined ? asObject(copy) : complete(copy);
      if (pause !== undefined) await pause();
      setManagedFields(object, writeManaged(managers));
      if (request.manager === KUBECTL) updateLastApplied(object, config);
      return object;
    } catch (error) {
      if (error instanceof ApplyConflicts) throw error.toStatusError();
      if (error instanceof ManagedFieldsError)
        throw new StatusError('', `failed to decode managed fields: ${error.message}`, { cause: error });
      if (error instanceof TypedError)
        throw new StatusError('', `failed to create typed live object (${where(before.value)}): ${error.message}`, {
          cause: error,
        });
      throw error;
    }
  }

  return { update, apply };
}

/** Typed values are objects of the API as JSON; a live one has everything an object has. */
const asObject = (value: Record<string, unknown>): KubeObject => value as unknown as KubeObject;

/** Managed fields are not managed. */
function withoutManagedFields(object: object): JsonObject {
  const { metadata, ...rest } = object as Record<string, unknown>;
  if (!isMap(metadata) || metadata['managedFields'] === undefined) return object as JsonObject;
  const { managedFields: _own, ...others } = metadata;
  return { ...rest, metadata: others };
}

function setManagedFields({ metadata }: KubeObject, entries: ManagedFieldsEntry[] | undefined): void {
  if (entries === undefined) delete metadata.managedFields;
  else metadata.managedFields = entries;
}

/** `[]` and `[{}]` ask for all owners to be forgotten. Source: isResetManagedFields. */
function isReset(entries: readonly ManagedFieldsEntry[] | undefined): boolean {
  if (entries === undefined || entries.length > 1) return false;
  const [only] = entries;
  return only === undefined || Object.values(only).every((value) => value === undefined || value === '');
}

/**
 * The owners a write starts from: those it names itself, as it may, unless they cannot be read or are none; then those of the live object.
 * Source: decodeLiveOrNew.
 */
function managedBefore(live: KubeObject | undefined, next: KubeObject, liveOnly: boolean): Managed {
  const asked = next.metadata.managedFields;
  if (!liveOnly) {
    if (isReset(asked)) return NOTHING_MANAGED;
    if (asked !== undefined && !equalValues(asked, live?.metadata.managedFields)) {
      const managed = readOrNothing(asked, false);
      if (managed.size > 0) return managed;
    }
  }
  return readOrNothing(live?.metadata.managedFields, true);
}

function readOrNothing(entries: readonly ManagedFieldsEntry[] | undefined, stored: boolean): Managed {
  try {
    return readManaged(entries, stored);
  } catch (error) {
    if (error instanceof ManagedFieldsError) return NOTHING_MANAGED;
    throw error;
  }
}

/** What can be wrong with a configuration on its own. Source: versioncheck.go and structuredmerge.go v0.36. */
function checkConfig({ kind, type }: FieldManagerOptions, config: JsonObject): void {
  if (config['apiVersion'] !== apiVersionOf(kind) || config['kind'] !== kind.kind)
    throw badRequest(`invalid object type: ${typeText(config)}`);
  const { metadata } = config;
  if (isMap(metadata) && metadata['managedFields'] !== undefined && metadata['managedFields'] !== null)
    throw badRequest('metadata.managedFields must be nil');
  const wrong = typeErrors(type, config);
  if (wrong !== '')
    throw new StatusError('', `failed to create typed patch object (${objectText(kind, config)}): ${wrong}`);
}

/** Source: schema.GroupVersionKind.String. */
function typeText({ apiVersion, kind }: JsonObject): string {
  const version = typeof apiVersion === 'string' ? apiVersion : '';
  const full = version.includes('/') ? version : `/${version}`;
  return `${full}, Kind=${typeof kind === 'string' ? kind : ''}`;
}

/** Source: objectGVKNN. */
function objectText(kind: FieldManagerOptions['kind'], { metadata }: JsonObject): string {
  const text = (name: string): string => {
    const value = isMap(metadata) ? metadata[name] : undefined;
    return typeof value === 'string' ? value : '';
  };
  return `${text('namespace')}/${text('name')}; ${typeText({ apiVersion: apiVersionOf(kind), kind: kind.kind })}`;
}
