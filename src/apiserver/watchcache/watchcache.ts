import { type KubeObject, StatusError } from '#api';
import { prefixEnd, type Store, type StoreEvent } from '#store';
import { type Logger, SortedMap } from '#util';
import { Entry } from './entry.ts';

/** Events kept so that a watcher can resume; whichever bound is met first. Upstream: 100 to 102,400 events by demand (cacher.go v1.36). */
const HISTORY_EVENTS = 8192;
const HISTORY_BYTES = 8 << 20;

export type FrameType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** One change as watchers are told it; its encoded forms are made once and shared by all of them. */
export class Frame {
  readonly type: FrameType;
  readonly entry: Entry;
  readonly #encoded = new Map<string, Buffer>();

  constructor(type: FrameType, entry: Entry) {
    this.type = type;
    this.entry = entry;
  }

  /** The bytes in the format `name`, made by `encode` for the first who asks. */
  encoded(name: string, encode: (frame: Frame) => Buffer): Buffer {
    const known = this.#encoded.get(name);
    if (known !== undefined) return known;
    const bytes = encode(this);
    this.#encoded.set(name, bytes);
    return bytes;
  }
}

/** A change of one key, with the frames for watchers that see it as an addition, a change or a removal. */
class Change {
  readonly entry: Entry | undefined;
  readonly previous: Entry | undefined;
  readonly revision: number;
  readonly #frames: Partial<Record<FrameType, Frame>> = {};

  constructor(entry: Entry | undefined, previous: Entry | undefined, revision: number) {
    this.entry = entry;
    this.previous = previous;
    this.revision = revision;
  }

  get key(): string {
    return (this.entry ?? this.previous)!.key;
  }

  get bytes(): number {
    return (this.entry?.value.length ?? 0) + (this.previous?.value.length ?? 0);
  }

  frame(type: FrameType): Frame {
    // What is gone is shown as it last was, at the revision of its removal.
    return (this.#frames[type] ??= new Frame(
      type,
      type === 'DELETED' ? new Entry(this.key, this.previous!.value, this.revision) : this.entry!,
    ));
  }
}

export interface CacheWatchRequest {
  /** Keys watched begin with this. */
  readonly prefix: string;
  /** Absent: everything under the prefix. */
  readonly matches?: ((entry: Entry) => boolean) | undefined;
  /** Changes after this revision are sent; absent: from now on. */
  readonly fromRevision?: number | undefined;
  /** Called with the frames of one commit. Must not throw. */
  readonly onFrames: (frames: readonly Frame[], revision: number) => void;
  readonly onError: (error: StatusError) => void;
}

/**
 * All objects of one kind as bytes, in key order, kept current by one watch on the store and fanned out to any number of watchers.
 * Invariant: what a finished write returned is in the cache, since the store shows commits to watchers before it acknowledges them
 * (an engine that does not: {@link WatchCache.reached}).
 */
export class WatchCache {
  readonly prefix: string;
  readonly #store: Store;
  readonly #log: Logger;
  readonly #entries = new SortedMap<Entry>();
  readonly #watchers = new Set<CacheWatchRequest>();
  readonly #waiting: { revision: number; resolve: () => void }[] = [];
  /** Parsed form of values written by this process, so that they need not be parsed when they come back. */
  readonly #written = new WeakMap<Buffer, KubeObject>();
  #history: Change[] = [];
  #historyBytes = 0;
  /** Changes after this revision are in history. */
  #historyStart = 0;
  #revision = 0;
  #watch: Disposable | undefined;
  #failure: StatusError | undefined;

  constructor(store: Store, prefix: string, log: Logger) {
    this.#store = store;
    this.prefix = prefix;
    this.#log = log;
  }

  /** Loads what there is and follows from there. */
  async start(): Promise<void> {
    const { kvs, revision } = await this.#store.range({ key: this.prefix, rangeEnd: prefixEnd(this.prefix) });
    for (const { key, value, modRevision } of kvs) this.#entries.set(key, new Entry(key, value, modRevision));
    this.#revision = revision;
    this.#historyStart = revision;
    this.#watch = this.#store.watch(
      { key: this.prefix, rangeEnd: prefixEnd(this.prefix), startRevision: revision + 1 },
      {
        onEvents: (events, at) => this.#apply(events, at),
        onError: (error) => {
          this.#log.error('Watch on the store ended', { prefix: this.prefix, error });
          this.#failure = new StatusError('ServiceUnavailable', 'the datastore is not available', { cause: error });
          for (const watcher of this.#watchers) watcher.onError(this.#failure);
          this.#watchers.clear();
        },
      },
    );
  }

  stop(): void {
    this.#watch?.[Symbol.dispose]();
    this.#watchers.clear();
  }

  get size(): number {
    return this.#entries.size;
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  /** Revision up to which this cache has seen everything: the store's own, unless its watch lags. */
  get revision(): number {
    return Math.max(this.#revision, this.#store.revision);
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Entries whose key begins with `prefix`, in key order; a snapshot. */
  list(prefix: string): Entry[] {
    return this.#entries.withPrefix(prefix);
  }

  /** Remembers the parsed form of bytes about to be written. */
  remember(value: Buffer, object: KubeObject): void {
    this.#written.set(value, object);
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
    const from = request.fromRevision;
    if (from !== undefined && from < this.#revision) {
      if (from < this.#historyStart)
        throw new StatusError('Expired', `too old resource version: ${from} (${this.#historyStart})`);
      const missed = this.#history.filter((change) => change.revision > from);
      deliver(request, missed, this.#revision);
    }
    this.#watchers.add(request);
    return { [Symbol.dispose]: () => void this.#watchers.delete(request) };
  }

  #apply(events: readonly StoreEvent[], revision: number): void {
    const changes: Change[] = [];
    for (const { type, kv } of events) {
      const previous = this.#entries.get(kv.key);
      if (type === 'put') {
        const entry = new Entry(kv.key, kv.value, kv.modRevision, this.#written.get(kv.value));
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

function deliver(watcher: CacheWatchRequest, changes: readonly Change[], revision: number): void {
  const frames: Frame[] = [];
  for (const change of changes) {
    if (!change.key.startsWith(watcher.prefix)) continue;
    const { matches } = watcher;
    const now = change.entry !== undefined && (matches === undefined || matches(change.entry));
    const before = change.previous !== undefined && (matches === undefined || matches(change.previous));
    if (now) frames.push(change.frame(before ? 'MODIFIED' : 'ADDED'));
    else if (before) frames.push(change.frame('DELETED'));
  }
  if (frames.length > 0) watcher.onFrames(frames, revision);
}
