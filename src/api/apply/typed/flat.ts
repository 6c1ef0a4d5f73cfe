/**
 * Maps that hold nothing but scalars in fields of their type: the items of most lists. Of the set of what is in them there is one for all that
 * have the same fields, which is made and written once.
 */
import type { FieldSet } from '../fieldpath/set.ts';
import type { MapType } from './type.ts';

/** Combinations of fields that are remembered for each type, and how long their names may be together. */
const MAX_KNOWN = 256;
const MAX_LENGTH = 512;

export class FlatSets {
  readonly #make: (map: MapType, value: Readonly<Record<string, unknown>>) => FieldSet;
  readonly #known = new WeakMap<MapType, Map<string, FieldSet>>();

  /** `make` must look at nothing of a value but which fields it has. */
  constructor(make: (map: MapType, value: Readonly<Record<string, unknown>>) => FieldSet) {
    this.#make = make;
  }

  /** The set of a flat map; undefined: it is not flat. */
  of(map: MapType, value: Readonly<Record<string, unknown>>): FieldSet | undefined {
    if (map.fields.size === 0) return undefined;
    let names = '';
    for (const key in value) {
      const own = value[key];
      if (own === undefined) continue;
      if (typeof own === 'object' || !map.fields.has(key)) return undefined;
      if (names.length + key.length > MAX_LENGTH) return undefined;
      names += `${key.length}:${key}`;
    }
    let known = this.#known.get(map);
    if (known === undefined) this.#known.set(map, (known = new Map()));
    let set = known.get(names);
    if (set === undefined) {
      set = this.#make(map, value);
      if (known.size >= MAX_KNOWN) known.clear();
      known.set(names, set);
    }
    return set;
  }
}
