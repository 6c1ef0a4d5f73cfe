import {
  BRANCH_ELEMENT_BYTES,
  BUCKET_BYTES,
  BUCKET_LEAF,
  LEAF_ELEMENT_BYTES,
  MAGIC,
  META,
  metaChecksum,
  PAGE,
  PAGE_HEADER_BYTES,
  VERSION,
} from './format.ts';

/** The file is not what it should be; the message says where. */
export class BoltError extends Error {
  override readonly name = 'BoltError';
}

/** Deeper than a tree of any size there is. */
const MAX_DEPTH = 32;
const MAX_PAGE_BYTES = 1 << 16;

/** A database read from memory. Throws {@link BoltError} for whatever does not fit together. */
export class BoltReader {
  readonly #file: Buffer;
  readonly #pageBytes: number;
  readonly #root: number;

  constructor(file: Buffer) {
    this.#file = file;
    const { pageBytes, root } = newestMeta(file);
    this.#pageBytes = pageBytes;
    this.#root = root;
  }

  /** Pairs of a bucket in the order of their keys; undefined if there is no such bucket. Views of the file. */
  bucket(name: string): Generator<{ readonly key: Buffer; readonly value: Buffer }> | undefined {
    for (const { key, value, flags } of this.#pairs(this.#page(this.#root), 0)) {
      if ((flags & BUCKET_LEAF) === 0 || key.toString('latin1') !== name) continue;
      if (value.length < BUCKET_BYTES) throw new BoltError(`bucket ${name} is cut off`);
      const root = readNumber(value, 0);
      return this.#pairs(root === 0 ? value.subarray(BUCKET_BYTES) : this.#page(root), 0);
    }
    return undefined;
  }

  #page(id: number): Buffer {
    const at = id * this.#pageBytes;
    if (!(at + this.#pageBytes <= this.#file.length)) throw new BoltError(`page ${id} lies beyond the end of the file`);
    const overflow = this.#file.readUInt32LE(at + 12);
    const end = at + (overflow + 1) * this.#pageBytes;
    if (end > this.#file.length) throw new BoltError(`page ${id} is cut off`);
    if (readNumber(this.#file, at) !== id) throw new BoltError(`page ${id} has another number`);
    return this.#file.subarray(at, end);
  }

  *#pairs(page: Buffer, depth: number): Generator<{ key: Buffer; value: Buffer; flags: number }> {
    if (depth > MAX_DEPTH) throw new BoltError('a tree is too deep');
    const flags = page.readUInt16LE(8);
    const count = page.readUInt16LE(10);
    if (flags === PAGE.branch) {
      for (let i = 0; i < count; i++) {
        const element = PAGE_HEADER_BYTES + BRANCH_ELEMENT_BYTES * i;
        yield* this.#pairs(this.#page(readNumber(slice(page, element, BRANCH_ELEMENT_BYTES), 8)), depth + 1);
      }
    } else if (flags === PAGE.leaf) {
      for (let i = 0; i < count; i++) {
        const at = PAGE_HEADER_BYTES + LEAF_ELEMENT_BYTES * i;
        const element = slice(page, at, LEAF_ELEMENT_BYTES);
        const keyAt = at + element.readUInt32LE(4);
        const keyBytes = element.readUInt32LE(8);
        const key = slice(page, keyAt, keyBytes);
        yield { key, value: slice(page, keyAt + keyBytes, element.readUInt32LE(12)), flags: element.readUInt32LE(0) };
      }
    } else throw new BoltError(`a page of a tree has flags ${flags}`);
  }
}

/** The meta page of the last transaction whose checksum is right. */
function newestMeta(file: Buffer): { pageBytes: number; root: number } {
  const sizes = [4096, 8192, 16384, 32768, MAX_PAGE_BYTES];
  const metas = [0, ...sizes].flatMap((at) => {
    if (file.length < at + META.checksum + 8) return [];
    const page = file.subarray(at);
    const isMeta = page.readUInt32LE(META.magic) === MAGIC && page.readUInt32LE(META.version) === VERSION;
    if (!isMeta || page.readBigUInt64LE(META.checksum) !== metaChecksum(page)) return [];
    const pageBytes = page.readUInt32LE(META.pageSize);
    return at === 0 || at === pageBytes
      ? [{ pageBytes, root: readNumber(page, META.root), txid: readNumber(page, META.txid) }]
      : [];
  });
  const [newest] = metas.toSorted((a, b) => b.txid - a.txid);
  if (newest === undefined) throw new BoltError('it is no bbolt database, or its head is damaged');
  return newest;
}

function slice(page: Buffer, at: number, bytes: number): Buffer {
  if (at + bytes > page.length) throw new BoltError('an element reaches beyond its page');
  return page.subarray(at, at + bytes);
}

const readNumber = (buffer: Buffer, at: number): number => Number(buffer.readBigUInt64LE(at));
