/** Writes blocks of headers: RFC 7541. Nothing is put into Huffman's code: that costs more than the bytes it saves. */
import { ENTRY_OVERHEAD_BYTES, STATIC, TABLE_BYTES } from './hpack-table.ts';

/** Headers by lower-case name, one or several of each; values are latin1. */
export type HeaderFields = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Headers that say the same again and again, and so enter the table. */
const INDEXED = new Set([
  ':status',
  'cache-control',
  'content-encoding',
  'content-type',
  'date',
  'vary',
  'x-content-type-options',
]);
/** Longer values do not enter. */
const MAX_INDEXED_LENGTH = 128;
/** What a literal takes besides its texts: a first byte and two lengths of up to five. */
const LITERAL_BYTES = 11;
const SIZE_CHANGE_BYTES = 12;

const staticNames = new Map<string, number>();
const staticFields = new Map<string, Map<string, number>>();
for (const [i, [name, value]] of STATIC.entries()) {
  if (!staticNames.has(name)) staticNames.set(name, i + 1);
  if (value === '') continue;
  const values = staticFields.get(name) ?? new Map<string, number>();
  staticFields.set(name, values.set(value, i + 1));
}

interface Entry {
  readonly name: string;
  readonly value: string;
  readonly size: number;
}

/** Writes the blocks of one connection, in the order they are sent. */
export class HeaderWriter {
  /** Oldest first; what is before the head is gone. */
  #entries: Entry[] = [];
  #head = 0;
  #bytes = 0;
  #maxBytes = TABLE_BYTES;
  /** The table was made smaller, down to this, since the last block. */
  #least: number | undefined;
  /** How many ever entered, and by name and value which of them it was. */
  #entered = 0;
  readonly #places = new Map<string, Map<string, number>>();

  /** The peer keeps no larger table. */
  resize(bytes: number): void {
    const next = Math.min(bytes, TABLE_BYTES);
    if (next === this.#maxBytes) return;
    this.#maxBytes = next;
    this.#least = Math.min(this.#least ?? next, next);
    this.#evict();
  }

  /** How many bytes {@link write} takes at most. */
  static most(status: number, headers: HeaderFields, more?: HeaderFields): number {
    const own = status === 0 ? 0 : LITERAL_BYTES + 10;
    return SIZE_CHANGE_BYTES + own + mostOf(headers) + (more === undefined ? 0 : mostOf(more));
  }

  /** Returns the offset behind the block. Status 0: none, for trailers. */
  write(target: Buffer, from: number, status: number, headers: HeaderFields, more?: HeaderFields): number {
    let at = this.#least === undefined ? from : this.#writeSize(target, from);
    if (status !== 0) at = this.#field(target, at, ':status', statusText(status));
    at = this.#fields(target, at, headers);
    return more === undefined ? at : this.#fields(target, at, more);
  }

  #fields(target: Buffer, from: number, headers: HeaderFields): number {
    let at = from;
    for (const name in headers) {
      const value = headers[name];
      if (typeof value === 'string') at = this.#field(target, at, name, value);
      else if (value !== undefined) for (const one of value) at = this.#field(target, at, name, one);
    }
    return at;
  }

  /** One header more of the block that ends at `from`. */
  #field(target: Buffer, from: number, name: string, value: string): number {
    const indexed = INDEXED.has(name);
    if (indexed) {
      const place = this.#places.get(name)?.get(value);
      if (place !== undefined) return writeInteger(target, from, 0x80, 7, STATIC.length + this.#entered - place);
      const known = staticFields.get(name)?.get(value);
      if (known !== undefined) return writeInteger(target, from, 0x80, 7, known);
    }
    const enters = indexed && value.length <= MAX_INDEXED_LENGTH;
    const nameIndex = staticNames.get(name) ?? 0;
    let at = enters ? writeInteger(target, from, 0x40, 6, nameIndex) : writeInteger(target, from, 0, 4, nameIndex);
    if (nameIndex === 0) at = writeText(target, at, name);
    at = writeText(target, at, value);
    if (enters) this.#enter(name, value);
    return at;
  }

  /** First the smallest size there was, since what was lost by it is lost: section 4.2. */
  #writeSize(target: Buffer, from: number): number {
    let at = writeInteger(target, from, 0x20, 5, this.#least!);
    if (this.#least !== this.#maxBytes) at = writeInteger(target, at, 0x20, 5, this.#maxBytes);
    this.#least = undefined;
    return at;
  }

  #enter(name: string, value: string): void {
    const size = ENTRY_OVERHEAD_BYTES + name.length + value.length;
    this.#entries.push({ name, value, size });
    this.#bytes += size;
    const places = this.#places.get(name) ?? new Map<string, number>();
    this.#places.set(name, places.set(value, this.#entered++));
    this.#evict();
  }

  #evict(): void {
    while (this.#bytes > this.#maxBytes) {
      const { name, value, size } = this.#entries[this.#head++]!;
      this.#bytes -= size;
      this.#places.get(name)!.delete(value);
    }
    if (this.#head < MANY_GONE) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }
}

const MANY_GONE = 128;

function mostOf(headers: HeaderFields): number {
  let bytes = 0;
  for (const name in headers) {
    const value = headers[name];
    if (typeof value === 'string') bytes += LITERAL_BYTES + name.length + value.length;
    else if (value !== undefined) for (const one of value) bytes += LITERAL_BYTES + name.length + one.length;
  }
  return bytes;
}

const statusTexts: string[] = [];
const statusText = (status: number): string => (statusTexts[status] ??= String(status));

function writeText(target: Buffer, from: number, text: string): number {
  const at = writeInteger(target, from, 0, 7, text.length);
  return at + target.write(text, at, 'latin1');
}

/** Section 5.1: a number behind the upper bits of a byte. */
function writeInteger(target: Buffer, from: number, upper: number, bits: number, value: number): number {
  const most = 2 ** bits - 1;
  let at = from;
  if (value < most) {
    target[at++] = upper | value;
    return at;
  }
  target[at++] = upper | most;
  let left = value - most;
  for (; left >= 128; left >>>= 7) target[at++] = (left & 127) | 128;
  target[at++] = left;
  return at;
}

/** A block that leaves the reader's table as it is, and so is good for every connection. */
export function writeHeaders(headers: Readonly<Record<string, string>>): Buffer {
  const target = Buffer.allocUnsafe(HeaderWriter.most(0, headers));
  let at = 0;
  for (const [name, value] of Object.entries(headers)) {
    target[at++] = 0;
    at = writeText(target, at, name);
    at = writeText(target, at, value);
  }
  return target.subarray(0, at);
}
