/**
 * Tokens one by one, and complaints about them in ANTLR's words: a token too many is skipped, a missing bracket thought to be there, and
 * what follows from an error is not reported again. Source: cel-go parser/parser.go v0.26; antlr4 DefaultErrorStrategy.
 */
import { type Token, tokenize } from './lexer.ts';
import type { Issues } from './source.ts';

/** Attempts to go on after an error, as upstream has them. */
const MAX_RECOVERIES = 30;

/** Nothing more can be said about this expression. */
export class Abort extends Error {
  /** Undefined: what is wrong was reported before. */
  readonly report: string | undefined;
  constructor(report?: string) {
    super(report);
    this.report = report;
  }
}

export class Reader {
  readonly #issues: Issues;
  readonly #tokens: readonly Token[];
  #at = 0;
  /** An error was reported and no token accepted since. */
  #recovering = false;
  #recoveries = 0;

  constructor(text: string, issues: Issues) {
    this.#issues = issues;
    this.#tokens = tokenize(text, issues);
  }

  get token(): Token {
    return this.#tokens[this.#at]!;
  }

  /** What follows the present token. */
  get next(): Token | undefined {
    return this.#tokens[this.#at + 1];
  }

  /** The kind and text of a token further on. */
  peek(by: number): Token | undefined {
    return this.#tokens[this.#at + by];
  }

  /** Leaves a token out that was complained of. */
  skip(): void {
    this.#at++;
  }

  jump(by: number): void {
    this.#at += by;
  }

  is(text: string): boolean {
    const { kind, text: own } = this.token;
    return kind === 'SYMBOL' && own === text;
  }

  advance(): Token {
    this.#recovering = false;
    return this.#tokens[this.#at++]!;
  }

  accept(text: string): Token | undefined {
    return this.is(text) ? this.advance() : undefined;
  }

  syntax({ at }: Token, message: string): void {
    if (this.#recovering) return;
    this.#recovering = true;
    this.#issues.report(at, `Syntax error: ${message}`);
    if (this.#recoveries++ === MAX_RECOVERIES) {
      this.#issues.report(at, `Syntax error: error recovery attempt limit exceeded: ${MAX_RECOVERIES}`);
      throw new Abort();
    }
  }

  /** A symbol that has to stand here. `canFollow`: whether the present token makes sense when it is thought to. */
  expect(text: string, canFollow: (token: Token) => boolean, expected: string = `'${text}'`): Token | undefined {
    const found = this.accept(text);
    if (found !== undefined) return found;
    const token = this.token;
    const after = this.next;
    if (after?.kind === 'SYMBOL' && after.text === text) {
      this.syntax(token, `extraneous input '${token.text}' expecting ${expected}`);
      this.skip();
      return this.advance();
    }
    if (canFollow(token)) {
      this.syntax(token, `missing ${expected} at '${token.text}'`);
      return undefined;
    }
    this.syntax(token, `mismatched input '${token.text}' expecting ${expected}`);
    return undefined;
  }
}

/** Whether a token can stand behind a whole value. */
export const endsPrimary = (token: Token): boolean =>
  token.kind === 'EOF' || (token.kind === 'SYMBOL' && !['true', 'false', 'null', '!', '(', '{'].includes(token.text));
