import {
  BRANCH_ELEMENT_BYTES,
  BUCKET_BYTES,
  BUCKET_LEAF,
  LEAF_ELEMENT_BYTES,
  MAGIC,
  META,
  metaChecksum,
  PAGE,
  PAGE_BYTES,
  PAGE_HEADER_BYTES,
  VERSION,
} from './format.ts';

/** A key and its value; the value is made when it is written, its length is known before. */
export interface BoltPair {
  readonly key: Buffer;
  readonly valueBytes: number;
  value(): Buffer;
}

export interface BoltBucket {
  readonly name: string;
  /** In the order of their keys. */
  readonly pairs: readonly BoltPair[];
}

export interface BoltFile {
  readonly sizeBytes: number;
  /** The pages from first to last. Each piece is a page with what it continues in. */
  pages(): Generator<Buffer>;
}

interface Placed {
  readonly id: number;
  /** First key of the page. */
  readonly key: Buffer;
  readonly write: (id: number) => Buffer;
  readonly pageCount: number;
}

/** Two meta pages and the list of free ones come first. */
const FIRST_PAGE = 3;
const FREELIST_PAGE = 2;

/**
 * Lays out a database with these buckets, in the order of their names: trees are filled from their leaves up, nothing is free. All that is kept is where
 * things go; pages are made as they are read.
 */
export function layOut(buckets: readonly BoltBucket[]): BoltFile {
  const placed: Placed[] = [];
  let next = FIRST_PAGE;
  const place = (key: Buffer, bytes: number, write: (id: number) => Buffer): Placed => {
    const pageCount = Math.ceil(bytes / PAGE_BYTES);
    const page = { id: next, key, write, pageCount };
    placed.push(page);
    next += pageCount;
    return page;
  };
  const roots: BoltPair[] = buckets.map(({ name, pairs }) => {
    const root = pairs.length === 0 ? undefined : placeTree(pairs, place);
    const value = root === undefined ? emptyBucket() : bucketOf(root.id);
    return { key: Buffer.from(name, 'latin1'), valueBytes: value.length, value: () => value };
  });
  const root = placeLeaf(roots, BUCKET_LEAF, place);
  const pages = next;
  return {
    sizeBytes: pages * PAGE_BYTES,
    *pages() {
      yield metaPage(0, root.id, pages);
      yield metaPage(1, root.id, pages);
      yield emptyPage(FREELIST_PAGE, PAGE.freelist);
      for (const page of placed) yield page.write(page.id);
    },
  };
}

type Place = (key: Buffer, bytes: number, write: (id: number) => Buffer) => Placed;

function placeTree(pairs: readonly BoltPair[], place: Place): Placed {
  let level = split(pairs, ({ key, valueBytes }) => LEAF_ELEMENT_BYTES + key.length + valueBytes).map((lot) =>
    placeLeaf(lot, 0, place),
  );
  while (level.length > 1)
    level = split(level, ({ key }) => BRANCH_ELEMENT_BYTES + key.length).map((lot) => placeBranch(lot, place));
  return level[0]!;
}

/** Cuts a list into as many as fit a page; what is larger than a page has one of its own. */
function split<T>(items: readonly T[], sizeOf: (item: T) => number): T[][] {
  const lots: T[][] = [];
  let lot: T[] = [];
  let bytes = PAGE_HEADER_BYTES;
  for (const item of items) {
    const size = sizeOf(item);
    if (lot.length > 0 && bytes + size > PAGE_BYTES) {
      lots.push(lot);
      lot = [];
      bytes = PAGE_HEADER_BYTES;
    }
    lot.push(item);
    bytes += size;
  }
  lots.push(lot);
  return lots;
}

function placeLeaf(pairs: readonly BoltPair[], flags: number, place: Place): Placed {
  let bytes = PAGE_HEADER_BYTES;
  for (const { key, valueBytes } of pairs) bytes += LEAF_ELEMENT_BYTES + key.length + valueBytes;
  return place(pairs[0]?.key ?? Buffer.alloc(0), bytes, (id) => {
    const page = newPage(id, PAGE.leaf, pairs.length, bytes);
    let at = PAGE_HEADER_BYTES + LEAF_ELEMENT_BYTES * pairs.length;
    for (const [i, { key, value }] of pairs.entries()) {
      const element = PAGE_HEADER_BYTES + LEAF_ELEMENT_BYTES * i;
      const own = value();
      page.writeUInt32LE(flags, element);
      page.writeUInt32LE(at - element, element + 4);
      page.writeUInt32LE(key.length, element + 8);
      page.writeUInt32LE(own.length, element + 12);
      page.set(key, at);
      page.set(own, at + key.length);
      at += key.length + own.length;
    }
    return page;
  });
}

function placeBranch(below: readonly Placed[], place: Place): Placed {
  let bytes = PAGE_HEADER_BYTES;
  for (const { key } of below) bytes += BRANCH_ELEMENT_BYTES + key.length;
  return place(below[0]!.key, bytes, (id) => {
    const page = newPage(id, PAGE.branch, below.length, bytes);
    let at = PAGE_HEADER_BYTES + BRANCH_ELEMENT_BYTES * below.length;
    for (const [i, child] of below.entries()) {
      const element = PAGE_HEADER_BYTES + BRANCH_ELEMENT_BYTES * i;
      page.writeUInt32LE(at - element, element);
      page.writeUInt32LE(child.key.length, element + 4);
      writeNumber(page, child.id, element + 8);
      page.set(child.key, at);
      at += child.key.length;
    }
    return page;
  });
}

function newPage(id: number, flags: number, count: number, bytes: number): Buffer {
  const pages = Math.ceil(bytes / PAGE_BYTES);
  const page = Buffer.alloc(pages * PAGE_BYTES);
  writeNumber(page, id, 0);
  page.writeUInt16LE(flags, 8);
  page.writeUInt16LE(count, 10);
  page.writeUInt32LE(pages - 1, 12);
  return page;
}

const emptyPage = (id: number, flags: number): Buffer => newPage(id, flags, 0, PAGE_HEADER_BYTES);

function metaPage(id: number, root: number, pages: number): Buffer {
  const page = emptyPage(id, PAGE.meta);
  page.writeUInt32LE(MAGIC, META.magic);
  page.writeUInt32LE(VERSION, META.version);
  page.writeUInt32LE(PAGE_BYTES, META.pageSize);
  writeNumber(page, root, META.root);
  writeNumber(page, FREELIST_PAGE, META.freelist);
  writeNumber(page, pages, META.pages);
  writeNumber(page, id, META.txid);
  page.writeBigUInt64LE(metaChecksum(page), META.checksum);
  return page;
}

function bucketOf(root: number): Buffer {
  const value = Buffer.alloc(BUCKET_BYTES);
  writeNumber(value, root, 0);
  return value;
}

/** A bucket with its page within: an empty leaf. */
function emptyBucket(): Buffer {
  const value = Buffer.alloc(BUCKET_BYTES + PAGE_HEADER_BYTES);
  value.writeUInt16LE(PAGE.leaf, BUCKET_BYTES + 8);
  return value;
}

const writeNumber = (page: Buffer, value: number, at: number): void => void page.writeBigUInt64LE(BigInt(value), at);
