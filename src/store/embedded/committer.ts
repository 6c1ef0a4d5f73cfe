import { StoreError } from '../types.ts';
import type { LeaseChange, Log } from './log/log.ts';
import type { Version } from './version.ts';

/** Something to make durable together with others. With nothing to write it just waits for what was submitted before it. */
export interface Commit {
  readonly versions: readonly Version[];
  readonly lease?: LeaseChange;
  /** Called when it is durable and applied. */
  readonly resolve: () => void;
  readonly reject: (error: StoreError) => void;
}

export interface CommitterOptions {
  readonly log: Log;
  /** These are durable: show them. Called in order. */
  readonly onDurable: (commits: readonly Commit[]) => void;
  /** The disk was full: nothing submitted and not durable yet will be written. Called before the commits are rejected. */
  readonly onNoSpace: () => void;
  readonly onFatal: (error: StoreError) => void;
}

/** Bounds what one batch costs in time and memory; a commit that is larger goes alone. */
const MAX_BATCH_BYTES = 2 << 20;
const COMMIT_OVERHEAD_BYTES = 64;

/**
 * Group commit: while one batch is on its way to the disk the next one gathers, so that many writers share each sync and a single
 * one never waits for company.
 */
export class Committer {
  readonly #options: CommitterOptions;
  #gathered: Commit[] = [];
  #inFlight: readonly Commit[] = [];
  #scheduled = false;
  #stopped: StoreError | undefined;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(options: CommitterOptions) {
    this.#options = options;
  }

  submit(commit: Commit): void {
    if (this.#stopped !== undefined) return commit.reject(this.#stopped);
    this.#gathered.push(commit);
    if (this.#inFlight.length > 0 || this.#scheduled) return;
    this.#scheduled = true;
    // All that is submitted in this turn goes together.
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#sendNext();
    });
  }

  /** True if something submitted is not durable yet. */
  get busy(): boolean {
    return this.#inFlight.length > 0 || this.#gathered.length > 0;
  }

  /** Resolves when nothing is under way. */
  async drained(): Promise<void> {
    if (!this.busy) return;
    this.#idle ??= Promise.withResolvers();
    await this.#idle.promise;
  }

  /** Rejects all that is under way and all that comes. */
  stop(error: StoreError): void {
    this.#stopped ??= error;
    this.#rejectAll(error);
  }

  #sendNext(): void {
    if (this.#inFlight.length > 0 || this.#gathered.length === 0) {
      if (!this.busy) this.#idle?.resolve();
      return;
    }
    const batch = this.#take();
    this.#inFlight = batch;
    const versions = batch.flatMap((commit) => commit.versions.map((kv) => ({ row: kv.row, kv })));
    const leases = batch.flatMap((commit) => commit.lease ?? []);
    const written =
      versions.length === 0 && leases.length === 0 ? Promise.resolve() : this.#options.log.commit({ versions, leases });
    written.then(
      () => this.#onWritten(batch),
      (error: unknown) => this.#onRefused(error),
    );
  }

  #take(): readonly Commit[] {
    let bytes = 0;
    let count = 0;
    for (const { versions } of this.#gathered) {
      for (const { key, value } of versions) bytes += key.length + value.length + COMMIT_OVERHEAD_BYTES;
      if (count > 0 && bytes > MAX_BATCH_BYTES) break;
      count++;
    }
    const batch = count === this.#gathered.length ? this.#gathered : this.#gathered.slice(0, count);
    this.#gathered = this.#gathered.slice(count);
    return batch;
  }

  #onWritten(batch: readonly Commit[]): void {
    if (this.#stopped !== undefined) return;
    this.#inFlight = [];
    // First give the disk something to do.
    this.#sendNext();
    this.#options.onDurable(batch);
    for (const commit of batch) commit.resolve();
  }

  #onRefused(cause: unknown): void {
    if (this.#stopped !== undefined) return;
    const error =
      cause instanceof StoreError ? cause : new StoreError('failed', 'the log cannot be written', { cause });
    if (error.code !== 'no-space') {
      this.#options.onFatal(error);
      return;
    }
    // What was gathered meanwhile was evaluated as if this batch had come to be.
    this.#options.onNoSpace();
    this.#rejectAll(error);
  }

  #rejectAll(error: StoreError): void {
    const commits = [...this.#inFlight, ...this.#gathered];
    this.#inFlight = [];
    this.#gathered = [];
    for (const commit of commits) commit.reject(error);
    this.#idle?.resolve();
  }
}
