import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Key, type KeyValue, type Op, prefixEnd, type Store } from '../types.ts';

/** What has to be done to one key. */
export type StoreChange =
  | { readonly type: 'create' | 'update'; readonly key: Key; readonly value: Buffer; readonly leased: boolean }
  | { readonly type: 'delete'; readonly key: Key };

/** Pairs read at a time. */
const PAGE = 1000;
/** Operations etcd takes in one transaction (--max-txn-ops, 128). */
const ETCD_OPS = 100;
/** Bytes of values in one transaction of etcd (--max-request-bytes, 1.5 MiB). */
const ETCD_BYTES = 1 << 20;
/** What was bound to a lease then is given one of this time now: its own may be gone. */
const LEASE_SECONDS = 3600;

/** All pairs whose key begins with `prefix`, as of `revision`; 0 is now. */
export function pairsAt(store: Store, prefix: Key, revision: number): Promise<KeyValue[]> {
  return pairsIn(store, { key: prefix, rangeEnd: prefixEnd(prefix) }, revision);
}

/** The same of a range. */
export async function pairsIn(
  store: Store,
  { key: first, rangeEnd }: { readonly key: Key; readonly rangeEnd: Key },
  revision: number,
): Promise<KeyValue[]> {
  const pairs: KeyValue[] = [];
  let at = revision;
  for (let key = first; ;) {
    const page = await store.range({ key, rangeEnd, revision: at, limit: PAGE });
    if (at === 0) at = page.revision; // the pages after the first are of the same moment
    pairs.push(...page.kvs);
    if (page.kvs.length >= page.count) return pairs;
    key = `${page.kvs.at(-1)!.key}\0`;
    await nextTurn();
  }
}

/** What turns `current` into `wanted`; both in the order of their keys. */
export function changesBetween(current: readonly KeyValue[], wanted: readonly KeyValue[]): StoreChange[] {
  const before = new Map(current.map((kv) => [kv.key, kv]));
  const changes: StoreChange[] = [];
  for (const { key, value, lease } of wanted) {
    const known = before.get(key);
    before.delete(key);
    if (known?.value.equals(value) === true) continue;
    changes.push({ type: known === undefined ? 'create' : 'update', key, value, leased: lease !== 0 });
  }
  for (const key of before.keys()) changes.push({ type: 'delete', key });
  return changes;
}

/**
 * Makes the changes. `whole`: in one transaction, which the embedded store takes of any size; without it in as many as etcd's limits ask for. Resolves
 * with the revision that holds them all.
 */
export async function makeChanges(
  store: Store,
  changes: readonly StoreChange[],
  { whole }: { whole: boolean },
): Promise<number> {
  const leased = changes.some((change) => change.type !== 'delete' && change.leased);
  const lease = leased ? (await store.grantLease(LEASE_SECONDS)).id : 0;
  const ops = changes.map((change): Op => {
    const { key } = change;
    if (change.type === 'delete') return { type: 'delete', key };
    return { type: 'put', key, value: change.value, lease: change.leased ? lease : 0 };
  });
  let { revision } = store;
  for (const lot of whole ? [ops] : lotsOf(ops))
    if (lot.length > 0) ({ revision } = await store.txn({ compare: [], success: lot }));
  return revision;
}

function lotsOf(ops: readonly Op[]): Op[][] {
  const lots: Op[][] = [];
  let lot: Op[] = [];
  let bytes = 0;
  for (const op of ops) {
    const size = op.type === 'put' ? op.value.length : 0;
    if (lot.length === ETCD_OPS || (lot.length > 0 && bytes + size > ETCD_BYTES)) {
      lots.push(lot);
      lot = [];
      bytes = 0;
    }
    lot.push(op);
    bytes += size;
  }
  return [...lots, lot];
}
