/** Names, and the fields and indexes behind them. Source: cel-go interpreter/attributes.go v0.26. */
import type { Node, Select } from '../syntax/ast.ts';
import { CelError, NO_OVERLOAD, NONE, Optional, type Value } from '../values/value.ts';
import { access, accessOptional, isPresent } from './access.ts';
import { constant, type Eval, type Plan, type Scope, type State } from './scope.ts';

type Attribute = 'none' | 'plain' | 'conditional';

/** Whether a node is a name, or fields and indexes behind anything; of those behind `?:` the first 1 is not charged. */
export function attributeOf(node: Node): Attribute {
  if (node.kind === 'ident') return node.constant === undefined ? 'plain' : 'none';
  if (node.kind === 'select') {
    if (node.qualified !== undefined) return node.qualified.constant === undefined ? 'plain' : 'none';
    return attributeOf(node.operand) === 'conditional' ? 'conditional' : 'plain';
  }
  if (node.kind !== 'call') return 'none';
  if (node.fn === '_?_:_') return 'conditional';
  if (node.fn !== '_[_]' && node.fn !== '_[?_]' && node.fn !== '_?._') return 'none';
  return attributeOf(node.args[0]!) === 'conditional' ? 'conditional' : 'plain';
}

export function variable(written: string, scope: Scope): Plan {
  const name = written.startsWith('.') ? written.slice(1) : written;
  const own = scope.reader(name);
  if (own !== undefined) return { eval: own };
  const slot = scope.slot();
  const missing = new CelError(`no such attribute(s): ${name}`);
  return {
    eval: ({ slots, variables }) => {
      const known = slots[slot];
      if (known !== undefined) return known;
      return (slots[slot] = Object.hasOwn(variables, name) ? variables[name]! : missing);
    },
  };
}

/** What stands before a field or an index: an attribute goes on, anything else becomes one, for 1 more. */
function base(node: Node, scope: Scope): Eval {
  return attributeOf(node) === 'none' ? scope.plan(node).eval : scope.attribute(node).eval;
}

export function select(node: Select, scope: Scope): Plan {
  if (node.qualified !== undefined) {
    return node.qualified.constant === undefined
      ? variable(node.qualified.name, scope)
      : constant(node.qualified.constant);
  }
  const operand = base(node.operand, scope);
  const { field, testOnly } = node;
  const look = testOnly ? isPresent : access;
  return {
    eval: (state) => {
      const value = operand(state);
      if (value instanceof CelError) return value;
      if (value instanceof Optional) return throughOptional(state, value, field, testOnly);
      state.meter.charge(1);
      return look(value, field);
    },
  };
}

/** Fields of what an optional holds: nothing there costs nothing. */
function throughOptional({ meter }: State, value: Optional, key: Value, testOnly: boolean): Value {
  const found = accessOptional(value, key);
  if (found !== NONE || (testOnly && value.value !== undefined)) meter.charge(1);
  return testOnly ? isPresent(value, key) : found;
}

/** `a[b]`, `a[?b]` and `a.?b`. */
export function index(container: Node, key: Node, optional: boolean, scope: Scope): Plan {
  const operand = base(container, scope);
  const keyPlan = scope.attribute(key);
  const readKey = keyPlan.eval;
  return {
    eval: (state) => {
      const value = operand(state);
      if (value instanceof CelError) return value;
      if (value instanceof Optional && value.value === undefined) return value;
      const k = readKey(state);
      if (k instanceof CelError) return k;
      const found = optional || value instanceof Optional ? accessOptional(value, k) : access(value, k);
      if (found !== NONE || !(optional || value instanceof Optional)) state.meter.charge(1);
      return found;
    },
  };
}

/** `c ? a : b`. */
export function conditional(args: readonly Node[], scope: Scope): Plan {
  const condition = scope.plan(args[0]!).eval;
  const [whenTrue, whenFalse] = [scope.attribute(args[1]!).eval, scope.attribute(args[2]!).eval];
  return {
    eval: (state) => {
      const value = condition(state);
      if (value === true) return whenTrue(state);
      if (value === false) return whenFalse(state);
      return value instanceof CelError ? value : NO_OVERLOAD;
    },
  };
}
