/** HPACK, the compression of headers: RFC 7541. We read all of it, and write only what needs no table. */
import { decodeHuffman } from './huffman.ts';

/** Appendix A. */
const STATIC: readonly Field[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  ...['200', '204', '206', '304', '400', '404', '500'].map((status): Field => [':status', status]),
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ...[
    'accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control content-disposition content-encoding',
    'content-language content-length content-location content-range content-type cookie date etag expect expires from host if-match',
    'if-modified-since if-none-match if-range if-unmodified-since last-modified link location max-forwards proxy-authenticate',
    'proxy-authorization range referer refresh retry-after server set-cookie strict-transport-security transfer-encoding user-agent vary via',
    'www-authenticate',
  ].flatMap((names) => names.split(' ').map((name): Field => [name, ''])),
];

type Field = readonly [name: string, value: string];

/** What the table may hold: SETTINGS_HEADER_TABLE_SIZE as it is unless we say otherwise. */
const TABLE_BYTES = 4096;
/** Section 4.1. */
const ENTRY_OVERHEAD_BYTES = 32;
/** Blocks kept with what they say, while the table stays as it is. */
const KEPT_BLOCKS = 64;
const KEPT_BLOCK_BYTES = 256;

/** Of the headers of a request what anybody asks for. */
export interface RequestHeaders {
  readonly method: string;
  readonly path: string;
  readonly contentType: string;
}

/** A block that is not to be understood: the connection cannot go on. */
export class HpackError extends Error {
  override readonly name = 'HpackError';
}

/** Reads the blocks of one connection, in order. */
export class HeaderReader {
  /** Newest first. */
  #table: Field[] = [];
  #tableBytes = 0;
  #maxBytes = TABLE_BYTES;
  /** Calls send the same block again and again. */
  readonly #kept = new Map<string, RequestHeaders>();

  read(block: Buffer): RequestHeaders {
    const text = block.length <= KEPT_BLOCK_BYTES ? block.toString('latin1') : undefined;
    const known = text === undefined ? undefined : this.#kept.get(text);
    if (known !== undefined) return known;
    const found = new Map<string, string>();
    const changed = this.#readFields(block, found);
    const headers = {
      method: found.get(':method') ?? '',
      path: found.get(':path') ?? '',
      contentType: found.get('content-type') ?? '',
    };
    if (changed || this.#kept.size === KEPT_BLOCKS) this.#kept.clear();
    if (!changed && text !== undefined) this.#kept.set(text, headers);
    return headers;
  }

  /** True: the table has changed. */
  #readFields(block: Buffer, found: Map<string, string>): boolean {
    const cursor = new Cursor(block);
    let changed = false;
    while (!cursor.done) {
      const first = cursor.peek();
      if ((first & 0x80) !== 0) {
        const [name, value] = this.#field(cursor.integer(7));
        found.set(name, value);
      } else if ((first & 0xe0) === 0x20) {
        this.#resize(cursor.integer(5));
        changed = true;
      } else {
        const enters = (first & 0x40) !== 0;
        const index = cursor.integer(enters ? 6 : 4);
        const name = index === 0 ? cursor.text() : this.#field(index)[0];
        const value = cursor.text();
        found.set(name, value);
        if (enters) this.#enter([name, value]);
        changed ||= enters;
      }
    }
    return changed;
  }

  #field(index: number): Field {
    const field = index <= STATIC.length ? STATIC[index - 1] : this.#table[index - STATIC.length - 1];
    if (field === undefined) throw new HpackError(`there is no header ${index}`);
    return field;
  }

  #enter(field: Field): void {
    this.#table.unshift(field);
    this.#tableBytes += sizeOf(field);
    this.#evict();
  }

  #resize(bytes: number): void {
    if (bytes > TABLE_BYTES) throw new HpackError(`a table of ${bytes} bytes`);
    this.#maxBytes = bytes;
    this.#evict();
  }

  #evict(): void {
    while (this.#tableBytes > this.#maxBytes) this.#tableBytes -= sizeOf(this.#table.pop()!);
  }
}

const sizeOf = ([name, value]: Field): number => ENTRY_OVERHEAD_BYTES + name.length + value.length;

/** Reads the primitive types of section 5. */
class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  peek(): number {
    return this.#bytes[this.#at]!;
  }

  /** A number that begins in the lower bits of the next byte. */
  integer(bits: number): number {
    const most = 2 ** bits - 1;
    let value = this.#next() & most;
    if (value < most) return value;
    for (let factor = 1; factor <= 2 ** 21; factor *= 128) {
      const byte = this.#next();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw new HpackError('a number is too large');
  }

  text(): string {
    const isCoded = ((this.#bytes[this.#at] ?? 0) & 0x80) !== 0;
    const length = this.integer(7);
    const from = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) throw new HpackError('a text is cut off');
    if (!isCoded) return this.#bytes.toString('latin1', from, this.#at);
    const text = decodeHuffman(this.#bytes, from, this.#at);
    if (text === undefined) throw new HpackError('a text is not in the code');
    return text;
  }

  #next(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new HpackError('a block is cut off');
    return byte;
  }
}

/** A block of headers that leaves the reader's table as it is. Values are latin1. */
export function writeHeaders(headers: Readonly<Record<string, string>>): Buffer {
  const literals = Object.entries(headers).flatMap(([name, value]) => [
    Buffer.of(0),
    ...[name, value].flatMap((text) => [writeInteger(text.length, 7), Buffer.from(text, 'latin1')]),
  ]);
  return Buffer.concat(literals);
}

function writeInteger(value: number, bits: number): Buffer {
  const most = 2 ** bits - 1;
  if (value < most) return Buffer.of(value);
  const bytes = [most];
  let left = value - most;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 128);
  return Buffer.of(...bytes, left);
}
