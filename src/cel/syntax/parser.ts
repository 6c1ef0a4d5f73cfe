/**
 * Text → tree. Written by hand, but with the limits of cel-go's parser and the words of its errors, which are ANTLR's: a token too many is
 * skipped, a missing bracket thought to be there, and the rest read on. Source: cel-go parser/parser.go, gen/CEL.g4 v0.26.
 */
import { CelError, type Value } from '../values/value.ts';
import type { Call, FieldEntry, MapEntry, Node } from './ast.ts';
import { type Expected, isStart, START_TOKENS } from './expected.ts';
import type { Token, TokenKind } from './lexer.ts';
import { valueOf } from './literals.ts';
import { expandMacro, MacroError } from './macros.ts';
import { Nesting } from './nesting.ts';
import { Abort, endsPrimary, Reader } from './reader.ts';
import { codePoints, Issues } from './source.ts';

const MAX_CODE_POINTS = 100_000;
const RESERVED: ReadonlySet<string> = new Set(
  'as break const continue else false for function if import in let loop package namespace null return true var void while'.split(
    ' ',
  ),
);
const RELATIONS: ReadonlySet<string> = new Set(['<', '<=', '>=', '>', '==', '!=', 'in']);
const OPERATORS: Readonly<Record<string, string>> = {
  '+': '_+_',
  '-': '_-_',
  '*': '_*_',
  '/': '_/_',
  '%': '_%_',
  in: '@in',
};

/** Throws CompileError. */
export function parse(text: string, { binds = false }: { readonly binds?: boolean } = {}): Node {
  const issues = new Issues(text);
  const size = codePoints(text);
  if (size > MAX_CODE_POINTS) {
    issues.report(undefined, `expression code point size exceeds limit: size: ${size}, limit ${MAX_CODE_POINTS}`);
    issues.throwIfAny();
  }
  let node: Node | undefined;
  try {
    node = new Parser(text, issues, binds).start();
  } catch (error) {
    if (!(error instanceof Abort)) throw error;
    if (error.report !== undefined) issues.report(undefined, error.report);
  }
  issues.throwIfAny();
  return node!;
}

class Parser {
  readonly #issues: Issues;
  readonly #in: Reader;
  readonly #nesting = new Nesting();
  readonly #binds: boolean;

  constructor(text: string, issues: Issues, binds: boolean) {
    this.#issues = issues;
    this.#binds = binds;
    this.#in = new Reader(text, issues);
  }

  start(): Node {
    const node = this.#expr();
    const token = this.#in.token;
    if (token.kind !== 'EOF') {
      const last = this.#in.next?.kind === 'EOF';
      this.#in.syntax(token, `${last ? 'extraneous' : 'mismatched'} input '${token.text}' expecting <EOF>`);
    }
    return node;
  }

  #reportAt(at: number | undefined, message: string): Node {
    this.#issues.report(at, message);
    return this.#wrong(at);
  }

  #wrong = (at?: number): Node => ({ kind: 'literal', at, value: '<<error>>' });

  #call(at: number | undefined, fn: string, args: readonly Node[], target?: Node): Node {
    const call: Call = { kind: 'call', at, fn, target, args };
    try {
      const expanded = expandMacro(call, (node) => this.#nesting.copy(node), this.#binds);
      if (expanded !== undefined) {
        this.#nesting.inherit(expanded, call);
        return expanded;
      }
    } catch (error) {
      if (!(error instanceof MacroError)) throw error;
      return this.#reportAt(error.at, error.message);
    }
    return this.#nesting.measured(call);
  }

  #expr(expected: Expected = 'expr'): Node {
    const before = this.#nesting.mark();
    this.#nesting.enter('expr');
    const condition = this.#logical('||', expected);
    const question = this.#in.accept('?');
    let node = condition;
    if (question !== undefined) {
      const whenTrue = this.#logical('||', 'expr');
      this.#in.expect(':', isStart);
      node = this.#nesting.compound(this.#call(question.at, '_?_:_', [condition, whenTrue, this.#expr()]));
    }
    this.#nesting.leave(before);
    return node;
  }

  /** `a || b || c` becomes a balanced tree: deep ones are slow to walk. */
  #logical(operator: '||' | '&&', expected: Expected): Node {
    const below = (e: Expected): Node => (operator === '||' ? this.#logical('&&', e) : this.#relation(e));
    const terms = [below(expected)];
    const ats: number[] = [];
    for (let found = this.#in.accept(operator); found !== undefined; found = this.#in.accept(operator)) {
      ats.push(found.at);
      terms.push(below('expr'));
    }
    return ats.length === 0 ? terms[0]! : this.#balanced(`_${operator}_`, terms, ats, 0, ats.length - 1);
  }

  #balanced(fn: string, terms: readonly Node[], ats: readonly number[], low: number, high: number): Node {
    const middle = Math.floor((low + high + 1) / 2);
    const left = middle === low ? terms[middle]! : this.#balanced(fn, terms, ats, low, middle - 1);
    const right = middle === high ? terms[middle + 1]! : this.#balanced(fn, terms, ats, middle + 1, high);
    return this.#nesting.measured({ kind: 'call', at: ats[middle], fn, target: undefined, args: [left, right] });
  }

  #relation(expected: Expected): Node {
    const before = this.#nesting.mark();
    this.#nesting.enter('relation');
    let left = this.#calc(0, expected);
    while (this.#in.token.kind === 'SYMBOL' && RELATIONS.has(this.#in.token.text)) {
      const { text, at } = this.#in.advance();
      this.#nesting.enter('relation');
      const right = this.#calc(0, 'expr');
      left = this.#nesting.compound(this.#call(at, OPERATORS[text] ?? `_${text}_`, [left, right]));
    }
    this.#nesting.leave(before);
    return left;
  }

  /** Level 0: sums; 1: products. */
  #calc(level: 0 | 1, expected: Expected): Node {
    const before = this.#nesting.mark();
    if (level === 0) this.#nesting.enter('calc'); // sums and products are one rule
    const below = (e: Expected): Node => (level === 0 ? this.#calc(1, e) : this.#unary(e));
    const operators = level === 0 ? '+-' : '*/%';

    let left = below(expected);
    while (
      this.#in.token.kind === 'SYMBOL' &&
      this.#in.token.text.length === 1 &&
      operators.includes(this.#in.token.text)
    ) {
      const { text, at } = this.#in.advance();
      this.#nesting.enter('calc');
      left = this.#nesting.compound(this.#call(at, OPERATORS[text]!, [left, below('expr')]));
    }
    this.#nesting.leave(before);
    return left;
  }

  #unary(expected: Expected): Node {
    const first = this.#in.token;
    if (this.#in.is('!')) return this.#prefixed(first, '!', '!_');
    if (!this.#in.is('-')) return this.#member(expected);
    const after = this.#in.next;
    // A minus before a number belongs to it.
    if (after?.kind === 'NUM_INT' || after?.kind === 'NUM_FLOAT') return this.#member(expected);
    return this.#prefixed(first, '-', '-_');
  }

  #prefixed(first: Token, operator: string, fn: string): Node {
    let count = 0;
    while (this.#in.accept(operator) !== undefined) count++;
    const operand = this.#member('expr');
    return count % 2 === 0 ? operand : this.#call(first.at, fn, [operand]);
  }

  #member(expected: Expected): Node {
    const before = this.#nesting.mark();
    this.#nesting.enter('member');
    let node = this.#primary(expected);
    for (;;) {
      const operator = this.#in.accept('.') ?? this.#in.accept('[');
      if (operator === undefined) break;
      this.#nesting.enter('member');
      node = operator.text === '.' ? this.#selected(node, operator) : this.#indexed(node, operator);
    }
    this.#nesting.leave(before);
    return node;
  }

  #indexed(node: Node, { at }: Token): Node {
    const optional = this.#in.accept('?') !== undefined;
    const index = this.#expr();
    this.#in.expect(']', endsPrimary);
    return this.#nesting.compound(this.#call(at, optional ? '_[?_]' : '_[_]', [node, index]));
  }

  #selected(operand: Node, dot: Token): Node {
    const optional = this.#in.accept('?') !== undefined;
    const token = this.#in.token;
    if (token.kind !== 'IDENTIFIER' && token.kind !== 'ESC_IDENTIFIER') return this.#noViable(token, optional);
    this.#in.advance();
    if (token.kind === 'ESC_IDENTIFIER') this.#issues.report(token.at, "unsupported syntax: '`'");
    if (optional) {
      const field: Node = { kind: 'literal', at: token.at, value: token.text };
      return this.#nesting.compound({
        kind: 'call',
        at: dot.at,
        fn: '_?._',
        target: undefined,
        args: [operand, field],
      });
    }
    const open = this.#in.accept('(');
    if (open === undefined)
      return this.#nesting.compound({ kind: 'select', at: dot.at, operand, field: token.text, testOnly: false });
    const args = this.#args();
    return this.#nesting.compound(this.#call(open.at, token.text, args, operand));
  }

  #noViable(token: Token, optional: boolean): Node {
    const isReserved = ['true', 'false', 'null'].includes(token.text);
    const input = `.${optional ? '?' : ''}${token.kind === 'EOF' ? '' : token.text}`;
    const message = isReserved
      ? `mismatched input '${token.text}' expecting IDENTIFIER`
      : `no viable alternative at input '${input}'`;
    this.#in.syntax(token, message);
    if (token.kind !== 'EOF') this.#in.skip();
    return this.#wrong();
  }

  #args(): Node[] {
    const args: Node[] = [];
    if (this.#in.accept(')') !== undefined) return args;
    args.push(this.#expr('args'));
    while (this.#in.accept(',') !== undefined) args.push(this.#expr());
    this.#in.expect(')', endsPrimary, `{')', ','}`);
    return args;
  }

  #primary(expected: Expected): Node {
    const token = this.#in.token;
    if (token.kind === 'SYMBOL') return this.#symbol(token, expected);
    if (token.kind === 'IDENTIFIER') return this.#identifier(undefined);
    if (token.kind === 'EOF' || token.kind === 'ESC_IDENTIFIER') return this.#unexpected(token, expected);
    this.#in.advance();
    return this.#literal(token.kind, token.text, token.at, token.text);
  }

  #symbol(token: Token, expected: Expected): Node {
    const { at } = token;
    const literal = (value: Value): Node => {
      this.#in.advance();
      return { kind: 'literal', at, value };
    };
    switch (token.text) {
      case '(':
        return this.#nested();
      case '[':
        return this.#list();
      case '{':
        return this.#map();
      case '.':
        return this.#identifier(this.#in.advance());
      case 'true':
        return literal(true);
      case 'false':
        return literal(false);
      case 'null':
        return literal(null);
      case '-':
        if (/^NUM_(INT|FLOAT)$/.test(this.#in.next?.kind ?? '')) {
          this.#in.advance();
          const number = this.#in.advance();
          return this.#literal(number.kind, number.text, at, `-${number.text}`);
        }
        return this.#unexpected(token, expected);
      default:
        return this.#unexpected(token, expected);
    }
  }

  /** No expression begins so. */
  #unexpected(token: Token, expected: Expected): Node {
    const wanted = START_TOKENS[expected];
    const after = this.#in.next;
    if (token.kind !== 'EOF' && after !== undefined && isStart(after)) {
      this.#in.syntax(token, `extraneous input '${token.text}' expecting ${wanted}`);
      this.#in.skip();
      return this.#primary(expected);
    }
    this.#in.syntax(token, `mismatched input '${token.text}' expecting ${wanted}`);
    return this.#wrong();
  }

  #nested(): Node {
    this.#in.advance();
    const node = this.#expr();
    this.#in.expect(')', endsPrimary);
    return node;
  }

  #literal(kind: TokenKind, text: string, at: number, signed: string): Node {
    const value = valueOf(kind, text, signed);
    return value instanceof CelError ? this.#reportAt(at, value.message) : { kind: 'literal', at, value };
  }

  #list(): Node {
    const { at } = this.#in.advance();
    const elements: Node[] = [];
    const optional = new Set<number>();
    while (!this.#in.is(']')) {
      if (elements.length === 0 && this.#in.is(',')) break;
      if (this.#in.accept('?') !== undefined) optional.add(elements.length);
      elements.push(this.#expr(elements.length === 0 ? 'list' : 'expr'));
      if (!this.#in.is(',') || this.#ends(']')) break;
      this.#in.advance();
    }
    this.#in.accept(',');
    this.#in.expect(']', endsPrimary);
    return this.#nesting.measured({ kind: 'list', at, elements, optional });
  }

  /** Whether nothing more comes behind the comma. The end of the text says so too: ANTLR then misses the bracket, not an element. */
  #ends(bracket: string): boolean {
    const { next } = this.#in;
    return next?.text === bracket || next?.kind === 'EOF';
  }

  #map(): Node {
    const { at } = this.#in.advance();
    const entries: MapEntry[] = [];
    this.#braced(() => {
      const optional = this.#in.accept('?') !== undefined;
      const key = this.#expr(entries.length === 0 ? 'map' : 'expr');
      this.#in.expect(':', isStart);
      entries.push({ key, value: this.#expr(), optional });
    });
    return this.#nesting.measured({ kind: 'map', at, entries });
  }

  /** Entries up to the closing brace. */
  #braced(entry: () => void): void {
    for (let first = true; !this.#in.is('}') && !(first && this.#in.is(',')); first = false) {
      entry();
      if (!this.#in.is(',') || this.#ends('}')) break;
      this.#in.advance();
    }
    this.#in.accept(',');
    this.#in.expect('}', endsPrimary);
  }

  #identifier(dot: Token | undefined): Node {
    const token = this.#in.token;
    if (token.kind !== 'IDENTIFIER') return this.#noViable(token, false);
    this.#in.advance();
    const lead = dot === undefined ? '' : '.';
    const struct = this.#structName(token.text);
    if (struct !== undefined) return this.#struct(lead + struct);
    const open = this.#in.accept('(');
    const args = open === undefined ? [] : this.#args();
    if (RESERVED.has(token.text)) return this.#reportAt((dot ?? token).at, `reserved identifier: ${token.text}`);
    if (open === undefined) return { kind: 'ident', at: token.at, name: lead + token.text };
    return this.#call(open.at, lead + token.text, args);
  }

  /** `a.b.c` if it stands before a brace; consumes it then, but for the brace. */
  #structName(first: string): string | undefined {
    let name = first;
    let ahead = 0;
    for (;;) {
      const [dot, part] = [this.#in.peek(ahead), this.#in.peek(ahead + 1)];
      if (dot?.text !== '.' || part?.kind !== 'IDENTIFIER') break;
      name += `.${part.text}`;
      ahead += 2;
    }
    const brace = this.#in.peek(ahead);
    if (brace?.text !== '{' || brace.kind !== 'SYMBOL') return undefined;
    this.#in.jump(ahead);
    return name;
  }

  #struct(name: string): Node {
    const { at } = this.#in.advance();
    const fields: FieldEntry[] = [];
    this.#braced(() => {
      const optional = this.#in.accept('?') !== undefined;
      const field = this.#fieldName();
      const colon = this.#in.expect(':', isStart);
      fields.push({ at: colon?.at, field, value: this.#expr(), optional });
    });
    return this.#nesting.measured({ kind: 'struct', at, name, fields });
  }

  #fieldName(): string {
    const token = this.#in.token;
    const isName = ({ kind }: Token): boolean => kind === 'IDENTIFIER' || kind === 'ESC_IDENTIFIER';
    if (!isName(token)) {
      const after = this.#in.next;
      const extraneous = after !== undefined && isName(after);
      this.#in.syntax(
        token,
        `${extraneous ? 'extraneous' : 'mismatched'} input '${token.text}' expecting ${START_TOKENS.field}`,
      );
      if (!extraneous) throw new Abort();
      this.#in.skip();
    }
    const name = this.#in.advance();
    if (name.kind === 'ESC_IDENTIFIER') this.#issues.report(name.at, "unsupported syntax: '`'");
    return name.text;
  }
}
