/** Go's mail.ParseAddress (1.26), of which only the verdict is asked for: RFC 5322, a little relaxed. */
import { isIP } from 'node:net';

/** Reads a text from left to right; every method but `is…` takes what it reads. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get position(): number {
    return this.#at;
  }

  back(position: number): void {
    this.#at = position;
  }

  isEmpty(): boolean {
    return this.#at >= this.#text.length;
  }

  peek(): string {
    return this.#text[this.#at] ?? '';
  }

  take(char: string): boolean {
    if (this.peek() !== char) return false;
    this.#at++;
    return true;
  }

  takeAll(set: RegExp): string {
    const start = this.#at;
    while (!this.isEmpty() && set.test(this.peek())) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  next(): string {
    return this.#text[this.#at++] ?? '';
  }
}

const SPACE = /[ \t]/;
/** Visible, and not special in addresses; the dot is let in. */
const ATEXT = /[!#-'*+\-./0-9=?A-Z^-~\u0080-\uffff]/;
const VISIBLE = /[!-~\u0080-\uffff]/;
const DOMAIN_TEXT = /[!-Z^-~\u0080-\uffff]/;

export function isEmail(text: string): boolean {
  const reader = new Reader(text);
  return address(reader, true) === 1 && comments(reader) && reader.isEmpty();
}

/** How many mailboxes an address names, or a group of them; undefined when it is none. */
function address(reader: Reader, canBeGroup: boolean): number | undefined {
  reader.takeAll(SPACE);
  if (reader.isEmpty()) return undefined;
  const start = reader.position;
  if (addressSpec(reader)) {
    reader.takeAll(SPACE);
    return reader.peek() !== '(' || comment(reader) ? 1 : undefined;
  }
  reader.back(start);
  if (reader.peek() !== '<' && !phrase(reader)) return undefined;
  reader.takeAll(SPACE);
  if (canBeGroup && reader.take(':')) return group(reader);
  return reader.take('<') && addressSpec(reader) && reader.take('>') ? 1 : undefined;
}

function group(reader: Reader): number | undefined {
  reader.takeAll(SPACE);
  if (reader.take(';')) return comments(reader) ? 0 : undefined;
  for (let count = 0; ;) {
    reader.takeAll(SPACE);
    const more = address(reader, false);
    if (more === undefined) return undefined;
    count += more;
    if (!comments(reader)) return undefined;
    if (reader.take(';')) return comments(reader) ? count : undefined;
    if (!reader.take(',')) return undefined;
  }
}

/** local@domain */
function addressSpec(reader: Reader): boolean {
  reader.takeAll(SPACE);
  const local = reader.peek() === '"' ? (quoted(reader) ?? 0) > 0 : dotAtom(reader);
  if (!local || !reader.take('@')) return false;
  reader.takeAll(SPACE);
  if (!reader.take('[')) return dotAtom(reader);
  const literal = reader.takeAll(DOMAIN_TEXT);
  return reader.take(']') && isIP(literal) !== 0 && !literal.includes('%');
}

function dotAtom(reader: Reader): boolean {
  const atom = reader.takeAll(ATEXT);
  return atom !== '' && !atom.startsWith('.') && !atom.endsWith('.') && !atom.includes('..');
}

/** A name to show: words, quoted or not. */
function phrase(reader: Reader): boolean {
  for (let words = 0; ; words++) {
    if (words > 0 && !comments(reader)) return false;
    reader.takeAll(SPACE);
    const start = reader.position;
    const isWord = reader.peek() === '"' ? quoted(reader) !== undefined : reader.takeAll(ATEXT) !== '';
    if (isWord) continue;
    reader.back(start);
    return words > 0;
  }
}

/** The length of a quoted text; undefined when it is none. */
function quoted(reader: Reader): number | undefined {
  reader.take('"');
  for (let length = 0; ; length++) {
    const char = reader.next();
    if (char === '"') return length;
    const kept = char === '\\' ? reader.next() : char;
    if (kept === '' || !(VISIBLE.test(kept) || SPACE.test(kept))) return undefined;
  }
}

/** Takes spaces and comments; false for a comment without an end. */
function comments(reader: Reader): boolean {
  reader.takeAll(SPACE);
  while (reader.peek() === '(') {
    if (!comment(reader)) return false;
    reader.takeAll(SPACE);
  }
  return true;
}

function comment(reader: Reader): boolean {
  reader.take('(');
  for (let depth = 1; depth > 0;) {
    const char = reader.next();
    if (char === '') return false;
    if (char === '\\') reader.next();
    else if (char === '(') depth++;
    else if (char === ')') depth--;
  }
  return true;
}
