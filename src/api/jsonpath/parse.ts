/** Reads JSONPath templates: text, and paths in braces. Source: client-go util/jsonpath/parser.go v0.36. */
import { type Bound, JSONPathError, type Node, type Path } from './node.ts';
import { unquote } from './quote.ts';

/** Paths within paths, as of filters; nobody goes deeper. */
const MAX_DEPTH = 50;
const MAX_LENGTH = 1 << 16;

/** The parts of a template in order: texts, and a list for each pair of braces. Throws JSONPathError. */
export function parseTemplate(text: string): Node[] {
  if (text.length > MAX_LENGTH) throw new JSONPathError('template is too long');
  return new Parser(text, 0).template();
}

const isSpace = (char: string): boolean => char === ' ' || char === '\t';
const isEndOfLine = (char: string): boolean => char === '\r' || char === '\n';
const isDigit = (char: string): boolean => /^\p{Nd}$/u.test(char);
const isAlphaNumeric = (char: string): boolean => char === '_' || /^[\p{L}\p{Nd}]$/u.test(char);
const isTerminator = (char: string): boolean =>
  char === '' || isSpace(char) || isEndOfLine(char) || '.,[]$@{}'.includes(char);

const DICT_KEY = /^'([^']*)'$/;
const SLICE = /^(-?\d*)(:-?\d*)?(:-?\d*)?$/;
const COMPARISON = /^([^!<>=]+)([!<>=]+)(.+?)$/;

class Parser {
  readonly #text: string;
  readonly #depth: number;
  #at = 0;
  /** Where what is being read begins. */
  #start = 0;

  constructor(text: string, depth: number) {
    if (depth > MAX_DEPTH) throw new JSONPathError('paths are nested too deeply');
    this.#text = text;
    this.#depth = depth;
  }

  template(): Node[] {
    const nodes: Node[] = [];
    while (this.#at < this.#text.length) {
      const brace = this.#text.indexOf('{', this.#at);
      this.#at = brace < 0 ? this.#text.length : brace;
      const text = this.#taken();
      if (text !== '') nodes.push({ kind: 'text', text });
      if (brace < 0) break;
      this.#at++;
      this.#taken();
      nodes.push({ kind: 'list', nodes: this.#action() });
    }
    return nodes;
  }

  /** What has been read since last asked. */
  #taken(): string {
    const text = this.#text.slice(this.#start, this.#at);
    this.#start = this.#at;
    return text;
  }

  /** The next character; '' at the end. */
  #next(): string {
    const char = this.#peek();
    this.#at += char.length;
    return char;
  }

  #peek(): string {
    const code = this.#text.codePointAt(this.#at);
    return code === undefined ? '' : String.fromCodePoint(code);
  }

  #skip(count: number): void {
    this.#at += count;
    this.#taken();
  }

  /** What is within braces, up to the closing one. */
  #action(): Node[] {
    const nodes: Node[] = [];
    for (;;) {
      if (this.#text.startsWith('}', this.#at)) {
        this.#skip(1);
        return nodes;
      }
      if (this.#text.startsWith('[?(', this.#at)) nodes.push(this.#filter());
      else if (this.#text.startsWith('..', this.#at)) this.#recursive(nodes);
      else this.#part(nodes);
    }
  }

  #part(nodes: Node[]): void {
    const char = this.#next();
    if (char === '' || isEndOfLine(char)) throw new JSONPathError('unclosed action');
    if (char === ' ' || char === '@' || char === '$') this.#taken();
    else if (char === '[') nodes.push(...this.#array());
    else if (char === '"' || char === "'") nodes.push(this.#quoted(char));
    else if (char === '.') nodes.push(this.#field());
    else if (char === '+' || char === '-' || isDigit(char)) nodes.push(this.#number());
    else if (isAlphaNumeric(char)) nodes.push(this.#identifier());
    else {
      const code = char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
      throw new JSONPathError(`unrecognized character in action: U+${code} '${char}'`);
    }
  }

  #recursive(nodes: Node[]): void {
    if (nodes.at(-1)?.kind === 'recursive') throw new JSONPathError('invalid multiple recursive descent');
    this.#skip('..'.length);
    nodes.push({ kind: 'recursive' });
    if (isAlphaNumeric(this.#peek())) nodes.push(this.#field());
  }

  #identifier(): Node {
    while (!isTerminator(this.#peek())) this.#next();
    const name = this.#taken();
    if (name === 'true' || name === 'false') return { kind: 'literal', value: name === 'true', isFloat: false };
    return { kind: 'identifier', name };
  }

  #number(): Node {
    while (this.#peek() === '.' || isDigit(this.#peek())) this.#next();
    const text = this.#taken();
    if (/^[+-]?\d+$/.test(text)) return { kind: 'literal', value: Number(text), isFloat: false };
    if (/^[+-]?(?:\d+\.?\d*|\.\d+)$/.test(text)) return { kind: 'literal', value: Number(text), isFloat: true };
    throw new JSONPathError(`cannot parse number ${text}`);
  }

  #field(): Node {
    this.#taken();
    for (let char = this.#peek(); !isTerminator(char); char = this.#peek()) {
      this.#next();
      if (char === '\\') this.#next();
    }
    const name = this.#taken();
    return name === '*' ? { kind: 'wildcard' } : { kind: 'field', name: name.replaceAll('\\', '') };
  }

  #quoted(quote: string): Node {
    for (;;) {
      const char = this.#next();
      if (char === '' || char === '\n') throw new JSONPathError('unterminated quoted string');
      if (char === quote && this.#text[this.#at - 2] !== '\\') break;
    }
    const text = this.#taken();
    const unquoted = unquote(text);
    if (unquoted === undefined) throw new JSONPathError(`unquote string ${text} error invalid syntax`);
    return { kind: 'text', text: unquoted };
  }

  #array(): readonly Node[] {
    for (;;) {
      const char = this.#next();
      if (char === '' || char === '\n') throw new JSONPathError('unterminated array');
      if (char === ']') break;
    }
    const within = this.#taken().slice(1, -1);
    const text = within === '*' ? ':' : within;
    const parts = text.split(',');
    if (parts.length > 1) {
      return [{ kind: 'union', paths: parts.map((part) => this.#inner(`[${part.replaceAll(/^ +| +$/g, '')}]`)) }];
    }
    const key = DICT_KEY.exec(text);
    if (key !== null) return this.#inner(`.${key[1]!}`);
    return [arrayOf(text)];
  }

  #filter(): Node {
    this.#skip('[?('.length);
    this.#filterEnd();
    if (this.#next() !== ']') throw new JSONPathError('unclosed array expect ]');
    const text = this.#taken().slice(0, -2);
    const comparison = COMPARISON.exec(text);
    if (comparison === null) return { kind: 'filter', left: this.#inner(text), right: [], operator: 'exists' };
    const [, left, operator, right] = comparison as unknown as readonly [string, string, string, string];
    return { kind: 'filter', left: this.#inner(left), right: this.#inner(right), operator };
  }

  /** Reads to the parenthesis that closes a filter; those in its one quoted text do not count. */
  #filterEnd(): void {
    let quote = '';
    let isClosed = true;
    for (;;) {
      const char = this.#next();
      if (char === '' || char === '\n') throw new JSONPathError('unterminated filter');
      if (char === '"' || char === "'") {
        if (quote === '') {
          quote = char;
          isClosed = false;
        } else if (this.#text[this.#at - 2] !== '\\' && char === quote) isClosed = true;
      } else if (char === ')' && isClosed) return;
    }
  }

  /** A path of its own. */
  #inner(text: string): Path {
    const [first] = new Parser(`{${text}}`, this.#depth + 1).template();
    return first?.kind === 'list' ? first.nodes : [];
  }
}

const UNKNOWN: Bound = { isKnown: false, value: 0, isDerived: false };

function arrayOf(text: string): Node {
  const match = SLICE.exec(text);
  if (match === null) throw new JSONPathError(`invalid array index ${text}`);
  const bound = (part: string): Bound => {
    if (!/\d/.test(part)) throw new JSONPathError(`array index ${part} is not a number`);
    return { isKnown: true, value: Number(part), isDerived: false };
  };
  const [, first = '', second, third] = match;
  const start = first === '' ? UNKNOWN : bound(first);
  const behind = (part: string | undefined): Bound =>
    part === undefined || part === ':' ? UNKNOWN : bound(part.slice(1));
  const end = second === undefined ? { isKnown: true, value: start.value + 1, isDerived: true } : behind(second);
  return { kind: 'array', start, end, step: behind(third) };
}
