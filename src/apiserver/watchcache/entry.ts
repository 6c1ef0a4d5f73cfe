import { type KubeObject, ROW_MARK, type TimelessRow } from '#api';
import { RecentlyUsed } from './recently-used.ts';

/**
 * Entries whose parsed form is kept, over all kinds: so many bytes of JSON. A pod costs about 5.4 KB parsed against 3.4 KB as bytes, so only what is
 * in use stays parsed.
 */
const PARSED_BYTES = 24 << 20;
/** What each costs beside its bytes. */
const ENTRY_BYTES = 256;

const METADATA = Buffer.from('"metadata":{');
const MANAGED_FIELDS = Buffer.from('"managedFields":[');
const MARK = Buffer.from(ROW_MARK);

/**
 * One stored object at one revision: the bytes as stored (without resourceVersion) and what is derived from them on demand.
 * Immutable: a new revision is a new Entry.
 */
export class Entry {
  /** Key in the store. */
  readonly key: string;
  /** JSON, with `apiVersion`, `kind`, `metadata` first and no resourceVersion. */
  readonly value: Buffer;
  readonly revision: number;
  /** How the value is written in the store, as of ValueTransformer.writer: '' as it is. */
  readonly writer: string;
  /** For the cache of parsed objects. */
  used = false;
  /** What stands before the resourceVersion. */
  #head: string | undefined;
  #extent: Extent | undefined;
  #labels: Readonly<Record<string, string>> | undefined;
  #fields: Record<string, string> | undefined;
  #row: TimelessRow | undefined;
  #object: KubeObject | undefined;

  static readonly #parsed = new RecentlyUsed<Entry>(
    PARSED_BYTES,
    ({ value }) => value.length + ENTRY_BYTES,
    (entry) => (entry.#object = undefined),
  );

  constructor(key: string, value: Buffer, revision: number, object?: KubeObject, writer = '') {
    this.key = key;
    this.value = value;
    this.revision = revision;
    this.writer = writer;
    if (object !== undefined) this.#keep(withRevision(object, revision));
  }

  /** The object with its resourceVersion. Shared: never write to it. */
  get object(): KubeObject {
    if (this.#object === undefined) return this.#keep(this.#parse());
    this.used = true;
    return this.#object;
  }

  get labels(): Readonly<Record<string, string>> {
    return (this.#labels ??= this.#glance().metadata.labels ?? NO_LABELS);
  }

  /** What `read` makes of the object, kept under that name: selectors look at the same few fields of all objects again and again. */
  field(name: string, read: (object: KubeObject) => string): string {
    const known = this.#fields?.[name];
    if (known !== undefined) return known;
    const value = read(this.#glance());
    this.#fields = { ...this.#fields, [name]: value };
    return value;
  }

  /** The row of a table, as `read` makes it of the object without its managedFields. Undefined where its text cannot be told from a row's marks. */
  row(read: (object: KubeObject) => TimelessRow): TimelessRow | undefined {
    if (this.#row === undefined && !this.value.includes(MARK)) this.#row = read(this.#glance());
    return this.#row;
  }

  /** The JSON every reader gets: made anew each time, since a copy costs less than keeping it. */
  bytes(): Buffer {
    const out = Buffer.allocUnsafe(this.byteLength);
    this.copyTo(out, 0);
    return out;
  }

  /** {@link bytes} in pieces, the larger of which is part of {@link value}: not to be written to. */
  pieces(): [Buffer, Buffer] {
    const head = this.#start();
    return [Buffer.from(head + this.#insertion(head), 'latin1'), this.value.subarray(head.length)];
  }

  /** Length of {@link bytes}. */
  get byteLength(): number {
    return this.value.length + this.#insertion(this.#start()).length;
  }

  /** Writes {@link bytes} into `target` and returns where they end. */
  copyTo(target: Buffer, at: number): number {
    const head = this.#start();
    const insertion = this.#insertion(head);
    // Two calls into native code: the value where its end belongs, then all that stands before.
    target.set(this.value, at + insertion.length);
    target.write(head + insertion, at, 'latin1');
    return at + this.value.length + insertion.length;
  }

  /** The JSON of its metadata, with the resourceVersion. */
  metadataText(): string {
    const head = this.#start();
    return `{${this.#insertion(head)}${this.value.toString('utf8', head.length, this.#metadata(head).end)}`;
  }

  #metadata(head: string): Extent {
    return (this.#extent ??= extentOf(this.value, head.length - 1));
  }

  #parse(): KubeObject {
    return withRevision(JSON.parse(this.value.toString()) as KubeObject, this.revision);
  }

  /** The object for a short look, which is no reason to keep it. It may lack its managedFields, which are half of many an object. */
  #glance(): KubeObject {
    if (this.#object !== undefined) return this.#object;
    const { value } = this;
    const { end, last } = this.#metadata(this.#start());
    if (
      last === end ||
      value.compare(MANAGED_FIELDS, 0, MANAGED_FIELDS.length, last, last + MANAGED_FIELDS.length) !== 0
    )
      return this.#parse();
    const text = value.toString('utf8', 0, last - 1) + value.toString('utf8', end - 1);
    return withRevision(JSON.parse(text) as KubeObject, this.revision);
  }

  #keep(object: KubeObject): KubeObject {
    this.#object = object;
    Entry.#parsed.add(this);
    return object;
  }

  #start(): string {
    return (this.#head ??= headOf(this.value));
  }

  #insertion(head: string): string {
    if (this.revision === 0) return '';
    return this.value[head.length] === CLOSE
      ? `"resourceVersion":"${this.revision}"`
      : `"resourceVersion":"${this.revision}",`;
  }
}

/** Where the metadata ends, and where its last member begins if it has several. */
interface Extent {
  readonly end: number;
  readonly last: number;
}

const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});
const CLOSE = 0x7d;

/** Revision 0 is that of an object which was not written. */
function withRevision<T extends KubeObject>(object: T, revision: number): T {
  if (revision === 0) return object;
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}

/** All there are, a few for each kind, so that entries share them. */
const heads = new Map<string, string>();

/** What stands before the first member of metadata. apiVersion and kind stand there and cannot hold the text sought. */
function headOf(value: Buffer): string {
  const at = value.indexOf(METADATA);
  if (at < 0) throw new Error('stored object has no metadata');
  const head = value.toString('latin1', 0, at + METADATA.length);
  const known = heads.get(head);
  if (known !== undefined) return known;
  heads.set(head, head);
  return head;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const COMMA = 0x2c;

/** Of the object that begins at `at`, in JSON that is known to be right. */
function extentOf(json: Buffer, at: number): Extent {
  let depth = 0;
  let last = -1;
  for (let i = at; i < json.length; i++) {
    const byte = json[i];
    if (byte === QUOTE) i = stringEnd(json, i + 1);
    else if (byte === OPEN || byte === OPEN_ARRAY) depth++;
    else if (byte === COMMA && depth === 1) last = i + 1;
    else if ((byte === CLOSE || byte === CLOSE_ARRAY) && --depth === 0)
      return { end: i + 1, last: last < 0 ? i + 1 : last };
  }
  throw new Error('stored object has no end');
}

/** The offset of the quote that ends the string whose first character is at `from`. */
function stringEnd(json: Buffer, from: number): number {
  for (let end = json.indexOf(QUOTE, from); end >= 0; end = json.indexOf(QUOTE, end + 1)) {
    let backslashes = 0;
    while (json[end - 1 - backslashes] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  throw new Error('stored object has a string without end');
}

/** The bytes an object is stored as: `apiVersion`, `kind`, `metadata` first, without resourceVersion. */
export function encodeStored(object: KubeObject): Buffer {
  const { apiVersion, kind, metadata, ...rest } = object;
  // Where Go writes them, too: so they can be left out by who looks at the rest only.
  const { resourceVersion: _, managedFields, ...stored } = metadata;
  const text = JSON.stringify({ apiVersion, kind, metadata: { ...stored, managedFields }, ...rest });
  // Not from Node's shared pool: a slice of it would keep 8 KB alive for as long as the object lives.
  const length = Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafeSlow(length);
  bytes.write(text);
  return bytes;
}
