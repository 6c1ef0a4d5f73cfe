/** What clients of a store saw, in the order they saw it: what the checker judges, and what a failed run keeps. */
import { writeFileSync } from 'node:fs';

/**
 * A place in the one order of all calls and answers. They come about in one process, one after the other, so an answer with a lower number than a call was
 * there before the call was made.
 */
export type Moment = number;

/** A transaction that compares the revision of each of its keys and writes, or deletes, all of them. */
export interface Write {
  readonly type: 'write';
  /** Stands in the value it writes, so that who reads it knows whose it is. */
  readonly id: number;
  readonly keys: readonly string[];
  readonly deletes: boolean;
  /** modRevision compared with, key by key; 0: it must not exist. */
  readonly expected: readonly number[];
  readonly called: Moment;
  /** No answer: for ever. */
  readonly returned?: Moment;
  /** `refused`: certainly not done. `unknown`: done or not. */
  readonly outcome: 'done' | 'refused' | 'unknown';
  /** Of one that is done. */
  readonly revision?: number;
}

export interface Pair {
  readonly key: string;
  readonly id: number;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
}

/** A range over all keys, or over one. */
export interface Read {
  readonly type: 'read';
  readonly key?: string;
  /** Asked for by the caller: as of this revision. */
  readonly at?: number;
  readonly called: Moment;
  readonly returned: Moment;
  /** The store's at the time of the read. */
  readonly revision: number;
  readonly pairs: readonly Pair[];
}

export interface Event {
  readonly revision: number;
  readonly key: string;
  /** Of the write; absent for a deletion. */
  readonly id?: number;
}

/** One call of a watcher's handler. */
export interface Told {
  readonly type: 'told';
  readonly watch: number;
  readonly at: Moment;
  readonly events: readonly Event[];
}

/** A watch of all keys begins. */
export interface Watching {
  readonly type: 'watch';
  readonly watch: number;
  readonly start: number;
}

/** A server came up, or one is gone: only to be read by people. */
export interface Remark {
  readonly type: 'remark';
  readonly text: string;
}

export type Entry = Write | Read | Told | Watching | Remark;

export const valueOf = (id: number, bytes: number): Buffer => Buffer.from(`${id} `.padEnd(bytes, 'x'));
export const idOf = (value: Buffer): number => Number.parseInt(value.toString('latin1'), 10);

/** A line for each entry. */
export function writeHistory(file: string, entries: readonly Entry[], problems: readonly string[]): void {
  const lines = [...problems.map((text) => ({ type: 'problem', text })), ...entries];
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}
