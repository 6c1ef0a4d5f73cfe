/**
 * JSON as values, by its schema, wrapped where it is. Source: apiserver pkg/cel/common/valuesunstructured.go v1.36. A list that is a set or
 * a map compares and adds as such; what the schema does not know cannot be seen, but counts for equality.
 */
import { equalValues, parseDuration } from '#api';
import { type Type, opaqueType } from '../check/types.ts';
import { readTimestamp } from '../library/conversions.ts';
import { equal } from '../values/compare.ts';
import { ArrayList, iterate } from '../values/containers.ts';
import type { Meter } from '../values/meter.ts';
import {
  CelError,
  Double,
  Duration,
  durationOf,
  intOf,
  isInt,
  List,
  MapValue,
  NO_OVERLOAD,
  Opaque,
  Uint,
  type Value,
} from '../values/value.ts';
import { escapeName, unescapeName } from './escape.ts';
import { additionalOf, asResource, type ValueSchema } from './schema.ts';

type JsonObject = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const MAX_INT = 2n ** 63n - 1n;
const MIN_INT = -(2n ** 63n);

const invalidData = (expected: string): CelError => new CelError(`invalid data, expected ${expected}`);

/** The name Go has for the type a JSON value is decoded to. */
function goType(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}';
}

/** A value as expressions see it. Nothing is copied: the value must not change while they do. */
export function jsonValue(value: unknown, schema: ValueSchema): Value {
  if (value === null || value === undefined)
    return schema.nullable ? null : new CelError('invalid data, got null for schema with nullable=false');
  if (schema.intOrString) {
    if (typeof value === 'string') return value;
    const n = typeof value === 'number' ? integer(value) : undefined;
    return n ?? invalidData('XIntOrString value to be either a string or integer');
  }
  switch (schema.type) {
    case 'object':
      if (!isObject(value)) return invalidData('a map for the provided schema with type=object');
      return new JsonMap(value, schema.embeddedResource ? asResource(schema) : schema);
    case 'array':
      return array(value, schema);
    case 'string':
      return typeof value === 'string' ? text(value, schema.format) : invalidData(`string, got ${goType(value)}`);
    case 'number':
      return typeof value === 'number' ? new Double(value) : invalidData(`float, got ${goType(value)}`);
    case 'integer':
      return integer(value) ?? invalidData(`int, got ${goType(value)}`);
    case 'boolean':
      return typeof value === 'boolean' ? value : invalidData(`bool, got ${goType(value)}`);
    default:
      return schema.preserveUnknownFields ? new Preserved(value) : unknownType(schema.type);
  }
}

const unknownType = (type: string): CelError =>
  new CelError(
    `invalid type, expected object, array, number, integer, boolean or string, or no type with x-kubernetes-int-or-string or x-kubernetes-preserve-unknown-fields is true, got ${type}`,
  );

function integer(value: unknown): Value | undefined {
  if (typeof value !== 'number') return undefined;
  if (Number.isSafeInteger(value)) return value + 0;
  if (!Number.isInteger(value)) return undefined;
  // JSON was read as doubles, which round the largest int64 up.
  const n = intOf(BigInt(value));
  return n instanceof CelError ? (value > 0 ? MAX_INT : MIN_INT) : n;
}

/** Units of Scala's durations. Source: kube-openapi pkg/validation/strfmt/duration.go. */
const UNITS: readonly (readonly [RegExp, bigint])[] = [
  [/^(?:ns|nano.*)$/, 1n],
  [/^(?:us|µs|micro.*)$/, 1_000n],
  [/^(?:ms|milli.*)$/, 1_000_000n],
  [/^(?:s|sec.*)$/, 1_000_000_000n],
  [/^(?:m|min.*)$/, 60_000_000_000n],
  [/^(?:h|hr|hour.*)$/, 3_600_000_000_000n],
  [/^(?:d|day.*)$/, 86_400_000_000_000n],
  [/^(?:w|wk|week.*)$/, 604_800_000_000_000n],
];

function duration(value: string): Value {
  try {
    return new Duration(parseDuration(value));
  } catch {
    // Not one of Go's: the other notation is tried, and refused in its own words.
    let total: bigint | undefined;
    for (const [, count = '', unit = ''] of value.matchAll(/(\d{1,19})\s*([A-Za-zµ]+)/g)) {
      const nanos = UNITS.find(([names]) => names.test(unit.toLowerCase()))?.[1];
      if (nanos !== undefined) total = (total ?? 0n) + BigInt(count) * nanos;
    }
    if (total !== undefined) return durationOf(total);
    return new CelError(`Invalid duration ${value}: unable to parse ${value} as duration`);
  }
}

/** A day, or a time that may leave out its zone. */
function timestamp(value: string, kind: 'date' | 'date-time'): Value {
  if (kind === 'date')
    return readTimestamp(`${value}T00:00:00Z`) ?? new CelError(`Invalid date formatted string ${value}`);
  const isLocal = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?$/.test(value);
  const read = value === '' ? '1970-01-01T00:00:00Z' : isLocal ? `${value}Z` : value;
  return readTimestamp(read) ?? new CelError(`Invalid date-time formatted string ${value}`);
}

function text(value: string, format: string): Value {
  switch (format) {
    case 'duration':
      return duration(value);
    case 'date':
    case 'date-time':
      return timestamp(value, format);
    case 'byte':
      return Buffer.from(value, 'base64');
    default:
      return value;
  }
}

function array(value: unknown, schema: ValueSchema): Value {
  if (!Array.isArray(value)) return invalidData('an array for the provided schema with type=array');
  const { items, listType } = schema;
  if (items === undefined) return new CelError('invalid array type, expected Items with a non-empty Schema');
  const list = new JsonList(value, items);
  if (listType === 'set') return new SetList(list);
  return listType === 'map' ? new MapList(list, schema.listMapKeys) : list;
}

class JsonList extends List {
  readonly raw: readonly unknown[];
  readonly #items: ValueSchema;
  /** Objects and lists are wrapped once; loops within loops come by often. */
  readonly #wrapped: Value[] | undefined;
  constructor(raw: readonly unknown[], items: ValueSchema) {
    super();
    this.raw = raw;
    this.#items = items;
    this.#wrapped = items.type === 'object' || items.type === 'array' ? [] : undefined;
  }
  override get size(): number {
    return this.raw.length;
  }
  override at(i: number): Value {
    if (this.#wrapped === undefined) return jsonValue(this.raw[i], this.#items);
    return (this.#wrapped[i] ??= jsonValue(this.raw[i], this.#items));
  }
  override equals(other: Value, meter: Meter): boolean | CelError {
    if (!(other instanceof List)) return NO_OVERLOAD;
    if (other.size !== this.size) return false;
    meter.step(this.size);
    for (let i = 0; i < this.size; i++) {
      const same = equal(this.at(i), other.at(i), meter);
      if (same !== true) return same;
    }
    return true;
  }
}

/** What tells elements of a set, or values of keys, apart. */
function scalarKey(value: Value | undefined): string {
  if (typeof value === 'string') return `s${value}`;
  if (value === undefined) return '';
  if (isInt(value) || typeof value === 'boolean') return `n${value}`;
  if (value instanceof Double || value instanceof Uint) return `n${value.value}`;
  return value instanceof JsonMap || value instanceof JsonList ? `j${JSON.stringify(value.raw)}` : 'o';
}

abstract class KeyedList extends List {
  readonly list: List;
  #known: ReadonlyMap<string, Value> | undefined;
  constructor(list: List) {
    super();
    this.list = list;
  }
  override get size(): number {
    return this.list.size;
  }
  override at(i: number): Value {
    return this.list.at(i);
  }
  abstract keyOf(item: Value): string;
  protected abstract of(items: readonly Value[]): Value;

  /** Elements by what tells them apart. */
  protected known(): ReadonlyMap<string, Value> {
    return (this.#known ??= new Map(Array.from(iterate(this.list), (item) => [this.keyOf(item), item])));
  }
}

/** `x-kubernetes-list-type: set`: order does not matter, and a sum has everything once. */
class SetList extends KeyedList {
  override keyOf(item: Value): string {
    return scalarKey(item);
  }
  override of(items: readonly Value[]): Value {
    return new SetList(new ArrayList(items));
  }
  override equals(other: Value, meter: Meter): boolean | CelError {
    if (!(other instanceof List)) return NO_OVERLOAD;
    if (other.size !== this.size) return false;
    meter.step(this.size);
    const known = this.known();
    for (const item of iterate(other)) if (!known.has(this.keyOf(item))) return false;
    return true;
  }
  override concat(other: List): Value {
    const items = Array.from(iterate(this.list));
    const known = new Set(this.known().keys());
    for (const item of iterate(other)) {
      const key = this.keyOf(item);
      if (known.has(key)) continue;
      known.add(key);
      items.push(item);
    }
    return this.of(items);
  }
}

/** `x-kubernetes-list-type: map`: elements are told apart by keys, and in a sum the later one takes the place of the earlier. */
class MapList extends KeyedList {
  readonly #keys: readonly string[];
  constructor(list: List, keys: readonly string[]) {
    super(list);
    this.#keys = keys;
  }
  override keyOf(item: Value): string {
    if (!(item instanceof MapValue)) return scalarKey(item);
    return JSON.stringify(this.#keys.map((key) => scalarKey(item.find(escapeName(key) ?? key))));
  }
  override of(items: readonly Value[]): Value {
    return new MapList(new ArrayList(items), this.#keys);
  }
  override equals(other: Value, meter: Meter): boolean | CelError {
    if (!(other instanceof List)) return NO_OVERLOAD;
    if (other.size !== this.size) return false;
    meter.step(this.size);
    for (const item of iterate(other)) {
      const own = this.known().get(this.keyOf(item));
      const same = own === undefined ? false : equal(own, item, meter);
      if (same !== true) return same;
    }
    return true;
  }
  override concat(other: List): Value {
    const items = Array.from(iterate(this.list));
    const places = new Map(items.map((item, i) => [this.keyOf(item), i]));
    for (const item of iterate(other)) {
      const place = places.get(this.keyOf(item));
      if (place === undefined) items.push(item);
      else items[place] = item;
    }
    return this.of(items);
  }
}

interface Field {
  readonly name: string;
  readonly schema: ValueSchema;
  /** Every object has something of this name, which is no field. */
  readonly isInherited: boolean;
}

type Fields = ReadonlyMap<string, Field>;

const known = new WeakMap<ValueSchema, Fields>();

/** Fields as expressions name them: escaped, and as they are where that is a name too. Undefined: the schema has none. */
function fieldsOf(schema: ValueSchema): Fields | undefined {
  if (schema.properties.size === 0) return undefined;
  const made = known.get(schema);
  if (made !== undefined) return made;
  const fields = new Map<string, Field>();
  for (const [name, property] of schema.properties) {
    const field = { name, schema: property, isInherited: name in Object.prototype };
    if (unescapeName(name) === name) fields.set(name, field);
    const escaped = escapeName(name);
    if (escaped !== undefined) fields.set(escaped, field);
  }
  known.set(schema, fields);
  return fields;
}

/** An object with fields, or a map. */
class JsonMap extends MapValue {
  readonly raw: JsonObject;
  readonly #schema: ValueSchema;
  /** Of an object; a map has none. */
  readonly #fields: Fields | undefined;
  #names: readonly string[] | undefined;

  constructor(raw: JsonObject, schema: ValueSchema) {
    super();
    this.raw = raw;
    this.#schema = schema;
    this.#fields = fieldsOf(schema);
  }

  override get size(): number {
    return (this.#names ??= Object.keys(this.raw)).length;
  }

  #schemaOf(name: string): ValueSchema | undefined {
    return this.#fields === undefined ? additionalOf(this.#schema) : this.#schema.properties.get(name);
  }

  override find(key: Value): Value | undefined {
    if (typeof key !== 'string') return key instanceof CelError ? key : NO_OVERLOAD;
    if (this.#fields !== undefined) return this.#field(this.#fields.get(key));
    const schema = additionalOf(this.#schema);
    if (schema === undefined || !Object.hasOwn(this.raw, key) || this.raw[key] === undefined) return undefined;
    return jsonValue(this.raw[key], schema);
  }

  #field(field: Field | undefined): Value | undefined {
    if (field === undefined || (field.isInherited && !Object.hasOwn(this.raw, field.name))) return undefined;
    const value = this.raw[field.name];
    return value === undefined || value === null ? undefined : jsonValue(value, field.schema);
  }

  override *keys(): Generator<Value> {
    for (const name of Object.keys(this.raw)) {
      if (this.#schemaOf(name) === undefined) continue;
      yield this.#fields === undefined ? name : (escapeName(name) ?? name);
    }
  }

  override equals(other: Value, meter: Meter): boolean | CelError {
    if (!(other instanceof MapValue)) return NO_OVERLOAD;
    if (other.size !== this.size) return false;
    meter.step(this.size);
    for (const name of Object.keys(this.raw)) {
      const same = this.#schemaOf(name) === undefined ? this.#sameUnknown(name, other) : this.#same(name, other, meter);
      if (same !== true) return same;
    }
    return true;
  }

  #same(name: string, other: MapValue, meter: Meter): boolean | CelError {
    const key = this.#fields === undefined ? name : (escapeName(name) ?? name);
    const [own, theirs] = [this.find(key), other.find(key)];
    if (own === undefined || theirs === undefined) return own === theirs;
    return equal(own, theirs, meter);
  }

  #sameUnknown(name: string, other: MapValue): boolean | CelError {
    if (!(other instanceof JsonMap)) return NO_OVERLOAD;
    return !Object.hasOwn(other.raw, name) || equalValues(this.raw[name], other.raw[name]);
  }
}

const PRESERVED = opaqueType('unknown');

/** What a schema only preserves: it can be compared, and nothing else. */
class Preserved extends Opaque {
  override readonly type: Type = PRESERVED;
  readonly raw: unknown;
  constructor(raw: unknown) {
    super();
    this.raw = raw;
  }
  override equals(other: Value): boolean {
    return other instanceof Preserved && equalValues(this.raw, other.raw);
  }
}
