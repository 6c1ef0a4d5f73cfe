/** A value and what stood in its place before the update. Source: apiserver pkg/cel/common/{equality,maplist}.go v0.36. */
import { goJson } from '../../apply/fieldpath/text.ts';
import { equalValues } from '../../equality.ts';
import { additionalSchema } from '../prune.ts';
import type { StructuralSchema } from '../schema.ts';

type JsonObject = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Fields have their old value where both objects have them and the schema knows them; items only in lists that are maps, by their keys. What
 * else there is has no old value of its own.
 */
export class Correlated {
  readonly value: unknown;
  readonly old: unknown;
  readonly #schema: StructuralSchema;
  readonly #children = new Map<string | number, Correlated | undefined>();
  #oldItems: ReadonlyMap<string, unknown> | undefined;
  #isUnchanged: boolean | undefined;

  constructor(value: unknown, old: unknown, schema: StructuralSchema) {
    this.value = value;
    this.old = old;
    this.#schema = schema;
  }

  field(name: string): Correlated | undefined {
    return this.#child(name, () => {
      const { value, old } = this;
      if (!isObject(value) || !isObject(old) || !Object.hasOwn(value, name) || !Object.hasOwn(old, name)) {
        return undefined;
      }
      const schema = this.#schema.properties.get(name) ?? additionalSchema(this.#schema);
      return schema === undefined ? undefined : new Correlated(value[name], old[name], schema);
    });
  }

  item(i: number): Correlated | undefined {
    return this.#child(i, () => {
      const { items } = this.#schema;
      if (!this.#isMapList() || items === undefined) return undefined;
      const item = (this.value as readonly unknown[])[i];
      const key = this.#keyOf(item);
      const old = key === undefined ? undefined : this.#itemsBefore().get(key);
      return old === undefined ? undefined : new Correlated(item, old, items);
    });
  }

  /** Whether the value is what it was. Items of lists that are maps may have changed places. */
  isUnchanged(): boolean {
    return (this.#isUnchanged ??= this.#compare());
  }

  #compare(): boolean {
    const { value, old } = this;
    if (Array.isArray(value)) {
      if (!Array.isArray(old) || value.length !== old.length) return false;
      if (!this.#isMapList()) return equalValues(value, old);
      return value.every((_, i) => this.item(i)?.isUnchanged() === true);
    }
    if (!isObject(value) || !isObject(old)) return equalValues(value, old);
    const names = Object.keys(value);
    return names.length === Object.keys(old).length && names.every((name) => this.field(name)?.isUnchanged() === true);
  }

  #child(key: string | number, find: () => Correlated | undefined): Correlated | undefined {
    if (this.#children.has(key)) return this.#children.get(key);
    const found = find();
    this.#children.set(key, found);
    return found;
  }

  #isMapList(): boolean {
    const { listType, listMapKeys, type } = this.#schema;
    return (
      type === 'array' &&
      listType === 'map' &&
      listMapKeys.length > 0 &&
      Array.isArray(this.value) &&
      Array.isArray(this.old)
    );
  }

  /** Of items with the same key, the first counts. */
  #itemsBefore(): ReadonlyMap<string, unknown> {
    if (this.#oldItems === undefined) {
      const items = new Map<string, unknown>();
      for (const item of this.old as readonly unknown[]) {
        const key = this.#keyOf(item);
        if (key !== undefined && !items.has(key)) items.set(key, item);
      }
      this.#oldItems = items;
    }
    return this.#oldItems;
  }

  /** Undefined: the item has not all of its keys, or one that is no scalar. */
  #keyOf(item: unknown): string | undefined {
    if (!isObject(item)) return undefined;
    const keys: unknown[] = [];
    for (const name of this.#schema.listMapKeys) {
      const key = Object.hasOwn(item, name) ? item[name] : undefined;
      if (key === undefined || typeof key === 'object') return undefined;
      keys.push(key);
    }
    return goJson(keys);
  }
}
