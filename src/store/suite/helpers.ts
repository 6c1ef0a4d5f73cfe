/** What tests of a store share. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import {
  type Key,
  type KeyValue,
  type Op,
  type Store,
  StoreError,
  type StoreErrorCode,
  type StoreEvent,
  type TxnResult,
  type WatchRequest,
} from '../types.ts';

export const put = (key: Key, value: string, more: { lease?: number; prevKv?: boolean } = {}): Op => ({
  type: 'put',
  key,
  value: Buffer.from(value),
  ...more,
});

export const write = (store: Store, ...success: readonly Op[]): Promise<TxnResult> =>
  store.txn({ compare: [], success });

/** A pair as one line: `key=value create/mod/version`. */
export const show = ({ key, value, createRevision, modRevision, version }: KeyValue): string =>
  `${key}=${value.toString()} ${createRevision}/${modRevision}/${version}`;

export const rejects = (work: Promise<unknown>, code: StoreErrorCode): Promise<void> =>
  assert.rejects(work, (error) => error instanceof StoreError && error.code === code);

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
