/**
 * The file format of bbolt, in which etcd keeps its data and its snapshots. Source: page.go, bucket.go, db.go, freelist.go of go.etcd.io/bbolt v1.4.
 * Little endian; a page is 4096 bytes and continues in `overflow` more where it does not suffice:
 *
 *     0 number of the page, 8 flags, 10 number of elements, 12 overflow, 16 the elements, then their keys and values
 *
 * An element of a branch: where its key is, from the element on; length of the key; page below. Of a leaf: flags, where its key is, lengths of key and
 * value, which stands behind the key. Of a leaf that is a bucket the value is the number of its root page and a sequence; number 0: the page follows.
 */
export const PAGE_BYTES = 4096;
export const PAGE_HEADER_BYTES = 16;
export const LEAF_ELEMENT_BYTES = 16;
export const BRANCH_ELEMENT_BYTES = 16;
export const BUCKET_BYTES = 16;

export const PAGE = { branch: 1, leaf: 2, meta: 4, freelist: 0x10 } as const;
export const BUCKET_LEAF = 1;

export const MAGIC = 0xed0cdaed;
export const VERSION = 2;
/** Behind the header of a meta page: magic, version, page size, flags, root bucket, page of the free list, number of pages, transaction, checksum. */
export const META = {
  magic: 16,
  version: 20,
  pageSize: 24,
  root: 32,
  freelist: 48,
  pages: 56,
  txid: 64,
  checksum: 72,
} as const;

/** FNV-1a of 64 bits over the fields of a meta page before it. */
export function metaChecksum(page: Buffer): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of page.subarray(META.magic, META.checksum))
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}
