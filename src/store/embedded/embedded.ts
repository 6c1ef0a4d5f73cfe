/**
 * The datastore inside the process, for one server. All keys and values and recent history are in memory; a SQLite database that a
 * thread of its own writes is the log that makes them durable.
 *
 * A transaction is evaluated at once, against what will be there when the writes under way are durable (pending.ts), and joins a
 * batch (committer.ts). When the batch is on disk (log/thread.ts, log/database.ts) it becomes visible (keyspace.ts), goes to
 * watchers (watch-hub.ts) and is acknowledged, in this order. Nobody ever sees what a crash could undo.
 *
 * Does not: replicate, encrypt, or repair a damaged file; it refuses to open one.
 */
import { randomInt } from 'node:crypto';
import { type Clock, type Logger, messageOf } from '#util';
import {
  type Lease,
  type LeaseStatus,
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
import { type Commit, Committer } from './committer.ts';
import { type CompactionOptions, Compactor } from './compactor.ts';
import { databasePath } from './log/files.ts';
import { Keyspace } from './keyspace.ts';
import { Leases } from './leases.ts';
import { load, type Loaded } from './loader.ts';
import { type LeaseChange, type Log, memoryLog } from './log/log.ts';
import { openLogThread } from './log/thread.ts';
import { Pending } from './pending.ts';
import type { Version } from './version.ts';
import { WatchHub } from './watch-hub.ts';

export interface EmbeddedStoreOptions {
  /** Made if it does not exist. Absent: nothing is kept, for tests. */
  readonly directory?: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called once, when the disk failed and nobody knows what is on it: the process must end. Nothing works any more. */
  readonly onFatal: (error: StoreError) => void;
  readonly compaction?: CompactionOptions;
  /** The file never grows beyond this; writes that need more fail with `no-space`. Default: as far as the disk goes. */
  readonly maxBytes?: number;
  /** What writes the files of `directory`. Default: a thread of its own. Tests let it fail as disks do. */
  readonly openLog?: typeof openLogThread;
  /** Makes ids of leases: positive integers. Default: 47 random bits. */
  readonly newLeaseId?: () => number;
}

/** Opens the store. Throws StoreError: `corrupt`, `unavailable` (another server uses the directory, no permission), `no-space`. */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<Store> {
  const { directory, openLog = openLogThread } = options;
  const keyspace = new Keyspace();
  let store: EmbeddedStore | undefined;
  const leases = new Leases({ clock: options.clock, onExpired: (id) => store?.expire(id) });
  if (directory === undefined) {
    store = new EmbeddedStore(options, {
      keyspace,
      leases,
      log: memoryLog(),
      loaded: { nextRow: 1, needlessRows: [] },
    });
    return store;
  }
  const started = options.clock.monotonic();
  const opened = await openLog({ directory, maxBytes: options.maxBytes }, { onFailure: (error) => store?.fail(error) });
  let loaded: Loaded;
  try {
    loaded = await load(opened, keyspace, leases, databasePath(directory));
  } catch (error) {
    leases.close();
    await opened.log.close();
    throw error;
  }
  store = new EmbeddedStore(options, { keyspace, leases, log: opened.log, loaded });
  options.log.info('store opened', {
    directory,
    keys: keyspace.keyCount,
    revision: keyspace.revision,
    compactRevision: keyspace.compactRevision,
    milliseconds: Math.round(options.clock.monotonic() - started),
  });
  return store;
}

interface Parts {
  readonly keyspace: Keyspace;
  readonly leases: Leases;
  readonly log: Log;
  readonly loaded: Loaded;
}

class EmbeddedStore implements Store {
  readonly #options: EmbeddedStoreOptions;
  readonly #keyspace: Keyspace;
  readonly #leases: Leases;
  readonly #log: Log;
  readonly #pending: Pending;
  readonly #committer: Committer;
  readonly #hub: WatchHub;
  readonly #compactor: Compactor;
  /** Why nothing works any more. */
  #ended: StoreError | undefined;
  #failed = false;
  /** The last write found no room. */
  #full = false;
  #closed: Promise<void> | undefined;

  constructor(options: EmbeddedStoreOptions, { keyspace, leases, log, loaded }: Parts) {
    this.#options = options;
    this.#keyspace = keyspace;
    this.#leases = leases;
    this.#log = log;
    this.#pending = new Pending({ keyspace, nextRow: loaded.nextRow, leaseExists: (id) => leases.has(id) });
    this.#committer = new Committer({
      log,
      onDurable: (commits) => this.#onDurable(commits),
      onNoSpace: () => this.#onNoSpace(),
      onFatal: (error) => this.fail(error),
    });
    this.#hub = new WatchHub({ keyspace, log: options.log });
    this.#compactor = new Compactor({
      ...options.compaction,
      keyspace,
      log,
      clock: options.clock,
      logger: options.log,
      onFatal: (error) => this.fail(error),
    });
    log.purge(loaded.needlessRows);
  }

  get revision(): number {
    return this.#keyspace.revision;
  }

  get compactRevision(): number {
    return this.#keyspace.compactRevision;
  }

  sync(): undefined {
    return undefined;
  }

  async range(request: RangeRequest, { signal }: { signal?: AbortSignal } = {}): Promise<RangeResult> {
    this.#check(signal);
    return this.#keyspace.range(request);
  }

  async txn(request: TxnRequest, { signal }: { signal?: AbortSignal } = {}): Promise<TxnResult> {
    this.#check(signal);
    const { result, versions } = this.#pending.evaluate(request);
    // A transaction that only read may have read what is not durable yet: its answer waits for that.
    if (versions.length > 0 || this.#committer.busy) await withSignal(this.#commit(versions), signal);
    return result;
  }

  watch(request: WatchRequest, handler: WatchHandler): Disposable {
    this.#check(undefined);
    return this.#hub.add(request, handler);
  }

  async compact(revision: number): Promise<void> {
    this.#check(undefined);
    await this.#compactor.compact(revision);
  }

  async grantLease(ttlSeconds: number, id = 0): Promise<Lease> {
    this.#check(undefined);
    const lease = { id: id === 0 ? this.#freeLeaseId() : id, ttlSeconds };
    this.#leases.beginGrant(lease);
    await this.#commit([], lease);
    return lease;
  }

  async keepLeaseAlive(id: number): Promise<Lease> {
    this.#check(undefined);
    return this.#leases.keepAlive(id);
  }

  async revokeLease(id: number): Promise<void> {
    this.#check(undefined);
    const versions = this.#pending.deleteBoundTo(id, this.#leases.beginRevoke(id));
    await this.#commit(versions, { id, ttlSeconds: undefined });
  }

  async leases(): Promise<readonly number[]> {
    this.#check(undefined);
    return this.#leases.ids();
  }

  async leaseStatus(id: number): Promise<LeaseStatus> {
    this.#check(undefined);
    return this.#leases.status(id);
  }

  async status(): Promise<StoreStatus> {
    this.#check(undefined);
    const sizeInUseBytes = this.#keyspace.currentBytes + this.#keyspace.historyBytes;
    return {
      sizeBytes: Math.max(await this.#log.sizeBytes(), sizeInUseBytes),
      sizeInUseBytes,
      full: this.#full,
    };
  }

  async dump(): Promise<StoreDump> {
    this.#check(undefined);
    const { revision, compactRevision } = this.#keyspace;
    return { revision, compactRevision, versions: this.#keyspace.allVersions(), leases: this.#leases.all() };
  }

  async defragment(): Promise<void> {
    this.#check(undefined);
    await this.#log.shrink();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** A lease ran out. If it cannot be revoked now, its timer rings again. */
  expire(id: number): void {
    if (this.#ended !== undefined) return;
    this.revokeLease(id).catch((error: unknown) => {
      if (this.#ended === undefined)
        this.#options.log.warn('lease not revoked', { lease: id, error: messageOf(error) });
    });
  }

  /** The log failed: nothing can be promised any more. */
  fail(error: StoreError): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#end(error);
    void this.#compactor.stop();
    this.#options.onFatal(error);
  }

  #check(signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    if (this.#ended !== undefined) throw this.#ended;
  }

  #commit(versions: readonly Version[], lease?: LeaseChange): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#committer.submit({ versions, ...(lease === undefined ? {} : { lease }), resolve, reject });
    });
  }

  #onDurable(commits: readonly Commit[]): void {
    this.#full = false;
    const all: Version[] = [];
    for (const { versions, lease } of commits) {
      const [first] = versions;
      if (first !== undefined) this.#keyspace.apply(versions, first.modRevision);
      for (const version of versions) {
        this.#leases.bind(version);
        all.push(version);
      }
      if (lease?.ttlSeconds !== undefined) this.#leases.granted({ id: lease.id, ttlSeconds: lease.ttlSeconds });
      else if (lease !== undefined) this.#leases.revoked(lease.id);
    }
    this.#pending.settle(all);
    if (all.length > 0) this.#hub.dispatch(all, this.#keyspace.revision);
    this.#compactor.checkSize();
  }

  #onNoSpace(): void {
    this.#full = true;
    this.#pending.reset();
    this.#leases.reset();
  }

  #freeLeaseId(): number {
    const { newLeaseId = () => randomInt(1, 2 ** 47) } = this.#options;
    for (;;) {
      const id = newLeaseId();
      if (!this.#leases.isTaken(id)) return id;
    }
  }

  async #close(): Promise<void> {
    this.#ended ??= new StoreError('closed', 'the store is closed');
    await this.#committer.drained();
    await this.#compactor.stop();
    this.#end(this.#ended);
    await this.#log.close();
  }

  #end(error: StoreError): void {
    this.#ended = error;
    this.#committer.stop(error);
    this.#hub.end(error);
    this.#leases.close();
  }
}

/** Ends the wait when the signal aborts. What is waited for goes on. */
function withSignal(done: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return done;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    done.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
