/**
 * What calls cost when they run. Sources: cel-go interpreter/runtimecost.go, ext/{lists,sets}.go v0.26; apiserver pkg/cel/library/cost.go
 * v1.36. What is not here costs 1.
 */
import { codePoints } from '../syntax/source.ts';
import { type CelError, List, MapValue, Opaque, Optional, type Value } from '../values/value.ts';
import type { Meter } from '../values/meter.ts';

/** Arguments, with the receiver first. */
export type CallCost = (args: readonly Value[], meter: Meter) => number;

const STRING_FACTOR = 0.1;
const REGEX_FACTOR = 0.25;
export const LIST_CREATE = 10;
export const STRUCT_CREATE = 40;
/** So that an expression has two of them at most. */
export const ACCESS_CHECK_COST = 350_000;

/** Characters, bytes, elements or entries; 1 of what has no size. */
export function sizeOf(value: Value): number {
  if (typeof value === 'string') return codePoints(value);
  if (typeof value !== 'object' || value === null) return 1;
  if (value instanceof List || value instanceof MapValue) return value.size;
  if (value instanceof Opaque) return value.cost;
  return value instanceof Uint8Array ? value.length : 1;
}

/** Source: interpreter/runtimecost.go actualSize, which looks into optionals. */
const sizeWithin = (value: Value): number =>
  value instanceof Optional && value.value !== undefined ? sizeWithin(value.value) : sizeOf(value);

const traversal = (size: number, times = 1): number => Math.ceil(size * times * STRING_FACTOR);

/** Visits everything within a value. Source: library/cost.go traversalCost. */
function treeCost(value: Value | CelError, meter: Meter): number {
  if (typeof value === 'string') return Math.floor(Buffer.byteLength(value) * STRING_FACTOR);
  if (value instanceof Uint8Array) return Math.floor(value.length * STRING_FACTOR);
  let cost = 0;
  if (value instanceof List) {
    meter.step(value.size);
    for (let i = 0; i < value.size; i++) cost += treeCost(value.at(i), meter);
    return cost;
  }
  if (!(value instanceof MapValue)) return 1;
  meter.step(value.size);
  for (const key of value.keys()) cost += treeCost(key, meter) + treeCost(value.find(key)!, meter);
  return cost;
}

const regexCost = (text: number, pattern: number): number => traversal(1 + text) * Math.ceil(pattern * REGEX_FACTOR);

const ofFirst =
  (times = 1): CallCost =>
  ([first]) =>
    traversal(sizeOf(first!), times);
const tree: CallCost = ([first], meter) => treeCost(first!, meter);
const find: CallCost = ([text, pattern]) => regexCost(sizeOf(text!), sizeOf(pattern!));

/** Containment costs two addresses, and one more for a network; `parse`: the other is a text first. */
const contains =
  (network: boolean, parse: boolean): CallCost =>
  ([cidr, other]) => {
    const size = sizeOf(cidr!);
    return traversal(size, 2) + (network ? traversal(size) + 1 : 0) + (parse ? traversal(sizeOf(other!)) : 0);
  };

/** Source: selectorCostEstimate. */
const selector: CallCost = ([, text]) => {
  const size = sizeOf(text!);
  return LIST_CREATE + traversal(size) + Math.ceil(Math.ceil(size * 0.5) * (LIST_CREATE + STRUCT_CREATE));
};

/** Whatever the overload. */
const BY_FUNCTION: Readonly<Record<string, CallCost>> = {
  check: () => ACCESS_CHECK_COST,
  fieldSelector: selector,
  labelSelector: selector,
  isSorted: tree,
  sum: tree,
  max: tree,
  min: tree,
  indexOf: tree,
  lastIndexOf: tree,
  url: ofFirst(),
  lowerAscii: ofFirst(),
  upperAscii: ofFirst(),
  substring: ofFirst(),
  trim: ofFirst(),
  replace: ofFirst(2),
  split: ofFirst(2),
  find,
  findAll: find,
  cidr: ofFirst(),
  isIP: ofFirst(),
  isCIDR: ofFirst(),
  ip: ofFirst(),
  'ip.isCanonical': ofFirst(2),
  quantity: ofFirst(),
  isQuantity: ofFirst(),
  semver: ofFirst(),
  isSemver: ofFirst(),
  validate: ([format, text]) => regexCost(sizeOf(text!), format instanceof Opaque ? format.cost : 1),
};

const smaller: CallCost = ([a, b]) => equalCost(a!, b!);
const both: CallCost = ([a, b]) => traversal(sizeWithin(a!) + sizeWithin(b!));
const setCost =
  (factor: number): CallCost =>
  ([a, b]) =>
    sizeWithin(a!) * sizeWithin(b!) * factor + 1;

const making = (size: number, factor = 1): number => Math.floor(size * factor) + 1 + LIST_CREATE;
/** Every element with every other. */
const pairs =
  (of: 0 | 1): CallCost =>
  (args) => {
    const list = args[of]!;
    const size = sizeOf(list);
    const first = list instanceof List && size > 0 ? list.at(0) : undefined;
    const isText = typeof first === 'string' || first instanceof Uint8Array;
    return making(size * size, isText ? 2 + STRING_FACTOR : 2);
  };
const flatten: CallCost = ([list, depth]) => making(sizeOf(list!), depth === undefined ? 1 : Number(depth));
const first: CallCost = ([value]) => traversal(sizeWithin(value!));

/** Source: ext/lists.go comparableTypes. */
export const SORTABLE = [
  'int',
  'uint',
  'double',
  'bool',
  'google.protobuf.Duration',
  'google.protobuf.Timestamp',
  'string',
  'bytes',
];

/** These come before the functions. */
const BY_TRACKED_OVERLOAD: Readonly<Record<string, CallCost>> = {
  list_sets_contains_list: setCost(1),
  list_sets_intersects_list: setCost(1),
  list_sets_equivalent_list: setCost(2),
  list_flatten: flatten,
  list_flatten_int: flatten,
  list_distinct: pairs(0),
  ...Object.fromEntries(SORTABLE.map((type) => [`list_${type}_sort`, pairs(0)])),
  ...Object.fromEntries(SORTABLE.map((type) => [`list_${type}_sortByAssociatedKeys`, pairs(1)])),
};

const BY_OVERLOAD: Readonly<Record<string, CallCost>> = {
  starts_with_string: first,
  ends_with_string: first,
  string_to_bytes: first,
  bytes_to_string: first,
  strings_quote: first,
  string_format: first,
  in_list: (args) => sizeWithin(args[1]!),
  less_string: smaller,
  less_equals_string: smaller,
  greater_string: smaller,
  greater_equals_string: smaller,
  less_bytes: smaller,
  less_equals_bytes: smaller,
  greater_bytes: smaller,
  greater_equals_bytes: smaller,
  add_string: both,
  add_bytes: both,
  matches_string: ([text, pattern]) => regexCost(sizeWithin(text!), sizeWithin(pattern!)),
  contains_string: ([text, part]) => traversal(sizeWithin(text!)) * traversal(sizeWithin(part!)),
  cidr_ip: () => 1,
  cidr_contains_ip_string: contains(false, true),
  cidr_contains_ip_ip: contains(false, false),
  cidr_contains_cidr_string: contains(true, true),
  cidr_contains_cidr: contains(true, false),
};

const output = (result: Value): number => making(sizeOf(result));
const joined = (result: Value): number => traversal(sizeOf(result), 2);

/** Overloads whose cost is that of what they make. */
export const COST_OF_RESULT: Readonly<Record<string, (result: Value) => number>> = {
  list_slice: output,
  lists_range: output,
  list_reverse: output,
  list_join: joined,
  list_join_string: joined,
};

const SHORT = 1 / STRING_FACTOR;

/** `==` and `!=`: the smaller of both, but what a library knows costs 1. */
export function equalCost(a: Value, b: Value, isEquals = false): number {
  if (typeof a === 'number' || (isEquals && a instanceof Opaque)) return 1;
  // Counting characters is left out where it changes nothing.
  if (typeof a === 'string' && a.length <= SHORT) return a === '' || sizeWithin(b) === 0 ? 0 : 1;
  if (typeof b === 'string' && b.length <= SHORT) return b === '' || sizeWithin(a) === 0 ? 0 : 1;
  return traversal(Math.min(sizeWithin(a), sizeWithin(b)));
}

/** The cost of a call, a number where it is always the same. `overload` is '' when several are possible. */
export function callCost(fn: string, overload: string): CallCost | 1 {
  if (overload === 'cidr_ip') return 1;
  return BY_TRACKED_OVERLOAD[overload] ?? BY_FUNCTION[fn] ?? BY_OVERLOAD[overload] ?? 1;
}
