import { pairsIn } from '../history/changes.ts';
import { type Key, type KeyValue, type Lease, type Op, prefixEnd, type Store, StoreError } from '../types.ts';
import { type Contents, differenceOf, OWN_PREFIX } from './contents.ts';
import { type Mark, MARK_KEY, markBytes, readMark } from './mark.ts';

/** What a move takes for its own in a store that holds more: all of Kubernetes. */
const KUBERNETES = '/registry/';
/** Operations etcd takes in one transaction (--max-txn-ops, 128). */
const LOT_OPS = 100;
/** Bytes in one transaction of etcd (--max-request-bytes, 1.5 MiB). */
const LOT_BYTES = 1 << 20;
/** What one operation takes beside key and value. */
const OP_BYTES = 64;
/** Writes that only count on, under way at once: etcd gathers them into one sync. */
const COUNTING = 64;
/** After so many of them their history is forgotten, so that it fills no disk. */
const COMPACT_EVERY = 20_000;
/** Hours of counting: there is a better way to go so far. */
const MAX_COUNTING = 20_000_000;

export interface FillOptions {
  readonly store: Store;
  /** Who fills it: only the same one may go on with what it began. */
  readonly owner: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes a store for a move: from now on it says that it is half filled. One that holds anything but what the same owner began to move there is refused
 * with what it holds; `force` takes it all the same, and what it holds of Kubernetes will be replaced. Returns whether an earlier move goes on.
 */
export async function claim({ store, owner, force }: FillOptions & { readonly force: boolean }): Promise<boolean> {
  const mark = await readMark(store);
  const resumes = mark?.owner === owner;
  if (!resumes && !force) {
    if (mark !== undefined)
      throw occupied(
        `it is half filled by a move of ${mark.owner}; --force begins anew, with the data of this cluster`,
      );
    const what = await describe(store);
    if (what !== undefined) throw occupied(`it holds ${what}; --force replaces what is under ${KUBERNETES}`);
  }
  // Of two that come at the same time one is told of the other.
  const { succeeded } = await store.txn({
    compare: [
      mark === undefined
        ? { key: MARK_KEY, target: 'version', result: '=', number: 0 }
        : { key: MARK_KEY, target: 'value', result: '=', value: mark.bytes },
    ],
    success: [{ type: 'put', key: MARK_KEY, value: markBytes({ owner, state: 'filling' }) }],
  });
  if (!succeeded) throw occupied('another move takes it at this moment');
  return resumes;
}

const occupied = (why: string): Error => new Error(`the datastore to move to is not empty: ${why}`);

/** How many keys there are, and some of them; undefined: none but what a store tells of itself. */
async function describe(store: Store): Promise<string | undefined> {
  const count = async (key: Key, rangeEnd: Key): Promise<number> =>
    (await store.range({ key, rangeEnd, countOnly: true })).count;
  const all = (await count('\0', '\0')) - (await count(OWN_PREFIX, prefixEnd(OWN_PREFIX)));
  if (all === 0) return undefined;
  const kubernetes = await count(KUBERNETES, prefixEnd(KUBERNETES));
  const parts = [
    ...(kubernetes === 0 ? [] : [`${keysText(kubernetes)} under ${KUBERNETES}`]),
    ...(all === kubernetes ? [] : [`${keysText(all - kubernetes)} elsewhere`]),
  ];
  const { kvs } = await store.range({ key: '\0', rangeEnd: '\0', limit: 3, keysOnly: true });
  return `${parts.join(' and ')}: ${kvs.map(({ key }) => key).join(', ')}${all > kvs.length ? ', …' : ''}`;
}

const keysText = (count: number): string => `${count} ${count === 1 ? 'key' : 'keys'}`;

/**
 * Lets the store's revision count on to at least `revision`, so that what is written next has a revision that no client has seen. Only the mark is
 * written, again and again, and its history is forgotten.
 */
export async function countOn(options: FillOptions, revision: number): Promise<void> {
  const { store } = options;
  let reached = await revisionOf(store);
  if (revision - reached > MAX_COUNTING)
    throw new Error(
      `the revision of the datastore to move to is ${reached}, and ${revision} is too far to count on to: make an etcd cluster of a snapshot with \`etcdutl snapshot restore\`, and move to that one with --force`,
    );
  while (reached < revision) {
    reached = await countTo(options, reached, Math.min(revision, reached + COMPACT_EVERY));
    await forgetBefore(store, reached);
  }
}

/** Resolves with the revision that is reached. */
async function countTo(options: FillOptions, from: number, goal: number): Promise<number> {
  const { owner, signal } = options;
  const put: Op = { type: 'put', key: MARK_KEY, value: markBytes({ owner, state: 'filling' }) };
  let left = goal - from;
  const counting = async (): Promise<number> => {
    let reached = from;
    try {
      while (left-- > 0) {
        signal?.throwIfAborted();
        reached = await guarded(options, [put]);
      }
      return reached;
    } finally {
      left = 0; // when one fails, so do all
    }
  };
  return Math.max(...(await Promise.all(Array.from({ length: Math.min(COUNTING, left) }, counting))));
}

async function forgetBefore(store: Store, revision: number): Promise<void> {
  try {
    await store.compact(revision);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'compacted') throw error; // nothing was written since the last time
  }
}

async function revisionOf(store: Store): Promise<number> {
  return (await store.range({ key: MARK_KEY, keysOnly: true })).revision;
}

/** A transaction that is done only while the store is ours. Returns its revision. */
async function guarded({ store, owner }: FillOptions, success: readonly Op[]): Promise<number> {
  const value = markBytes({ owner, state: 'filling' });
  const { succeeded, revision } = await store.txn({
    compare: [{ key: MARK_KEY, target: 'value', result: '=', value }],
    success,
  });
  if (!succeeded) throw new Error('another move took the datastore that this one was filling');
  return revision;
}

/**
 * Makes the store hold these contents and reads them back; what is there already, of a move that was interrupted, is not written again. History before
 * is forgotten: whoever asks for what was before the move is told that it is compacted. `resumes`: leases of the same number are ours.
 */
export async function fill(options: FillOptions & { readonly resumes: boolean }, contents: Contents): Promise<void> {
  const { store } = options;
  const { kvs, leases } = contents;
  await countOn(options, contents.revision);
  const found = new Map((await pairsOf(store, kvs)).map((kv) => [kv.key, kv]));
  const lasting: Op[] = [];
  const leased: KeyValue[] = [];
  for (const kv of kvs) {
    const known = found.get(kv.key);
    found.delete(kv.key);
    if (kv.lease !== 0) leased.push(kv);
    else if (known === undefined || known.lease !== 0 || !known.value.equals(kv.value)) lasting.push(putOf(kv, 0));
  }
  for (const key of found.keys()) lasting.push({ type: 'delete', key });
  await writeLots(options, lasting);
  // Their time runs from now on, so they come last.
  const numbers = await grantLeases(options, leases);
  await writeLots(
    options,
    leased.map((kv) => putOf(kv, numbers.get(kv.lease) ?? 0)),
  );
  await forgetBefore(store, await revisionOf(store));
  const difference = differenceOf(kvs, await pairsOf(store, kvs));
  if (difference !== undefined) throw new Error(`the datastore that was filled is not the same: ${difference}`);
}

const putOf = ({ key, value }: KeyValue, lease: number): Op => ({ type: 'put', key, value, lease });

/** What the store has of Kubernetes, and of the keys that are to be there. */
async function pairsOf(store: Store, wanted: readonly KeyValue[]): Promise<KeyValue[]> {
  const pairs = await pairsIn(store, { key: KUBERNETES, rangeEnd: prefixEnd(KUBERNETES) }, 0);
  for (const { key } of wanted) if (!key.startsWith(KUBERNETES)) pairs.push(...(await store.range({ key })).kvs);
  return pairs;
}

async function writeLots(options: FillOptions, ops: readonly Op[]): Promise<void> {
  for (const lot of lotsOf(ops)) {
    options.signal?.throwIfAborted();
    try {
      await guarded(options, lot);
    } catch (error) {
      throw withLargest(error, lot);
    }
  }
}

/** What one operation is to the datastore's limits. */
const bytesOf = (op: Op): number => OP_BYTES + (op.type === 'put' ? op.key.length + op.value.length : 0);

function* lotsOf(ops: readonly Op[]): Generator<readonly Op[]> {
  let lot: Op[] = [];
  let bytes = 0;
  for (const op of ops) {
    const size = bytesOf(op);
    if (lot.length === LOT_OPS || (lot.length > 0 && bytes + size > LOT_BYTES)) {
      yield lot;
      lot = [];
      bytes = 0;
    }
    lot.push(op);
    bytes += size;
  }
  if (lot.length > 0) yield lot;
}

/** A value that is too large for etcd comes alone: its key is what helps to find it. */
function withLargest(error: unknown, lot: readonly Op[]): unknown {
  const [op] = lot;
  if (!(error instanceof StoreError) || op?.type !== 'put' || bytesOf(op) <= LOT_BYTES) return error;
  const message = `${op.key} of ${op.value.length} bytes is refused: ${error.message} (--max-request-bytes of etcd)`;
  return new StoreError(error.code, message, { cause: error });
}

/** Grants leases of the same time, and the same number where it is free. Returns the numbers they have there. */
async function grantLeases(
  { store, resumes }: FillOptions & { readonly resumes: boolean },
  leases: readonly Lease[],
): Promise<ReadonlyMap<number, number>> {
  const numbers = new Map<number, number>();
  for (const { id, ttlSeconds } of leases) numbers.set(id, await grantLease(store, { id, ttlSeconds }, resumes));
  return numbers;
}

async function grantLease(store: Store, { id, ttlSeconds }: Lease, resumes: boolean): Promise<number> {
  // The numbers that a real etcd makes up are larger than can be told apart here.
  if (!Number.isSafeInteger(id)) return (await store.grantLease(ttlSeconds)).id;
  try {
    return (await store.grantLease(ttlSeconds, id)).id;
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'lease-exists') throw error;
    // One of an earlier attempt lives again from now on; one of somebody else is left alone.
    const own = resumes && (await isOurs(store, { id, ttlSeconds }));
    return own ? id : (await store.grantLease(ttlSeconds)).id;
  }
}

async function isOurs(store: Store, { id, ttlSeconds }: Lease): Promise<boolean> {
  try {
    const lease = await store.leaseStatus(id);
    if (lease.ttlSeconds !== ttlSeconds) return false;
    await store.keepLeaseAlive(id);
    return true;
  } catch (error) {
    if (error instanceof StoreError && error.code === 'lease-not-found') return false; // its time ran out just now
    throw error;
  }
}

/** All is there: the store says so, and may be used. */
export async function complete({ store, owner }: FillOptions): Promise<void> {
  const mark: Mark = { owner, state: 'complete' };
  await guarded({ store, owner }, [{ type: 'put', key: MARK_KEY, value: markBytes(mark) }]);
}
