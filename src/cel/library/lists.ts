/** Lists and sets. Sources: cel-go ext/{lists (version 3),sets}.go v0.26; apiserver pkg/cel/library/lists.go v1.36. */
import { fn, type FunctionDecl, type Implementation, member, overload, type Overload } from '../check/declarations.ts';
import {
  BOOL,
  BYTES,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listType,
  param,
  STRING,
  TIMESTAMP,
  type Type,
  UINT,
} from '../check/types.ts';
import { add } from '../values/arithmetic.ts';
import { compare, equal, isComparable } from '../values/compare.ts';
import { ArrayList } from '../values/containers.ts';
import { display } from '../values/display.ts';
import type { Meter } from '../values/meter.ts';
import { CelError, Double, Duration, isInt, List, NO_OVERLOAD, typeOf, Uint, type Value } from '../values/value.ts';

const A = param('A');
const T = param('T');
const LIST_T = listType(T);

const items = (list: Value): Value[] => {
  const own = list as List;
  return Array.from({ length: own.size }, (_, i) => own.at(i));
};

/** Names in ids of Kubernetes' own functions. */
const NAMES: readonly (readonly [string, Type])[] = [
  ['int', INT],
  ['uint', UINT],
  ['double', DOUBLE],
  ['bool', BOOL],
  ['duration', DURATION],
  ['timestamp', TIMESTAMP],
  ['string', STRING],
  ['bytes', BYTES],
];
const ZEROS: Readonly<Record<string, Value>> = {
  int: 0,
  uint: new Uint(0n),
  double: new Double(0),
  duration: new Duration(0n),
};

const comparable = (make: (name: string, type: Type) => Overload): Overload[] =>
  NAMES.map(([n, type]) => make(n, type));

const isSorted: Implementation = ([list]) => {
  const own = list as List;
  for (let i = 0; i < own.size; i++) {
    const item = own.at(i);
    if (!isComparable(typeOf(item))) return item instanceof CelError ? item : NO_OVERLOAD;
    if (i > 0 && compare(own.at(i - 1), item) === 1) return false;
  }
  return true;
};

const sum =
  (zero: Value): Implementation =>
  ([list]) => {
    let total = zero;
    for (const item of items(list!)) {
      total = add(total, item);
      if (total instanceof CelError) return total;
    }
    return total;
  };

/** `sign`: the order of what is kept to what replaces it. */
const extreme =
  (name: string, sign: 1 | -1): Implementation =>
  ([list]) => {
    let result: Value | undefined;
    for (const item of items(list!)) {
      if (!isComparable(typeOf(item))) return item instanceof CelError ? item : NO_OVERLOAD;
      if (result === undefined || compare(result, item) === sign) result = item;
    }
    return result ?? new CelError(`${name} called on empty list`);
  };

const indexOf: Implementation = ([list, item], meter) => {
  const own = list as List;
  for (let i = 0; i < own.size; i++) if (equal(own.at(i), item!, meter) === true) return i;
  return -1;
};

const lastIndexOf: Implementation = ([list, item], meter) => {
  const own = list as List;
  for (let i = own.size - 1; i >= 0; i--) if (equal(own.at(i), item!, meter) === true) return i;
  return -1;
};

const slice: Implementation = ([list, start, end]) => {
  const own = list as List;
  const [from, to] = [Number(start), Number(end)];
  const call = `cannot slice(${display(start!)}, ${display(end!)})`;
  if (from < 0 || to < 0) return new CelError(`${call}, negative indexes not supported`);
  if (from > to) return new CelError(`${call}, start index must be less than or equal to end index`);
  if (own.size < to) return new CelError(`${call}, list is length ${own.size}`);
  return new ArrayList(Array.from({ length: to - from }, (_, i) => own.at(from + i)));
};

function flattened(list: List, depth: number, meter: Meter, into: Value[]): void {
  meter.step(list.size);
  for (let i = 0; i < list.size; i++) {
    const item = list.at(i);
    if (item instanceof List && depth > 0) flattened(item, depth - 1, meter, into);
    else into.push(item);
  }
}

const flatten: Implementation = ([list, depth = 1], meter) => {
  if (!(list instanceof List && isInt(depth))) return NO_OVERLOAD;
  if (Number(depth) < 0) return new CelError('level must be non-negative');
  const result: Value[] = [];
  flattened(list, Number(depth), meter, result);
  return new ArrayList(result);
};

/** Elements in the order of their keys, which all are of one type. */
const sortByKeys: Implementation = ([list, keys]) => {
  const [own, order] = [items(list!), items(keys!)];
  if (own.length !== order.length) {
    const sizes = `${own.length} and ${order.length} elements respectively`;
    return new CelError(
      `@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got ${sizes}`,
    );
  }
  const [first] = order;
  if (first === undefined) return list!;
  if (!isComparable(typeOf(first))) return new CelError('list elements must be comparable');
  if (order.some((key) => typeOf(key) !== typeOf(first))) return new CelError('list elements must have the same type');
  const sorted = own.map((_, i) => i).toSorted((i, j) => Number(compare(order[i]!, order[j]!)));
  return new ArrayList(sorted.map((i) => own[i]!));
};

const sort: Implementation = ([list], meter) => sortByKeys([list!, list!], meter);

/** Numbers below `n`; as many as can be paid. */
const range: Implementation = ([n], meter) => {
  const size = Math.max(0, Number(n));
  meter.afford(size);
  return new ArrayList(Array.from({ length: size }, (_, i) => i));
};

const reverse: Implementation = ([list]) => new ArrayList(items(list!).toReversed());

const distinct: Implementation = ([list], meter) => {
  const own = list as List;
  meter.afford(own.size * own.size * 2);
  const result: Value[] = [];
  for (const item of items(own)) if (!result.some((known) => equal(item, known, meter) === true)) result.push(item);
  return new ArrayList(result);
};

const has = (list: Value, item: Value, meter: Meter): boolean =>
  items(list).some((own) => equal(item, own, meter) === true);

const setContains: Implementation = ([list, sub], meter) => {
  meter.afford((list as List).size * (sub as List).size);
  return items(sub!).every((item) => has(list!, item, meter));
};
const setEquivalent: Implementation = ([a, b], meter) =>
  setContains([a!, b!], meter) === true && setContains([b!, a!], meter) === true;
const setIntersects: Implementation = ([a, b], meter) => {
  meter.afford((a as List).size * (b as List).size);
  return items(a!).some((item) => has(b!, item, meter));
};

export const listLibrary: readonly FunctionDecl[] = [
  fn('isSorted', ...comparable((n, type) => member(`list_${n}_is_sorted_bool`, [listType(type)], BOOL, isSorted))),
  fn(
    'sum',
    ...NAMES.filter(([n]) => n in ZEROS).map(([n, type]) =>
      member(`list_${n}_sum_${n}`, [listType(type)], type, sum(ZEROS[n]!)),
    ),
  ),
  fn('max', ...comparable((n, type) => member(`list_${n}_max_${n}`, [listType(type)], type, extreme('max', -1)))),
  fn('min', ...comparable((n, type) => member(`list_${n}_min_${n}`, [listType(type)], type, extreme('min', 1)))),
  fn('indexOf', member('list_a_index_of_int', [listType(A), A], INT, indexOf)),
  fn('lastIndexOf', member('list_a_last_index_of_int', [listType(A), A], INT, lastIndexOf)),
  fn('slice', member('list_slice', [LIST_T, INT, INT], LIST_T, slice)),
  {
    name: 'flatten',
    overloads: [
      member('list_flatten', [listType(LIST_T)], LIST_T),
      member('list_flatten_int', [listType(DYN), INT], listType(DYN)),
    ],
    single: flatten,
  },
  fn('sort', ...comparable((_, type) => member(`list_${type.name}_sort`, [listType(type)], listType(type), sort))),
  fn(
    '@sortByAssociatedKeys',
    ...comparable((_, type) =>
      member(`list_${type.name}_sortByAssociatedKeys`, [LIST_T, listType(type)], LIST_T, sortByKeys),
    ),
  ),
  fn('lists.range', overload('lists_range', [INT], listType(INT), range)),
  fn('reverse', member('list_reverse', [LIST_T], LIST_T, reverse)),
  fn('distinct', member('list_distinct', [LIST_T], LIST_T, distinct)),
  fn('sets.contains', overload('list_sets_contains_list', [LIST_T, LIST_T], BOOL, setContains)),
  fn('sets.equivalent', overload('list_sets_equivalent_list', [LIST_T, LIST_T], BOOL, setEquivalent)),
  fn('sets.intersects', overload('list_sets_intersects_list', [LIST_T, LIST_T], BOOL, setIntersects)),
];
