/** Random histories against a model that is too simple to be wrong: it keeps the whole state of every revision. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeClock, silentLogger } from '#util';
import { rejects, show, showEvent } from '../suite/helpers.ts';
import { type Compare, type Key, type KeyValue, type Op, prefixEnd, type Store, type StoreEvent } from '../types.ts';
import { openEmbeddedStore } from './embedded.ts';

type State = ReadonlyMap<Key, KeyValue>;

class Model {
  /** What each revision left; nothing was written before and at the first one. */
  readonly states: State[] = [new Map(), new Map()];
  readonly events: (readonly StoreEvent[])[] = [[], []];
  compactRevision = 0;

  get revision(): number {
    return this.states.length - 1;
  }

  get state(): State {
    return this.states[this.revision] as State;
  }

  txn(compare: readonly Compare[], success: readonly Op[], failure: readonly Op[]): void {
    const modRevision = this.revision + 1;
    const state = new Map(this.state);
    const events: StoreEvent[] = [];
    const held = compare.every((c) => c.target === 'version' && (state.get(c.key)?.version ?? 0) === c.number);
    for (const op of held ? success : failure) {
      if (op.type === 'put') {
        const before = state.get(op.key);
        const { createRevision = modRevision, version = 0 } = before ?? {};
        const kv = { key: op.key, value: op.value, createRevision, modRevision, version: version + 1, lease: 0 };
        state.set(op.key, kv);
        events.push({ type: 'put', kv, ...(before === undefined ? {} : { prevKv: before }) });
      } else if (op.type === 'delete') {
        for (const before of inRange(state, op)) {
          state.delete(before.key);
          const kv = { key: before.key, value: Buffer.alloc(0), createRevision: 0, modRevision, version: 0, lease: 0 };
          events.push({ type: 'delete', kv, prevKv: before });
        }
      }
    }
    if (events.length === 0) return;
    this.states.push(state);
    this.events.push(events);
  }
}

function inRange(state: State, { key, rangeEnd }: { key: Key; rangeEnd?: Key }): readonly KeyValue[] {
  const within = (k: Key): boolean =>
    rangeEnd === undefined ? k === key : k >= key && (rangeEnd === '\0' || k < rangeEnd);
  return [...state.values()].filter((kv) => within(kv.key)).toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

const key = fc.constantFrom('a', 'a/1', 'a/2', 'a/22', 'b', 'b/1', '\xff');
const range = fc.oneof(
  key.map((k) => ({ key: k })),
  key.map((k) => ({ key: k, rangeEnd: prefixEnd(k) })),
  fc.constant({ key: '\0', rangeEnd: '\0' }),
);
const putOp = fc.record({ type: fc.constant('put' as const), key, value: fc.nat(999).map((n) => Buffer.from(`${n}`)) });
const deleteOp = range.map((r) => ({ type: 'delete' as const, ...r }));
const ops = fc.oneof(
  { weight: 3, arbitrary: putOp.map((op): readonly Op[] => [op]) },
  { weight: 2, arbitrary: deleteOp.map((op): readonly Op[] => [op]) },
  { weight: 1, arbitrary: fc.uniqueArray(putOp, { selector: (op) => op.key, maxLength: 4 }) },
);
const comparison = fc.record({
  key,
  target: fc.constant('version' as const),
  result: fc.constant('=' as const),
  number: fc.nat(2),
});
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('txn' as const),
      compare: fc.array(comparison, { maxLength: 1 }),
      success: ops,
      failure: ops,
      /** Wait until it is done, or let the next one overtake the disk. */
      wait: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('range' as const), range, back: fc.nat(6), limit: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('compact' as const), back: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('watch' as const), range, back: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface WatchState {
  readonly from: number;
  readonly range: { key: Key; rangeEnd?: Key };
  readonly events: StoreEvent[];
  readonly handle: Disposable;
}

class Run {
  readonly model = new Model();
  readonly #open: () => Promise<Store>;
  #store: Store;
  #writes: Promise<unknown>[] = [];
  #watches: WatchState[] = [];

  constructor(store: Store, open: () => Promise<Store>) {
    this.#store = store;
    this.#open = open;
  }

  async do(s: Step): Promise<void> {
    switch (s.do) {
      case 'txn':
        this.model.txn(s.compare, s.success, s.failure);
        this.#writes.push(this.#store.txn(s));
        if (s.wait) await this.settle();
        return;
      case 'range':
        await this.settle();
        return this.#checkRange(s.range, this.model.revision - s.back, s.limit);
      case 'compact':
        await this.settle();
        return this.#compact(Math.max(1, this.model.revision - s.back));
      case 'watch':
        return this.#watch(s.range, Math.max(this.#store.compactRevision, 2, this.#store.revision - s.back));
      case 'reopen':
        await this.settle();
        await this.#checkWatches();
        await this.#store.close();
        this.#store = await this.#open();
        return;
    }
  }

  async settle(): Promise<void> {
    await Promise.all(this.#writes.splice(0));
    assert.equal(this.#store.revision, this.model.revision);
    assert.equal(this.#store.compactRevision, this.model.compactRevision);
  }

  async finish(): Promise<void> {
    await this.settle();
    for (let r = Math.max(1, this.model.compactRevision); r <= this.model.revision; r++) {
      await this.#checkRange({ key: '\0', rangeEnd: '\0' }, r, 0);
    }
    this.#watch({ key: '\0', rangeEnd: '\0' }, Math.max(2, this.model.compactRevision));
    await this.#checkWatches();
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #checkRange(request: { key: Key; rangeEnd?: Key }, revision: number, limit: number): Promise<void> {
    if (revision <= 0) return;
    const reading = this.#store.range({ ...request, revision, limit });
    if (revision < this.model.compactRevision) return rejects(reading, 'compacted');
    const pairs = inRange(this.model.states[revision] as State, request);
    const { kvs, count } = await reading;
    assert.deepEqual(kvs.map(show), pairs.slice(0, limit === 0 ? undefined : limit).map(show));
    assert.equal(count, pairs.length);
  }

  async #compact(revision: number): Promise<void> {
    if (revision <= this.model.compactRevision) return rejects(this.#store.compact(revision), 'compacted');
    await this.#checkWatches(); // those that read history must have done so
    await this.#store.compact(revision);
    this.model.compactRevision = revision;
  }

  #watch(request: { key: Key; rangeEnd?: Key }, startRevision: number): void {
    const events: StoreEvent[] = [];
    const handle = this.#store.watch(
      { ...request, startRevision, prevKv: true },
      { onEvents: (more) => void events.push(...more), onError: (error) => assert.equal(error.code, 'closed') },
    );
    this.#watches.push({ from: startRevision, range: request, events, handle });
  }

  async #checkWatches(): Promise<void> {
    await this.settle();
    await nextTurn();
    await nextTurn();
    for (const { from, range: within, events, handle } of this.#watches.splice(0)) {
      const expected = this.model.events
        .slice(from)
        .flat()
        .filter(({ kv }) => inRange(new Map([[kv.key, kv]]), within).length > 0);
      assert.deepEqual(events.map(showEvent), expected.map(showEvent));
      handle[Symbol.dispose]();
    }
  }
}

async function check(steps: readonly Step[], directory?: string): Promise<void> {
  const open = (): Promise<Store> =>
    openEmbeddedStore({
      clock: new FakeClock(),
      log: silentLogger,
      onFatal: (error) => assert.fail(error),
      ...(directory === undefined ? {} : { directory }),
    });
  const run = new Run(await open(), open);
  try {
    for (const s of steps) await run.do(s);
    await run.finish();
  } finally {
    await run.close();
  }
}

test('random histories in memory read and watch like the model', async () => {
  const steps = fc.array(
    step.filter((s) => s.do !== 'reopen'),
    { maxLength: 80, size: 'max' },
  );
  await fc.assert(
    fc.asyncProperty(steps, (s) => check(s)),
    { numRuns: 300 },
  );
});

test('random histories on disk read and watch like the model, also after closing and opening again', async () => {
  const property = fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
    const directory = mkdtempSync(join(tmpdir(), 'store-'));
    try {
      await check(steps, directory);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
  await fc.assert(property, { numRuns: 6 });
});
