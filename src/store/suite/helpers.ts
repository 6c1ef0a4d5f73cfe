/** What tests of a store share. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import type { TestContext } from 'node:test';
import {
  type Key,
  type KeyValue,
  type Op,
  prefixEnd,
  type Store,
  StoreError,
  type StoreErrorCode,
  type StoreEvent,
  type TxnResult,
  type WatchRequest,
} from '../types.ts';

export const put = (
  key: Key,
  value: string,
  more: { lease?: number; prevKv?: boolean; ignoreValue?: boolean; ignoreLease?: boolean } = {},
): Op => ({
  type: 'put',
  key,
  value: Buffer.from(value),
  ...more,
});

export const write = (store: Store, ...success: readonly Op[]): Promise<TxnResult> =>
  store.txn({ compare: [], success });

/** The store's revision, as fresh as it can be. */
export async function revisionOf(store: Store): Promise<number> {
  await store.sync();
  return store.revision;
}

/** A pair as one line: `key=value create/mod/version`. */
export const show = ({ key, value, createRevision, modRevision, version }: KeyValue): string =>
  `${key}=${value.toString()} ${createRevision}/${modRevision}/${version}`;

export const rejects = (work: Promise<unknown>, code: StoreErrorCode): Promise<void> =>
  assert.rejects(work, (error) => error instanceof StoreError && error.code === code);

export interface StoreUnderTest {
  readonly store: Store;
  /** Lets so much time pass for leases. */
  readonly pass: (seconds: number) => void | Promise<void>;
}

/** Opens an empty store, and closes it when the test ends. */
export type OpenStore = (t: TestContext) => Promise<StoreUnderTest>;

export const all = { key: '\0', rangeEnd: '\0' };
export const under = (prefix: Key): { key: Key; rangeEnd: Key } => ({ key: prefix, rangeEnd: prefixEnd(prefix) });

export async function lines(store: Store, request: Parameters<Store['range']>[0] = all): Promise<readonly string[]> {
  return (await store.range(request)).kvs.map(show);
}

/** Collects what a watch sends; `until(n)` waits for n events. */
export class Recorder {
  readonly events: StoreEvent[] = [];
  /** Events of each call. */
  readonly calls: (readonly StoreEvent[])[] = [];
  error: StoreError | undefined;
  readonly #emitter = new EventEmitter();
  readonly #handle: Disposable;

  constructor(store: Store, request: WatchRequest) {
    this.#handle = store.watch(request, {
      onEvents: (events, revision) => {
        assert.ok(events.length > 0);
        assert.ok(events.every(({ kv }) => kv.modRevision <= revision));
        this.calls.push(events);
        this.events.push(...events);
        this.#emitter.emit('change');
      },
      onError: (error) => {
        this.error = error;
        this.#emitter.emit('change');
      },
    });
  }

  [Symbol.dispose](): void {
    this.#handle[Symbol.dispose]();
  }

  async until(count: number): Promise<readonly StoreEvent[]> {
    while (this.events.length < count && this.error === undefined) await once(this.#emitter, 'change');
    assert.ok(this.events.length >= count, `the watch ended: ${this.error?.message}`);
    return this.events;
  }

  async ended(): Promise<StoreError> {
    while (this.error === undefined) await once(this.#emitter, 'change');
    return this.error;
  }

  lines(): readonly string[] {
    return this.events.map(showEvent);
  }
}

export const showEvent = ({ type, kv, prevKv }: StoreEvent): string =>
  `${type} ${show(kv)}${prevKv === undefined ? '' : ` was ${show(prevKv)}`}`;
