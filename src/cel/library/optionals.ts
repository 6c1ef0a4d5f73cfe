/** Optionals, and the map that two-variable loops make. Sources: cel-go cel/library.go, ext/comprehensions.go v0.26. */
import { fn, type FunctionDecl, type Implementation, member, overload } from '../check/declarations.ts';
import { BOOL, DYN, listType, mapType, optionalType, param, STRING } from '../check/types.ts';
import { ArrayList, badKey, EntryMap } from '../values/containers.ts';
import { display } from '../values/display.ts';
import {
  CelError,
  Double,
  Duration,
  List,
  MapValue,
  NONE,
  Optional,
  Timestamp,
  typeOf,
  Uint,
  type Value,
} from '../values/value.ts';

const K = param('K');
const V = param('V');
const OPTIONAL = optionalType(V);
const LIST = listType(V);
const MAP = mapType(K, V);

/** Source: traits.Zeroer of each type. */
function isZero(value: Value): boolean {
  if (value === null || value === false || value === 0 || value === '') return true;
  if (typeof value !== 'object') return false;
  if (value instanceof List || value instanceof MapValue) return value.size === 0;
  if (value instanceof Double) return value.value === 0;
  if (value instanceof Uint) return value.value === 0n;
  if (value instanceof Duration) return value.nanos === 0n;
  if (value instanceof Timestamp) return value.seconds === -62_135_596_800 && value.nanos === 0;
  return value instanceof Uint8Array && value.length === 0;
}

const NOTHING = new CelError('optional.none() dereference');
const of: Implementation = ([value]) => new Optional(value);
const ofNonZero: Implementation = ([value]) => (isZero(value!) ? NONE : new Optional(value));
const valueOf: Implementation = ([optional]) => {
  const { value } = optional as Optional;
  return value === undefined ? NOTHING : value;
};
const hasValue: Implementation = ([optional]) => (optional as Optional).value !== undefined;

const at = (which: 'first' | 'last'): Implementation => {
  return ([list]) => {
    const { size } = list as List;
    return size === 0 ? NONE : new Optional((list as List).at(which === 'first' ? 0 : size - 1));
  };
};

const unwrap: Implementation = ([list]) => {
  const result: Value[] = [];
  for (let i = 0; i < (list as List).size; i++) {
    const item = (list as List).at(i);
    if (!(item instanceof Optional)) return new CelError(`value ${display(item)} is not optional`);
    if (item.value !== undefined) result.push(item.value);
  }
  return new ArrayList(result);
};

/** Adds to the map a loop makes, which nobody else has seen. */
function insert(map: EntryMap, key: Value, value: Value): Value {
  if (map.find(key) !== undefined) return new CelError(`insert failed: key ${display(key)} already exists`);
  return map.set(key, value) ? map : badKey(typeOf(key).name);
}

const insertEntry: Implementation = ([map, key, value]) => insert(map as EntryMap, key!, value!);

const insertMap: Implementation = ([map, more]) => {
  let result: Value = map!;
  for (const key of (more as MapValue).keys()) {
    result = insert(map as EntryMap, key, (more as MapValue).find(key)!);
    if (result instanceof CelError) return result;
  }
  return result;
};

export const optionalLibrary: readonly FunctionDecl[] = [
  fn('optional.of', overload('optional_of', [V], OPTIONAL, of)),
  fn('optional.ofNonZeroValue', overload('optional_ofNonZeroValue', [V], OPTIONAL, ofNonZero)),
  fn(
    'optional.none',
    overload('optional_none', [], OPTIONAL, () => NONE),
  ),
  fn('value', member('optional_value', [OPTIONAL], V, valueOf)),
  fn('hasValue', member('optional_hasValue', [OPTIONAL], BOOL, hasValue)),
  fn('or', member('optional_or_optional', [OPTIONAL, OPTIONAL], OPTIONAL)),
  fn('orValue', member('optional_orValue_value', [OPTIONAL, V], V)),
  fn('_?._', overload('select_optional_field', [DYN, STRING], OPTIONAL)),
  fn('last', member('list_last', [LIST], OPTIONAL, at('last'))),
  fn('first', member('list_first', [LIST], OPTIONAL, at('first'))),
  fn('optional.unwrap', overload('optional_unwrap', [listType(OPTIONAL)], LIST, unwrap)),
  fn('unwrapOpt', member('optional_unwrapOpt', [listType(OPTIONAL)], LIST, unwrap)),
];

/** Functions only macros call. */
export const mapInsertLibrary: readonly FunctionDecl[] = [
  fn(
    'cel.@mapInsert',
    overload('@mapInsert_map_key_value', [MAP, K, V], MAP, insertEntry),
    overload('@mapInsert_map_map', [MAP, MAP], MAP, insertMap),
  ),
];
