import { createHash } from 'node:crypto';
import type { Key, KeyValue, Lease, StoreDump } from '../types.ts';

/** Keys under which a store tells of itself: of its history, which does not move. */
export const OWN_PREFIX = 'pirogue/';

/** All that a store has now, without its history and what it tells of itself. */
export interface Contents {
  readonly revision: number;
  /** In the order of their keys. */
  readonly kvs: readonly KeyValue[];
  readonly leases: readonly Lease[];
}

/** What tells whether two stores have the same: how many keys, and a SHA-256 of keys and values, and of which are bound to a lease. */
export interface Fingerprint {
  readonly keys: number;
  /** Of keys and values. */
  readonly bytes: number;
  readonly sha256: string;
}

const byKey = (a: { readonly key: Key }, b: { readonly key: Key }): number => (a.key < b.key ? -1 : 1);

export function contentsOf({ revision, versions, leases }: StoreDump): Contents {
  const newest = new Map<Key, KeyValue>();
  for (const kv of versions) {
    if (kv.version === 0) newest.delete(kv.key);
    else newest.set(kv.key, kv);
  }
  const granted = new Set(leases.map(({ id }) => id));
  // What is bound to a lease that is gone is about to go, too.
  const kvs = [...newest.values()].filter(
    ({ key, lease }) => !key.startsWith(OWN_PREFIX) && (lease === 0 || granted.has(lease)),
  );
  return { revision, kvs: kvs.toSorted(byKey), leases };
}

/** `kvs` in the order of their keys. */
export function fingerprint(kvs: readonly Pick<KeyValue, 'key' | 'value' | 'lease'>[]): Fingerprint {
  const hash = createHash('sha256');
  const head = Buffer.alloc(9);
  let bytes = 0;
  for (const { key, value, lease } of kvs) {
    head.writeUInt32LE(key.length, 0);
    head.writeUInt32LE(value.length, 4);
    head[8] = lease === 0 ? 0 : 1;
    hash.update(head).update(key, 'latin1').update(value);
    bytes += key.length + value.length;
  }
  return { keys: kvs.length, bytes, sha256: hash.digest('hex') };
}

/**
 * Compares what a store has with what it should have. What is bound to a lease may be gone: its time may have run out since. Returns what differs first,
 * or undefined.
 */
export function differenceOf(expected: readonly KeyValue[], found: readonly KeyValue[]): string | undefined {
  const there = new Map(found.map((kv) => [kv.key, kv]));
  for (const { key, value, lease } of expected) {
    const own = there.get(key);
    there.delete(key);
    if (own === undefined && lease === 0) return `${key} is missing`;
    if (own !== undefined && !own.value.equals(value)) return `${key} has another value`;
    if (own !== undefined && (own.lease === 0) !== (lease === 0)) return `${key} is bound to no lease, or to one`;
  }
  const [more] = there.keys();
  return more === undefined ? undefined : `${more} is there, too`;
}
