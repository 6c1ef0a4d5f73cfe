/**
 * A real etcd cluster as the datastore: any number of servers share it, and any of them or of its members may go. Every call goes to etcd; what is added
 * here is that a process knows how far its watches are, so that what was read from them can be as fresh as a read of etcd itself: see `sync`.
 */
import { randomInt } from 'node:crypto';
import type { Clock, Logger } from '#util';
import type { Draft } from '../etcd/codec.ts';
import {
  COMPARE_RESULT,
  COMPARE_TARGET,
  type Compare as WireCompare,
  type RangeRequest as WireRange,
  type RequestOp,
  type ResponseOp,
  type TxnRequest as WireTxn,
} from '../etcd/messages.ts';
import { readSnapshot } from '../snapshot/etcd-file.ts';
import {
  type Compare,
  type Lease,
  type LeaseStatus,
  type Op,
  type OpResult,
  type RangeRequest,
  type RangeResult,
  type Store,
  type StoreDump,
  StoreError,
  type StoreStatus,
  type TxnRequest,
  type TxnResult,
  type WatchHandler,
  type WatchRequest,
} from '../types.ts';
import { type ChannelOptions, EtcdChannel, type Method } from './channel.ts';
import * as methods from './methods.ts';
import { Watches } from './watches.ts';

export interface EtcdStoreOptions extends ChannelOptions {
  readonly clock: Clock;
  readonly log: Logger;
}

/** Connects. Throws StoreError `unavailable` when no member answers. */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<Store> {
  const store = new EtcdStore(options);
  try {
    await store.open();
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** How long the answer to a sign of life of a lease may take. */
const KEEP_ALIVE_MS = 5000;

class EtcdStore implements Store {
  readonly #clock: Clock;
  readonly #channel: EtcdChannel;
  readonly #watches: Watches;
  #revision = 0;
  /** The newest revision that any answer has named. */
  #seen = 0;
  #compactRevision = 0;
  #ended: StoreError | undefined;
  /** A sync that has yet to ask etcd, for all who come until it does. */
  #nextSync: Promise<void> | undefined;
  #lastSync: Promise<void> = Promise.resolve();

  constructor(options: EtcdStoreOptions) {
    this.#clock = options.clock;
    this.#channel = new EtcdChannel(options);
    this.#watches = new Watches({
      channel: this.#channel,
      clock: options.clock,
      log: options.log,
      seen: () => this.#seen,
      onRevision: (revision) => this.#reach(revision),
      onCompacted: (revision) => this.#compacted(revision),
    });
  }

  get revision(): number {
    return this.#revision;
  }

  get compactRevision(): number {
    return this.#compactRevision;
  }

  async open(): Promise<void> {
    const { version } = await this.#call(methods.STATUS, {});
    this.#watches.ordered = tellsProgressInOrder(version);
    await this.sync();
  }

  sync(): Promise<void> {
    // Who comes while one is under way shares the next: the one under way may have asked before the write they want to see.
    this.#nextSync ??= this.#lastSync
      .catch(() => {})
      .then(() => {
        this.#nextSync = undefined;
        this.#lastSync = this.#sync();
        return this.#lastSync;
      });
    return this.#nextSync;
  }

  async range(request: RangeRequest, { signal }: { signal?: AbortSignal } = {}): Promise<RangeResult> {
    this.#check();
    const { header, kvs, count } = await this.#call(
      request.rangeEnd === undefined ? methods.QUICK_RANGE : methods.RANGE,
      rangeOf(request),
      signal,
    );
    return { kvs, count, revision: header?.revision ?? 0 };
  }

  async txn(request: TxnRequest, { signal }: { signal?: AbortSignal } = {}): Promise<TxnResult> {
    this.#check();
    const { header, succeeded, responses } = await this.#call(methods.TXN, txnOf(request), signal);
    const revision = header?.revision ?? 0;
    return { succeeded, results: responses.map((response) => resultOf(response, revision)), revision };
  }

  watch(request: WatchRequest, handler: WatchHandler): Disposable {
    this.#check();
    return this.#watches.add(request, handler);
  }

  async compact(revision: number): Promise<void> {
    this.#check();
    await this.#call(methods.COMPACT, { revision, physical: true });
    this.#compacted(revision);
  }

  async grantLease(ttlSeconds: number, id = randomInt(1, 2 ** 47)): Promise<Lease> {
    this.#check();
    const granted = await this.#call(methods.LEASE_GRANT, { ttl: ttlSeconds, id });
    return { id: granted.id, ttlSeconds: granted.ttl };
  }

  async keepLeaseAlive(id: number): Promise<Lease> {
    this.#check();
    const { stream, giveUp } = await this.#channel.duplex(methods.LEASE_KEEP_ALIVE);
    const { promise: silent, reject: fail } = Promise.withResolvers<never>();
    using timer = this.#clock.after(KEEP_ALIVE_MS, () => {
      giveUp();
      fail(new StoreError('unavailable', 'etcd gave no answer'));
    });
    void timer; // until the answer is there
    try {
      const answer = new Promise<number>((resolve, reject) => {
        stream.on('data', (own: { ttl: number }) => resolve(own.ttl));
        stream.on('error', (error) => reject(new StoreError('unavailable', error.message)));
        stream.on('end', () => reject(new StoreError('unavailable', 'etcd gave no answer')));
        stream.write({ id });
      });
      const ttl = await Promise.race([answer, silent]);
      if (ttl <= 0) throw new StoreError('lease-not-found', `lease ${id} does not exist`);
      return { id, ttlSeconds: ttl };
    } finally {
      stream.cancel();
    }
  }

  async revokeLease(id: number): Promise<void> {
    this.#check();
    await this.#call(methods.LEASE_REVOKE, { id });
  }

  async leases(): Promise<readonly number[]> {
    this.#check();
    return (await this.#call(methods.LEASES, {})).leases.map(({ id }) => id);
  }

  async leaseStatus(id: number): Promise<LeaseStatus> {
    this.#check();
    const { ttl, grantedTtl, keys } = await this.#call(methods.LEASE_TIME_TO_LIVE, { id, keys: true });
    if (ttl < 0) throw new StoreError('lease-not-found', `lease ${id} does not exist`);
    return { id, ttlSeconds: grantedTtl, remainingSeconds: ttl, keys: keys.toSorted((a, b) => (a < b ? -1 : 1)) };
  }

  async status(): Promise<StoreStatus> {
    this.#check();
    const { dbSize, dbSizeInUse, errors } = await this.#call(methods.STATUS, {});
    const full = errors.some((error) => error.includes('NOSPACE'));
    return { sizeBytes: dbSize, sizeInUseBytes: dbSizeInUse, full };
  }

  async dump(): Promise<StoreDump> {
    this.#check();
    const pieces: Buffer[] = [];
    for await (const { blob } of await this.#channel.readable(methods.SNAPSHOT, {})) pieces.push(blob);
    return readSnapshot(Buffer.concat(pieces));
  }

  async defragment(): Promise<void> {
    this.#check();
    await this.#call(methods.DEFRAGMENT, {});
  }

  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    this.#ended = new StoreError('closed', 'the store is closed');
    this.#watches.close(this.#ended);
    this.#channel.close();
  }

  #check(): void {
    if (this.#ended !== undefined) throw this.#ended;
  }

  async #call<Q, S extends { header: { revision: number } | undefined }>(
    method: Method<Q, S>,
    message: Draft<Q>,
    signal?: AbortSignal,
  ): Promise<S> {
    const answer = await this.#channel.unary(method, message, { signal });
    this.#seen = Math.max(this.#seen, answer.header?.revision ?? 0);
    return answer;
  }

  async #current(): Promise<number> {
    const { header } = await this.#call(methods.QUICK_RANGE, { key: '\0', countOnly: true });
    return header?.revision ?? 0;
  }

  async #sync(): Promise<void> {
    this.#check();
    const current = await this.#current();
    while (this.#revision < current) {
      await this.#watches.progress();
      // Nobody watches: there is nobody who has to be told.
      if (this.#revision < current && !this.#watches.any) this.#reach(current);
    }
  }

  #reach(revision: number): void {
    this.#seen = Math.max(this.#seen, revision);
    if (revision > this.#revision) this.#revision = revision;
  }

  #compacted(revision: number): void {
    if (revision > this.#compactRevision) this.#compactRevision = revision;
  }
}

/**
 * Whether the answer to how far the server is comes after all events up to there. Source: etcd issues 15220 and 17507, and the versions of
 * pkg/storage/feature/feature_support_checker.go v1.36.
 */
export function tellsProgressInOrder(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number);
  if (major !== 3) return major > 3;
  if (minor === 4) return patch >= 31;
  if (minor === 5) return patch >= 13;
  return minor > 5;
}

const rangeOf = ({ key, rangeEnd, revision, limit, keysOnly, countOnly }: RangeRequest): Draft<WireRange> => ({
  key,
  rangeEnd,
  revision,
  limit,
  keysOnly,
  countOnly,
});

const txnOf = ({ compare, success, failure = [] }: TxnRequest): Draft<WireTxn> => ({
  compare: compare.map(compareOf),
  success: success.map(opOf),
  failure: failure.map(opOf),
});

const RESULTS = {
  '=': COMPARE_RESULT.equal,
  '>': COMPARE_RESULT.greater,
  '<': COMPARE_RESULT.less,
  '!=': COMPARE_RESULT.notEqual,
} as const;
const TARGETS = {
  version: COMPARE_TARGET.version,
  createRevision: COMPARE_TARGET.create,
  modRevision: COMPARE_TARGET.mod,
  value: COMPARE_TARGET.value,
  lease: COMPARE_TARGET.lease,
} as const;

function compareOf(compare: Compare): Draft<WireCompare> {
  const { key, rangeEnd, result, target } = compare;
  const operand = target === 'value' ? { value: compare.value } : { [target]: compare.number };
  return { key, rangeEnd, result: RESULTS[result], target: TARGETS[target], ...operand };
}

function opOf(op: Op): Draft<RequestOp> {
  switch (op.type) {
    case 'put': {
      const { key, value, lease, prevKv, ignoreValue, ignoreLease } = op;
      return { put: { key, value, lease, prevKv, ignoreValue, ignoreLease } };
    }
    case 'delete': {
      const { key, rangeEnd, prevKv } = op;
      return { deleteRange: { key, rangeEnd, prevKv } };
    }
    case 'range':
      return { range: rangeOf(op) };
    case 'txn':
      return { txn: txnOf(op) };
  }
}

function resultOf({ put, deleteRange, range, txn }: ResponseOp, revision: number): OpResult {
  if (put !== undefined) return { type: 'put', ...(put.prevKv === undefined ? {} : { prevKv: put.prevKv }) };
  if (deleteRange !== undefined) return { type: 'delete', deleted: deleteRange.deleted, prevKvs: deleteRange.prevKvs };
  if (range !== undefined) return { type: 'range', kvs: range.kvs, count: range.count, revision };
  if (txn === undefined) throw new StoreError('unavailable', 'etcd gave an answer without an operation');
  return { type: 'txn', succeeded: txn.succeeded, results: txn.responses.map((own) => resultOf(own, revision)) };
}
