import { type Key, type KeyValue, type RangeRequest, type RangeResult, StoreError } from '../types.ts';
import { OrderedIndex } from './ordered-index.ts';
import { NO_VALUE, type Version } from './version.ts';

/** As etcd: an empty store is at revision 1, the first write makes revision 2. */
const FIRST_REVISION = 1;

/** A half-open range of keys; `end` undefined is no upper bound. */
export interface Span {
  readonly from: Key;
  readonly end: Key | undefined;
}

/** The keys a request means: one key, a range, or (rangeEnd '\0') everything from the key on. */
export function spanOf({ key, rangeEnd }: { readonly key: Key; readonly rangeEnd?: Key }): Span {
  if (rangeEnd === undefined || rangeEnd === '') return { from: key, end: `${key}\0` };
  return { from: key, end: rangeEnd === '\0' ? undefined : rangeEnd };
}

export function contains({ from, end }: Span, key: Key): boolean {
  return key >= from && (end === undefined || key < end);
}

/**
 * What is durable and visible: the newest version of each key in order, and history: every version written at or after the compact
 * revision, by revision, each chained to the version it replaced. Synchronous; no step takes long.
 */
export class Keyspace {
  readonly #current = new OrderedIndex<Version>();
  /** Keys whose newest version is a tombstone that history still holds. */
  readonly #deleted = new OrderedIndex<Version>();
  /** Element i holds what revision `#firstLogged + i - #head` wrote; elements before `#head` are forgotten. */
  #log: (readonly Version[] | undefined)[] = [];
  #head = 0;
  #firstLogged = FIRST_REVISION + 1;
  #revision = FIRST_REVISION;
  #compactRevision = 0;
  #historyBytes = 0;
  #currentBytes = 0;

  get revision(): number {
    return this.#revision;
  }

  get compactRevision(): number {
    return this.#compactRevision;
  }

  /** Roughly what memory old versions take that only history needs. */
  get historyBytes(): number {
    return this.#historyBytes;
  }

  /** Keys and values of the pairs there are. */
  get currentBytes(): number {
    return this.#currentBytes;
  }

  get keyCount(): number {
    return this.#current.size;
  }

  /** The newest version of a key, maybe a tombstone. */
  newest(key: Key): Version | undefined {
    return this.#current.get(key) ?? (this.#deleted.size === 0 ? undefined : this.#deleted.get(key));
  }

  /** Visits the current pairs of a span in order until `visit` returns false. */
  scan({ from, end }: Span, visit: (version: Version) => boolean): void {
    this.#current.scan(from, end, visit);
  }

  /** Throws `compacted` or `future-revision` if a read at `revision` cannot be answered. */
  checkReadable(revision: number): void {
    if (revision > this.#revision) {
      throw new StoreError('future-revision', `revision ${revision} is newer than the store's, ${this.#revision}`);
    }
    if (revision < this.#compactRevision) {
      throw new StoreError(
        'compacted',
        `revision ${revision} is compacted, history begins at ${this.#compactRevision}`,
      );
    }
  }

  range(request: RangeRequest): RangeResult {
    const span = spanOf(request);
    const at = request.revision ?? 0;
    if (at !== 0) this.checkReadable(at);
    if (at === 0 || at === this.#revision) return this.#rangeNow(span, request);
    return this.#rangeAt(span, request, at);
  }

  /** Adds what one revision wrote. */
  apply(versions: readonly Version[], revision: number): void {
    if (revision !== this.#revision + 1) {
      throw new Error(`revision ${revision} does not follow ${this.#revision}`);
    }
    for (const version of versions) {
      this.#setNewest(version);
      this.#historyBytes += historyCost(version);
    }
    this.#log.push(versions);
    this.#revision = revision;
  }

  /** What `revision` wrote; it must be in history. */
  writtenAt(revision: number): readonly Version[] {
    return this.#log[this.#head + revision - this.#firstLogged] ?? [];
  }

  /** All versions there are, in the order they were written: those older than history, then history. */
  allVersions(): Version[] {
    const old: Version[] = [];
    const collect = (newest: Version): boolean => {
      let oldest = newest;
      while (oldest.previous !== undefined) oldest = oldest.previous;
      if (oldest.modRevision < this.#firstLogged) old.push(oldest);
      return true;
    };
    this.#current.scan('', undefined, collect);
    this.#deleted.scan('', undefined, collect);
    const history = this.#log.slice(this.#head).flatMap((versions) => versions ?? []);
    return [...old.toSorted((a, b) => a.row - b.row), ...history];
  }

  /** From here on reads below `revision` fail; call {@link forgetSome} to let go of the memory. */
  setCompactRevision(revision: number): void {
    this.#compactRevision = revision;
  }

  /** Forgets history below the compact revision, about `budget` versions at a time. Returns the rows nobody needs any more. */
  forgetSome(budget: number): { readonly rows: readonly number[]; readonly done: boolean } {
    const rows: number[] = [];
    for (let left = budget; this.#firstLogged < this.#compactRevision; this.#firstLogged++) {
      if (left <= 0) return { rows, done: false };
      const versions = this.writtenAt(this.#firstLogged);
      this.#log[this.#head++] = undefined;
      left -= versions.length;
      for (const version of versions) this.#forget(version, rows);
    }
    if (this.#head > 1024 && this.#head > this.#log.length / 2) {
      this.#log = this.#log.slice(this.#head);
      this.#head = 0;
    }
    return { rows, done: true };
  }

  /** The revision to compact at so that history older than it frees at least `bytes`. */
  revisionFreeing(bytes: number): number {
    let freed = 0;
    let revision = this.#firstLogged;
    for (; revision < this.#revision && freed < bytes; revision++) {
      for (const version of this.writtenAt(revision)) freed += historyCost(version);
    }
    return revision;
  }

  /** Loading: history begins at `compactRevision` (0: at the beginning); older rows come first, through {@link loadOld}. */
  beginLoad(compactRevision: number): void {
    this.#compactRevision = compactRevision;
    if (compactRevision <= FIRST_REVISION) return;
    this.#firstLogged = compactRevision;
    this.#revision = compactRevision - 1;
  }

  /** Loading: a version older than history. Returns the rows it shows to be needless. */
  loadOld(version: Version): readonly number[] {
    const before = this.#current.get(version.key);
    this.#currentBytes += sizeOf(version) - (before === undefined ? 0 : sizeOf(before));
    if (version.isTombstone) this.#current.delete(version.key);
    else this.#current.set(version.key, version);
    version.forgetPrevious();
    return [...(before === undefined ? [] : [before.row]), ...(version.isTombstone ? [version.row] : [])];
  }

  #rangeNow({ from, end }: Span, request: RangeRequest): RangeResult {
    const count = this.#current.count(from, end);
    if (request.countOnly === true) return { kvs: [], count, revision: this.#revision };
    const limit = request.limit ?? 0;
    const most = limit === 0 ? count : Math.min(limit, count);
    const kvs: KeyValue[] = [];
    this.#current.scan(from, end, (version) => {
      if (kvs.length === most) return false;
      kvs.push(request.keysOnly === true ? withoutValue(version) : version);
      return true;
    });
    return { kvs, count, revision: this.#revision };
  }

  #rangeAt(span: Span, request: RangeRequest, revision: number): RangeResult {
    const limit = request.countOnly === true ? 0 : (request.limit ?? 0);
    if (limit === 0) return rangeOf(this.#pairsAt(span, revision, Infinity), request, this.#revision);
    const pairs = this.#pairsAt(span, revision, limit);
    const count = pairs.length < limit ? pairs.length : this.#countAt(span, revision);
    return { ...rangeOf(pairs, request, this.#revision), count };
  }

  /** The first pairs of the span as of `revision`, at least `limit` of them if there are so many. */
  #pairsAt({ from, end }: Span, revision: number, limit: number): readonly Version[] {
    const collect = (map: OrderedIndex<Version>): Version[] => {
      const pairs: Version[] = [];
      map.scan(from, end, (newest) => {
        const version = newest.at(revision);
        if (version !== undefined) pairs.push(version);
        return pairs.length < limit;
      });
      return pairs;
    };
    const kept = collect(this.#current);
    const deleted = collect(this.#deleted);
    return deleted.length === 0 ? kept : mergeByKey(kept, deleted);
  }

  /** How many keys the span had: from how many it has and what happened since, or by counting them if much did. */
  #countAt(span: Span, revision: number): number {
    let count = this.#current.count(span.from, span.end);
    if (this.#revision - revision > count) return this.#pairsAt(span, revision, Infinity).length;
    for (let r = revision + 1; r <= this.#revision; r++) {
      for (const version of this.writtenAt(r)) {
        if (!contains(span, version.key)) continue;
        if (version.isTombstone) count++;
        else if (version.previousPair === undefined) count--;
      }
    }
    return count;
  }

  #setNewest(version: Version): void {
    const { previousPair } = version;
    this.#currentBytes += sizeOf(version) - (previousPair === undefined ? 0 : sizeOf(previousPair));
    if (version.isTombstone) {
      this.#current.delete(version.key);
      this.#deleted.set(version.key, version);
      return;
    }
    if (version.previous?.isTombstone === true) this.#deleted.delete(version.key);
    this.#current.set(version.key, version);
  }

  #forget(version: Version, rows: number[]): void {
    this.#historyBytes -= historyCost(version);
    if (version.previousPair !== undefined) rows.push(version.previousPair.row);
    version.forgetPrevious();
    if (!version.isTombstone) return;
    rows.push(version.row);
    if (this.#deleted.get(version.key) === version) this.#deleted.delete(version.key);
  }
}

const sizeOf = (version: Version): number => (version.isTombstone ? 0 : version.key.length + version.value.length);

/** What history pays for this write: the pair it replaced and, if it is one, the tombstone. */
function historyCost(version: Version): number {
  return (version.previousPair?.costBytes ?? 0) + (version.isTombstone ? version.costBytes : 0);
}

/** The answer to a range request from all pairs that lie in it. */
export function rangeOf(pairs: readonly KeyValue[], request: RangeRequest, revision: number): RangeResult {
  if (request.countOnly === true) return { kvs: [], count: pairs.length, revision };
  const limit = request.limit ?? 0;
  const kvs = limit === 0 ? pairs : pairs.slice(0, limit);
  return { kvs: request.keysOnly === true ? kvs.map(withoutValue) : kvs, count: pairs.length, revision };
}

function withoutValue({ key, createRevision, modRevision, version, lease }: KeyValue): KeyValue {
  return { key, value: NO_VALUE, createRevision, modRevision, version, lease };
}

/** Merges two lists in key order that have no key in common. */
export function mergeByKey(a: readonly Version[], b: readonly Version[]): readonly Version[] {
  const merged: Version[] = [];
  let j = 0;
  for (const version of a) {
    for (; j < b.length && (b[j] as Version).key < version.key; j++) merged.push(b[j] as Version);
    merged.push(version);
  }
  for (; j < b.length; j++) merged.push(b[j] as Version);
  return merged;
}
