import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Clock, type Logger, messageOf } from '#util';
import { StoreError } from '../types.ts';
import type { Keyspace } from './keyspace.ts';
import type { Log } from './log/log.ts';

export interface CompactionOptions {
  /** History is kept at least this long. Default 5 minutes, as --etcd-compaction-interval of kube-apiserver. 0: for ever. */
  readonly maxAgeMs?: number;
  /** History that takes more memory than this is cut, however young. Default 128 MiB. */
  readonly maxHistoryBytes?: number;
}

export interface CompactorOptions extends CompactionOptions {
  readonly keyspace: Keyspace;
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The log failed for good. */
  readonly onFatal: (error: StoreError) => void;
}

const DEFAULT_MAX_AGE_MS = 5 * 60_000;
const DEFAULT_MAX_HISTORY_BYTES = 128 << 20;
/** How often within the age the revision is looked at: so much longer than asked for history may be kept. */
const SAMPLES_PER_AGE = 10;
/** Versions forgotten before other work gets its turn: about 1 ms. */
const BUDGET = 4000;

/** Forgets history: on demand, by age, by size; one compaction after the other. */
export class Compactor {
  readonly #options: CompactorOptions;
  readonly #maxAgeMs: number;
  readonly #maxHistoryBytes: number;
  /** What the revision was at times of the past, oldest first. */
  #samples: { readonly atMs: number; readonly revision: number }[] = [];
  #timer: Disposable | undefined;
  #running: Promise<void> = Promise.resolve();
  #cutting = false;
  #stopped = false;

  constructor(options: CompactorOptions) {
    this.#options = options;
    this.#maxAgeMs = options.maxAgeMs ?? DEFAULT_MAX_AGE_MS;
    this.#maxHistoryBytes = options.maxHistoryBytes ?? DEFAULT_MAX_HISTORY_BYTES;
    if (this.#maxAgeMs > 0) this.#sample();
  }

  /** Resolves when it is durable that history begins at `revision` and memory is freed; the file shrinks later. */
  compact(revision: number): Promise<void> {
    const compaction = this.#running.then(() => this.#compact(revision));
    this.#running = compaction.catch(() => {});
    return compaction;
  }

  /** To be called after writes. */
  checkSize(): void {
    const { keyspace } = this.#options;
    if (this.#cutting || this.#stopped || keyspace.historyBytes <= this.#maxHistoryBytes) return;
    this.#cutting = true;
    const excess = keyspace.historyBytes - this.#maxHistoryBytes / 2;
    void this.#compactUnasked(keyspace.revisionFreeing(excess)).finally(() => (this.#cutting = false));
  }

  /** Resolves when no compaction is under way any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.[Symbol.dispose]();
    await this.#running;
  }

  async #compact(revision: number): Promise<void> {
    const { keyspace, log } = this.#options;
    if (this.#stopped) throw new StoreError('closed', 'the store is closed');
    if (revision <= keyspace.compactRevision)
      throw new StoreError('compacted', `revision ${revision} is compacted already`);
    keyspace.checkReadable(revision);
    // Every revision wrote something, but the first.
    await this.#persist(revision, keyspace.writtenAt(revision)[0]?.row ?? 1);
    keyspace.setCompactRevision(revision);
    for (;;) {
      const { rows, done } = keyspace.forgetSome(BUDGET);
      log.purge(rows);
      if (done) return;
      await nextTurn();
    }
  }

  async #persist(revision: number, firstRow: number): Promise<void> {
    const { log, onFatal } = this.#options;
    try {
      await log.compact(revision, firstRow);
    } catch (error) {
      if (error instanceof StoreError && error.code !== 'no-space') onFatal(error);
      throw error;
    }
  }

  async #compactUnasked(revision: number): Promise<void> {
    if (revision <= this.#options.keyspace.compactRevision) return;
    try {
      await this.compact(revision);
    } catch (error) {
      if (!this.#stopped) this.#options.logger.warn('compaction failed', { revision, error: messageOf(error) });
    }
  }

  #sample(): void {
    const { clock, keyspace } = this.#options;
    const now = clock.monotonic();
    if (this.#samples.at(-1)?.revision !== keyspace.revision) {
      this.#samples.push({ atMs: now, revision: keyspace.revision });
    }
    const old = this.#samples.findLastIndex(({ atMs }) => atMs <= now - this.#maxAgeMs);
    if (old >= 0) {
      const { revision } = this.#samples[old] as { revision: number };
      this.#samples = this.#samples.slice(old + 1);
      void this.#compactUnasked(revision);
    }
    this.#timer = clock.after(this.#maxAgeMs / SAMPLES_PER_AGE, () => this.#sample());
  }
}
