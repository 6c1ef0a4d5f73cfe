/** Lists and maps an expression makes. */
import { CelError, Double, INT_OVERFLOW, isInt, List, MapValue, Uint, type Value } from './value.ts';

export class ArrayList extends List {
  readonly items: readonly Value[];
  constructor(items: readonly Value[]) {
    super();
    this.items = items;
  }
  override get size(): number {
    return this.items.length;
  }
  override at(i: number): Value {
    return this.items[i]!;
  }
}

export const EMPTY_LIST = new ArrayList([]);

/** What `map` and `filter` gather: nobody sees it before it is complete, so that each step appends instead of copying. */
export class GrowingList extends List {
  readonly items: Value[] = [];
  override get size(): number {
    return this.items.length;
  }
  override at(i: number): Value {
    return this.items[i]!;
  }
}

/** Two lists end to end without a copy: concatenation costs the same whatever the size, as its price says. */
class ConcatList extends List {
  readonly #left: List;
  readonly #right: List;
  override readonly size: number;
  constructor(left: List, right: List) {
    super();
    this.#left = left;
    this.#right = right;
    this.size = left.size + right.size;
  }
  override at(i: number): Value {
    const { size } = this.#left;
    return i < size ? this.#left.at(i) : this.#right.at(i - size);
  }
}

export function concatLists(a: List, b: List): Value {
  if (a instanceof GrowingList) {
    for (let i = 0; i < b.size; i++) a.items.push(b.at(i));
    return a;
  }
  if (a.concat !== undefined) return a.concat(b);
  if (a.size === 0) return b;
  if (b.size === 0) return a;
  const list = new ConcatList(a, b);
  return Number.isSafeInteger(list.size) ? list : INT_OVERFLOW;
}

export function* iterate(list: List): Generator<Value> {
  for (let i = 0; i < list.size; i++) yield list.at(i);
}

/** Every number that is equal has the same key, whatever its type. */
type Key = string | number | bigint | boolean;

function keyOf(value: Value): Key | undefined {
  if (typeof value === 'string' || typeof value === 'boolean' || isInt(value)) return value;
  if (value instanceof Uint) return value.value <= Number.MAX_SAFE_INTEGER ? Number(value.value) : value.value;
  return value instanceof Double ? value.value : undefined;
}

interface Entry {
  readonly key: Value;
  readonly value: Value;
}

/** A map with keys in the order they came. */
export class EntryMap extends MapValue {
  readonly #entries = new Map<Key, Entry>();

  override get size(): number {
    return this.#entries.size;
  }
  override find(key: Value): Value | undefined {
    const k = keyOf(key);
    return k === undefined ? undefined : this.#entries.get(k)?.value;
  }
  override *keys(): Generator<Value> {
    for (const { key } of this.#entries.values()) yield key;
  }

  /** False: nothing can be found by such a key. Only while the map is being made. */
  set(key: Value, value: Value): boolean {
    const k = keyOf(key);
    if (k === undefined) return false;
    this.#entries.set(k, { key, value });
    return true;
  }
  delete(key: Value): void {
    const k = keyOf(key);
    if (k !== undefined) this.#entries.delete(k);
  }
}

/** Go's map refuses such keys by a panic, which upstream reports with these words. */
export const badKey = (name: string): CelError =>
  new CelError(`internal error: runtime error: hash of unhashable type ${name}`);
