/** Words of an expression. Source: cel-go parser/gen/CEL.g4 v0.26. */
import type { Issues } from './source.ts';

export type TokenKind =
  | 'IDENTIFIER'
  | 'ESC_IDENTIFIER'
  | 'NUM_INT'
  | 'NUM_UINT'
  | 'NUM_FLOAT'
  | 'STRING'
  | 'BYTES'
  | 'SYMBOL'
  | 'EOF';

export interface Token {
  readonly kind: TokenKind;
  /** As written; symbols, `in`, `true`, `false` and `null` are told by it. */
  readonly text: string;
  readonly at: number;
}

const ESCAPE = String.raw`\\(?:[abfnrtv"'\\?${'`'}]|[0-3][0-7]{2}|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})`;
/** The longest match wins, so that what is longer stands first. */
const STRING = [
  String.raw`[rR]"""[^]*?"""`,
  String.raw`[rR]'''[^]*?'''`,
  String.raw`[rR]"[^"\n\r]*"`,
  String.raw`[rR]'[^'\n\r]*'`,
  String.raw`"""(?:${ESCAPE}|[^\\])*?"""`,
  String.raw`'''(?:${ESCAPE}|[^\\])*?'''`,
  String.raw`"(?:${ESCAPE}|[^\\"\n\r])*"`,
  String.raw`'(?:${ESCAPE}|[^\\'\n\r])*'`,
].join('|');

type Word = readonly [TokenKind | 'SPACE', RegExp];

const SPACE: Word = ['SPACE', /[\t \r\n\f]+|\/\/[^\n]*/y];
const TEXT: Word = ['STRING', new RegExp(STRING, 'y')];
const IDENTIFIER: Word = ['IDENTIFIER', /[A-Za-z_][A-Za-z0-9_]*/y];
const SYMBOL: Word = ['SYMBOL', /==|!=|<=|>=|&&|\|\||[<>[\]{}().,\-!?:+*/%]/y];
const FLOAT: Word = ['NUM_FLOAT', /\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?/y];
const NUMBERS: readonly Word[] = [
  FLOAT,
  ['NUM_UINT', /0x[0-9a-fA-F]+[uU]|\d+[uU]/y],
  ['NUM_INT', /0x[0-9a-fA-F]+|\d+/y],
];

/** By how they begin, in the order they are tried. Each is linear: no alternative begins as another does. */
const WORDS: readonly (readonly [RegExp, readonly Word[]])[] = [
  [/[bB]/, [['BYTES', new RegExp(`[bB](?:${STRING})`, 'y')], IDENTIFIER]],
  [/[rR]/, [TEXT, IDENTIFIER]],
  [/[A-Za-z_]/, [IDENTIFIER]],
  [/[0-9]/, NUMBERS],
  [/\./, [FLOAT, SYMBOL]],
  [/["']/, [TEXT]],
  [/\//, [SPACE, SYMBOL]],
  [/[\t \r\n\f]/, [SPACE]],
  [/`/, [['ESC_IDENTIFIER', /`[A-Za-z0-9_./ -]+`/y]]],
];

/** Words by the code of the first character; what is beyond can only be wrong. */
const BY_FIRST: readonly (readonly Word[])[] = Array.from({ length: 128 }, (_, code) => {
  const first = String.fromCharCode(code);
  return WORDS.find(([start]) => start.test(first))?.[1] ?? [SYMBOL];
});

const KEYWORDS: ReadonlySet<string> = new Set(['in', 'true', 'false', 'null']);

/** Everything but spaces and comments; what is no word is reported and left out. */
export function tokenize(text: string, issues: Issues): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const token = wordAt(text, at);
    if (token === undefined) {
      const wrong = unknownAt(text, at);
      issues.report(at, `Syntax error: token recognition error at: '${escaped(wrong)}'`);
      at += wrong.length;
      continue;
    }
    if (token.kind !== 'SPACE') tokens.push(token as Token);
    at += token.text.length;
  }
  tokens.push({ kind: 'EOF', text: '<EOF>', at: text.length });
  return tokens;
}

function wordAt(text: string, at: number): { kind: Word[0]; text: string; at: number } | undefined {
  for (const [kind, pattern] of BY_FIRST[text.charCodeAt(at)] ?? []) {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) return { kind: KEYWORDS.has(found) ? 'SYMBOL' : kind, text: found, at };
  }
  return undefined;
}

/** As much as the lexer had read before it saw that no word begins so: a broken string up to where it breaks, `|` with what follows. */
function unknownAt(text: string, at: number): string {
  const character = characterAt(text, at);
  if (character === '"' || character === "'") {
    const body = character === '"' ? `[^\\\\"\\n\\r]` : `[^\\\\'\\n\\r]`;
    const start = new RegExp(`${character}(?:${ESCAPE}|${body})*`, 'y');
    start.lastIndex = at;
    const read = start.exec(text)![0];
    const rest = text.slice(at + read.length);
    // What does not fit is part of it; of a broken escape everything up to the digit that is none.
    const broken = /^\\(?:[xX][0-9a-fA-F]?|u[0-9a-fA-F]{0,3}|U[0-9a-fA-F]{0,7}|[0-3][0-7]?)?/.exec(rest)?.[0] ?? '';
    return read + broken + characterAt(rest, broken.length);
  }
  if (/[|&=`]/.test(character)) return character + characterAt(text, at + 1);
  return character;
}

function characterAt(text: string, at: number): string {
  const code = text.codePointAt(at);
  return code === undefined ? '' : String.fromCodePoint(code);
}

const escaped = (text: string): string =>
  text
    .replaceAll('\n', String.raw`\n`)
    .replaceAll('\r', String.raw`\r`)
    .replaceAll('\t', String.raw`\t`);
