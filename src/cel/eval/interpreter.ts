/**
 * Tree → closures. Each charges what cel-go's tracker charges for its step, so that costs are upstream's to the unit: an attribute (a name
 * with the fields and indexes behind it) costs 1 and 1 for each of these, but as index or as branch of `?:` it saves the first.
 *
 * Sources: cel-go interpreter/{planner,interpretable,attributes,runtimecost}.go v0.26.
 */
import { type Comprehension, isBind, type ListNode, type MapNode, type Node, type StructNode } from '../syntax/ast.ts';
import { ArrayList, badKey, EMPTY_LIST, EntryMap } from '../values/containers.ts';
import { display } from '../values/display.ts';
import { CelError, Optional, typeOf, type Value } from '../values/value.ts';
import { attributeOf, select, variable } from './attributes.ts';
import { call } from './calls.ts';
import { fold } from './fold.ts';
import { constant, type Eval, type Plan, ProgramError, type Scope } from './scope.ts';

const LIST_COST = 10;
const MAP_COST = 30;
const STRUCT_COST = 40;

/** A node on its own. */
export function plan(node: Node, scope: Scope): Plan {
  const own = attribute(node, scope);
  const isTest = node.kind === 'select' && node.testOnly;
  if (attributeOf(node) !== 'plain' || isTest || own.constant !== undefined) return own;
  const { eval: resolve } = own;
  return {
    eval: (state) => {
      state.meter.charge(1);
      return resolve(state);
    },
  };
}

/** A node as branch of `?:` or as index: without the first 1 of an attribute. */
export function attribute(node: Node, scope: Scope): Plan {
  switch (node.kind) {
    case 'literal':
      return constant(node.value);
    case 'ident':
      return node.constant === undefined ? variable(node.name, scope) : constant(node.constant);
    case 'select':
      return select(node, scope);
    case 'call':
      return call(node, scope);
    case 'list':
      return list(node, scope);
    case 'map':
      return map(node, scope);
    case 'struct':
      return struct(node, scope);
    case 'comprehension':
      return { eval: isBind(node) ? bind(node, scope) : fold(node, scope) };
  }
}

const isConstant = ({ constant: value }: Plan): boolean => value !== undefined;

function list(node: ListNode, scope: Scope): Plan {
  const plans = node.elements.map((element) => scope.plan(element));
  if (plans.length === 0) return constant(EMPTY_LIST);
  const evals = plans.map(({ eval: e }) => e);
  const { optional } = node;
  const make: Eval = (state) => {
    const items: Value[] = [];
    for (let i = 0; i < evals.length; i++) {
      const value = evals[i]!(state);
      if (value instanceof CelError) return value;
      if (!optional.has(i)) items.push(value);
      else if (!(value instanceof Optional)) return notOptional('list element', value);
      else if (value.value !== undefined) items.push(value.value);
    }
    return new ArrayList(items);
  };
  return plans.every(isConstant) && optional.size === 0 ? made(make) : priced(make, LIST_COST);
}

const notOptional = (what: string, value: Value): CelError =>
  new CelError(`cannot initialize optional ${what} from non-optional value ${display(value)}`);

/** Constants make a constant, once. */
function made(make: Eval): Plan {
  // None of its parts looks at the state.
  const value = make(undefined as never);
  if (value instanceof CelError) throw new ProgramError(value.message);
  return constant(value);
}

const priced = (make: Eval, cost: number): Plan => ({
  eval: (state) => {
    const value = make(state);
    state.meter.charge(cost);
    return value;
  },
});

function map(node: MapNode, scope: Scope): Plan {
  const entries = node.entries.map(({ key, value, optional }) => ({
    key: scope.plan(key),
    value: scope.plan(value),
    optional,
  }));
  const make: Eval = (state) => {
    const result = new EntryMap();
    for (const { key, value, optional } of entries) {
      const k = key.eval(state);
      if (k instanceof CelError) return k;
      const v = value.eval(state);
      if (v instanceof CelError) return v;
      const own = optional ? v : new Optional(v);
      if (!(own instanceof Optional)) return notOptional(`entry '${display(k)}'`, v);
      if (own.value === undefined) result.delete(k);
      else if (!result.set(k, own.value)) return badKey(typeOf(k).name);
    }
    return result;
  };
  const fixed = entries.every(({ key, value, optional }) => isConstant(key) && isConstant(value) && !optional);
  return fixed ? made(make) : priced(make, MAP_COST);
}

function struct(node: StructNode, scope: Scope): Plan {
  const fields = node.fields.map(({ field, value, optional }) => ({ field, optional, make: scope.plan(value).eval }));
  return priced((state) => {
    const result = new EntryMap();
    for (const { field, optional, make } of fields) {
      const v = make(state);
      if (v instanceof CelError) return v;
      const own = optional ? v : new Optional(v);
      if (!(own instanceof Optional)) return notOptional(`entry '${field}'`, v);
      if (own.value !== undefined) result.set(field, own.value);
    }
    return result;
  }, STRUCT_COST);
}

/** Names a value, which is not computed before somebody asks for it. */
function bind(node: Comprehension, scope: Scope): Eval {
  const slot = scope.slot();
  const init = scope.plan(node.init).eval;
  const read: Eval = (state) => {
    const known = state.slots[slot];
    return known === undefined ? (state.slots[slot] = init(state)) : known;
  };
  const result = scope.within([[node.accuVar, read]], () => scope.plan(node.result).eval);
  return (state) => {
    state.slots[slot] = undefined;
    return result(state);
  };
}
