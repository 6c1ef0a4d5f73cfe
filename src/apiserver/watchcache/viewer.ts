import { internalError, StatusError } from '#api';
import type { Entry } from './entry.ts';

/** A stored entry as it is shown, or why it cannot be. */
export type Viewed = Entry | StatusError;

/**
 * Makes of stored entries what a cache shows: custom resources in one version. Gives one result for each, at once where it can, and does not
 * throw. What is shown has the key and revision of what is stored.
 */
export type View = (stored: readonly Entry[]) => readonly Viewed[] | Promise<readonly Viewed[]>;

interface Job {
  readonly stored: readonly Entry[];
  readonly done: (shown: readonly Viewed[]) => void;
}

/**
 * Runs a view over what a cache is told, in order. What could not be shown is kept aside and tried again when somebody asks for it, since
 * conversion may depend on others who come and go.
 */
export class Viewer {
  readonly #view: View;
  readonly #queue: Job[] = [];
  #running: Promise<void> | undefined;
  readonly #failed = new Map<string, { readonly stored: Entry; readonly error: StatusError }>();
  #retry: Promise<void> | undefined;
  #replace: (shown: Entry) => void;

  /** `replace` takes an entry that can be shown after all. */
  constructor(view: View, replace: (shown: Entry) => void) {
    this.#view = view;
    this.#replace = replace;
  }

  /** Something is not shown yet. */
  get pending(): boolean {
    return this.#running !== undefined;
  }

  /** Calls `done` with what is to be shown, at once if nothing has to be waited for. */
  show(stored: readonly Entry[], done: Job['done']): void {
    const job = { stored, done };
    if (this.#running !== undefined) {
      this.#queue.push(job);
      return;
    }
    const shown = this.#call(stored);
    if (shown instanceof Promise) this.#running = this.#run(job, shown);
    else this.#finish(job, shown);
  }

  /** What entries that are in no cache would be shown as. Throws the first failure. */
  async shown(stored: readonly Entry[]): Promise<readonly Entry[]> {
    return (await this.#call(stored)).map((viewed) => {
      if (viewed instanceof StatusError) throw viewed;
      return viewed;
    });
  }

  /** Resolves when all that was told is shown; what failed, or of it only `key`, has been tried once more by then. Undefined: that is so. */
  settled(key: string | undefined): Promise<void> | undefined {
    if (this.#running === undefined && !this.#hasFailed(key)) return undefined;
    return this.#settle(key);
  }

  /** Something is there that cannot be shown. */
  isFailed(key: string): boolean {
    return this.#failed.has(key);
  }

  /** Throws why the entry of that key cannot be shown. */
  check(key: string): void {
    const failure = this.#failed.get(key);
    if (failure !== undefined) throw failure.error;
  }

  /** Throws why some entry below the prefix cannot be shown. */
  checkAll(prefix: string): void {
    for (const [key, { error }] of this.#failed) if (key.startsWith(prefix)) throw error;
  }

  forget(key: string): void {
    this.#failed.delete(key);
  }

  #hasFailed(key: string | undefined): boolean {
    return key === undefined ? this.#failed.size > 0 : this.#failed.has(key);
  }

  async #settle(key: string | undefined): Promise<void> {
    await this.#running;
    if (!this.#hasFailed(key)) return;
    this.#retry ??= this.#tryAgain().finally(() => (this.#retry = undefined));
    await this.#retry;
  }

  async #tryAgain(): Promise<void> {
    const tried = [...this.#failed.values()].map(({ stored }) => stored);
    const shown = await this.#call(tried);
    for (const [i, stored] of tried.entries()) {
      // Another write may have come since.
      if (this.#failed.get(stored.key)?.stored !== stored) continue;
      const viewed = shown[i]!;
      if (viewed instanceof StatusError) this.#failed.set(stored.key, { stored, error: viewed });
      else {
        this.#failed.delete(stored.key);
        this.#replace(viewed);
      }
    }
  }

  async #run(first: Job, shown: Promise<readonly Viewed[]>): Promise<void> {
    this.#finish(first, await shown);
    // What has gathered in the meantime goes together.
    for (let jobs = this.#queue.splice(0); jobs.length > 0; jobs = this.#queue.splice(0)) {
      const all = await this.#call(jobs.flatMap(({ stored }) => stored));
      let from = 0;
      for (const job of jobs) {
        this.#finish(job, all.slice(from, from + job.stored.length));
        from += job.stored.length;
      }
    }
    this.#running = undefined;
  }

  #finish({ stored, done }: Job, shown: readonly Viewed[]): void {
    for (const [i, viewed] of shown.entries()) {
      const entry = stored[i]!;
      if (viewed instanceof StatusError) this.#failed.set(entry.key, { stored: entry, error: viewed });
      else this.#failed.delete(entry.key);
    }
    done(shown);
  }

  #call(stored: readonly Entry[]): readonly Viewed[] | Promise<readonly Viewed[]> {
    const failed = (error: unknown): readonly Viewed[] =>
      stored.map(() => (error instanceof StatusError ? error : internalError(error)));
    try {
      const shown = this.#view(stored);
      return shown instanceof Promise ? shown.catch(failed) : shown;
    } catch (error) {
      return failed(error);
    }
  }
}
