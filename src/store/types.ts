/** The contract of the datastore: what every backend implements and what its users see. */

/** Keys are byte strings: each character stands for one byte (latin1), so that JavaScript's order is etcd's order. */
export type Key = string;

export interface KeyValue {
  readonly key: Key;
  /** Never written to after it was handed over; shared by all readers. */
  readonly value: Buffer;
  /** Revision of the write that created the key. */
  readonly createRevision: number;
  /** Revision of the last write. */
  readonly modRevision: number;
  /** Number of writes since creation; 1 after the first. */
  readonly version: number;
  /** Lease the key is bound to; 0 for none. */
  readonly lease: number;
}

export interface RangeRequest {
  readonly key: Key;
  /** End of the half-open range [key, rangeEnd). Absent: the one key. See {@link prefixEnd}. */
  readonly rangeEnd?: Key;
  /** Read as of this revision. Absent or 0: now. */
  readonly revision?: number;
  /** At most so many pairs; `count` still tells how many there are. Absent or 0: all. */
  readonly limit?: number;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
}

export interface RangeResult {
  /** In the order of the keys. */
  readonly kvs: readonly KeyValue[];
  /** Keys in the range, whatever the limit. */
  readonly count: number;
  /** The store's revision at the time of the read. */
  readonly revision: number;
}

/** With `rangeEnd` it must hold for every key of the range; where there is none, for a key that does not exist. */
export type Compare = { readonly key: Key; readonly rangeEnd?: Key; readonly result: '=' | '!=' | '<' | '>' } & (
  | { readonly target: 'version' | 'createRevision' | 'modRevision' | 'lease'; readonly number: number }
  | { readonly target: 'value'; readonly value: Buffer }
);

export type Op =
  | {
      readonly type: 'put';
      readonly key: Key;
      readonly value: Buffer;
      readonly lease?: number;
      readonly prevKv?: boolean;
      /** Keep the value, or the lease, the key has; fails with `key-not-found` if there is none. */
      readonly ignoreValue?: boolean;
      readonly ignoreLease?: boolean;
    }
  | { readonly type: 'delete'; readonly key: Key; readonly rangeEnd?: Key; readonly prevKv?: boolean }
  | ({ readonly type: 'range' } & RangeRequest)
  /** A transaction within: its comparisons see what was before any of the operations. */
  | ({ readonly type: 'txn' } & TxnRequest);

export type OpResult =
  | { readonly type: 'put'; readonly prevKv?: KeyValue }
  | { readonly type: 'delete'; readonly deleted: number; readonly prevKvs: readonly KeyValue[] }
  | ({ readonly type: 'range' } & RangeResult)
  | { readonly type: 'txn'; readonly succeeded: boolean; readonly results: readonly OpResult[] };

/** All comparisons true: `success` is done, else `failure`; in one revision. A key may be written once per transaction. */
export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly Op[];
  readonly failure?: readonly Op[];
}

export interface TxnResult {
  readonly succeeded: boolean;
  readonly results: readonly OpResult[];
  /** The revision of this transaction if it wrote, else the store's. */
  readonly revision: number;
}

export interface StoreEvent {
  readonly type: 'put' | 'delete';
  /** Of a delete: key and modRevision (that of the delete), an empty value, version 0. */
  readonly kv: KeyValue;
  /** The pair before the event; only if the watch asked for it and it existed. */
  readonly prevKv?: KeyValue;
}

export interface WatchRequest {
  readonly key: Key;
  readonly rangeEnd?: Key;
  /** First revision to send; it must not be compacted. Absent or 0: what comes from now on. */
  readonly startRevision?: number;
  readonly prevKv?: boolean;
}

export interface WatchHandler {
  /**
   * Called in revision order, never with an empty list, and with the events of several transactions at once where they became
   * visible together. `revision`: no event up to it is still to come. The list is shared between watchers: do not change it.
   * Must not throw (a watch that throws ends) and must return quickly.
   */
  onEvents(events: readonly StoreEvent[], revision: number): void;
  /** The watch ended and nothing more will come: compacted, closed, or the backend went away. */
  onError(error: StoreError): void;
}

export interface Lease {
  readonly id: number;
  readonly ttlSeconds: number;
}

export interface LeaseStatus extends Lease {
  readonly remainingSeconds: number;
  /** Keys bound to it, in order. */
  readonly keys: readonly Key[];
}

export interface StoreStatus {
  /** What the data takes on the disk, and what of it is not free space. */
  readonly sizeBytes: number;
  readonly sizeInUseBytes: number;
  /** The last write found no room on the disk. */
  readonly full: boolean;
}

/** Everything a store holds at one moment: what it can be made again of. */
export interface StoreDump {
  readonly revision: number;
  readonly compactRevision: number;
  /**
   * In the order they were written: what is left of the time before history (of each key the newest version), then every version of history,
   * tombstones (version 0) among them.
   */
  readonly versions: readonly KeyValue[];
  readonly leases: readonly Lease[];
}

export interface Store {
  /** The newest revision that is durable, visible and shown to all watchers here. */
  readonly revision: number;
  /** Revisions below this one are compacted. */
  readonly compactRevision: number;
  /**
   * Resolves when all that anybody was acknowledged before the call is shown to the watchers here. Undefined: it is, as always in a store that nobody
   * else writes to.
   */
  sync(options?: { signal?: AbortSignal }): Promise<void> | undefined;
  range(request: RangeRequest, options?: { signal?: AbortSignal }): Promise<RangeResult>;
  /** An abort ends the wait; a write already on its way is not taken back by it. */
  txn(request: TxnRequest, options?: { signal?: AbortSignal }): Promise<TxnResult>;
  /** The handler is called from now on until the returned handle is disposed. */
  watch(request: WatchRequest, handler: WatchHandler): Disposable;
  /** Forgets history below `revision`: reads and watches from there fail with `compacted`. */
  compact(revision: number): Promise<void>;
  /** Grants a lease; when it is neither revoked nor kept alive for `ttlSeconds`, its keys are deleted. */
  grantLease(ttlSeconds: number, id?: number): Promise<Lease>;
  keepLeaseAlive(id: number): Promise<Lease>;
  revokeLease(id: number): Promise<void>;
  /** Ids of all leases. */
  leases(): Promise<readonly number[]>;
  leaseStatus(id: number): Promise<LeaseStatus>;
  status(): Promise<StoreStatus>;
  dump(): Promise<StoreDump>;
  /** Gives back to the file system what is free. */
  defragment(): Promise<void>;
  /** Waits for writes under way, then lets go of files. */
  close(): Promise<void>;
}

/**
 * - `compacted`: the revision asked for is no longer in history;
 * - `future-revision`: it was not written yet;
 * - `duplicate-key`: one transaction writes a key twice;
 * - `key-not-found`: a write that keeps the value or the lease of a key that does not exist;
 * - `lease-not-found`, `lease-exists`;
 * - `no-space`: the disk is full: nothing was written, reads go on, writes may work again later;
 * - `corrupt`: the file is damaged where a torn write cannot explain it; the message says where and what to do;
 * - `failed`: a write or sync failed and nobody knows what is on disk: the process must end;
 * - `closed`, `unavailable`.
 */
export type StoreErrorCode =
  | 'compacted'
  | 'future-revision'
  | 'duplicate-key'
  | 'key-not-found'
  | 'lease-not-found'
  | 'lease-exists'
  | 'no-space'
  | 'corrupt'
  | 'failed'
  | 'closed'
  | 'unavailable';

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The end of the range of all keys that begin with `prefix`; '\0' (all keys from there on) when there is none. */
export function prefixEnd(prefix: Key): Key {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const code = prefix.charCodeAt(i);
    if (code < 0xff) return prefix.slice(0, i) + String.fromCharCode(code + 1);
  }
  return '\0';
}
