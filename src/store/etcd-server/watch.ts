/** etcd's Watch service on a store: many watches on one stream. Source: server/etcdserver/api/v3rpc/watch.go of etcd v3.6. */
import type { Clock } from '#util';
import type { Draft } from '../etcd/codec.ts';
import { COMPACTED } from '../etcd/errors.ts';
import { EVENT, type Event, FILTER, type WatchCreateRequest, WatchRequest, WatchResponse } from '../etcd/messages.ts';
import type { StoreError, StoreEvent } from '../types.ts';
import type { GrpcMethod, GrpcSink, GrpcSource } from './grpc.ts';
import type { ServiceOptions } from './kv.ts';

/** Not a watch: what is said of all of a stream's watches, or of one that never was. */
const NO_WATCH = -1;
/** A client that lets this much pile up is cut off; it resumes from where it was. */
const MAX_BACKLOG_BYTES = 64 << 20;

export interface WatchServiceOptions extends ServiceOptions {
  readonly clock: Clock;
  /** How often a quiet watch that asks for it is told how far the store is. Source: --watch-progress-notify-interval, 10 minutes. */
  readonly progressIntervalMs: number;
  /** A response larger than this is cut where the watch asks for fragments. */
  readonly maxResponseBytes: number;
}

export function watchMethods(options: WatchServiceOptions): [string, GrpcMethod][] {
  return [['/etcdserverpb.Watch/Watch', { type: 'bidirectional', open: (sink) => new WatchStream(options, sink) }]];
}

interface Watch {
  readonly id: number;
  readonly fragment: boolean;
  readonly prevKv: boolean;
  readonly progress: boolean;
  readonly filters: readonly number[];
  /** Told something since progress was last looked at. */
  told: boolean;
  handle: Disposable | undefined;
}

class WatchStream implements GrpcSource {
  readonly #options: WatchServiceOptions;
  readonly #sink: GrpcSink;
  readonly #watches = new Map<number, Watch>();
  #nextId = 0;
  #timer: Disposable | undefined;
  #over = false;

  constructor(options: WatchServiceOptions, sink: GrpcSink) {
    this.#options = options;
    this.#sink = sink;
  }

  onMessage(message: Buffer): void {
    const { create, cancel, progress } = WatchRequest.decode(message);
    if (create !== undefined) this.#create(create);
    else if (cancel !== undefined) this.#cancel(cancel.watchId);
    // The store tells its watchers what is durable before anybody can ask for more: all of them are where it is.
    else if (progress !== undefined) this.#send({ watchId: NO_WATCH });
  }

  async onEnd(): Promise<void> {
    this.#over = true;
    this.#timer?.[Symbol.dispose]();
    for (const { handle } of this.#watches.values()) handle?.[Symbol.dispose]();
    this.#watches.clear();
  }

  #create(request: WatchCreateRequest): void {
    const { store } = this.#options;
    if (request.watchId !== 0 && this.#watches.has(request.watchId)) {
      this.#send({
        watchId: NO_WATCH,
        created: true,
        canceled: true,
        cancelReason: 'mvcc: duplicate watch ID provided on the WatchStream',
      });
      return;
    }
    const watch: Watch = {
      id: request.watchId === 0 ? this.#freeId() : request.watchId,
      fragment: request.fragment,
      prevKv: request.prevKv,
      progress: request.progressNotify,
      filters: request.filters,
      told: false,
      handle: undefined,
    };
    this.#watches.set(watch.id, watch);
    this.#send({ watchId: watch.id, created: true });
    watch.handle = store.watch(
      {
        key: request.key === '' ? '\0' : request.key,
        ...(request.rangeEnd === '' ? {} : { rangeEnd: request.rangeEnd }),
        ...(request.startRevision > 0 ? { startRevision: request.startRevision } : {}),
        ...(request.prevKv ? { prevKv: true } : {}),
      },
      {
        onEvents: (events, revision) => this.#onEvents(watch, events, revision),
        onError: (error) => this.#onError(watch, error),
      },
    );
    if (watch.progress) this.#timer ??= this.#tick();
  }

  #freeId(): number {
    while (this.#watches.has(this.#nextId)) this.#nextId++;
    return this.#nextId++;
  }

  #cancel(id: number): void {
    const watch = this.#watches.get(id);
    if (watch === undefined) return;
    this.#watches.delete(id);
    watch.handle?.[Symbol.dispose]();
    this.#send({ watchId: id, canceled: true });
  }

  #onEvents(watch: Watch, events: readonly StoreEvent[], revision: number): void {
    const { filters } = watch;
    const wanted = filters.length === 0 ? events : events.filter(({ type }) => !filters.includes(FILTERS[type]));
    if (wanted.length === 0) return;
    watch.told = true;
    const all = wanted.map(asEvent);
    const lots = watch.fragment ? this.#fragments(all) : [all];
    for (const [i, lot] of lots.entries())
      this.#send({ watchId: watch.id, events: lot, fragment: i + 1 < lots.length }, revision);
    if (this.#sink.bufferedBytes > MAX_BACKLOG_BYTES) this.#giveUp(watch);
  }

  /** The client does not read: what it misses it can ask for again. */
  #giveUp(watch: Watch): void {
    this.#watches.delete(watch.id);
    watch.handle?.[Symbol.dispose]();
    this.#send({ watchId: watch.id, canceled: true, cancelReason: 'the watch was too slow and has been cut off' });
  }

  #fragments(events: readonly Draft<Event>[]): Draft<Event>[][] {
    const lots: Draft<Event>[][] = [];
    let lot: Draft<Event>[] = [];
    let bytes = 0;
    for (const event of events) {
      const size = sizeOf(event);
      if (lot.length > 0 && bytes + size >= this.#options.maxResponseBytes) {
        lots.push(lot);
        lot = [];
        bytes = 0;
      }
      lot.push(event);
      bytes += size;
    }
    return [...lots, lot];
  }

  #onError(watch: Watch, error: StoreError): void {
    if (this.#over || !this.#watches.delete(watch.id)) return;
    const { store } = this.#options;
    if (error.code === 'compacted')
      this.#send({
        watchId: watch.id,
        canceled: true,
        compactRevision: store.compactRevision,
        cancelReason: COMPACTED,
      });
    else this.#send({ watchId: watch.id, canceled: true, cancelReason: error.message });
  }

  /** Tells the watches that ask for it and were told nothing lately how far the store is. */
  #tick(): Disposable {
    const { clock, progressIntervalMs } = this.#options;
    return clock.after(progressIntervalMs, () => {
      for (const watch of this.#watches.values()) {
        if (watch.progress && !watch.told) this.#send({ watchId: watch.id });
        watch.told = false;
      }
      this.#timer = this.#tick();
    });
  }

  #send(response: Draft<WatchResponse>, revision?: number): void {
    if (this.#over) return;
    this.#sink.send(WatchResponse.encode({ header: this.#options.header(revision), ...response }));
  }
}

const FILTERS = { put: FILTER.noPut, delete: FILTER.noDelete } as const;

function asEvent({ type, kv, prevKv }: StoreEvent): Draft<Event> {
  if (type === 'put') return { kv, prevKv };
  return { type: EVENT.delete, kv: { key: kv.key, modRevision: kv.modRevision }, prevKv };
}

const EVENT_OVERHEAD_BYTES = 64;

const sizeOf = ({ kv, prevKv }: Draft<Event>): number =>
  EVENT_OVERHEAD_BYTES + (kv?.key?.length ?? 0) + (kv?.value?.length ?? 0) + (prevKv?.value?.length ?? 0);
