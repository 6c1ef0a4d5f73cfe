/** What ANTLR says it had expected, in the order the grammar names tokens. Source: cel-go parser/gen/CEL.g4 v0.26. */
import type { Token } from './lexer.ts';

/** Where an expression, or the name of a field, was to begin. */
export type Expected = 'expr' | 'args' | 'list' | 'map' | 'field';

const SYMBOLS = ['[', ']', '{', '}', '(', ')', '.', ',', '-', '!', '?', 'true', 'false', 'null'];
const START = new Set(['[', '{', '(', '.', '-', '!', 'true', 'false', 'null']);
const KINDS = ['NUM_FLOAT', 'NUM_INT', 'NUM_UINT', 'STRING', 'BYTES', 'IDENTIFIER'] as const;

const tokens = (...more: readonly string[]): string => {
  const symbols = SYMBOLS.filter((s) => START.has(s) || more.includes(s)).map((s) => `'${s}'`);
  return `{${[...symbols, ...KINDS].join(', ')}}`;
};

export const START_TOKENS: Readonly<Record<Expected, string>> = {
  expr: tokens(),
  args: tokens(')'),
  list: tokens(']', ',', '?'),
  map: tokens('}', ',', '?'),
  field: `{'}', ',', '?', IDENTIFIER, ESC_IDENTIFIER}`,
};

/** Whether an expression can begin with a token. */
export const isStart = ({ kind, text }: Token): boolean =>
  kind === 'SYMBOL' ? START.has(text) : (KINDS as readonly string[]).includes(kind);
