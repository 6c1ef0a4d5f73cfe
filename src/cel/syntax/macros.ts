/**
 * Macros: calls that are written out as loops before types are checked. Source: cel-go parser/macro.go, ext/{comprehensions,lists}.go,
 * cel/library.go v0.26. Kubernetes has `cel.bind` in selectors of devices only (apiserver pkg/cel/environment/base.go v1.36).
 */
import type { Value } from '../values/value.ts';
import { ACCU, type Call, type Comprehension, isAccumulator, type Node } from './ast.ts';

/** Arguments a macro cannot use. */
export class MacroError extends Error {
  override readonly name = 'MacroError';
  readonly at: number | undefined;
  constructor(at: number | undefined, message: string) {
    super(message);
    this.at = at;
  }
}

/** What an expansion is made with: new nodes point where the call does. */
class Builder {
  readonly #at: number | undefined;
  readonly #copy: (node: Node) => Node;
  constructor(at: number | undefined, copy: (node: Node) => Node) {
    this.#at = at;
    this.#copy = copy;
  }
  literal = (value: Value): Node => ({ kind: 'literal', at: this.#at, value });
  ident = (name: string): Node => ({ kind: 'ident', at: this.#at, name });
  accu = (): Node => this.ident(ACCU);
  list = (...elements: Node[]): Node => ({ kind: 'list', at: this.#at, elements, optional: new Set() });
  map = (): Node => ({ kind: 'map', at: this.#at, entries: [] });
  call = (fn: string, ...args: Node[]): Call => ({ kind: 'call', at: this.#at, fn, target: undefined, args });
  member = (fn: string, target: Node, ...args: Node[]): Call => ({ kind: 'call', at: this.#at, fn, target, args });
  select = (operand: Node, field: string): Node => ({ kind: 'select', at: this.#at, operand, field, testOnly: true });
  copy = (node: Node): Node => this.#copy(node);
  loop = (range: Node, [iterVar, iterVar2]: readonly [string, string?], parts: LoopParts): Comprehension => ({
    kind: 'comprehension',
    at: this.#at,
    range,
    iterVar,
    iterVar2,
    accuVar: ACCU,
    ...parts,
  });
  bind = (name: string, init: Node, result: Node): Comprehension =>
    this.loop(this.list(), ['#unused'], {
      accuVar: name,
      init,
      condition: this.literal(false),
      step: this.ident(name),
      result,
    });
}

interface LoopParts {
  readonly accuVar?: string;
  readonly init: Node;
  readonly condition: Node;
  readonly step: Node;
  readonly result: Node;
}

type Expander = (builder: Builder, args: readonly Node[], target: Node) => Node;
type Loop = (b: Builder, body: readonly Node[], vars: readonly [string, string?]) => LoopParts;

const all: Loop = (b, [predicate]) => ({
  init: b.literal(true),
  condition: b.call('@not_strictly_false', b.accu()),
  step: b.call('_&&_', b.accu(), predicate!),
  result: b.accu(),
});

const exists: Loop = (b, [predicate]) => ({
  init: b.literal(false),
  condition: b.call('@not_strictly_false', b.call('!_', b.accu())),
  step: b.call('_||_', b.accu(), predicate!),
  result: b.accu(),
});

const existsOne: Loop = (b, [predicate]) => ({
  init: b.literal(0),
  condition: b.literal(true),
  step: b.call('_?_:_', predicate!, b.call('_+_', b.accu(), b.literal(1)), b.accu()),
  result: b.call('_==_', b.accu(), b.literal(1)),
});

/** One or two arguments: a filter may stand before what each step adds. */
const gather =
  (init: (b: Builder) => Node, add: (b: Builder, transform: Node, name: string) => Node): Loop =>
  (b, body, [name]) => {
    const step = add(b, body.at(-1)!, name);
    return {
      init: init(b),
      condition: b.literal(true),
      step: body.length === 2 ? b.call('_?_:_', body[0]!, step, b.accu()) : step,
      result: b.accu(),
    };
  };

const toList = gather(
  (b) => b.list(),
  (b, transform) => b.call('_+_', b.accu(), b.list(transform)),
);
const toMap = gather(
  (b) => b.map(),
  (b, transform, name) => b.call('cel.@mapInsert', b.accu(), b.ident(name), transform),
);
const toMapEntry = gather(
  (b) => b.map(),
  (b, transform) => b.call('cel.@mapInsert', b.accu(), transform),
);
/** `filter(x, p)` is `map(x, p, x)`, with the very node of its first argument. */
const filter: Loop = (b, [predicate, element]) => toList(b, [predicate!, element!], ['']);

const OVERWRITES = 'iteration variable overwrites accumulator variable';

function oneVar(loop: Loop, notAName: string, withVariable = false): Expander {
  return (b, args, target) => {
    const [variable, ...body] = args as [Node, ...Node[]];
    if (variable.kind !== 'ident') throw new MacroError(variable.at, notAName);
    if (isAccumulator(variable.name)) throw new MacroError(variable.at, OVERWRITES);
    return b.loop(target, [variable.name], loop(b, withVariable ? [...body, variable] : body, [variable.name]));
  };
}

function twoVars(loop: Loop): Expander {
  return (b, args, target) => {
    const [first, second, ...body] = args as [Node, Node, ...Node[]];
    for (const variable of [first, second]) {
      if (variable.kind !== 'ident') throw new MacroError(variable.at, 'argument must be a simple name');
    }
    const [name, name2] = [(first as { name: string }).name, (second as { name: string }).name];
    if (name === name2) throw new MacroError(second.at, `duplicate variable name: ${name}`);
    if (isAccumulator(name)) throw new MacroError(first.at, OVERWRITES);
    if (isAccumulator(name2)) throw new MacroError(second.at, OVERWRITES);
    return b.loop(target, [name, name2], loop(b, body, [name, name2]));
  };
}

const SIMPLE_NAME = 'argument must be a simple name';
const IDENTIFIER = 'argument is not an identifier';

function optMap(name: string, wrap: (b: Builder, result: Node) => Node): Expander {
  return (b, args, target) => {
    const [variable, mapped] = args as [Node, Node];
    if (variable.kind !== 'ident')
      throw new MacroError(variable.at, `${name}() variable name must be a simple identifier`);
    const bound = b.bind(variable.name, b.member('value', b.copy(target)), mapped);
    return b.call('_?_:_', b.member('hasValue', target), wrap(b, bound), b.call('optional.none'));
  };
}

const SORTABLE: ReadonlySet<Node['kind']> = new Set(['list', 'select', 'ident', 'comprehension', 'call']);

const sortBy: Expander = (b, args, target) => {
  const input = '@__sortBy_input__';
  if (!SORTABLE.has(target.kind)) {
    const message = 'sortBy can only be applied to a list, identifier, comprehension, call or select expression';
    throw new MacroError(target.at, message);
  }
  const keys = oneVar(toList, IDENTIFIER)(b, args, b.ident(input));
  return b.bind(input, target, b.member('@sortByAssociatedKeys', b.ident(input), keys));
};

/** Receiver macros by name and number of arguments. */
const RECEIVER_MACROS: ReadonlyMap<string, Expander> = new Map([
  ['all:2', oneVar(all, SIMPLE_NAME)],
  ['all:3', twoVars(all)],
  ['exists:2', oneVar(exists, SIMPLE_NAME)],
  ['exists:3', twoVars(exists)],
  ['exists_one:2', oneVar(existsOne, SIMPLE_NAME)],
  ['exists_one:3', twoVars(existsOne)],
  ['existsOne:2', oneVar(existsOne, SIMPLE_NAME)],
  ['existsOne:3', twoVars(existsOne)],
  ['map:2', oneVar(toList, IDENTIFIER)],
  ['map:3', oneVar(toList, IDENTIFIER)],
  ['filter:2', oneVar(filter, IDENTIFIER, true)],
  ['transformList:3', twoVars(toList)],
  ['transformList:4', twoVars(toList)],
  ['transformMap:3', twoVars(toMap)],
  ['transformMap:4', twoVars(toMap)],
  ['transformMapEntry:3', twoVars(toMapEntry)],
  ['transformMapEntry:4', twoVars(toMapEntry)],
  ['optMap:2', optMap('optMap', (b, result) => b.call('optional.of', result))],
  ['optFlatMap:2', optMap('optFlatMap', (_, result) => result)],
  ['sortBy:2', sortBy],
]);

/** Names a value. Source: ext/bindings.go. */
const bind: Expander = (b, args) => {
  const [variable, init, result] = args as [Node, Node, Node];
  if (variable.kind !== 'ident')
    throw new MacroError(variable.at, 'cel.bind() variable names must be simple identifiers');
  return b.bind(variable.name, init, result);
};

/** The expansion of a call, or undefined when it is no macro. `copy`: a node once more; `binds`: there is `cel.bind`. Throws MacroError. */
export function expandMacro(call: Call, copy: (node: Node) => Node, binds: boolean): Node | undefined {
  const builder = new Builder(call.at, copy);
  if (call.target !== undefined) {
    const { target } = call;
    if (binds && call.fn === 'bind' && call.args.length === 3 && target.kind === 'ident' && target.name === 'cel')
      return bind(builder, call.args, target);
    return RECEIVER_MACROS.get(`${call.fn}:${call.args.length}`)?.(builder, call.args, call.target);
  }
  if (call.fn !== 'has' || call.args.length !== 1) return undefined;
  const argument = call.args[0]!;
  if (argument.kind !== 'select' || argument.testOnly)
    throw new MacroError(argument.at, 'invalid argument to has() macro');
  return builder.select(argument.operand, argument.field);
}
