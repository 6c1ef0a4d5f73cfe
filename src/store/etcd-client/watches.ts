import type { ClientDuplexStream } from '@grpc/grpc-js';
import { type Clock, type Logger, messageOf } from '#util';
import type { Draft } from '../etcd/codec.ts';
import { EVENT, type Event, type WatchRequest as WireRequest, type WatchResponse } from '../etcd/messages.ts';
import { type KeyValue, StoreError, type StoreEvent, type WatchHandler, type WatchRequest } from '../types.ts';
import type { EtcdChannel } from './channel.ts';
import { WATCH } from './methods.ts';

/** Between two tries to open the stream again. */
const RETRY_MS = 200;
/** A server that says nothing for so long after it was asked how far it is has hung. */
const PROGRESS_TIMEOUT_MS = 5000;

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
  /** The server has said that it watches. */
  created: boolean;
  closed: boolean;
}

/**
 * All watches of a process on one stream. etcd tells the watches of a stream what a revision wrote before it tells any of them of the next one, so the
 * stream as a whole is at some revision; it is opened again, from where each watch was, when it breaks.
 */
export class Watches {
  readonly #options: WatchesOptions;
  readonly #watches = new Map<number, Watch>();
  #nextId = 1;
  #stream: ClientDuplexStream<Draft<WireRequest>, WatchResponse> | undefined;
  #opening = false;
  #closed: StoreError | undefined;
  /** Who waits for the answer to a question of how far the server is. */
  #progress: PromiseWithResolvers<void> | undefined;
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
      created: false,
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
      this.#askProgress();
    }
    await this.#progress.promise;
  }

  close(error: StoreError): void {
    this.#closed = error;
    this.#retry?.[Symbol.dispose]();
    this.#stream?.cancel();
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
      const stream = await this.#options.channel.duplex(WATCH);
      if (this.#closed !== undefined) {
        stream.cancel();
        return;
      }
      this.#stream = stream;
      stream.on('data', (response: WatchResponse) => this.#onResponse(response));
      stream.on('error', (error) => this.#lost(stream, error));
      stream.on('end', () => this.#lost(stream, new Error('the server ended the stream')));
      for (const watch of this.#watches.values()) this.#create(watch);
      if (this.#progress !== undefined) this.#askProgress();
    } finally {
      this.#opening = false;
    }
  }

  #create(watch: Watch): void {
    const { key, rangeEnd, prevKv = false } = watch.request;
    watch.created = false;
    this.#stream?.write({
      create: { key, rangeEnd: rangeEnd ?? '', prevKv, startRevision: watch.next, watchId: watch.id },
    });
  }

  #lost(stream: ClientDuplexStream<Draft<WireRequest>, WatchResponse>, error: Error): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    this.#again(error);
  }

  #again(error: unknown): void {
    if (this.#closed !== undefined || this.#watches.size === 0) return;
    this.#options.log.warn('The watch on etcd is interrupted', { reason: messageOf(error) });
    this.#retry?.[Symbol.dispose]();
    this.#retry = this.#options.clock.after(RETRY_MS, () => this.#openOrRetry());
  }

  #onResponse(response: WatchResponse): void {
    const revision = response.header?.revision ?? 0;
    // Asked of the stream as a whole: every watch that has caught up has been told all up to here.
    if (response.watchId === -1) {
      if (![...this.#watches.values()].every(({ created }) => created)) return this.#askProgress();
      this.#options.onRevision(revision);
      this.#settleProgress(undefined);
      return;
    }
    const watch = this.#watches.get(response.watchId);
    if (watch === undefined) return;
    if (response.created) watch.created = true;
    if (response.canceled) return this.#onCanceled(watch, response);
    if (response.events.length === 0) return;
    const events = response.events.map(asStoreEvent);
    // The server may be further than this watch: what it is at is the last thing it was told.
    const last = events.at(-1)!.kv.modRevision;
    watch.next = last + 1;
    // All before what another watch is told of at this moment has been told to everybody.
    this.#options.onRevision(last - 1);
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

  #askProgress(): void {
    const { clock } = this.#options;
    this.#stream?.write({ progress: {} });
    const asked = this.#progress;
    const timer = clock.after(PROGRESS_TIMEOUT_MS, () => {
      if (this.#progress !== asked) return;
      this.#settleProgress(new StoreError('unavailable', 'etcd does not say how far it is'));
      this.#stream?.cancel();
    });
    asked?.promise.then(
      () => timer[Symbol.dispose](),
      () => timer[Symbol.dispose](),
    );
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
    this.#stream?.write({ cancel: { watchId: watch.id } });
  }
}

function asStoreEvent({ type, kv, prevKv }: Event): StoreEvent {
  const own: KeyValue = kv ?? { key: '', value: NO_VALUE, createRevision: 0, modRevision: 0, version: 0, lease: 0 };
  return { type: type === EVENT.delete ? 'delete' : 'put', kv: own, ...(prevKv === undefined ? {} : { prevKv }) };
}

const NO_VALUE = Buffer.alloc(0);
