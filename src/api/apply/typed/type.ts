/**
 * Types as apply sees them: what may be merged, what is one value, by what the items of a list are known. Built-in kinds have theirs from the
 * schema ({@link definitionType}), custom resources from their structural schema; everything else here works on these types alone.
 * Source: structured-merge-diff schema/elements.go v6.4 (Atom, List, Map).
 */
import type { PathElement } from '../fieldpath/element.ts';

/** A value may be any of what is there; a type that has them all deduces from the value. */
export interface ApplyType {
  readonly scalar?: 'numeric' | 'string' | 'boolean' | 'untyped' | undefined;
  readonly list?: ListType | undefined;
  readonly map?: MapType | undefined;
}

export interface ListType {
  /** The list is one value; otherwise its items are owned one by one. */
  readonly atomic: boolean;
  /** Fields an item is known by, in order of their names; none: a set, whose items are known by their values. */
  readonly keys: readonly ListKey[];
  readonly items: ApplyType;
}

export interface ListKey {
  readonly name: string;
  /** What the key is when the item does not say; undefined: it is no part of the key then. */
  readonly default?: unknown;
}

export interface MapType {
  /** The map is one value. */
  readonly atomic: boolean;
  readonly fields: ReadonlyMap<string, FieldType>;
  /** Type of what is no field; undefined: there is nothing else. */
  readonly values: ApplyType | undefined;
  /** Fields with a `zero`. */
  readonly always: readonly FieldType[];
}

export interface FieldType {
  readonly name: string;
  readonly element: PathElement;
  readonly type: ApplyType;
  /** Go's structs always have this field, be it with this value; undefined where it may be absent. */
  readonly zero?: unknown;
}

const NO_FIELDS: ReadonlyMap<string, FieldType> = new Map();

export const listOf = (items: ApplyType, keys?: readonly ListKey[]): ApplyType => ({
  list: { atomic: keys === undefined, keys: keys ?? [], items },
});

export const mapOf = (values: ApplyType | undefined, atomic = false): ApplyType => ({
  map: { atomic, fields: NO_FIELDS, values, always: [] },
});

/** Anything, as one value. */
export const ATOMIC: ApplyType = recursive((self) => ({
  scalar: 'untyped',
  list: { atomic: true, keys: [], items: self },
  map: { atomic: true, fields: NO_FIELDS, values: self, always: [] },
}));

/** Anything, whose maps are owned key by key. Source: the common types of kube-openapi pkg/schemaconv. */
export const DEDUCED: ApplyType = recursive((self) => ({
  scalar: 'untyped',
  list: { atomic: true, keys: [], items: ATOMIC },
  map: { atomic: false, fields: NO_FIELDS, values: self, always: [] },
}));

/** A type that names itself. */
function recursive(build: (self: ApplyType) => ApplyType): ApplyType {
  const self = {};
  return Object.assign(self, build(self));
}

export type Branch = 'map' | 'scalar' | 'list';

/** Which of its sides a type shows to a value; a value of another type is left to what looks closer. Source: deduceAtom and handleAtom. */
export function branchOf(type: ApplyType, value: unknown): Branch {
  if (typeof value === 'object') {
    if (value !== null) {
      if (Array.isArray(value)) {
        if (type.list !== undefined) return 'list';
      } else if (type.map !== undefined) return 'map';
    }
  } else if (value !== undefined && type.scalar !== undefined) return 'scalar';
  return type.map !== undefined ? 'map' : type.scalar !== undefined ? 'scalar' : 'list';
}

export type JsonObject = Readonly<Record<string, unknown>>;

export const isMap = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The own value of a key, whatever the key is called: `constructor` is inherited and no value. */
export function ownValue(object: JsonObject, key: string): unknown {
  const value = object[key];
  return (typeof value === 'function' || key === '__proto__') && !Object.hasOwn(object, key) ? undefined : value;
}

/** Whether a map says nothing: it has no keys, and Go would write none. */
export function isEmptyMap(type: MapType, map: JsonObject): boolean {
  if (type.always.length > 0) return false;
  for (const key in map) if (map[key] !== undefined) return false;
  return true;
}
