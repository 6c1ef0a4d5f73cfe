import { setTimeout as pause } from 'node:timers/promises';
import { type KeyValue, type RangeRequest, type Store, StoreError } from '#store';
import type { Random } from '../../fuzz/api/random.ts';
import { type Entry, idOf, type Moment, type Pair, valueOf, type Write } from './history.ts';

const KEYS = Array.from({ length: 12 }, (_, i) => `k${String(i).padStart(2, '0')}`);
const ALL = { key: '\0', rangeEnd: '\0' };
const WRITERS = 12;
const READERS = 3;
const WATCHERS = 2;
const VALUE_BYTES = 2000;
/** Reads of the past go back so far. */
const PAST = 300;
const FULL_PAUSE_MS = 20;

/** What all clients of a run saw since it was last judged. */
export class History {
  entries: Entry[] = [];
  #moment = 0;
  #writes = 0;
  #watches = 0;
  #done = 0;
  #wanted: { readonly count: number; readonly resolve: () => void } | undefined;

  now(): Moment {
    return ++this.#moment;
  }

  newWriteId(): number {
    return ++this.#writes;
  }

  /** Resolves when so many more writes were acknowledged. One at a time may wait. */
  acknowledged(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wanted = { count: this.#done + count, resolve };
    return promise;
  }

  /** A watcher of everything from a revision on; `told` hears how far it is, `ended` of its end. */
  watch(
    store: Store,
    start: number,
    told: (revision: number) => void = () => {},
    ended: (error: StoreError) => void = () => {},
  ): Disposable {
    const watch = ++this.#watches;
    this.entries.push({ type: 'watch', watch, start });
    return store.watch(
      { ...ALL, startRevision: start },
      {
        onEvents: (events) => {
          this.entries.push({
            type: 'told',
            watch,
            at: this.now(),
            events: events.map(({ type, kv }) => ({
              revision: kv.modRevision,
              key: kv.key,
              ...(type === 'put' ? { id: idOf(kv.value) } : {}),
            })),
          });
          told(events.at(-1)!.kv.modRevision);
        },
        onError: ended,
      },
    );
  }

  /** A read of one key, or of all; throws what the store does. */
  async read(store: Store, key?: string, at?: number): Promise<readonly Pair[]> {
    const called = this.now();
    const request: RangeRequest = {
      ...(key === undefined ? ALL : { key }),
      ...(at === undefined ? {} : { revision: at }),
    };
    const { kvs, revision } = await store.range(request);
    const pairs = kvs.map(asPair);
    this.entries.push({
      type: 'read',
      ...(key === undefined ? {} : { key }),
      ...(at === undefined ? {} : { at }),
      called,
      returned: this.now(),
      revision,
      pairs,
    });
    return pairs;
  }

  /** Compare-and-swap of all the pairs at once. */
  async write(
    store: Store,
    pairs: readonly { readonly key: string; readonly modRevision: number }[],
    { deletes, bytes }: { readonly deletes: boolean; readonly bytes: number },
  ): Promise<Write['outcome']> {
    const id = this.newWriteId();
    const common = {
      type: 'write',
      id,
      keys: pairs.map(({ key }) => key),
      expected: pairs.map(({ modRevision }) => modRevision),
      deletes,
      called: this.now(),
    } as const;
    const answered = (outcome: Write['outcome'], revision?: number): Write['outcome'] => {
      const end = outcome === 'unknown' ? {} : { returned: this.now() };
      this.entries.push({ ...common, ...end, outcome, ...(revision === undefined ? {} : { revision }) });
      if (outcome === 'done' && ++this.#done === this.#wanted?.count) this.#wanted.resolve();
      return outcome;
    };
    try {
      const { succeeded, revision } = await store.txn({
        compare: pairs.map(({ key, modRevision }) => ({
          key,
          target: 'modRevision',
          result: '=',
          number: modRevision,
        })),
        success: pairs.map(({ key }) =>
          deletes ? { type: 'delete', key } : { type: 'put', key, value: valueOf(id, bytes) },
        ),
      });
      return succeeded ? answered('done', revision) : answered('refused');
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      // Of a full disk the store says that nothing was written; of all else nobody knows.
      return answered(error.code === 'no-space' ? 'refused' : 'unknown');
    }
  }
}

const asPair = ({ key, value, createRevision, modRevision, version }: KeyValue): Pair => ({
  key,
  id: idOf(value),
  createRevision,
  modRevision,
  version,
});

export interface Load {
  /** Resolves when no server answers any more, or after `stop`. */
  readonly done: Promise<void>;
  stop(): void;
  /** The last revision any watcher was told of. */
  readonly told: number;
}

/** Writers that contend for a few keys, readers of now and of the past, and watchers, until the server is gone. */
export function startLoad(store: Store, history: History, random: Random, from: number): Load {
  const stopped = new AbortController();
  let told = from - 1;
  const handles = Array.from({ length: WATCHERS }, () =>
    history.watch(store, from, (revision) => (told = Math.max(told, revision))),
  );
  const untilGone = async (step: () => Promise<boolean>): Promise<void> => {
    while (!stopped.signal.aborted && (await step()));
  };
  const writers = Array.from({ length: WRITERS }, () => untilGone(() => writeOnce(store, history, random)));
  const readers = Array.from({ length: READERS }, () => untilGone(() => readOnce(store, history, random)));
  return {
    done: Promise.all([...writers, ...readers]).then(() => handles.forEach((handle) => handle[Symbol.dispose]())),
    stop: () => stopped.abort(),
    get told() {
      return told;
    },
  };
}

/** False: the server is gone. */
async function writeOnce(store: Store, history: History, random: Random): Promise<boolean> {
  const first = random.pick(KEYS);
  const second = random.pick(KEYS);
  const keys = random.chance(0.2) && second !== first ? [first, second] : [first];
  try {
    const pairs: { key: string; modRevision: number }[] = [];
    for (const key of keys) pairs.push({ key, modRevision: (await history.read(store, key))[0]?.modRevision ?? 0 });
    const deletes = random.chance(0.1) && pairs.every(({ modRevision }) => modRevision > 0);
    const outcome = await history.write(store, pairs, { deletes, bytes: 20 + random.below(VALUE_BYTES) });
    // A full disk refuses everything, and at once.
    if (outcome === 'refused' && random.chance(0.05)) await pause(FULL_PAUSE_MS);
    return outcome !== 'unknown';
  } catch (error) {
    return goesOn(error);
  }
}

async function readOnce(store: Store, history: History, random: Random): Promise<boolean> {
  try {
    if (random.chance(0.5)) await history.read(store, random.chance(0.5) ? random.pick(KEYS) : undefined);
    else await history.read(store, undefined, Math.max(1, store.revision - random.below(PAST)));
    return true;
  } catch (error) {
    return goesOn(error);
  }
}

/** What was forgotten, or is not there yet, is no reason to end. */
function goesOn(error: unknown): boolean {
  if (!(error instanceof StoreError)) throw error;
  return error.code === 'compacted' || error.code === 'future-revision';
}
