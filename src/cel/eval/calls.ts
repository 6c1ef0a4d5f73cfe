/** Calls: operators the interpreter knows itself, and functions of libraries. Source: cel-go interpreter/{planner,decorators}.go v0.26. */
import { compilePattern, PatternError } from '#api';
import type { FunctionDecl, Implementation, Overload } from '../check/declarations.ts';
import { isDyn, type Type } from '../check/types.ts';
import type { Call, Node } from '../syntax/ast.ts';
import { compare, equal } from '../values/compare.ts';
import { CelError, Double, isInt, List, MapValue, Optional, typeOf, Uint, type Value } from '../values/value.ts';
import { callCost, COST_OF_RESULT, equalCost } from './cost.ts';
import { conditional, index } from './attributes.ts';
import { Meter } from '../values/meter.ts';
import { type Eval, type Plan, ProgramError, type Scope } from './scope.ts';

/** Conversions whose argument is constant are made once. Source: overloads.IsTypeConversionFunction. */
const CONVERSIONS: ReadonlySet<string> = new Set(
  'bool bytes double duration dyn int string timestamp type uint'.split(' '),
);
/** Functions whose pattern, when it is constant, is compiled before anything runs. */
const PATTERNS: ReadonlySet<string> = new Set(['matches', 'find', 'findAll']);
const RECEIVERS = new Set<Type['kind']>(['string', 'timestamp', 'duration']);

export function call(node: Call, scope: Scope): Plan {
  const { args } = node;
  switch (node.fn) {
    case '_&&_':
      return { eval: logical(args, false, scope) };
    case '_||_':
      return { eval: logical(args, true, scope) };
    case '_?_:_':
      return conditional(args, scope);
    case '_==_':
      return { eval: equality(args, true, scope) };
    case '_!=_':
      return { eval: equality(args, false, scope) };
    case '_[_]':
      return index(args[0]!, args[1]!, false, scope);
    case '_[?_]':
    case '_?._':
      return index(args[0]!, args[1]!, true, scope);
    case 'or':
    case 'orValue':
      return { eval: alternative(node, scope) };
    default:
      return invocation(node, scope);
  }
}

/** `&&` and `||`: one side can decide, whatever the other is, even an error. `decisive` is the value that does. */
function logical(args: readonly Node[], decisive: boolean, scope: Scope): Eval {
  const [left, right] = [scope.plan(args[0]!).eval, scope.plan(args[1]!).eval];
  return (state) => {
    const a = left(state);
    if (a === decisive) return decisive;
    const b = right(state);
    if (b === decisive) return decisive;
    if (typeof a !== 'boolean') return wrong(a);
    return typeof b === 'boolean' ? !decisive : wrong(b);
  };
}

const NOT_BOOL = new CelError('no such overload');
const wrong = (value: Value): CelError => (value instanceof CelError ? value : NOT_BOOL);

function equality(args: readonly Node[], wanted: boolean, scope: Scope): Eval {
  const [left, right] = [scope.plan(args[0]!).eval, scope.plan(args[1]!).eval];
  return (state) => {
    const a = left(state);
    const b = right(state);
    state.meter.charge(equalCost(a, b, wanted));
    if (a instanceof CelError) return a;
    if (b instanceof CelError) return b;
    const same = equal(a, b, state.meter);
    if (wanted) return same;
    return same !== true;
  };
}

/** `a.or(b)` and `a.orValue(b)`, where `b` is not computed when nobody needs it. */
function alternative(node: Call, scope: Scope): Eval {
  const [first, second] = [scope.plan(node.target!).eval, scope.plan(node.args[0]!).eval];
  const value = node.fn === 'orValue';
  return (state) => {
    const a = first(state);
    if (!(a instanceof Optional)) return a;
    if (a.value === undefined) return second(state);
    return value ? a.value : a;
  };
}

function invocation(node: Call, scope: Scope): Plan {
  const args = node.target === undefined ? node.args : [node.target, ...node.args];
  const plans = args.map((arg) => scope.plan(arg));
  const ids = node.overloads ?? [];
  const id = ids.length === 1 ? ids[0]! : '';
  const second = plans[1]?.constant;
  if (id === 'in_list' && second instanceof List) {
    if (second.size === 0) return { eval: () => false, constant: false };
    const members = membership(second);
    if (members !== undefined) return { eval: isMember(plans[0]!.eval, members) };
  }
  if (PATTERNS.has(node.fn) && typeof second === 'string') checkPattern(second);
  const run = implementation(scope.functions.get(node.fn)!, id, args.length, node.target !== undefined);
  if (CONVERSIONS.has(node.fn) && plans.length === 1 && plans[0]!.constant !== undefined) {
    const value = run([plans[0]!.constant], new Meter(Infinity));
    if (value instanceof CelError) throw new ProgramError(value.message);
    return { eval: () => value, constant: value };
  }
  const special = fastOperator(node.fn, id, plans);
  return { eval: special ?? strict(node.fn, id, plans, run) };
}

/** Patterns that are wrong are refused with the words of Go. */
function checkPattern(pattern: string): void {
  try {
    compilePattern(pattern);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new ProgramError(error.message);
  }
}

/** Members of a constant list, if all are plain; numbers as numbers, whatever their type. */
function membership(list: List): ReadonlySet<unknown> | undefined {
  const members = new Set<unknown>();
  for (let i = 0; i < list.size; i++) {
    const value = list.at(i);
    const plain = memberKey(value);
    if (plain === undefined) return undefined;
    members.add(plain);
  }
  return members;
}

function memberKey(value: Value): string | number | bigint | boolean | undefined {
  if (typeof value === 'string' || typeof value === 'boolean' || isInt(value)) return value;
  if (value instanceof Double) return Number.isNaN(value.value) ? undefined : value.value;
  if (!(value instanceof Uint)) return undefined;
  return value.value <= Number.MAX_SAFE_INTEGER ? Number(value.value) : value.value;
}

const isMember =
  (argument: Eval, members: ReadonlySet<unknown>): Eval =>
  (state) => {
    const value = argument(state);
    if (value instanceof CelError) return value;
    const key = memberKey(value);
    return key !== undefined && members.has(key);
  };

/** Comparisons and `!`, which rules are made of, without an array of arguments. */
function fastOperator(fn: string, id: string, plans: readonly Plan[]): Eval | undefined {
  const [left, right] = [plans[0]?.eval, plans[1]?.eval];
  if (left === undefined) return undefined;
  if (fn === '!_') {
    return (state) => {
      const value = left(state);
      state.meter.charge(1);
      return typeof value === 'boolean' ? !value : wrong(value);
    };
  }
  if (fn === '@not_strictly_false') {
    return (state) => {
      const value = left(state);
      state.meter.charge(1);
      return value !== false;
    };
  }
  const test = ORDERS[fn];
  if (test === undefined || right === undefined) return undefined;
  const cost = callCost(fn, id);
  return (state) => {
    const a = left(state);
    const b = right(state);
    state.meter.charge(cost === 1 ? 1 : cost([a, b], state.meter));
    if (a instanceof CelError) return a;
    if (b instanceof CelError) return b;
    const order = isOrdered(a) ? compare(a, b) : unordered(fn, a);
    return typeof order === 'number' ? test(order) : order;
  };
}

const ORDERS: Readonly<Record<string, (order: number) => boolean>> = {
  '_<_': (order) => order < 0,
  '_<=_': (order) => order <= 0,
  '_>_': (order) => order > 0,
  '_>=_': (order) => order >= 0,
};

const isOrdered = (value: Value): boolean => {
  if (typeof value !== 'object') return true;
  return value !== null && !(value instanceof List || value instanceof MapValue) && ORDERED.has(typeOf(value).kind);
};
const ORDERED = new Set<Type['kind']>(['bytes', 'double', 'duration', 'timestamp', 'uint']);
const unordered = (fn: string, value: Value): CelError =>
  RECEIVERS.has(typeOf(value).kind) ? NOT_BOOL : new CelError(`no such overload: ${fn}`);

/** Arguments first, then the function, unless one is an error. Of more than two, those behind an error are not computed. */
function strict(fn: string, id: string, plans: readonly Plan[], run: Implementation): Eval {
  const evals = plans.map(({ eval: e }) => e);
  const cost = callCost(fn, id);
  const costOfResult = COST_OF_RESULT[id];
  const all = evals.length <= 2;
  return (state) => {
    const { meter } = state;
    const args: Value[] = [];
    let error: CelError | undefined;
    for (const evaluate of evals) {
      const value = evaluate(state);
      args.push(value);
      if (!(value instanceof CelError)) continue;
      error ??= value;
      if (!all) return error;
    }
    if (costOfResult === undefined) meter.charge(cost === 1 ? 1 : cost(args, meter));
    const result = error ?? run(args, meter);
    if (costOfResult !== undefined) meter.charge(costOfResult(result));
    return result;
  };
}

/** Whether a value can be an argument of a type. Of a list or map the first element stands for all. */
function matches(type: Type, value: Value): boolean {
  if (isDyn(type) || type.kind === 'param') return true;
  if (typeOf(value).name !== type.name) return false;
  if (type.kind === 'list') {
    const list = value as List;
    return list.size === 0 || matches(type.params[0]!, list.at(0));
  }
  if (type.kind !== 'map') return true;
  const map = value as MapValue;
  for (const key of map.keys()) return matches(type.params[0]!, key) && matches(type.params[1]!, map.find(key)!);
  return true;
}

const matchesAll = ({ args: types }: Overload, args: readonly Value[]): boolean => {
  if (types.length !== args.length) return false;
  for (let i = 0; i < args.length; i++) if (!matches(types[i]!, args[i]!)) return false;
  return true;
};

/** What runs a function: the one overload that is known, or that whose types fit. */
function implementation(fn: FunctionDecl, id: string, arity: number, onReceiver: boolean): Implementation {
  if (fn.single !== undefined) return single(fn, fn.single);
  const { overloads } = fn;
  const known = id === '' ? undefined : overloads.find((o) => o.id === id);
  const candidates =
    known === undefined ? overloads.filter((o) => o.args.length === arity && o.isMember === onReceiver) : [known];
  return (args, meter) => {
    for (const candidate of candidates) {
      if (candidate.run !== undefined && matchesAll(candidate, args)) return candidate.run(args, meter);
    }
    return new CelError(`no such overload: ${fn.name}(${args.map((arg) => typeOf(arg).name).join(', ')})`);
  };
}

function single({ name, traits }: FunctionDecl, run: Implementation): Implementation {
  if (traits === undefined) return run;
  const foreign = new CelError(`no such overload: ${name}`);
  return (args, meter) => {
    const { kind } = typeOf(args[0]!);
    if (traits.has(kind)) return run(args, meter);
    return RECEIVERS.has(kind) ? NOT_BOOL : foreign;
  };
}
