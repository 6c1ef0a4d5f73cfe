import { type Clock, type Logger, messageOf } from '#util';
import { EVENT, type Event, type WatchRequest as WireRequest, type WatchResponse } from '../etcd/messages.ts';
import { type KeyValue, StoreError, type StoreEvent, type WatchHandler, type WatchRequest } from '../types.ts';
import type { Duplex, EtcdChannel } from './channel.ts';
import { WATCH } from './methods.ts';

/** Between two tries to open the stream again. */
const RETRY_MS = 200;
/** A server that says nothing at all for so long while it is asked how far it is has hung: another is asked. */
const SILENCE_MS = 2000;
/** How long somebody waits for the answer, whoever gives it. */
const PROGRESS_TIMEOUT_MS = 12_000;
/** Between two questions: etcd gives no answer while a watch is behind. */
const ASK_AGAIN_MS = 100;
/**
 * By then a server that does not answer in order has caught up with a watch that is new, or that was told nothing since too much was written at once.
 * Source: syncWatchersLoop (every 100 ms), syncVictimsLoop (every 10 ms) of etcd's mvcc/watchable_store.go v3.4.
 */
const CAUGHT_UP_MS = 300;
/** Half of what etcd keeps for a stream before it leaves watches behind. Source: chanBufLen, as above. */
const MANY_RESPONSES = 64;

export interface WatchesOptions {
  readonly channel: EtcdChannel;
  readonly clock: Clock;
  readonly log: Logger;
  /** The newest revision this process has heard of: a watch that does not say where begins after it. */
  readonly seen: () => number;
  /** All watches have been told all up to this revision. */
  readonly onRevision: (revision: number) => void;
  readonly onCompacted: (revision: number) => void;
}

interface Watch {
  readonly id: number;
  readonly request: WatchRequest;
  readonly handler: WatchHandler;
  /** First revision that was not told yet. */
  next: number;
  /** When the server said that it watches; undefined: it has yet to. */
  createdAtMs: number | undefined;
  closed: boolean;
}

type Stream = Duplex<WireRequest, WatchResponse>;

/**
 * All watches of a process on one stream, which is opened again, from where each watch was, when it breaks. How far the stream as a whole is only the
 * server can say: a watch that is behind, since it is new or too much was written at once, is told later what others were told already.
 */
export class Watches {
  readonly #options: WatchesOptions;
  readonly #watches = new Map<number, Watch>();
  #nextId = 1;
  #stream: Stream | undefined;
  #opening = false;
  #closed: StoreError | undefined;
  /** Who waits for the answer to a question of how far the server is. */
  #progress: PromiseWithResolvers<void> | undefined;
  /** The question that has no answer yet; its timer. */
  #asked: Disposable | undefined;
  /** The server had begun with all watches when it was asked. */
  #complete = false;
  /** Watches were told nothing since the last answer. */
  #quiet = false;
  /** When the server said anything. */
  #heardAtMs = 0;
  /** Responses with events: in the current span of {@link CAUGHT_UP_MS}, and in the one before. */
  #responses = { spanAtMs: 0, now: 0, before: 0 };
  /** When a server that may be behind was first asked by who waits now. */
  #waitingSinceMs: number | undefined;
  /** Answers come after all events up to the revision they name. */
  ordered = true;
  #retry: Disposable | undefined;

  constructor(options: WatchesOptions) {
    this.#options = options;
  }

  get any(): boolean {
    return this.#watches.size > 0;
  }

  add(request: WatchRequest, handler: WatchHandler): Disposable {
    const watch: Watch = {
      id: this.#nextId++,
      request,
      handler,
      next: (request.startRevision ?? 0) === 0 ? this.#options.seen() + 1 : request.startRevision!,
      createdAtMs: undefined,
      closed: false,
    };
    this.#watches.set(watch.id, watch);
    if (this.#stream === undefined) this.#openOrRetry();
    else this.#create(watch);
    return { [Symbol.dispose]: () => this.#remove(watch) };
  }

  /** Resolves when every watch has been told what the server had at the time of the call. Rejects with `unavailable`. */
  async progress(): Promise<void> {
    if (this.#closed !== undefined) throw this.#closed;
    if (this.#watches.size === 0) return;
    if (this.#progress === undefined) {
      this.#progress = Promise.withResolvers();
      this.#progress.promise.catch(() => {}); // there may be nobody left to hear it
      this.#quiet = false;
      this.#waitingSinceMs = undefined;
      this.#heardAtMs = this.#options.clock.monotonic();
      this.#ask();
    }
    const { promise } = this.#progress;
    const timer = this.#options.clock.after(PROGRESS_TIMEOUT_MS, () =>
      this.#settleProgress(new StoreError('unavailable', 'etcd does not say how far it is')),
    );
    try {
      await promise;
    } finally {
      timer[Symbol.dispose]();
    }
  }

  close(error: StoreError): void {
    this.#closed = error;
    this.#retry?.[Symbol.dispose]();
    this.#asked?.[Symbol.dispose]();
    this.#stream?.stream.cancel();
    this.#settleProgress(error);
    for (const watch of this.#watches.values()) this.#fail(watch, error);
  }

  #openOrRetry(): void {
    this.#open().catch((error: unknown) => this.#again(error));
  }

  async #open(): Promise<void> {
    if (this.#opening || this.#closed !== undefined) return;
    this.#opening = true;
    try {
      const opened = await this.#options.channel.duplex(WATCH);
      const { stream } = opened;
      stream.on('error', (error) => this.#lost(opened, error));
      if (this.#closed !== undefined) {
        stream.cancel();
        return;
      }
      this.#stream = opened;
      stream.on('data', (response: WatchResponse) => {
        if (this.#stream === opened) this.#onResponse(response);
      });
      stream.on('end', () => this.#lost(opened, new Error('the server ended the stream')));
      for (const watch of this.#watches.values()) this.#create(watch);
      this.#heardAtMs = this.#options.clock.monotonic();
      if (this.#progress !== undefined) this.#ask();
    } finally {
      this.#opening = false;
    }
  }

  #create(watch: Watch): void {
    const { key, rangeEnd, prevKv = false } = watch.request;
    watch.createdAtMs = undefined;
    this.#complete = false;
    this.#stream?.stream.write({
      create: { key, rangeEnd: rangeEnd ?? '', prevKv, startRevision: watch.next, watchId: watch.id },
    });
  }

  #lost(stream: Stream, error: Error): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    this.#asked?.[Symbol.dispose]();
    this.#asked = undefined;
    for (const watch of this.#watches.values()) watch.createdAtMs = undefined;
    this.#again(error);
  }

  #again(error: unknown): void {
    if (this.#closed !== undefined || this.#watches.size === 0) return;
    this.#options.log.warn('The watch on etcd is interrupted', { reason: messageOf(error) });
    this.#retry?.[Symbol.dispose]();
    this.#retry = this.#options.clock.after(RETRY_MS, () => this.#openOrRetry());
  }

  #onResponse(response: WatchResponse): void {
    this.#heardAtMs = this.#options.clock.monotonic();
    if (response.watchId === -1) return this.#onProgress(response.header?.revision ?? 0);
    const watch = this.#watches.get(response.watchId);
    if (watch === undefined) return;
    if (response.created) watch.createdAtMs = this.#options.clock.monotonic();
    if (response.canceled) return this.#onCanceled(watch, response);
    if (response.events.length === 0) return;
    const events = response.events.map(asStoreEvent);
    // The server may be further than this watch: what it is at is the last thing it was told.
    const last = events.at(-1)!.kv.modRevision;
    watch.next = last + 1;
    this.#quiet = false;
    this.#countResponse();
    try {
      watch.handler.onEvents(events, last);
    } catch (error) {
      this.#options.log.error('watch handler threw', { error });
      this.#fail(watch, new StoreError('unavailable', `the watch handler threw: ${messageOf(error)}`));
    }
  }

  #onCanceled(watch: Watch, { compactRevision, cancelReason }: WatchResponse): void {
    if (compactRevision > 0) {
      this.#options.onCompacted(compactRevision);
      const words = `revision ${watch.next} is compacted, history begins at ${compactRevision}`;
      return this.#fail(watch, new StoreError('compacted', words));
    }
    this.#fail(watch, new StoreError('unavailable', `etcd ended the watch: ${cancelReason}`));
  }

  /** Asks how far the server is with the watches of this stream, again and again until it says so. */
  #ask(): void {
    const { clock } = this.#options;
    const stream = this.#stream;
    if (stream === undefined) return; // asked when there is one
    this.#asked?.[Symbol.dispose]();
    this.#asked = clock.after(ASK_AGAIN_MS, () => {
      if (clock.monotonic() - this.#heardAtMs < SILENCE_MS) return this.#ask();
      this.#lost(stream, new Error('etcd does not say how far it is'));
      stream.giveUp();
    });
    const since = clock.monotonic() - (this.ordered ? 0 : CAUGHT_UP_MS);
    this.#complete = [...this.#watches.values()].every(({ createdAtMs = Infinity }) => createdAtMs <= since);
    stream.stream.write({ progress: {} });
  }

  /** Every watch has been told all up to `revision`, if the server had begun with all of them when it was asked. */
  #onProgress(revision: number): void {
    if (!this.#complete) return; // asked again soon
    if (!this.ordered && !this.#mayBelieve()) return;
    this.#asked?.[Symbol.dispose]();
    this.#asked = undefined;
    this.#options.onRevision(revision);
    this.#settleProgress(undefined);
  }

  /**
   * Whether the answer of a server that answers before it has told all is true all the same: when nothing came between two answers, since it does tell of
   * something before it answers twice; or, when it may have left watches behind, after the time in which it makes up for that.
   */
  #mayBelieve(): boolean {
    const now = this.#options.clock.monotonic();
    this.#waitingSinceMs ??= now;
    if (now - this.#waitingSinceMs >= CAUGHT_UP_MS) return true;
    this.#startSpan(now);
    if (this.#responses.now + this.#responses.before >= MANY_RESPONSES) return false;
    if (this.#quiet) return true;
    this.#quiet = true;
    this.#stream?.stream.write({ progress: {} });
    return false;
  }

  #countResponse(): void {
    this.#startSpan(this.#options.clock.monotonic());
    this.#responses.now++;
  }

  #startSpan(now: number): void {
    const past = now - this.#responses.spanAtMs;
    if (past < CAUGHT_UP_MS) return;
    const before = past < 2 * CAUGHT_UP_MS ? this.#responses.now : 0;
    this.#responses = { spanAtMs: now, now: 0, before };
  }

  #settleProgress(error: StoreError | undefined): void {
    const waiting = this.#progress;
    this.#progress = undefined;
    if (error === undefined) waiting?.resolve();
    else waiting?.reject(error);
  }

  #fail(watch: Watch, error: StoreError): void {
    if (watch.closed) return;
    this.#remove(watch);
    try {
      watch.handler.onError(error);
    } catch (thrown) {
      this.#options.log.error('watch handler threw', { error: thrown });
    }
  }

  #remove(watch: Watch): void {
    if (watch.closed) return;
    watch.closed = true;
    this.#watches.delete(watch.id);
    this.#stream?.stream.write({ cancel: { watchId: watch.id } });
  }
}

function asStoreEvent({ type, kv, prevKv }: Event): StoreEvent {
  const own: KeyValue = kv ?? { key: '', value: NO_VALUE, createRevision: 0, modRevision: 0, version: 0, lease: 0 };
  return { type: type === EVENT.delete ? 'delete' : 'put', kv: own, ...(prevKv === undefined ? {} : { prevKv }) };
}

const NO_VALUE = Buffer.alloc(0);
