/** Operators and functions every expression has. Source: cel-go common/stdlib/standard.go v0.26. */
import { compilePattern, PatternError } from '#api';
import { fn, type FunctionDecl, type Implementation, member, overload, type Overload } from '../check/declarations.ts';
import {
  BOOL,
  BYTES,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listType,
  mapType,
  optionalType,
  param,
  STRING,
  TIMESTAMP,
  type Type,
  typeType,
  UINT,
} from '../check/types.ts';
import { add, divide, modulo, multiply, negate, subtract } from '../values/arithmetic.ts';
import { equal } from '../values/compare.ts';
import { CelError, List, MapValue, NO_OVERLOAD, typeOf, type Value } from '../values/value.ts';
import { sizeOf } from '../eval/cost.ts';
import { conversions } from './conversions.ts';
import { includes } from './search.ts';
import { timeFunctions } from './times.ts';

const A = param('A');
const B = param('B');
const LIST_A = listType(A);
const MAP_AB = mapType(A, B);
const OPTIONAL_V = optionalType(param('V'));
const LIST_V = listType(param('V'));
const MAP_KV = mapType(param('K'), param('V'));

type Kinds = ReadonlySet<Type['kind']>;
const kinds = (...names: Type['kind'][]): Kinds => new Set(names);

/** A function with one implementation for all its types. */
const single = (name: string, run: Implementation, traits: Kinds | undefined, overloads: Overload[]): FunctionDecl => ({
  name,
  overloads,
  single: run,
  ...(traits === undefined ? {} : { traits }),
});

const binary = (run: (a: Value, b: Value) => Value): Implementation => {
  return ([a, b]) => run(a!, b!);
};

const logic: FunctionDecl[] = [
  fn('_?_:_', overload('conditional', [BOOL, A, A], A)),
  fn('_&&_', overload('logical_and', [BOOL, BOOL], BOOL)),
  fn('_||_', overload('logical_or', [BOOL, BOOL], BOOL)),
  fn('!_', overload('logical_not', [BOOL], BOOL)),
  fn('@not_strictly_false', overload('not_strictly_false', [BOOL], BOOL)),
  fn('_==_', overload('equals', [A, A], BOOL)),
  fn('_!=_', overload('not_equals', [A, A], BOOL)),
];

const arithmetic: FunctionDecl[] = [
  single('_+_', binary(add), kinds('bytes', 'double', 'duration', 'int', 'list', 'string', 'timestamp', 'uint'), [
    overload('add_bytes', [BYTES, BYTES], BYTES),
    overload('add_double', [DOUBLE, DOUBLE], DOUBLE),
    overload('add_duration_duration', [DURATION, DURATION], DURATION),
    overload('add_duration_timestamp', [DURATION, TIMESTAMP], TIMESTAMP),
    overload('add_timestamp_duration', [TIMESTAMP, DURATION], TIMESTAMP),
    overload('add_int64', [INT, INT], INT),
    overload('add_list', [LIST_A, LIST_A], LIST_A),
    overload('add_string', [STRING, STRING], STRING),
    overload('add_uint64', [UINT, UINT], UINT),
  ]),
  single('_/_', binary(divide), kinds('double', 'int', 'uint'), numeric('divide', true)),
  single('_%_', binary(modulo), kinds('int', 'uint'), numeric('modulo', false)),
  single('_*_', binary(multiply), kinds('double', 'int', 'uint'), numeric('multiply', true)),
  single('-_', ([a]) => negate(a!), kinds('double', 'duration', 'int', 'bool'), [
    overload('negate_double', [DOUBLE], DOUBLE),
    overload('negate_int64', [INT], INT),
  ]),
  single('_-_', binary(subtract), kinds('double', 'duration', 'int', 'timestamp', 'uint'), [
    overload('subtract_double', [DOUBLE, DOUBLE], DOUBLE),
    overload('subtract_duration_duration', [DURATION, DURATION], DURATION),
    overload('subtract_int64', [INT, INT], INT),
    overload('subtract_timestamp_duration', [TIMESTAMP, DURATION], TIMESTAMP),
    overload('subtract_timestamp_timestamp', [TIMESTAMP, TIMESTAMP], DURATION),
    overload('subtract_uint64', [UINT, UINT], UINT),
  ]),
];

function numeric(name: string, double: boolean): Overload[] {
  return [
    ...(double ? [overload(`${name}_double`, [DOUBLE, DOUBLE], DOUBLE)] : []),
    overload(`${name}_int64`, [INT, INT], INT),
    overload(`${name}_uint64`, [UINT, UINT], UINT),
  ];
}

const NUMBERS = [
  ['int64', INT],
  ['uint64', UINT],
  ['double', DOUBLE],
] as const;

/** Any two numbers have an order, and two of each type that has one. The interpreter knows how. */
const order = (fnName: string, id: string): FunctionDecl =>
  fn(
    fnName,
    overload(`${id}_bool`, [BOOL, BOOL], BOOL),
    ...NUMBERS.flatMap(([a, typeA]) => [
      overload(`${id}_${a}`, [typeA, typeA], BOOL),
      ...NUMBERS.filter(([b]) => b !== a).map(([b, typeB]) => overload(`${id}_${a}_${b}`, [typeA, typeB], BOOL)),
    ]),
    overload(`${id}_string`, [STRING, STRING], BOOL),
    overload(`${id}_bytes`, [BYTES, BYTES], BOOL),
    overload(`${id}_timestamp`, [TIMESTAMP, TIMESTAMP], BOOL),
    overload(`${id}_duration`, [DURATION, DURATION], BOOL),
  );

const containsValue: Implementation = ([value, container], meter) => {
  if (container instanceof MapValue) {
    const found = container.find(value!);
    return found instanceof CelError ? found : found !== undefined;
  }
  if (!(container instanceof List)) return NO_OVERLOAD;
  for (let i = 0; i < container.size; i++) if (equal(value!, container.at(i), meter) === true) return true;
  return false;
};

const size: Implementation = ([value]) => sizeOf(value!);
const sized = (id: string, type: Type): Overload[] => [
  overload(`size_${id}`, [type], INT),
  member(`${id}_size`, [type], INT),
];

const containers: FunctionDecl[] = [
  fn(
    '_[_]',
    overload('index_list', [LIST_A, INT], A),
    overload('index_map', [MAP_AB, A], B),
    overload('optional_list_index_int', [optionalType(LIST_V), INT], OPTIONAL_V),
    overload('optional_map_index_value', [optionalType(MAP_KV), param('K')], OPTIONAL_V),
  ),
  fn(
    '_[?_]',
    overload('list_optindex_optional_int', [LIST_V, INT], OPTIONAL_V),
    overload('optional_list_optindex_optional_int', [optionalType(LIST_V), INT], OPTIONAL_V),
    overload('map_optindex_optional_value', [MAP_KV, param('K')], OPTIONAL_V),
    overload('optional_map_optindex_optional_value', [optionalType(MAP_KV), param('K')], OPTIONAL_V),
  ),
  single('@in', containsValue, undefined, [
    overload('in_list', [A, LIST_A], BOOL),
    overload('in_map', [A, MAP_AB], BOOL),
  ]),
  single('size', size, kinds('bytes', 'list', 'map', 'string'), [
    ...sized('bytes', BYTES),
    ...sized('list', LIST_A),
    ...sized('map', MAP_AB),
    ...sized('string', STRING),
  ]),
];

const types: FunctionDecl[] = [
  single('type', ([value]) => typeOf(value!), undefined, [overload('type', [A], typeType(A))]),
  single('dyn', ([value]) => value!, undefined, [overload('to_dyn', [A], DYN)]),
];

/** A test of two texts; what is no text has no such function. */
const textTest = (name: string, id: string, run: (text: string, other: string) => Value): FunctionDecl => {
  const test: Implementation = ([text, other]) =>
    typeof text === 'string' && typeof other === 'string' ? run(text, other) : NO_OVERLOAD;
  return single(name, test, undefined, [member(id, [STRING, STRING], BOOL)]);
};

/** Source: common/types/string.go Match. */
const matches: Implementation = ([text, pattern]) => {
  if (typeof pattern !== 'string') return NO_OVERLOAD;
  try {
    return compilePattern(pattern).test(text as string);
  } catch (error) {
    if (error instanceof PatternError) return new CelError(error.message);
    throw error;
  }
};

const texts: FunctionDecl[] = [
  textTest('contains', 'contains_string', includes),
  textTest('endsWith', 'ends_with_string', (text, end) => text.endsWith(end)),
  textTest('startsWith', 'starts_with_string', (text, start) => text.startsWith(start)),
  single('matches', matches, kinds('string'), [
    overload('matches', [STRING, STRING], BOOL),
    member('matches_string', [STRING, STRING], BOOL),
  ]),
];

export const standardLibrary: readonly FunctionDecl[] = [
  ...logic,
  ...arithmetic,
  order('_<_', 'less'),
  order('_<=_', 'less_equals'),
  order('_>_', 'greater'),
  order('_>=_', 'greater_equals'),
  ...containers,
  ...types,
  ...conversions,
  ...texts,
  ...timeFunctions,
];
