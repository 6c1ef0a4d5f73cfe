/** The text form of label selectors: `a=b,c!=d,e in (f,g),h,!i,j>1`. Source: Lexer and Parser in apimachinery pkg/labels/selector.go v0.36. */
import { fieldErrorText, invalid } from '../field-error.ts';
import { badRequest, StatusError } from '../status.ts';
import { type Operator, type Requirement, requirement, type Selector, selectorOf } from './label-selector.ts';
import { isQualifiedName } from '../validation/names.ts';

type TokenKind = 'identifier' | 'symbol' | 'word' | 'error' | 'end';

interface Token {
  readonly kind: TokenKind;
  /** The text as written; for an error what Go says in its place. */
  readonly text: string;
}

const END: Token = { kind: 'end', text: '' };
const SPACE = /[ \t\r\n]*/y;
const SYMBOLS = /[=!(),><]+/y;
const WORD = /[^=!(),><\s\0]+/y;
const KNOWN_SYMBOLS: ReadonlySet<string> = new Set([')', ',', '!', '==', '=', '>', '<', '!=', '(']);
const BINARY_OPERATORS = 'in, notin, =, ==, !=, gt, lt'.split(', ');
const OPERATORS: Readonly<Record<string, Operator>> = {
  in: 'in',
  notin: 'notin',
  '=': '=',
  '==': '==',
  '!=': '!=',
  '>': 'gt',
  '<': 'lt',
};

function scan(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0] ?? '';
  };
  for (;;) {
    at += take(SPACE).length;
    const symbols = take(SYMBOLS);
    if (symbols !== '') {
      const two = symbols.slice(0, 2);
      const symbol = KNOWN_SYMBOLS.has(two) ? two : symbols.slice(0, 1);
      tokens.push({ kind: 'symbol', text: symbol });
      at += symbol.length;
      continue;
    }
    const word = take(WORD);
    if (word === '') return [...tokens, END]; // the end, or a NUL, which upstream's lexer takes for it
    tokens.push({ kind: word === 'in' || word === 'notin' ? 'word' : 'identifier', text: word });
    at += word.length;
  }
}

const isSymbol = (token: Token, text: string): boolean => token.kind === 'symbol' && token.text === text;
/** `in` and `notin` are plain words wherever no operator is expected. */
const isName = (token: Token): boolean => token.kind === 'identifier' || token.kind === 'word';
const found = (token: Token, expected: string): StatusError =>
  badRequest(`found '${token.text}', expected: ${expected}`);

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = scan(text);
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? END;
  }

  #next(): Token {
    return this.#tokens[this.#at++] ?? END;
  }

  parse(): Requirement[] {
    const requirements: Requirement[] = [];
    for (;;) {
      const token = this.#peek();
      if (token.kind === 'end') return requirements;
      if (!isName(token) && !isSymbol(token, '!')) throw found(token, "!, identifier, or 'end of string'");
      requirements.push(this.#requirement());
      const after = this.#next();
      if (after.kind === 'end') return requirements;
      if (!isSymbol(after, ',')) throw found(after, "',' or 'end of string'");
      const following = this.#peek();
      if (!isName(following) && !isSymbol(following, '!')) throw found(following, "identifier after ','");
    }
  }

  #requirement(): Requirement {
    try {
      return this.#unwrapped();
    } catch (error) {
      if (StatusError.is(error, 'BadRequest')) throw badRequest(`unable to parse requirement: ${error.message}`);
      throw error;
    }
  }

  #unwrapped(): Requirement {
    let token = this.#next();
    const negated = isSymbol(token, '!');
    if (negated) token = this.#next();
    if (!isName(token)) throw found(token, 'identifier');
    const errors = isQualifiedName(token.text);
    // Upstream has no path to name here and prints the nil one.
    if (errors.length > 0) throw badRequest(fieldErrorText(invalid('<nil>', token.text, errors.join('; '))));
    const after = this.#peek();
    if (negated) return requirement(token.text, '!', []);
    if (after.kind === 'end' || isSymbol(after, ',')) return requirement(token.text, 'exists', []);
    const operator = this.#operator();
    const values = operator === 'in' || operator === 'notin' ? this.#values() : [this.#exactValue()];
    return requirement(token.text, operator, [...new Set(values)].toSorted());
  }

  #operator(): Operator {
    const token = this.#next();
    const operator =
      token.kind !== 'identifier' && Object.hasOwn(OPERATORS, token.text) ? OPERATORS[token.text] : undefined;
    if (operator === undefined) throw found(token, BINARY_OPERATORS.join(', '));
    return operator;
  }

  #exactValue(): string {
    const token = this.#peek();
    if (token.kind === 'end' || isSymbol(token, ',')) return '';
    if (!isName(token)) throw found(token, 'identifier');
    return this.#next().text;
  }

  /** `(a,b)`: an empty place between commas or brackets is the empty value. */
  #values(): string[] {
    const open = this.#next();
    if (!isSymbol(open, '(')) throw badRequest(`found '${open.text}' expected: '('`);
    const first = this.#peek();
    if (!isName(first) && !isSymbol(first, ',') && !isSymbol(first, ')')) throw found(first, "',', ')' or identifier");
    const values: string[] = [];
    for (;;) {
      const token = this.#peek();
      if (isName(token)) {
        values.push(this.#next().text);
      } else if (isSymbol(token, ',') || isSymbol(token, ')')) {
        values.push('');
      } else {
        throw found(token, "',', or identifier");
      }
      const after = this.#next();
      if (isSymbol(after, ')')) return values;
      if (!isSymbol(after, ',')) throw found(after, "',' or ')'");
    }
  }
}

/** Reads the text form; the empty text matches everything. Throws StatusError BadRequest with upstream's text. */
export const parseLabelSelector = (text: string): Selector =>
  text === '' ? selectorOf([]) : selectorOf(new Parser(text).parse());
