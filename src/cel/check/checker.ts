/** Gives every node its type and every call its overloads, or says what does not fit. Source: cel-go checker/checker.go v0.26. */
import {
  type Call,
  type Comprehension,
  type Ident,
  type ListNode,
  type MapNode,
  type Node,
  qualifiedName,
  type Select,
  type StructNode,
} from '../syntax/ast.ts';
import type { Issues } from '../syntax/source.ts';
import { typeOf } from '../values/value.ts';
import type { Declarations, FunctionDecl, Functions, Overload } from './declarations.ts';
import {
  BOOL,
  BYTES,
  DOUBLE,
  DURATION,
  DYN,
  ERROR,
  formatSignature,
  formatType,
  INT,
  isDyn,
  isDynOrError,
  isOptional,
  listType,
  mapType,
  NULL,
  opaqueType,
  optionalType,
  param,
  sameType,
  STRING,
  structType,
  TIMESTAMP,
  Type,
  TYPE,
  typeType,
  UINT,
  unwrapOptional,
} from './types.ts';
import { mostGeneral, Substitution } from './unify.ts';

/** Types an expression can name. Source: stdlib.Types; kubernetes/apiserver pkg/cel/library {ip,cidr}.go cel.Types. */
const NAMED_TYPES: ReadonlyMap<string, Type> = new Map(
  [
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    INT,
    listType(param('A')),
    mapType(param('A'), param('B')),
    NULL,
    STRING,
    TIMESTAMP,
    TYPE,
    UINT,
    optionalType(DYN),
    opaqueType('net.IP'),
    opaqueType('net.CIDR'),
  ].map((type) => [type.name, type]),
);

/** Types larger than this take too long to compare; nobody writes them for their own sake. */
const MAX_TYPE_SIZE = 1000;

/** A type has become too large: nothing more is said of the expression. */
class TypeTooLarge extends Error {
  override readonly name = 'TypeTooLarge';
}

/** Reports to `issues`; where there are none every node has its type. */
export function check(root: Node, functions: Functions, declarations: Declarations, issues: Issues): void {
  try {
    new Checker(functions, declarations, issues).run(root);
  } catch (error) {
    if (!(error instanceof TypeTooLarge)) throw error;
    issues.report(undefined, 'max recursion depth exceeded');
  }
}

class Checker {
  readonly #functions: Functions;
  readonly #declarations: Declarations;
  readonly #issues: Issues;
  readonly #known = new Substitution();
  readonly #checked: Node[] = [];
  /** Variables of comprehensions, the innermost last. */
  readonly #scopes: (readonly [string, Type])[] = [];

  constructor(functions: Functions, declarations: Declarations, issues: Issues) {
    this.#functions = functions;
    this.#declarations = declarations;
    this.#issues = issues;
  }

  run(root: Node): void {
    this.#check(root);
    for (const node of this.#checked) node.type = this.#known.apply(node.type!, true);
  }

  #set(node: Node, type: Type): void {
    if (type.size > MAX_TYPE_SIZE) throw new TypeTooLarge();
    node.type = type;
    this.#checked.push(node);
  }

  #check(node: Node): Type {
    switch (node.kind) {
      case 'literal':
        this.#set(node, typeOf(node.value));
        break;
      case 'ident':
        this.#ident(node);
        break;
      case 'select':
        this.#select(node);
        break;
      case 'call':
        this.#call(node);
        break;
      case 'list':
        this.#list(node);
        break;
      case 'map':
        this.#map(node);
        break;
      case 'struct':
        this.#struct(node);
        break;
      case 'comprehension':
        this.#comprehension(node);
    }
    return node.type!;
  }

  #mismatch({ at }: Node, expected: Type, actual: Type): void {
    this.#issues.report(at, `expected type '${formatType(expected)}' but found '${formatType(actual)}'`);
  }

  #undeclared(at: number | undefined, name: string): void {
    this.#issues.report(at, `undeclared reference to '${name}' (in container '')`);
  }

  /** The type of a name, and the type it stands for if it names one. */
  #lookup(written: string): { name: string; type: Type; constant?: Type } | undefined {
    const name = written.startsWith('.') ? written.slice(1) : written;
    const local = this.#scopes.findLast(([own]) => own === name)?.[1] ?? this.#declarations.variables.get(name);
    if (local !== undefined) return { name, type: local };
    const struct = this.#declarations.structs.has(name) ? structType(name) : NAMED_TYPES.get(name);
    return struct === undefined ? undefined : { name, type: typeType(struct), constant: struct };
  }

  #ident(node: Ident): void {
    const found = this.#lookup(node.name);
    if (found === undefined) {
      this.#set(node, ERROR);
      this.#undeclared(node.at, node.name);
      return;
    }
    if (found.constant !== undefined) node.constant = found.constant;
    this.#set(node, found.type);
  }

  #select(node: Select): void {
    const name = qualifiedName(node);
    const found = name === undefined ? undefined : this.#lookup(name);
    if (found !== undefined) {
      node.qualified = { name: found.name, constant: found.constant };
      this.#set(node, found.type);
      return;
    }
    const type = this.#selected(node, node.operand, node.field, false);
    this.#set(node, node.testOnly ? BOOL : this.#known.apply(type));
  }

  #selected(node: Node, operand: Node, field: string, optional: boolean): Type {
    this.#check(operand);
    const operandType = this.#known.apply(operand.type!);
    const target = unwrapOptional(operandType);
    const type = this.#fieldType(node, target, field);
    return isOptional(operandType) || optional ? optionalType(type) : type;
  }

  #fieldType(node: Node, target: Type, field: string): Type {
    if (target.kind === 'map') return target.params[1]!;
    if (target.kind === 'struct') return this.#structField(node.at, target.name, field);
    if (target.kind === 'param') {
      this.#known.isAssignable(DYN, target);
      return DYN;
    }
    if (!isDynOrError(target))
      this.#issues.report(node.at, `type '${formatType(target)}' does not support field selection`);
    return DYN;
  }

  #structField(at: number | undefined, struct: string, field: string): Type {
    const known = this.#declarations.structs.get(struct);
    const type = known?.fields.get(field);
    if (known === undefined) this.#issues.report(at, `unexpected failed resolution of '${struct}'`);
    else if (type === undefined) this.#issues.report(at, `undefined field '${field}'`);
    return type ?? ERROR;
  }

  #call(node: Call): void {
    if (node.fn === '_?._') {
      this.#optionalSelect(node);
      return;
    }
    for (const arg of node.args) this.#check(arg);
    const qualifier = node.target === undefined ? undefined : qualifiedName(node.target);
    const namespaced = qualifier === undefined ? undefined : this.#function(`${qualifier}.${node.fn}`);
    if (namespaced !== undefined) {
      node.fn = namespaced.name;
      node.target = undefined;
    } else if (node.target !== undefined) {
      this.#check(node.target);
    }
    const fn = namespaced ?? this.#function(node.fn);
    if (fn === undefined) {
      this.#set(node, ERROR);
      this.#undeclared(node.at, node.fn);
      return;
    }
    node.fn = fn.name;
    this.#set(node, this.#resolve(node, fn) ?? ERROR);
  }

  #function(name: string): FunctionDecl | undefined {
    return this.#functions.get(name.startsWith('.') ? name.slice(1) : name);
  }

  /** `a.?b`; the parser makes no other calls of this name. */
  #optionalSelect(node: Call): void {
    const [operand, field] = node.args as [Node, Node];
    const name = field.kind === 'literal' && typeof field.value === 'string' ? field.value : '';
    const type = this.#selected(node, operand, name, true);
    node.overloads = ['select_optional_field'];
    this.#set(field, STRING);
    this.#set(node, this.#known.apply(type));
  }

  #resolve(node: Call, fn: FunctionDecl): Type | undefined {
    const args = node.target === undefined ? node.args : [node.target, ...node.args];
    const types = args.map(({ type }) => type!);
    if (fn.name === '_&&_' || fn.name === '_||_') return this.#logical(node, fn);
    const overloads: string[] = [];
    let result: Type | undefined;
    for (const overload of fn.overloads) {
      if (overload.isMember !== (node.target !== undefined)) continue;
      const own = this.#match(overload, types);
      if (own === undefined) continue;
      overloads.push(overload.id);
      if (result === undefined) result = own;
      else if (!isDyn(result) && !sameType(own, result)) result = DYN;
    }
    if (result === undefined) {
      const shown = types.map((type) => this.#known.apply(type, true));
      const signature = formatSignature(shown, node.target !== undefined);
      this.#issues.report(node.at, `found no matching overload for '${fn.name}' applied to '${signature}'`);
      return undefined;
    }
    node.overloads = overloads;
    return result;
  }

  /** The result of an overload for such arguments, if it takes them. */
  #match(overload: Overload, types: readonly Type[]): Type | undefined {
    const [result, ...wanted] = this.#known.instantiate([overload.result, ...overload.args]);
    return this.#known.areAssignable(types, wanted) ? this.#known.apply(result!) : undefined;
  }

  #logical(node: Call, fn: FunctionDecl): Type | undefined {
    let fits = true;
    for (const arg of node.args) {
      if (this.#known.isAssignable(arg.type!, BOOL)) continue;
      this.#mismatch(arg, BOOL, arg.type!);
      fits = false;
    }
    node.overloads = [fn.overloads[0]!.id];
    return fits ? BOOL : undefined;
  }

  /** What an optional element adds to its list or map. */
  #unwrapped(node: Node): Type {
    const type = node.type!;
    if (isOptional(type)) return type.params[0]!;
    if (!isDyn(type)) this.#mismatch(node, optionalType(type), type);
    return type;
  }

  #list(node: ListNode): void {
    let joined: Type | undefined;
    for (const [i, element] of node.elements.entries()) {
      const type = this.#check(element);
      joined = this.#join(joined, node.optional.has(i) ? this.#unwrapped(element) : type);
    }
    this.#set(node, listType(joined ?? this.#known.fresh()));
  }

  #map(node: MapNode): void {
    let keys: Type | undefined;
    let values: Type | undefined;
    for (const { key, value, optional } of node.entries) {
      keys = this.#join(keys, this.#check(key));
      const type = this.#check(value);
      values = this.#join(values, optional ? this.#unwrapped(value) : type);
    }
    this.#set(node, mapType(keys ?? this.#known.fresh(), values ?? this.#known.fresh()));
  }

  /** Elements of different types make a list of anything; whether that is wanted is judged later. */
  #join(joined: Type | undefined, type: Type): Type {
    if (joined === undefined) return type;
    return this.#known.isAssignable(joined, type) ? mostGeneral(joined, type) : DYN;
  }

  #struct(node: StructNode): void {
    const found = this.#lookup(node.name);
    if (found === undefined) {
      this.#set(node, ERROR);
      this.#undeclared(node.at, node.name);
      return;
    }
    const struct = found.constant?.kind === 'struct' ? found.constant : undefined;
    if (struct === undefined) {
      const shown = found.constant?.name ?? found.type.name;
      this.#issues.report(node.at, `'${shown}' is not a ${found.constant === undefined ? 'type' : 'message type'}`);
    }
    this.#set(node, struct ?? ERROR);
    for (const { at, field, value, optional } of node.fields) {
      this.#check(value);
      const wanted = struct === undefined ? ERROR : this.#structField(at, struct.name, field);
      const actual = optional ? this.#unwrapped(value) : value.type!;
      if (this.#known.isAssignable(wanted, actual)) continue;
      const [expected, provided] = [formatType(wanted), formatType(actual)];
      this.#issues.report(at, `expected type of field '${field}' is '${expected}' but provided type is '${provided}'`);
    }
  }

  #comprehension(node: Comprehension): void {
    this.#check(node.range);
    this.#check(node.init);
    const accu = node.init.type!;
    const [first, second] = this.#iterated(node, this.#known.apply(node.range.type!));
    this.#scopes.push([node.accuVar, accu], [node.iterVar, first]);
    if (node.iterVar2 !== undefined) this.#scopes.push([node.iterVar2, second]);
    this.#check(node.condition);
    this.#assert(node.condition, BOOL);
    this.#check(node.step);
    this.#assert(node.step, accu);
    this.#scopes.length -= node.iterVar2 === undefined ? 1 : 2;
    this.#check(node.result);
    this.#scopes.pop();
    this.#set(node, this.#known.apply(node.result.type!));
  }

  /** Types of the variables that run over a list or map. */
  #iterated(node: Comprehension, range: Type): readonly [Type, Type] {
    switch (range.kind) {
      case 'list':
        return node.iterVar2 === undefined ? [range.params[0]!, DYN] : [INT, range.params[0]!];
      case 'map':
        return [range.params[0]!, range.params[1]!];
      case 'dyn':
      case 'error':
      case 'param':
        this.#known.isAssignable(DYN, range);
        return [DYN, DYN];
      default:
        this.#issues.report(
          node.range.at,
          `expression of type '${formatType(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
        );
        return [ERROR, ERROR];
    }
  }

  #assert(node: Node, type: Type): void {
    if (!this.#known.isAssignable(type, node.type!)) this.#mismatch(node, type, node.type!);
  }
}
