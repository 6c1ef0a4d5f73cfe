/** Literals → values. Source: cel-go parser/parser.go v0.26. */
import { CelError, Double, intOf, Uint, type Value } from '../values/value.ts';
import type { TokenKind } from './lexer.ts';
import { unescapeBytes, unescapeString } from './unescape.ts';

const MAX_UINT = 2n ** 64n - 1n;

/** The value of a literal; an error has the parser's words for it. */
export function valueOf(kind: TokenKind, text: string, signed: string): Value {
  switch (kind) {
    case 'NUM_INT': {
      const n = BigInt(text);
      const value = intOf(signed.startsWith('-') ? -n : n);
      return value instanceof CelError ? new CelError('invalid int literal') : value;
    }
    case 'NUM_UINT': {
      const n = BigInt(text.slice(0, -1));
      return n > MAX_UINT ? new CelError('invalid uint literal') : new Uint(n);
    }
    case 'NUM_FLOAT': {
      const n = Number(signed);
      return Number.isFinite(n) ? new Double(n) : new CelError('invalid double literal');
    }
    case 'BYTES':
      return unescapeBytes(text.slice(1)) ?? new CelError('unable to unescape string');
    default:
      return unescapeString(text) ?? new CelError('invalid unicode code point');
  }
}
