/** How deep and how large an expression may be. Source: cel-go parser/parser.go v0.26: maxRecursionDepth. */
import { childrenOf, type Node } from './ast.ts';
import { Abort } from './reader.ts';

const MAX_DEPTH = 250;
/** `optMap` writes its target out twice; a chain of them doubles it each time, and must end somewhere. */
const MAX_COPIED_NODES = 20_000;

type Rule = 'expr' | 'relation' | 'calc' | 'member';

export class Nesting {
  /** Of rules of the grammar that are within one another where the parser is. */
  readonly #depths: Record<Rule, number> = { expr: 0, relation: 0, calc: 0, member: 0 };
  /** How deep nodes are that are more than brackets, where that is more than nothing. */
  readonly #heights = new Map<Node, number>();
  #copied = 0;

  mark(): Readonly<Record<Rule, number>> {
    return { ...this.#depths };
  }

  leave(mark: Readonly<Record<Rule, number>>): void {
    Object.assign(this.#depths, mark);
  }

  enter(rule: Rule): void {
    if (++this.#depths[rule] > MAX_DEPTH) throw new Abort(`expression recursion limit exceeded: ${MAX_DEPTH}`);
  }

  /** Counts a node that is more than brackets. */
  compound(node: Node): Node {
    return this.measured(node, 1);
  }

  measured(node: Node, own: 0 | 1 = 0): Node {
    let height = own as number;
    for (const below of childrenOf(node)) height = Math.max(height, (this.#heights.get(below) ?? 0) + own);
    if (height > MAX_DEPTH) throw new Abort('max recursion depth exceeded');
    if (height > 0) this.#heights.set(node, height);
    return node;
  }

  /** A node made of a call is as deep as it. */
  inherit(node: Node, from: Node): void {
    const height = Math.max(0, ...childrenOf(from).map((below) => this.#heights.get(below) ?? 0));
    if (height > 0) this.#heights.set(node, height);
  }

  /** The same again, as nodes of its own. */
  copy(node: Node): Node {
    if (++this.#copied > MAX_COPIED_NODES) throw new Abort(`expression recursion limit exceeded: ${MAX_DEPTH}`);
    switch (node.kind) {
      case 'literal':
      case 'ident':
        return { ...node };
      case 'select':
        return { ...node, operand: this.copy(node.operand) };
      case 'call':
        return {
          ...node,
          target: node.target === undefined ? undefined : this.copy(node.target),
          args: node.args.map((n) => this.copy(n)),
        };
      case 'list':
        return { ...node, elements: node.elements.map((n) => this.copy(n)) };
      case 'map':
        return {
          ...node,
          entries: node.entries.map((e) => ({ ...e, key: this.copy(e.key), value: this.copy(e.value) })),
        };
      case 'struct':
        return { ...node, fields: node.fields.map((f) => ({ ...f, value: this.copy(f.value) })) };
      case 'comprehension':
        return {
          ...node,
          range: this.copy(node.range),
          init: this.copy(node.init),
          condition: this.copy(node.condition),
          step: this.copy(node.step),
          result: this.copy(node.result),
        };
    }
  }
}
