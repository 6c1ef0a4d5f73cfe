import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openEtcdStore, type Store, StoreError } from '#store';
import { silentLogger, systemClock } from '#util';
import type { Random } from '../../fuzz/api/random.ts';
import { Checker } from './check.ts';
import { writeHistory } from './history.ts';
import { History, startLoad } from './load.ts';
import { type Said, startProcess, type StoreProcess, type Surroundings } from './process.ts';
import { damageMiddle, tearTail } from './wal.ts';

/** What a store is at before anything was written. */
const FIRST_REVISION = 1;
const KINDS = ['kill', 'kill', 'torn', 'torn', 'damage', 'failing-sync', 'file-limit', 'full-disk'] as const;
export type FaultKind = (typeof KINDS)[number];
const MIB = 1 << 20;
/** Where nothing is acknowledged any more, or the fault does not come. */
const FULL_MS = 1000;
const LONGEST_MS = 5000;

export interface RoundsOptions {
  readonly directory: string;
  readonly rounds: number;
  /** What is done in each round, again from the beginning when it is through. Default: at random. */
  readonly kinds?: readonly FaultKind[];
  /** No round begins after so long. Default: whenever. */
  readonly longestMs?: number;
  readonly random: Random;
  /** Most that is acknowledged before a server is killed. */
  readonly maxWrites: number;
  /** A history that cannot be is kept here. */
  readonly failureFile: string;
  readonly onRound?: (round: number, text: string) => void;
}

export interface Outcome {
  readonly problems: readonly string[];
  readonly done: number;
  readonly unknown: number;
  readonly reads: number;
  readonly events: number;
  /** How many rounds of each kind there were. */
  readonly kinds: ReadonlyMap<FaultKind, number>;
  readonly revision: number;
}

/** Starts a server on the same directory again and again, loads it, and does something terrible to it; each time judges what was seen before. */
export async function runRounds(options: RoundsOptions): Promise<Outcome> {
  const { rounds, random, onRound, failureFile, longestMs = Infinity } = options;
  const end = performance.now() + longestMs;
  mkdirSync(options.directory, { recursive: true });
  const run = new Run(options);
  const kinds = new Map<FaultKind, number>();
  for (let round = 1; round <= rounds && run.problems.length === 0 && performance.now() < end; round++) {
    const kind = options.kinds?.[(round - 1) % options.kinds.length] ?? random.pick(KINDS);
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    onRound?.(round, await run.round(kind));
  }
  // The last round is judged, too.
  if (run.problems.length === 0) await run.round(undefined);
  if (run.problems.length > 0) writeHistory(failureFile, run.history.entries, run.problems);
  return { ...run.counts, problems: run.problems, kinds, revision: run.checker.revision };
}

class Run {
  readonly #options: RoundsOptions;
  readonly history = new History();
  readonly checker = new Checker(FIRST_REVISION);
  readonly problems: string[] = [];
  readonly counts = { done: 0, unknown: 0, reads: 0, events: 0 };
  /** The last revision that any watcher was told of. */
  #told = FIRST_REVISION;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  /** One life of a server; undefined: just to see what is left. */
  async round(kind: FaultKind | undefined): Promise<string> {
    const { directory, random } = this.#options;
    const around = this.#surroundings(kind);
    const server = startProcess(directory, around, sizeOf(directory));
    this.#remark(`a server starts: ${JSON.stringify(around)}`);
    const { port, refused } = await server.up;
    if (port === undefined) {
      await server.gone;
      if (!mayRefuse(around, refused)) this.problems.push(`the store does not open: ${refused}`);
      return `${kind}: not opened, ${refused}`;
    }
    await this.#use(server, port, kind);
    const said = await server.gone;
    this.#judgeEnd(around, said);
    const wal = join(directory, 'store.db-wal');
    let text = said.fatal ?? 'killed';
    if (kind === 'torn') text = tearTail(wal, random);
    if (kind === 'damage') text = await this.#damage();
    this.#remark(text);
    return `${kind}: ${text}`;
  }

  async #use(server: StoreProcess, port: number, kind: FaultKind | undefined): Promise<void> {
    const { random, maxWrites } = this.#options;
    const store = await openEtcdStore({
      endpoints: [`http://127.0.0.1:${port}`],
      clock: systemClock,
      log: silentLogger,
    }).catch(() => undefined); // gone already
    try {
      if (store === undefined || !(await this.#audit(store)) || this.problems.length > 0 || kind === undefined) return;
      const load = startLoad(store, this.history, random, this.checker.revision + 1);
      const writes = 2 + Math.floor(maxWrites * random.next() ** 2);
      const until = (count: number, ms: number): Promise<unknown> =>
        Promise.race([server.gone, this.history.acknowledged(count), pause(ms, undefined, { ref: false })]);
      await until(Math.ceil(writes / 2), FULL_MS);
      // Until here a disk may have been full.
      if (kind === 'full-disk' && !server.isGone) rmSync(server.path('ballast'), { force: true });
      const failing = kind === 'failing-sync' || kind === 'file-limit';
      await until(failing ? Infinity : Math.ceil(writes / 2), LONGEST_MS);
      server.kill();
      await server.gone;
      load.stop();
      await load.done;
      this.#told = Math.max(this.#told, load.told);
    } finally {
      server.kill();
      await store?.close();
    }
  }

  /** Hears the end of what happened since the last audit, and judges it. False: the server went away meanwhile. */
  async #audit(store: Store): Promise<boolean> {
    const { history } = this;
    try {
      await history.read(store);
      const { revision } = await store.range({ key: '\0', countOnly: true });
      const ended = Promise.withResolvers<void>();
      if (this.#told < revision) {
        using watch = history.watch(
          store,
          this.#told + 1,
          (told) => {
            this.#told = Math.max(this.#told, told);
            if (told >= revision) ended.resolve();
          },
          (error) => ended.reject(error),
        );
        await ended.promise;
        void watch; // until here
      }
      this.#judge(revision);
      return true;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (error.code === 'compacted') this.problems.push(`forgotten before anybody was told of it: ${error.message}`);
      return false;
    }
  }

  /** The store was at `revision` when nobody wrote any more. */
  #judge(revision: number): void {
    const { entries } = this.history;
    for (const entry of entries) {
      if (entry.type === 'read') this.counts.reads++;
      if (entry.type === 'told') this.counts.events += entry.events.length;
      if (entry.type === 'write' && entry.outcome !== 'refused') this.counts[entry.outcome]++;
    }
    this.problems.push(...this.checker.check(entries, revision));
    if (this.problems.length === 0) this.history.entries = [];
  }

  #surroundings(kind: FaultKind | undefined): Surroundings {
    const { random, directory } = this.#options;
    switch (kind) {
      case 'failing-sync':
        return { type: 'failing-sync', fault: { commit: 1 + random.below(200), written: random.chance(0.5) } };
      case 'file-limit':
        return {
          type: 'file-limit',
          bytes: Math.floor((random.chance(0.5) ? sizeOf(directory) : 0) + 3 * MIB * random.next()),
        };
      case 'full-disk':
        return { type: 'full-disk', freeBytes: Math.floor(3 * MIB * random.next()) };
      default:
        return { type: 'whole' };
    }
  }

  #judgeEnd({ type }: Surroundings, { fatal }: Said): void {
    const mayFail = type === 'failing-sync' || type === 'file-limit';
    if (fatal !== undefined && !mayFail) this.problems.push(`the store ended on a disk that is whole: ${fatal}`);
    if (fatal !== undefined && !/^failed cannot write .*: .+/.test(fatal))
      this.problems.push(`the store ended and did not say why: ${fatal}`);
  }

  /** A copy with a byte changed in the middle must not open, and must be left as it is. */
  async #damage(): Promise<string> {
    const { directory, random } = this.#options;
    const copy = `${directory}.damaged`;
    cpSync(directory, copy, { recursive: true });
    try {
      const wal = join(copy, 'store.db-wal');
      if (!damageMiddle(wal, random)) return 'too little to damage';
      const before = readFileSync(wal);
      const server = startProcess(copy, { type: 'whole' }, 0);
      const { port, refused = '' } = await server.up;
      server.kill();
      await server.gone;
      if (port !== undefined) this.problems.push('a store damaged in its middle was opened');
      else if (!/^corrupt .* is damaged: .*Nothing was changed\. Restore/.test(refused))
        this.problems.push(`a damaged store was refused with: ${refused}`);
      if (!readFileSync(wal).equals(before)) this.problems.push('a damaged store was changed');
      return `damaged: ${refused}`;
    } finally {
      rmSync(copy, { recursive: true });
    }
  }

  #remark(text: string): void {
    this.history.entries.push({ type: 'remark', text });
  }
}

/** Opening writes a little, which these do not always let it. */
function mayRefuse({ type }: Surroundings, refused = ''): boolean {
  if (type === 'file-limit') return /^(unavailable|failed) /.test(refused);
  return type === 'full-disk' && /^(no-space |this machine)/.test(refused);
}

const sizeOf = (directory: string): number =>
  readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
