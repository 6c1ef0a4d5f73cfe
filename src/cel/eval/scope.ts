/** What closures of a program share: where variables are, and the state of one evaluation. */
import type { Functions } from '../check/declarations.ts';
import type { Node } from '../syntax/ast.ts';
import type { Meter } from '../values/meter.ts';
import type { Value } from '../values/value.ts';

/** One evaluation. */
export interface State {
  readonly meter: Meter;
  /** By slot; undefined: not looked at yet. */
  readonly slots: (Value | undefined)[];
  /** What the caller calls its variables. */
  readonly variables: Readonly<Record<string, Value>>;
}

export type Eval = (state: State) => Value;

/** What a node becomes. */
export interface Plan {
  readonly eval: Eval;
  /** Known beforehand: literals, types, lists and maps of such, conversions of such. */
  readonly constant?: Value;
}

export const constant = (value: Value): Plan => ({ eval: () => value, constant: value });

/** A part of the program that cannot be made: a constant conversion that fails, a regular expression that is none. */
export class ProgramError extends Error {
  override readonly name = 'ProgramError';
}

/** How nodes are planned: the interpreter, which nothing below it imports. */
interface Planners {
  /** A node on its own. */
  readonly plan: (node: Node, scope: Scope) => Plan;
  /** A node as branch of `?:` or as index. */
  readonly attribute: (node: Node, scope: Scope) => Plan;
}

/** Names of variables with their slots, while a program is being made. */
export class Scope {
  readonly functions: Functions;
  #slots = 0;
  readonly #names: { readonly name: string; readonly read: Eval }[] = [];

  readonly #planners: Planners;

  constructor(functions: Functions, planners: Planners) {
    this.functions = functions;
    this.#planners = planners;
  }

  plan(node: Node): Plan {
    return this.#planners.plan(node, this);
  }

  attribute(node: Node): Plan {
    return this.#planners.attribute(node, this);
  }

  slot(): number {
    return this.#slots++;
  }

  /** Makes a program part that sees names; they are gone afterwards. */
  within<T>(names: readonly (readonly [string, Eval])[], make: () => T): T {
    for (const [name, read] of names) this.#names.push({ name, read });
    const made = make();
    this.#names.length -= names.length;
    return made;
  }

  /** How the innermost variable of a name is read; undefined: none of the expression's own. */
  reader(name: string): Eval | undefined {
    return this.#names.findLast((own) => own.name === name)?.read;
  }
}
