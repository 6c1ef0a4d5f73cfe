import { type Kind, type KubeObject, StatusError } from '#api';
import { type KeyValue, prefixEnd, type Store, type StoreEvent } from '#store';
import { type Clock, type Logger, SortedMap } from '#util';
import type { ValueTransformer } from '../encryption/transformer.ts';
import { Change, type Frame } from './change.ts';
import { Values } from './values.ts';
import type { Entry } from './entry.ts';
import { type View, type Viewed, Viewer } from './viewer.ts';

/** Events kept so that a watcher can resume; whichever bound is met first. Upstream: 100 to 102,400 events by demand (cacher.go v1.36). */
const HISTORY_EVENTS = 8192;
const HISTORY_BYTES = 8 << 20;
/** Between two tries to load a cache that lost the store. */
const RELOAD_MS = 1000;

export interface WatchCacheOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Default: objects are shown as they are stored. */
  readonly view?: View | undefined;
  /** Default: values are stored as they are. */
  readonly transformer?: ValueTransformer | undefined;
  /** All that are kept there, in all versions, as another server may have written them; default: none, of custom resources. */
  readonly kinds?: readonly Kind[] | undefined;
}

export interface CacheWatchRequest {
  /** Keys watched begin with this. */
  readonly prefix: string;
  /** Absent: everything under the prefix. */
  readonly matches?: ((entry: Entry) => boolean) | undefined;
  /** Changes after this revision are sent, which may be still to come; absent: from now on. */
  readonly fromRevision?: number | undefined;
  /** Called with the frames of one commit. Must not throw. */
  readonly onFrames: (frames: readonly Frame[], revision: number) => void;
  /** Nothing more will come; without an error the server is going down. */
  readonly onEnd: (error: StatusError | undefined) => void;
}

/**
 * All objects of one kind as bytes, in key order, kept current by one watch on the store and fanned out to any number of watchers.
 * Invariant: what a finished write returned is in the cache, since the store shows commits to watchers before it acknowledges them
 * (an engine that does not: {@link WatchCache.reached}).
 */
export class WatchCache {
  readonly prefix: string;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #entries = new SortedMap<Entry>();
  readonly #watchers = new Set<CacheWatchRequest>();
  readonly #waiting: { revision: number; resolve: () => void }[] = [];
  readonly #values: Values;
  #history: Change[] = [];
  #historyBytes = 0;
  /** Changes after this revision are in history. */
  #historyStart = 0;
  #revision = 0;
  #version = 0;
  #watch: Disposable | undefined;
  #retry: Disposable | undefined;
  #ended = false;
  #failure: StatusError | undefined;
  readonly #viewer: Viewer | undefined;

  constructor(store: Store, prefix: string, { clock, log, view, transformer, kinds }: WatchCacheOptions) {
    this.#store = store;
    this.#clock = clock;
    this.prefix = prefix;
    this.#log = log;
    this.#values = new Values(transformer, kinds);
    this.#viewer = view === undefined ? undefined : new Viewer(view, (entry) => this.#entries.set(entry.key, entry));
  }

  /** Loads what there is and follows from there. */
  async start(): Promise<void> {
    const { kvs, revision } = await this.#store.range({ key: this.prefix, rangeEnd: prefixEnd(this.prefix) });
    this.#entries.clear();
    this.#version++;
    this.#values.forgetUnreadable();
    const stored = kvs.flatMap((kv) => this.#values.read(kv) ?? []);
    for (const entry of stored) this.#entries.set(entry.key, entry);
    this.#viewer?.show(stored, (shown) => {
      for (const viewed of shown) if (!(viewed instanceof StatusError)) this.#entries.set(viewed.key, viewed);
    });
    this.#revision = revision;
    this.#history = [];
    this.#historyBytes = 0;
    this.#historyStart = revision;
    this.#watch = this.#store.watch(
      { key: this.prefix, rangeEnd: prefixEnd(this.prefix), startRevision: revision + 1 },
      { onEvents: (events, at) => this.#receive(events, at), onError: (error) => this.#lost(error) },
    );
    this.#failure = undefined;
    this.#settleWaiting();
  }

  /** Without the store's word nothing here may be believed, so nothing is answered until all is loaded again. */
  #lost(error: unknown): void {
    if (this.#ended) return;
    this.#log.error('Lost the store; loading again', { prefix: this.prefix, error });
    this.#failure = new StatusError('ServiceUnavailable', 'the datastore is not available', { cause: error });
    this.#endWatches(this.#failure);
    this.#retry = this.#clock.after(RELOAD_MS, () => void this.#reload());
  }

  async #reload(): Promise<void> {
    try {
      await this.start();
    } catch (error) {
      this.#lost(error);
    }
  }

  /** Ends all watches and takes no new ones; the rest goes on until {@link stop}. */
  endWatches(): void {
    this.#ended = true;
    this.#endWatches(undefined);
  }

  stop(): void {
    this.endWatches();
    this.#retry?.[Symbol.dispose]();
    this.#watch?.[Symbol.dispose]();
  }

  #endWatches(error: StatusError | undefined): void {
    const ended = [...this.#watchers];
    this.#watchers.clear();
    for (const watcher of ended) watcher.onEnd(error);
  }

  /** Everything is loaded and the store is heard. */
  get isSynced(): boolean {
    return this.#watch !== undefined && this.#failure === undefined;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Changes whenever an entry does: what is derived from all of them is to be made anew. */
  get version(): number {
    return this.#version;
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  /** Revision up to which this cache has seen everything: the store's own, unless its watch lags. */
  get revision(): number {
    return this.#viewer?.pending === true ? this.#revision : Math.max(this.#revision, this.#store.revision);
  }

  /**
   * Resolves when all the store has told so far can be read here; undefined when it can. Only where a view has to wait for others is that not
   * always so. With a `key` nothing but that is tried again if it failed.
   */
  settled(key?: string): Promise<void> | undefined {
    return this.#viewer?.settled(key);
  }

  /** What stored entries that are not the newest are shown as. */
  async shown(stored: readonly Entry[]): Promise<readonly Entry[]> {
    return this.#viewer === undefined ? stored : await this.#viewer.shown(stored);
  }

  get(key: string): Entry | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#values.anyUnreadable) this.#tryUnreadable();
    this.#values.check(key);
    this.#viewer?.check(key);
    return this.#entries.get(key);
  }

  /** Whatever it is, and whether or not it can be read or shown. */
  has(key: string): boolean {
    return this.#values.isUnreadable(key) || this.#viewer?.isFailed(key) === true || this.get(key) !== undefined;
  }

  /** A pair read from the store, of whatever revision, before any view: the entry that is here if it is the same. */
  entryOf(kv: KeyValue): Entry {
    if (this.#values.isUnreadable(kv.key)) return this.#values.readOrThrow(kv);
    const cached = this.get(kv.key);
    return cached?.revision === kv.modRevision ? cached : this.#values.readOrThrow(kv);
  }

  /** Entries whose key begins with `prefix`, in key order; a snapshot, of many the first `limit`. */
  list(prefix: string, limit?: number): Entry[] {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#values.anyUnreadable) this.#tryUnreadable();
    this.#values.checkAll(prefix);
    this.#viewer?.checkAll(prefix);
    return this.#entries.withPrefix(prefix, limit);
  }

  /** How many there are of them. */
  count(prefix: string): number {
    return this.#entries.countPrefix(prefix);
  }

  /** What is to be stored of the JSON of an object; its parsed form need not be made again when it comes back. */
  encode(key: string, value: Buffer, object: KubeObject): Buffer {
    return this.#values.encode(key, value, object);
  }

  /** How values are written now, as of Entry.writer. */
  get writer(): string {
    return this.#values.writer;
  }

  /** Keys come back with another configuration. Nobody watched in the meantime, and nobody resumes from there. */
  #tryUnreadable(): void {
    const stored = this.#values.readAgain();
    if (stored.length === 0) return;
    this.#version++;
    for (const entry of stored) this.#entries.set(entry.key, entry);
    this.#viewer?.show(stored, (shown) => {
      for (const viewed of shown) if (!(viewed instanceof StatusError)) this.#entries.set(viewed.key, viewed);
    });
    this.#forgetHistory();
  }

  /** Resolves when a write at `revision` to this kind is visible here. */
  reached(revision: number): Promise<void> | undefined {
    if (this.#revision >= revision) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ revision, resolve });
    return promise;
  }

  watch(request: CacheWatchRequest): Disposable {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#ended) throw new StatusError('ServiceUnavailable', 'the server is shutting down');
    if (this.#values.anyUnreadable) this.#tryUnreadable();
    this.#values.checkAll(this.prefix);
    const from = request.fromRevision;
    if (from !== undefined && from < this.#revision) {
      if (from < this.#historyStart)
        throw new StatusError('Expired', `too old resource version: ${from} (${this.#historyStart})`);
      deliver(request, this.#history.slice(firstAfter(this.#history, from)), this.#revision);
    }
    this.#watchers.add(request);
    return { [Symbol.dispose]: () => void this.#watchers.delete(request) };
  }

  #receive(told: readonly StoreEvent[], revision: number): void {
    const { events, entries, failure } = this.#values.readEvents(told);
    if (failure !== undefined) this.#endWatches(failure);
    if (this.#viewer === undefined) this.#apply(events, revision, entries);
    else this.#viewer.show(entries, (shown) => this.#applyShown(events, revision, entries, shown));
    if (failure !== undefined) this.#forgetHistory();
  }

  #applyShown(
    events: readonly StoreEvent[],
    revision: number,
    stored: readonly Entry[],
    shown: readonly Viewed[],
  ): void {
    for (const { type, kv } of events) if (type === 'delete') this.#viewer?.forget(kv.key);
    const entries = shown.map((viewed, i) => (viewed instanceof StatusError ? stored[i]! : viewed));
    const failure = shown.find((viewed) => viewed instanceof StatusError);
    if (failure !== undefined) {
      // Nobody can be told of this change as it should be told: they have to look again, and will hear why.
      this.#endWatches(failure);
    }
    this.#apply(events, revision, entries);
    if (failure !== undefined) this.#forgetHistory();
  }

  #forgetHistory(): void {
    this.#history = [];
    this.#historyBytes = 0;
    this.#historyStart = this.#revision;
  }

  /** `entries`: of the puts. */
  #apply(events: readonly StoreEvent[], revision: number, entries: readonly Entry[]): void {
    const changes: Change[] = [];
    if (events.length > 0) this.#version++;
    let puts = 0;
    for (const { type, kv } of events) {
      const previous = this.#entries.get(kv.key);
      if (type === 'put') {
        const entry = entries[puts++]!;
        this.#entries.set(kv.key, entry);
        changes.push(new Change(entry, previous, kv.modRevision));
      } else if (previous !== undefined) {
        this.#entries.delete(kv.key);
        changes.push(new Change(undefined, previous, kv.modRevision));
      }
    }
    this.#revision = Math.max(this.#revision, revision);
    this.#keep(changes);
    for (const watcher of this.#watchers) deliver(watcher, changes, revision);
    // Whoever resumes later makes frames anew: kept, their encoded forms would cost more than all else in history.
    for (const change of changes) change.forgetFrames();
    this.#settleWaiting();
  }

  #settleWaiting(): void {
    for (let i = this.#waiting.length - 1; i >= 0; i--)
      if (this.#waiting[i]!.revision <= this.#revision) this.#waiting.splice(i, 1)[0]!.resolve();
  }

  #keep(changes: readonly Change[]): void {
    for (const change of changes) {
      this.#history.push(change);
      this.#historyBytes += change.bytes;
    }
    let drop = 0;
    let bytes = this.#historyBytes;
    while (this.#history.length - drop > HISTORY_EVENTS || (bytes > HISTORY_BYTES && this.#history.length - drop > 100))
      bytes -= this.#history[drop++]!.bytes;
    // Dropped in lots, since each drop moves the rest.
    if (drop < 64) return;
    this.#historyStart = this.#history[drop - 1]!.revision;
    this.#history = this.#history.slice(drop);
    this.#historyBytes = bytes;
  }
}

/** Index of the first change after `revision`: history is in order. */
function firstAfter(history: readonly Change[], revision: number): number {
  let low = 0;
  let high = history.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (history[middle]!.revision <= revision) low = middle + 1;
    else high = middle;
  }
  return low;
}

function deliver(watcher: CacheWatchRequest, changes: readonly Change[], revision: number): void {
  const frames: Frame[] = [];
  const from = watcher.fromRevision ?? 0;
  for (const change of changes) {
    if (!change.key.startsWith(watcher.prefix) || change.revision <= from) continue;
    const { matches } = watcher;
    const now = change.entry !== undefined && (matches === undefined || matches(change.entry));
    const before = change.previous !== undefined && (matches === undefined || matches(change.previous));
    if (now) frames.push(change.frame(before ? 'MODIFIED' : 'ADDED'));
    else if (before) frames.push(change.frame('DELETED'));
  }
  if (frames.length > 0) watcher.onFrames(frames, revision);
}
