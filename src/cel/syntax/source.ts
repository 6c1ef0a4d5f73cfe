/** What is wrong with an expression and where, shown as cel-go shows it. Source: cel-go common/{error,errors,source}.go v0.26. */

/** More are counted, not shown. */
const MAX_REPORTED = 100;
/** Longer lines are not quoted. */
const MAX_SNIPPET = 16_384;

interface Issue {
  readonly line: number;
  /** In code points, from 0. */
  readonly column: number;
  readonly message: string;
}

/** The expression does not parse, or its types do not fit; the message has all errors with the lines they are in. */
export class CompileError extends Error {
  override readonly name = 'CompileError';
}

/** Gathers errors of one expression. */
export class Issues {
  readonly #text: string;
  readonly #issues: Issue[] = [];
  #count = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get count(): number {
    return this.#count;
  }

  /** `offset` in code units; undefined: nowhere in particular. */
  report(offset: number | undefined, message: string): void {
    if (++this.#count > MAX_REPORTED) return;
    if (offset === undefined) {
      this.#issues.push({ line: -1, column: -1, message });
      return;
    }
    const before = this.#text.slice(0, offset);
    const start = before.lastIndexOf('\n') + 1;
    const line = before.split('\n').length;
    this.#issues.push({ line, column: codePoints(before.slice(start)), message });
  }

  throwIfAny(): void {
    if (this.#count > 0) throw new CompileError(this.#shown());
  }

  #shown(): string {
    const lines = this.#text.split('\n');
    const shown = this.#issues
      .toSorted((a, b) => a.line - b.line || a.column - b.column)
      .map((issue) => show(issue, lines[issue.line - 1]));
    if (this.#count > MAX_REPORTED) shown.push(`${this.#count - MAX_REPORTED} more errors were truncated`);
    return shown.join('\n');
  }
}

export function codePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    if (isHigh(text.charCodeAt(i)) && isLow(text.charCodeAt(i + 1))) {
      count--;
      i++;
    }
  }
  return count;
}

export const isHigh = (unit: number): boolean => unit >= 0xd800 && unit < 0xdc00;
export const isLow = (unit: number): boolean => unit >= 0xdc00 && unit < 0xe000;

function show({ line, column, message }: Issue, text: string | undefined): string {
  const head = `ERROR: <input>:${line}:${column + 1}: ${message}`;
  if (text === undefined || Buffer.byteLength(text) > MAX_SNIPPET) return head;
  const snippet = text.replaceAll('\t', ' ');
  const characters = Array.from(snippet);
  // A character of several bytes is marked with one as wide.
  const wide = (character: string | undefined): boolean => character !== undefined && character > '\u007f';
  const dots = characters.slice(0, column).map((c) => (wide(c) ? '\uff0e' : '.'));
  return `${head}\n | ${snippet}\n | ${dots.join('')}${wide(characters[column]) ? '\uff3e' : '^'}`;
}
