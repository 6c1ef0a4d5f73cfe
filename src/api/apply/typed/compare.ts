/**
 * What became of each field between two values of a type. Source: structured-merge-diff typed/compare.go v6.4.
 * Fields that Go's structs always have count as there, with their zero values, so that owners come out as upstream's.
 */
import { equalValues } from '../../equality.ts';
import type { PathElement } from '../fieldpath/element.ts';
import { fieldElement } from '../fieldpath/element.ts';
import { EMPTY_SET, type FieldSet, LEAF, node, SetBuilder } from '../fieldpath/set.ts';
import { FlatSets } from './flat.ts';
import { itemElement } from './item.ts';
import {
  type ApplyType,
  branchOf,
  isEmptyMap,
  isMap,
  type JsonObject,
  type ListType,
  type MapType,
  ownValue,
} from './type.ts';

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

export const NO_CHANGE: Comparison = Object.freeze({ added: EMPTY_SET, modified: EMPTY_SET, removed: EMPTY_SET });

/** Throws TypedError when an item of a list cannot be told from others. */
export function compare(type: ApplyType, before: unknown, after: unknown): Comparison {
  const walk = new Comparing();
  walk.values(type, before, after);
  return walk.result();
}

class Comparing {
  readonly #path: PathElement[] = [];
  #added: SetBuilder | undefined;
  #modified: SetBuilder | undefined;
  #removed: SetBuilder | undefined;

  result(): Comparison {
    if (this.#added === undefined && this.#modified === undefined && this.#removed === undefined) return NO_CHANGE;
    return {
      added: this.#added?.set ?? EMPTY_SET,
      modified: this.#modified?.set ?? EMPTY_SET,
      removed: this.#removed?.set ?? EMPTY_SET,
    };
  }

  values(type: ApplyType, before: unknown, after: unknown): void {
    if (before === after) return;
    if (before === undefined) {
      (this.#added ??= new SetBuilder()).insert(this.#path, wholeSet(type, after));
      return;
    }
    if (after === undefined) {
      (this.#removed ??= new SetBuilder()).insert(this.#path, wholeSet(type, before));
      return;
    }
    const was = branchOf(type, before);
    const is = branchOf(type, after);
    if (was !== is) this.#branch(was, type, before, after);
    this.#branch(is, type, before, after);
  }

  #branch(branch: 'map' | 'scalar' | 'list', type: ApplyType, before: unknown, after: unknown): void {
    if (branch === 'scalar') {
      this.#leaf(before, after);
    } else if (branch === 'map') {
      const was = isMap(before) ? before : undefined;
      const is = isMap(after) ? after : undefined;
      const map = type.map!;
      const saysNothing = (was === undefined || isEmptyMap(map, was)) && (is === undefined || isEmptyMap(map, is));
      if (map.atomic || saysNothing) this.#leaf(before, after);
      else this.#maps(map, was, is);
    } else {
      const was: readonly unknown[] = Array.isArray(before) ? before : [];
      const is: readonly unknown[] = Array.isArray(after) ? after : [];
      if (type.list!.atomic || (was.length === 0 && is.length === 0)) this.#leaf(before, after);
      else this.#items(type.list!, was, is);
    }
  }

  /** A value that is owned as a whole. */
  #leaf(before: unknown, after: unknown): void {
    if (!equalValues(before, after)) (this.#modified ??= new SetBuilder()).insert(this.#path);
  }

  #step(element: PathElement, type: ApplyType, before: unknown, after: unknown): void {
    this.#path.push(element);
    this.values(type, before, after);
    this.#path.pop();
  }

  #maps(map: MapType, was: JsonObject | undefined, is: JsonObject | undefined): void {
    if (is !== undefined) {
      for (const key in is) {
        const after = is[key];
        if (after === undefined) continue;
        const field = map.fields.get(key);
        const before = was === undefined ? undefined : (ownValue(was, key) ?? (was[key] === null ? null : field?.zero));
        if (before !== after) this.#step(field?.element ?? fieldElement(key), typeOf(map, key), before, after);
      }
    }
    if (was !== undefined) {
      for (const key in was) {
        const before = was[key];
        if (before === undefined || (is !== undefined && ownValue(is, key) !== undefined)) continue;
        const field = map.fields.get(key);
        const after = is === undefined ? undefined : field?.zero;
        if (before !== after) this.#step(field?.element ?? fieldElement(key), typeOf(map, key), before, after);
      }
    }
    if ((was === undefined) === (is === undefined)) return;
    const only = (was ?? is)!;
    for (const { name, element, type, zero } of map.always) {
      if (ownValue(only, name) !== undefined) continue;
      this.#step(element, type, was === undefined ? undefined : zero, was === undefined ? zero : undefined);
    }
  }

  #items(list: ListType, was: readonly unknown[], is: readonly unknown[]): void {
    const before = itemsByElement(list, was);
    const after = itemsByElement(list, is);
    for (const [element, old] of before) {
      const now = after.get(element);
      this.#sameItem(list, element, old, now ?? []);
    }
    for (const [element, now] of after) {
      if (!before.has(element)) this.#sameItem(list, element, [], now);
    }
  }

  /** Items that nothing tells apart are owned together, as one value. */
  #sameItem({ items }: ListType, element: PathElement, was: readonly unknown[], is: readonly unknown[]): void {
    if (was.length <= 1 && is.length <= 1) {
      this.#step(element, items, was[0], is[0]);
      return;
    }
    this.#path.push(element);
    if (was.length >= 2 && is.length >= 2) {
      if (!equalValues(was, is)) (this.#modified ??= new SetBuilder()).insert(this.#path);
    } else if (was.length >= 2) {
      if (is.length > 0) this.values(items, undefined, is[0]);
      (this.#removed ??= new SetBuilder()).insert(this.#path);
    } else {
      if (was.length > 0) this.values(items, was[0], undefined);
      (this.#added ??= new SetBuilder()).insert(this.#path);
    }
    this.#path.pop();
  }
}

/** The type of a key; of one that may not be there, a scalar: it is compared all the same. */
const typeOf = (map: MapType, key: string): ApplyType => map.fields.get(key)?.type ?? map.values ?? UNKNOWN;
const UNKNOWN: ApplyType = { scalar: 'untyped' };

function itemsByElement(list: ListType, items: readonly unknown[]): Map<PathElement, unknown[]> {
  const found = new Map<PathElement, unknown[]>();
  for (const item of items) {
    const element = itemElement(list, item);
    const same = found.get(element);
    if (same === undefined) found.set(element, [item]);
    else same.push(item);
  }
  return found;
}

/** Everything there is to a value that stands on one side only: its own path and every path below. */
function wholeSet(type: ApplyType, value: unknown): FieldSet {
  const branch = branchOf(type, value);
  if (branch === 'map' && isMap(value)) return wholeMap(type.map!, value);
  if (branch === 'list' && Array.isArray(value)) return wholeList(type.list!, value);
  return LEAF;
}

const wholeMap = (map: MapType, value: JsonObject): FieldSet =>
  map.atomic ? LEAF : (flat.of(map, value) ?? wholeFields(map, value));

function wholeFields(map: MapType, value: JsonObject): FieldSet {
  const children = new Map<PathElement, FieldSet>();
  for (const key in value) {
    const own = value[key];
    if (own === undefined) continue;
    const field = map.fields.get(key);
    children.set(field?.element ?? fieldElement(key), wholeSet(field?.type ?? typeOf(map, key), own));
  }
  for (const { element, type, zero } of map.always) {
    if (!children.has(element)) children.set(element, wholeSet(type, zero));
  }
  return node(true, children);
}

const flat = new FlatSets(wholeFields);

function wholeList(list: ListType, value: readonly unknown[]): FieldSet {
  if (list.atomic || value.length === 0) return LEAF;
  const children = new Map<PathElement, FieldSet>();
  for (const item of value) {
    const element = itemElement(list, item);
    children.set(element, children.has(element) ? LEAF : wholeSet(list.items, item));
  }
  return node(true, children);
}
