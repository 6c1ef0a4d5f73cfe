/**
 * Ownership through writes: an update takes over what it changed, an apply owns what it says and gives up what it no longer says.
 * Source: structured-merge-diff merge/update.go v6.4.
 */
import { equalValues } from '../equality.ts';
import { ApplyConflicts, conflictsOf } from './conflict.ts';
import { difference, EMPTY_SET, type FieldSet, intersection, isEmptySet, union } from './fieldpath/set.ts';
import type { Managed, ManagedSet } from './managed.ts';
import { compare, type Comparison, NO_CHANGE } from './typed/compare.ts';
import { merge } from './typed/merge.ts';
import { reconcileSet } from './typed/reconcile.ts';
import { removeItems, withNamedFields } from './typed/remove.ts';
import { toFieldSet } from './typed/to-set.ts';
import type { ApplyType, JsonObject } from './typed/type.ts';

/** A value of a type, in a version. */
export interface Typed {
  readonly value: JsonObject;
  readonly type: ApplyType;
  readonly apiVersion: string;
}

/** Takes a value to another version of its kind; undefined when there is no such version (any more). */
export type Convert = (typed: Typed, apiVersion: string) => Typed | undefined | Promise<Typed | undefined>;

/** Takes out of a set what its owner cannot own: what a write through this path does not change anyway. */
export interface SetFilter {
  (set: FieldSet): FieldSet;
  /** Fields of the object of which nothing is left: they need not be looked through. */
  readonly nothingOf?: readonly string[];
}

export interface Rules {
  readonly convert: Convert;
  /** By version. */
  readonly filter?: ((apiVersion: string) => SetFilter | undefined) | undefined;
}

/** Waits where a write is large, so that others have their turn between its parts. Undefined: it is not. */
export type Pause = (() => Promise<void>) | undefined;

type Managers = Map<string, ManagedSet>;

const converted = (rules: Rules, typed: Typed, apiVersion: string): ReturnType<Convert> =>
  typed.apiVersion === apiVersion ? typed : rules.convert(typed, apiVersion);

/** What changed, of what can be owned in the version. */
function comparisonOf(rules: Rules, before: Typed, { value, type, apiVersion }: Typed): Comparison {
  const filter = rules.filter?.(apiVersion);
  if (filter === undefined) return compare(type, before.value, value);
  const nothingOf = filter.nothingOf ?? [];
  const comparison = compare(type, without(before.value, nothingOf), without(value, nothingOf));
  if (comparison === NO_CHANGE) return comparison;
  return {
    added: filter(comparison.added),
    modified: filter(comparison.modified),
    removed: filter(comparison.removed),
  };
}

function without(value: JsonObject, names: readonly string[]): JsonObject {
  if (!names.some((name) => Object.hasOwn(value, name))) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));
}

/** What changed, in the versions that managers own fields in. Undefined: the version is gone. */
class Comparisons {
  readonly #rules: Rules;
  readonly #before: Typed;
  readonly #after: Typed;
  readonly #known = new Map<string, Comparison | undefined>();

  constructor(rules: Rules, before: Typed, after: Typed) {
    this.#rules = rules;
    this.#before = before;
    this.#after = after;
    this.own = before.value === after.value ? NO_CHANGE : comparisonOf(rules, before, after);
    this.#known.set(after.apiVersion, this.own);
  }

  /** In the version of the write. */
  readonly own: Comparison;

  /** There already, if no conversion is needed. */
  known(apiVersion: string): { readonly comparison: Comparison | undefined } | undefined {
    return this.#known.has(apiVersion) ? { comparison: this.#known.get(apiVersion) } : undefined;
  }

  async in(apiVersion: string): Promise<Comparison | undefined> {
    const before = await this.#rules.convert(this.#before, apiVersion);
    const after = before === undefined ? undefined : await this.#rules.convert(this.#after, apiVersion);
    const comparison =
      before === undefined || after === undefined ? undefined : comparisonOf(this.#rules, before, after);
    this.#known.set(apiVersion, comparison);
    return comparison;
  }
}

/** Takes from all but `self` what changed. Without force, throws ApplyConflicts when somebody owns what is added or modified. */
async function take(managers: Managers, comparisons: Comparisons, self: string, force: boolean): Promise<void> {
  const conflicts = new Map<string, FieldSet>();
  const removed = new Map<string, FieldSet>();
  for (const [id, { apiVersion, set }] of managers) {
    if (id === self) continue;
    const known = comparisons.known(apiVersion);
    const comparison = known === undefined ? await comparisons.in(apiVersion) : known.comparison;
    if (comparison === undefined) {
      managers.delete(id);
      continue;
    }
    const taken = union(intersection(set, comparison.modified), intersection(set, comparison.added));
    if (!isEmptySet(taken)) conflicts.set(id, taken);
    if (!isEmptySet(comparison.removed)) removed.set(id, comparison.removed);
  }
  if (!force && conflicts.size > 0) throw new ApplyConflicts(conflictsOf(managers, conflicts));
  for (const sets of [conflicts, removed]) {
    for (const [id, gone] of sets) {
      const owner = managers.get(id)!;
      const set = difference(owner.set, gone);
      if (set !== owner.set) managers.set(id, { ...owner, set });
    }
  }
  for (const [id, { set }] of managers) if (isEmptySet(set)) managers.delete(id);
}

/** Sets that are as their type has them. Neither is ever written to. */
const reconciledTo = new WeakMap<FieldSet, ApplyType>();

/** Sets brought to the types of today. Those in versions that are gone are dropped. */
async function reconciled(rules: Rules, live: Typed, managers: Managed): Promise<Managers> {
  const result: Managers = new Map();
  for (const [id, owner] of managers) {
    const typed = owner.apiVersion === live.apiVersion ? live : await converted(rules, live, owner.apiVersion);
    if (typed === undefined) continue;
    if (reconciledTo.get(owner.set) === typed.type) {
      result.set(id, owner);
      continue;
    }
    const set = reconcileSet(owner.set, typed.type);
    reconciledTo.set(set, typed.type);
    result.set(id, set === owner.set ? owner : { ...owner, set });
  }
  return result;
}

export interface Updated {
  readonly managers: Managers;
  /** What the write itself owns now; empty when it changed nothing. */
  readonly own: FieldSet;
}

/** After a write that is no apply: what it changed is taken from all, and is its own. Throws TypedError. */
export async function updateManaged(
  rules: Rules,
  before: Typed,
  after: Typed,
  managed: Managed,
  pause?: Pause,
): Promise<Updated> {
  const managers = await reconciled(rules, before, managed);
  if (pause !== undefined) await pause();
  const comparisons = new Comparisons(rules, before, after);
  if (pause !== undefined) await pause();
  await take(managers, comparisons, '', true);
  const { modified, added } = comparisons.own;
  const own = union(modified, added);
  const filter = rules.filter?.(after.apiVersion);
  return { managers, own: filter === undefined ? own : filter(own) };
}

export interface Applied {
  /** Undefined: the object stays as it is. */
  readonly value: JsonObject | undefined;
  readonly managers: Managers;
}

/** Lays a configuration over the live object. Throws ApplyConflicts, TypedError. */
export async function applyManaged(
  rules: Rules,
  live: Typed,
  config: Typed,
  managed: Managed,
  {
    id,
    entry,
    force,
    pause,
  }: {
    readonly id: string;
    readonly entry: Omit<ManagedSet, 'set'>;
    readonly force: boolean;
    readonly pause?: Pause;
  },
): Promise<Applied> {
  const managers = await reconciled(rules, live, managed);
  if (pause !== undefined) await pause();
  const merged: Typed = { ...config, value: (merge(config.type, live.value, config.value) ?? {}) as JsonObject };
  if (pause !== undefined) await pause();
  const last = managers.get(id);
  const mentioned = toFieldSet(config.type, config.value);
  const filter = rules.filter?.(config.apiVersion);
  const mine = { ...entry, set: filter === undefined ? mentioned : filter(mentioned) };
  managers.set(id, mine);
  if (pause !== undefined) await pause();
  const next = await prune(rules, merged, managers, last, { ...mine, pause });
  // Equal values are quicker found than their differences: most applies change nothing.
  const same = equalValues(live.value, next.value);
  if (pause !== undefined) await pause();
  const comparisons = new Comparisons(rules, live, same ? live : next);
  if (pause !== undefined) await pause();
  await take(managers, comparisons, id, force);
  return { value: same ? undefined : next.value, managers };
}

/** Removes what the manager applied last time and does not now, unless somebody else owns it. */
async function prune(
  rules: Rules,
  merged: Typed,
  managers: Managers,
  last: ManagedSet | undefined,
  { apiVersion, set: now, pause }: ManagedSet & { readonly pause: Pause },
): Promise<Typed> {
  if (last === undefined || isEmptySet(last.set)) return merged;
  // All that was applied is applied again, with all that leads to it: nothing can go, and nothing need be looked through.
  if (last.apiVersion === apiVersion && isEmptySet(difference(last.set, now))) return merged;
  const then = await converted(rules, merged, last.apiVersion);
  if (then === undefined) return merged;
  const gone = removeItems(then.type, then.value, withNamedFields(last.set, then.type));
  const pruned: Typed = { ...then, value: gone as JsonObject };
  if (pause !== undefined) await pause();
  const owned = await addBackOwned(rules, then, pruned, managers, pause);
  const dangling = await addBackDangling(rules, then, owned, last);
  if (pause !== undefined) await pause();
  return (await converted(rules, dangling, apiVersion)) ?? merged;
}

/** Gives back what others own, or the new configuration. The version pruned in comes first: it may be what the others are converted from. */
async function addBackOwned(
  rules: Rules,
  merged: Typed,
  pruned: Typed,
  managers: Managed,
  pause: Pause,
): Promise<Typed> {
  const byVersion = new Map<string, FieldSet>([[pruned.apiVersion, EMPTY_SET]]);
  for (const { apiVersion, set } of managers.values()) {
    byVersion.set(apiVersion, union(byVersion.get(apiVersion) ?? EMPTY_SET, set));
  }
  let whole = merged;
  let rest = pruned;
  for (const [apiVersion, owned] of byVersion) {
    const wholeThen = await converted(rules, whole, apiVersion);
    const restThen = wholeThen === undefined ? undefined : await converted(rules, rest, apiVersion);
    if (wholeThen === undefined || restThen === undefined) continue;
    const { type, value } = wholeThen;
    const all = withNamedFields(toFieldSet(type, value), type);
    if (pause !== undefined) await pause();
    const kept = withNamedFields(toFieldSet(type, restThen.value), type);
    const lost = difference(all, union(kept, withNamedFields(owned, type)));
    if (pause !== undefined) await pause();
    whole = wholeThen;
    rest = { ...wholeThen, value: removeItems(type, value, lost) as JsonObject };
    if (pause !== undefined) await pause();
  }
  return rest;
}

/** Gives back what nobody had applied, and what only updaters own: only what was the manager's own goes. */
async function addBackDangling(rules: Rules, merged: Typed, pruned: Typed, last: ManagedSet): Promise<Typed> {
  const then = await converted(rules, pruned, last.apiVersion);
  if (then === undefined) return merged;
  const { type } = merged;
  const kept = withNamedFields(toFieldSet(type, then.value), type);
  const all = withNamedFields(toFieldSet(type, merged.value), type);
  const lost = intersection(difference(all, kept), withNamedFields(last.set, type));
  return { ...merged, value: removeItems(type, merged.value, lost) as JsonObject };
}
