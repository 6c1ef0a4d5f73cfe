import type { KubeObject } from '#api';
import { LruMap } from '#util';

/**
 * Objects whose parsed form is kept, over all kinds. A pod costs about 5.4 KB parsed against 3.4 KB as bytes, so only what is in use
 * stays parsed.
 */
const PARSED_CAPACITY = 4096;
const parsedEntries = new LruMap<Entry, KubeObject>(PARSED_CAPACITY);

const METADATA = Buffer.from('"metadata":{');

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
  /** Where the resourceVersion goes. */
  #split: number | undefined;
  #labels: Readonly<Record<string, string>> | undefined;

  constructor(key: string, value: Buffer, revision: number, object?: KubeObject) {
    this.key = key;
    this.value = value;
    this.revision = revision;
    if (object !== undefined) parsedEntries.set(this, withRevision(object, revision));
  }

  /** The object with its resourceVersion. Shared: never write to it. */
  get object(): KubeObject {
    const known = parsedEntries.get(this);
    if (known !== undefined) return known;
    const parsed = withRevision(JSON.parse(this.value.toString()) as KubeObject, this.revision);
    parsedEntries.set(this, parsed);
    return parsed;
  }

  get labels(): Readonly<Record<string, string>> {
    return (this.#labels ??= this.object.metadata.labels ?? NO_LABELS);
  }

  /** The JSON every reader gets: made anew each time, since a copy costs less than keeping it. `tail` is put behind. */
  bytes(tail = ''): Buffer {
    return spliceRevision(this.value, this.revision, tail);
  }

  /** Length of {@link bytes}. */
  get byteLength(): number {
    return this.value.length + this.#insertion().length;
  }

  /** Writes {@link bytes} into `target` and returns where they end. */
  copyTo(target: Buffer, at: number): number {
    const { value } = this;
    const text = this.#insertion();
    const split = (this.#split ??= metadataStart(value));
    value.copy(target, at, 0, split);
    target.write(text, at + split, 'latin1');
    value.copy(target, at + split + text.length, split);
    return at + value.length + text.length;
  }

  #insertion(): string {
    if (this.revision === 0) return '';
    this.#split ??= metadataStart(this.value);
    return insertionAt(this.value, this.#split, this.revision);
  }
}

const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});
const CLOSE = 0x7d;

/** Revision 0 is that of an object which was not written. */
function withRevision<T extends KubeObject>(object: T, revision: number): T {
  if (revision === 0) return object;
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}

/** Where the first member of metadata begins. apiVersion and kind stand before it and cannot hold the text sought. */
function metadataStart(value: Buffer): number {
  const at = value.indexOf(METADATA);
  if (at < 0) throw new Error('stored object has no metadata');
  return at + METADATA.length;
}

const insertionAt = (value: Buffer, at: number, revision: number): string =>
  value[at] === CLOSE ? `"resourceVersion":"${revision}"` : `"resourceVersion":"${revision}",`;

/** The stored JSON with the resourceVersion as first member of metadata: 0.6 µs instead of 12 µs for parse and stringify. */
function spliceRevision(value: Buffer, revision: number, tail: string): Buffer {
  if (revision === 0) return tail === '' ? value : Buffer.concat([value, Buffer.from(tail)]);
  const at = metadataStart(value);
  const text = insertionAt(value, at, revision);
  const out = Buffer.allocUnsafe(value.length + text.length + tail.length);
  value.copy(out, 0, 0, at);
  out.write(text, at, 'latin1');
  value.copy(out, at + text.length, at);
  if (tail !== '') out.write(tail, value.length + text.length, 'latin1');
  return out;
}

/** The bytes an object is stored as: `apiVersion`, `kind`, `metadata` first, without resourceVersion. */
export function encodeStored(object: KubeObject): Buffer {
  const { apiVersion, kind, metadata, ...rest } = object;
  const { resourceVersion: _, ...stored } = metadata;
  const text = JSON.stringify({ apiVersion, kind, metadata: stored, ...rest });
  // Not from Node's shared pool: a slice of it would keep 8 KB alive for as long as the object lives.
  const length = Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafeSlow(length);
  bytes.write(text);
  return bytes;
}
