/** HPACK, the compression of headers: RFC 7541. What requests bring is read here; what goes out is written in hpack-writer.ts. */
import { decodeHuffman } from './huffman.ts';
import { ENTRY_OVERHEAD_BYTES, STATIC, TABLE_BYTES } from './hpack-table.ts';

/** Blocks kept with what they say, while the table stays as it is. */
const KEPT_BLOCKS = 64;
const KEPT_BLOCK_BYTES = 256;

/** A block that is not to be understood: the connection cannot go on. */
export class HpackError extends Error {
  override readonly name = 'HpackError';
}

/** What a block says. Shared by all requests that send the same. */
export class FieldList {
  method = '';
  path = '';
  scheme = '';
  authority = '';
  /** By lower-case name; repeated ones joined as Node joins them. The authority is the host, where there is no other. */
  readonly headers: Record<string, string> = {};
  /** All values of those that came more than once. */
  repeated: Map<string, string[]> | undefined;
  /** Against the rules of RFC 9113, sections 8.2 and 8.3. */
  malformed = false;
  /** Pseudo-headers came, which no trailers have. */
  hasPseudo = false;
  hasRegular = false;
  /** More than the limit came; the rest is not here. */
  tooLong = false;
  bytes = 0;
}

/** Sorts of fields, told once for each that enters the table. */
const SORT = { regular: 0, method: 1, path: 2, scheme: 3, authority: 4, cookie: 5, malformed: 6 } as const;

class Field {
  readonly name: string;
  readonly value: string;
  readonly sort: number;
  readonly size: number;

  constructor(name: string, value: string) {
    this.name = name;
    this.value = value;
    this.sort = sortOf(name, value);
    this.size = ENTRY_OVERHEAD_BYTES + name.length + value.length;
  }
}

/** Those of a connection, which has no sense here. Source: RFC 9113, section 8.2.2. */
const CONNECTION_HEADERS = new Set(['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade']);
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const PSEUDO: Readonly<Record<string, number>> = {
  ':method': SORT.method,
  ':path': SORT.path,
  ':scheme': SORT.scheme,
  ':authority': SORT.authority,
};

function sortOf(name: string, value: string): number {
  if (!isValue(value)) return SORT.malformed;
  if (name.charCodeAt(0) === COLON) return PSEUDO[name] ?? SORT.malformed;
  if (name === 'cookie') return SORT.cookie;
  if (!knownNames.has(name)) {
    if (!TOKEN.test(name) || CONNECTION_HEADERS.has(name)) return SORT.malformed;
  }
  return name === 'te' && value !== 'trailers' ? SORT.malformed : SORT.regular;
}

const COLON = 0x3a;
/** Names that need not be looked at again. */
const knownNames = new Set(
  STATIC.map(([name]) => name).filter((name) => TOKEN.test(name) && !CONNECTION_HEADERS.has(name)),
);

/** No control characters. Blanks at the ends are let. Source: ValidHeaderFieldValue of golang.org/x/net/http/httpguts. */
function isValue(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if ((code < 0x20 && code !== TAB) || code === DELETE) return false;
  }
  return true;
}

const TAB = 0x09;
const DELETE = 0x7f;

const STATIC_FIELDS: readonly Field[] = STATIC.map(([name, value]) => new Field(name, value));

/** Headers of which the first counts. Source: kSingleValueFields of Node's lib/internal/http2/util.js. */
const SINGLE = new Set(
  (
    'access-control-allow-credentials access-control-max-age access-control-request-method age authorization content-encoding content-language content-length ' +
    'content-location content-md5 content-range content-type date dnt etag expires from host if-match if-modified-since if-none-match if-range ' +
    'if-unmodified-since last-modified location max-forwards proxy-authorization range referer retry-after tk upgrade-insecure-requests user-agent ' +
    'x-content-type-options'
  ).split(' '),
);

/** Reads the blocks of one connection, in order. */
export class HeaderReader {
  readonly #maxListBytes: number;
  /** Newest last; what is before the head is gone. */
  #table: Field[] = [];
  #head = 0;
  #tableBytes = 0;
  #maxBytes = TABLE_BYTES;
  #changed = false;
  /** Requests send the same block again and again. */
  readonly #kept = new Map<string, FieldList>();
  #bytes: Buffer = NOTHING;
  #at = 0;
  #end = 0;

  /** `maxListBytes`: of all names and values, with 32 bytes more for each (RFC 9113, section 6.5.2). */
  constructor(maxListBytes: number) {
    this.#maxListBytes = maxListBytes;
  }

  read(bytes: Buffer, from = 0, to = bytes.length): FieldList {
    const text = to - from <= KEPT_BLOCK_BYTES ? bytes.toString('latin1', from, to) : undefined;
    const known = text === undefined ? undefined : this.#kept.get(text);
    if (known !== undefined) return known;
    this.#bytes = bytes;
    this.#at = from;
    this.#end = to;
    this.#changed = false;
    const list = new FieldList();
    this.#readFields(list);
    if (list.authority !== '' && !Object.hasOwn(list.headers, 'host')) list.headers['host'] = list.authority;
    this.#bytes = NOTHING;
    if (this.#changed || this.#kept.size === KEPT_BLOCKS) this.#kept.clear();
    if (!this.#changed && text !== undefined) this.#kept.set(text, list);
    return list;
  }

  #readFields(list: FieldList): void {
    let hasField = false;
    while (this.#at < this.#end) {
      const first = this.#bytes[this.#at]!;
      if ((first & 0x80) !== 0) {
        this.#put(list, this.#field(this.#integer(7)));
      } else if ((first & 0xe0) === 0x20) {
        if (hasField) throw new HpackError('the size of the table changes behind a header');
        this.#resize(this.#integer(5));
        continue;
      } else {
        const enters = (first & 0x40) !== 0;
        const index = this.#integer(enters ? 6 : 4);
        const name = index === 0 ? this.#text() : this.#field(index).name;
        const field = new Field(name, this.#text());
        this.#put(list, field);
        if (enters) this.#enter(field);
      }
      hasField = true;
    }
  }

  #put(list: FieldList, field: Field): void {
    list.bytes += field.size;
    if (list.bytes > this.#maxListBytes) list.tooLong = true;
    if (list.tooLong) return;
    const { sort, name, value } = field;
    if (sort === SORT.regular || sort === SORT.cookie) putHeader(list, name, value);
    else if (sort === SORT.malformed) list.malformed = true;
    else putPseudo(list, sort, value);
  }

  #field(index: number): Field {
    const field =
      index <= STATIC_FIELDS.length
        ? STATIC_FIELDS[index - 1]
        : index <= STATIC_FIELDS.length + this.#table.length - this.#head
          ? this.#table[this.#table.length + STATIC_FIELDS.length - index]
          : undefined;
    if (field === undefined) throw new HpackError(`there is no header ${index}`);
    return field;
  }

  #enter(field: Field): void {
    this.#changed = true;
    this.#table.push(field);
    this.#tableBytes += field.size;
    this.#evict();
  }

  #resize(bytes: number): void {
    if (bytes > TABLE_BYTES) throw new HpackError(`a table of ${bytes} bytes`);
    this.#changed = true;
    this.#maxBytes = bytes;
    this.#evict();
  }

  #evict(): void {
    while (this.#tableBytes > this.#maxBytes) this.#tableBytes -= this.#table[this.#head++]!.size;
    if (this.#head < MANY_GONE) return;
    this.#table = this.#table.slice(this.#head);
    this.#head = 0;
  }

  /** A number that begins in the lower bits of the next byte: section 5.1. */
  #integer(bits: number): number {
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

  /** Section 5.2. */
  #text(): string {
    const isCoded = this.#at < this.#end && (this.#bytes[this.#at]! & 0x80) !== 0;
    const length = this.#integer(7);
    const from = this.#at;
    this.#at += length;
    if (this.#at > this.#end) throw new HpackError('a text is cut off');
    if (!isCoded) return this.#bytes.toString('latin1', from, this.#at);
    const text = decodeHuffman(this.#bytes, from, this.#at);
    if (text === undefined) throw new HpackError('a text is not in the code');
    return text;
  }

  #next(): number {
    if (this.#at >= this.#end) throw new HpackError('a block is cut off');
    return this.#bytes[this.#at++]!;
  }
}

const NOTHING = Buffer.alloc(0);
/** Entries that are gone are let go of when there are so many. */
const MANY_GONE = 128;

function putHeader(list: FieldList, name: string, value: string): void {
  const { headers } = list;
  list.hasRegular = true;
  const before: unknown = headers[name]; // what every object has is no text
  if (typeof before !== 'string') {
    headers[name] = value;
    return;
  }
  if (name === 'content-length' && before !== value) list.malformed = true;
  list.repeated ??= new Map();
  const values = list.repeated.get(name);
  if (values === undefined) list.repeated.set(name, [before, value]);
  else values.push(value);
  if (!SINGLE.has(name)) headers[name] = `${before}${name === 'cookie' ? '; ' : ', '}${value}`;
}

/** Each at most once, and none behind a regular header: RFC 9113, section 8.3. */
function putPseudo(list: FieldList, sort: number, value: string): void {
  const before =
    sort === SORT.method
      ? list.method
      : sort === SORT.path
        ? list.path
        : sort === SORT.scheme
          ? list.scheme
          : list.authority;
  if (before !== '' || value === '' || list.hasRegular) list.malformed = true;
  list.hasPseudo = true;
  if (sort === SORT.method) list.method = value;
  else if (sort === SORT.path) list.path = value;
  else if (sort === SORT.scheme) list.scheme = value;
  else list.authority = value;
}
