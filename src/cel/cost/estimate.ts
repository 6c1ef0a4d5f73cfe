/**
 * What an expression can cost, from sizes that schemas and literals tell, before anything runs. Sources: cel-go checker/cost.go v0.26;
 * apiserver pkg/cel/library/cost.go v1.36. Presence tests are free, as there.
 */
import { isOptional, type Type } from '../check/types.ts';
import {
  type Call,
  type Comprehension,
  isAccumulator,
  isBind,
  type ListNode,
  type MapNode,
  type Node,
  type Select,
} from '../syntax/ast.ts';
import { codePoints } from '../syntax/source.ts';
import { callEstimate, type Sized } from './calls.ts';
import { fixed, MAX, NOTHING, ONE, plus, type Range, times, total, union, UNKNOWN } from './range.ts';

export type Estimate = Range;

/**
 * The most elements, entries or characters of what a path leads to: a variable, then names of fields, `@items`, `@keys`, `@values`.
 * Undefined: nobody knows.
 */
export type Sizes = (path: readonly string[]) => number | undefined;

const LIST_COST = fixed(10);
const MAP_COST = fixed(30);
const STRUCT_COST = fixed(40);

/** Sizes of what a list or map holds. */
interface Entries {
  readonly kind: 'list' | 'map';
  readonly key: Range;
  readonly value: Range;
}

/** A variable of a comprehension. */
interface Local {
  readonly name: string;
  readonly path: readonly string[];
  readonly size: Range | undefined;
  readonly entries: Entries | undefined;
}

export function estimateCost(node: Node, sizes: Sizes): Estimate {
  return new Estimator(sizes).cost(node);
}

const NO_PATH: readonly string[] = [];

class Estimator {
  readonly #sizesOf: Sizes;
  readonly #paths = new Map<Node, readonly string[]>();
  readonly #sizes = new Map<Node, Range>();
  readonly #entries = new Map<Node, Entries>();
  readonly #locals: Local[] = [];

  constructor(sizes: Sizes) {
    this.#sizesOf = sizes;
  }

  cost(node: Node): Range {
    switch (node.kind) {
      case 'literal':
        return NOTHING;
      case 'ident':
        this.#paths.set(node, this.#local(node.name)?.path ?? [node.name]);
        return ONE;
      case 'select':
        return this.#select(node);
      case 'call':
        return this.#call(node);
      case 'list':
        return this.#list(node);
      case 'map':
        return this.#map(node);
      case 'struct':
        return plus(total(node.fields.map(({ value }) => this.cost(value))), STRUCT_COST);
      case 'comprehension':
        return isBind(node) ? this.#bind(node) : this.#loop(node);
    }
  }

  #local(name: string): Local | undefined {
    return this.#locals.findLast((local) => local.name === name);
  }

  #pathOf(node: Node): readonly string[] {
    const local = node.kind === 'ident' ? this.#local(node.name) : undefined;
    return local?.path ?? this.#paths.get(node) ?? NO_PATH;
  }

  #below(node: Node, name: string): readonly string[] {
    return [...this.#pathOf(node), name];
  }

  #select(node: Select): Range {
    if (node.qualified !== undefined) {
      this.#paths.set(node, [node.qualified.name]);
      return ONE;
    }
    const operand = this.cost(node.operand);
    if (node.testOnly) return operand;
    this.#paths.set(node, this.#below(node.operand, node.field));
    const { kind } = node.operand.type!;
    return kind === 'map' || kind === 'struct' || kind === 'param' ? plus(operand, ONE) : operand;
  }

  /** What the estimates of calls need to know of a node. */
  #sized(node: Node): Sized {
    const path = this.#pathOf(node);
    const root = path[0];
    return {
      node,
      type: node.type!,
      path: root !== undefined && isAccumulator(root) ? NO_PATH : path,
      size: this.#sizeOf(node),
      sizeOfPath: (p) => this.#sizeOfPath(p),
    };
  }

  #sizeOfPath(path: readonly string[]): Range | undefined {
    const max = path.length === 0 ? undefined : this.#sizesOf(path);
    return max === undefined ? undefined : { min: 0, max };
  }

  #sizeOf(node: Node): Range | undefined {
    const known = this.#sizes.get(node) ?? literalSize(node);
    if (known !== undefined) return known;
    const size = this.#sizeOfPath(this.#pathOf(node));
    if (size !== undefined) {
      this.#sizes.set(node, size);
      return size;
    }
    if (isScalar(node.type!)) return ONE;
    return node.kind === 'ident' ? this.#local(node.name)?.size : undefined;
  }

  #sizeOrUnknown(node: Node): Range {
    return this.#sizeOf(node) ?? UNKNOWN;
  }

  #entriesOf(node: Node): Entries | undefined {
    return this.#entries.get(node) ?? (node.kind === 'ident' ? this.#local(node.name)?.entries : undefined);
  }

  #setEntries(node: Node, entries: Entries | undefined): void {
    if (entries !== undefined) this.#entries.set(node, entries);
  }

  #call(node: Call): Range {
    if (node.fn === 'dyn') return this.#dyn(node);
    const argCosts = node.args.map((arg) => this.cost(arg));
    const overloads = node.overloads ?? [];
    if (overloads.length === 0) return NOTHING;
    const targetCost = node.target === undefined ? NOTHING : this.cost(node.target);
    const args = node.args.map((arg) => this.#sized(arg));
    const target = node.target === undefined ? undefined : this.#sized(node.target);
    let cost: Range = { min: MAX, max: 0 };
    let size: Range | undefined;
    for (const overload of overloads) {
      const own = callEstimate({ fn: node.fn, overload, target, args, argCosts });
      cost = union(cost, own.cost);
      if (own.size !== undefined) size = size === undefined ? own.size : union(size, own.size);
      this.#gathered(node, overload);
      if (overload === 'index_list' || overload === 'index_map') {
        const container = node.args[0]!;
        size = this.#entriesOf(container)?.value;
        this.#paths.set(node, this.#below(container, overload === 'index_list' ? '@items' : '@values'));
      }
      size ??= this.#sizeOf(node);
    }
    if (size !== undefined) this.#sizes.set(node, size);
    return plus(targetCost, cost);
  }

  /** What a conditional or a sum holds is what its parts hold. */
  #gathered(node: Call, overload: string): void {
    const isSum = overload === 'add_list' || overload === 'add_string' || overload === 'add_bytes';
    if (overload !== 'conditional' && !isSum) return;
    const [a, b] = isSum ? [node.args[0]!, node.args[1]!] : [node.args[1]!, node.args[2]!];
    this.#setEntries(node, joined(this.#entriesOf(a), this.#entriesOf(b)));
  }

  #dyn(node: Call): Range {
    const [arg] = node.args as [Node];
    const cost = this.cost(arg);
    this.#copySizes(node, arg);
    return plus(ONE, cost);
  }

  #copySizes(to: Node, from: Node): void {
    const size = this.#sizeOf(from);
    if (size !== undefined) this.#sizes.set(to, size);
    this.#setEntries(to, this.#entriesOf(from));
  }

  #list(node: ListNode): Range {
    const costs = node.elements.map((element) => this.cost(element));
    const value = this.#spanOf(node.elements);
    this.#entries.set(node, { kind: 'list', key: ONE, value });
    return plus(total(costs), LIST_COST);
  }

  #map(node: MapNode): Range {
    const costs = node.entries.map(({ key, value }) => plus(this.cost(key), this.cost(value)));
    const key = this.#spanOf(node.entries.map((entry) => entry.key));
    const value = this.#spanOf(node.entries.map((entry) => entry.value));
    this.#entries.set(node, { kind: 'map', key, value });
    return plus(total(costs), MAP_COST);
  }

  /** From the smallest to the largest. */
  #spanOf(nodes: readonly Node[]): Range {
    if (nodes.length === 0) return NOTHING;
    return nodes.map((node) => this.#sizeOrUnknown(node)).reduce(union);
  }

  #bind(node: Comprehension): Range {
    const before = plus(this.cost(node.range), this.cost(node.init));
    this.#pushBound(node.accuVar, node.init);
    const cost = plus(before, this.cost(node.result));
    this.#locals.pop();
    this.#copySizes(node, node.result);
    return cost;
  }

  #pushBound(name: string, node: Node): void {
    const path = this.#pathOf(node);
    this.#locals.push({ name, path, size: this.#sizeOf(node), entries: this.#entriesOf(node) });
  }

  #loop(node: Comprehension): Range {
    const before = plus(this.cost(node.range), this.cost(node.init));
    this.#pushBound(node.accuVar, node.init);
    const count = node.iterVar2 === undefined ? 1 : 2;
    this.#pushIterated(node);
    const each = plus(this.cost(node.step), this.cost(node.condition));
    this.#locals.length -= count;
    const result = this.cost(node.result);
    this.#locals.pop();
    const range = this.#sizeOrUnknown(node.range);
    if (node.init.kind === 'literal') {
      const size = this.#sizeOf(node.init);
      if (size !== undefined) this.#sizes.set(node, size);
    } else if (node.init.kind === 'list' || node.init.kind === 'map') {
      this.#sizes.set(node, range);
      this.#setEntries(node, this.#entriesOf(node.step));
    }
    return plus(plus(before, result), times(range, each));
  }

  #pushIterated({ range, iterVar, iterVar2 }: Comprehension): void {
    const entries = this.#entriesOf(range);
    const isList = (entries?.kind ?? range.type!.kind) === 'list';
    const value = { path: this.#below(range, isList ? '@items' : '@values'), size: entries?.value };
    const key = { path: this.#below(range, isList ? '@indices' : '@keys'), size: entries?.key };
    const none = { entries: undefined };
    if (iterVar2 === undefined) {
      this.#locals.push({ name: iterVar, ...(isList ? value : key), ...none });
      return;
    }
    this.#locals.push({ name: iterVar, ...key, ...none }, { name: iterVar2, ...value, ...none });
  }
}

function joined(a: Entries | undefined, b: Entries | undefined): Entries | undefined {
  if (a === undefined || b === undefined) return undefined;
  return { kind: a.kind, key: union(a.key, b.key), value: union(a.value, b.value) };
}

function literalSize(node: Node): Range | undefined {
  if (node.kind === 'list') return fixed(node.elements.length);
  if (node.kind === 'map') return fixed(node.entries.length);
  if (node.kind !== 'literal') return undefined;
  if (typeof node.value === 'string') return fixed(codePoints(node.value));
  return fixed(node.value instanceof Uint8Array ? node.value.length : 1);
}

const SCALARS = new Set<Type['kind']>(['bool', 'double', 'duration', 'int', 'timestamp', 'uint']);
const isScalar = (type: Type): boolean => SCALARS.has(type.kind) || (isOptional(type) && isScalar(type.params[0]!));
