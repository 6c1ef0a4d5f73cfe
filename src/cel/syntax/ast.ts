/** The tree of an expression after macros are expanded. `at` is where errors about a node point: an offset in code units. */
import type { Type } from '../check/types.ts';
import type { Value } from '../values/value.ts';

export type Node = Literal | Ident | Select | Call | ListNode | MapNode | StructNode | Comprehension;

/** What the checker writes into each node. */
interface Checked {
  readonly at: number | undefined;
  type?: Type;
}

export interface Literal extends Checked {
  readonly kind: 'literal';
  readonly value: Value;
}

export interface Ident extends Checked {
  readonly kind: 'ident';
  /** With a leading dot if one was written. */
  readonly name: string;
  /** Set when the name means a type or another constant. */
  constant?: Value;
}

export interface Select extends Checked {
  readonly kind: 'select';
  readonly operand: Node;
  readonly field: string;
  /** `has(a.b)`. */
  readonly testOnly: boolean;
  /** Set when the whole is a qualified name of a type or variable. */
  qualified?: { readonly name: string; readonly constant: Value | undefined };
}

export interface Call extends Checked {
  readonly kind: 'call';
  fn: string;
  /** The receiver; the checker takes it away from a qualified function: `sets.contains(a, b)`. */
  target: Node | undefined;
  readonly args: readonly Node[];
  /** Ids of the overloads the checker found possible. */
  overloads?: readonly string[];
}

export interface ListNode extends Checked {
  readonly kind: 'list';
  readonly elements: readonly Node[];
  /** Indexes of `?element`. */
  readonly optional: ReadonlySet<number>;
}

export interface MapEntry {
  readonly key: Node;
  readonly value: Node;
  readonly optional: boolean;
}

export interface MapNode extends Checked {
  readonly kind: 'map';
  readonly entries: readonly MapEntry[];
}

export interface FieldEntry {
  readonly at: number | undefined;
  readonly field: string;
  readonly value: Node;
  readonly optional: boolean;
}

export interface StructNode extends Checked {
  readonly kind: 'struct';
  readonly name: string;
  readonly fields: readonly FieldEntry[];
}

/** A loop: `accu` starts as `init`, and is `step` after each element for which `condition` holds; then `result`. */
export interface Comprehension extends Checked {
  readonly kind: 'comprehension';
  readonly range: Node;
  readonly iterVar: string;
  readonly iterVar2: string | undefined;
  readonly accuVar: string;
  readonly init: Node;
  readonly condition: Node;
  readonly step: Node;
  readonly result: Node;
}

/** The name of the accumulator of macros, which nobody can write. */
export const ACCU = '@result';
const OLD_ACCU = '__result__';
export const isAccumulator = (name: string): boolean => name === ACCU || name === OLD_ACCU;

/** `a.b.c` of an expression that may be a qualified name. */
export function qualifiedName(node: Node): string | undefined {
  if (node.kind === 'ident') return node.name;
  if (node.kind !== 'select' || node.testOnly) return undefined;
  const operand = qualifiedName(node.operand);
  return operand === undefined ? undefined : `${operand}.${node.field}`;
}

/** Whether a comprehension only binds a name: `optMap`, `sortBy`. Source: checker/cost.go isBind. */
export const isBind = ({ range, condition, accuVar }: Comprehension): boolean =>
  range.kind === 'list' &&
  range.elements.length === 0 &&
  condition.kind === 'literal' &&
  condition.value === false &&
  accuVar !== OLD_ACCU;

/** The nodes directly below one, in the order they are written. */
export function childrenOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case 'literal':
    case 'ident':
      return [];
    case 'select':
      return [node.operand];
    case 'call':
      return node.target === undefined ? node.args : [node.target, ...node.args];
    case 'list':
      return node.elements;
    case 'map':
      return node.entries.flatMap(({ key, value }) => [key, value]);
    case 'struct':
      return node.fields.map(({ value }) => value);
    case 'comprehension':
      return [node.range, node.init, node.condition, node.step, node.result];
  }
}
