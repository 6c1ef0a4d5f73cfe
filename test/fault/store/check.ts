/**
 * Is what clients saw what one store could have shown them? Each write has a revision, and revisions put all writes in one order; so it is enough to see that
 * this order is a history of compare-and-swap registers, that it agrees with the order in real time, and that every answer and every watch
 * shows a piece of it. What has no known outcome is done or not, as a whole, once at most.
 */
import type { Entry, Event, Moment, Pair, Read, Told, Watching, Write } from './history.ts';

/** Of one key: what each of its writes left, oldest first. */
interface Versions {
  readonly revisions: number[];
  /** Undefined: it was deleted. */
  readonly pairs: (Pair | undefined)[];
}

/** Told all of one round, and shown to be whole, before the next one is looked at. */
export class Checker {
  /** All up to here was looked at. */
  #revision: number;
  /** All that is known of any key; reads may go back to here. */
  readonly #from: number;
  readonly #keys = new Map<string, Versions>();
  readonly #done = new Set<number>();

  /** Of a store that holds nothing. */
  constructor(revision: number) {
    this.#revision = revision;
    this.#from = revision;
  }

  get revision(): number {
    return this.#revision;
  }

  /**
   * What is wrong with a round: nothing, if the list is empty. `end`: the store's revision when nobody wrote any more, which somebody who watched from
   * the end of the round before was told of.
   */
  check(entries: readonly Entry[], end: number): readonly string[] {
    const problems: string[] = [];
    const begin = this.#revision;
    const order = collectEvents(entries, problems);
    this.#revision = Math.max(begin, end);
    if (end < begin) problems.push(`the store went back from revision ${begin} to ${end}`);
    for (let revision = begin + 1; revision <= end; revision++)
      if (!order.has(revision)) problems.push(`nobody was told of revision ${revision}, the store is at ${end}`);
    for (const revision of order.keys())
      if (revision > end) problems.push(`watchers were told of revision ${revision}, the store is at ${end}`);
    checkWatches(entries, problems);
    const at = this.#replay(writesOf(entries), order, begin, problems);
    this.#checkAnswers(entries, at, problems);
    checkRealTime(entries, at, begin, problems);
    return problems;
  }

  /** Gives each revision to the write that made it. */
  #replay(
    writes: ReadonlyMap<number, Write>,
    order: ReadonlyMap<number, readonly Event[]>,
    begin: number,
    problems: string[],
  ): ReadonlyMap<Write, number> {
    const at = new Map<Write, number>();
    const deletions = new Map<string, Write[]>();
    for (const write of writes.values()) {
      if (!write.deletes) continue;
      const name = deletionName(write.keys, write.expected);
      deletions.set(name, [...(deletions.get(name) ?? []), write]);
    }
    for (const [revision, events] of [...order].toSorted(([a], [b]) => a - b)) {
      if (revision <= begin) continue; // of a round before, told again
      const write = this.#writerOf(events, writes, deletions);
      if (write === undefined) problems.push(`nobody wrote what was told of revision ${revision}: ${shown(events)}`);
      else this.#take(write, revision, events, at, problems);
      for (const event of events) this.#apply(event);
    }
    return at;
  }

  #writerOf(
    events: readonly Event[],
    writes: ReadonlyMap<number, Write>,
    deletions: ReadonlyMap<string, readonly Write[]>,
  ): Write | undefined {
    const [first] = events;
    if (first?.id !== undefined) return writes.get(first.id);
    const keys = events.map(({ key }) => key);
    const candidates = deletions.get(
      deletionName(
        keys,
        keys.map((key) => this.#newest(key)?.modRevision ?? 0),
      ),
    );
    return (
      candidates?.find(({ revision }) => revision === first?.revision) ??
      candidates?.find(({ id, outcome }) => outcome === 'unknown' && !this.#done.has(id))
    );
  }

  #take(write: Write, revision: number, events: readonly Event[], at: Map<Write, number>, problems: string[]): void {
    const { id, keys, expected, outcome } = write;
    if (this.#done.has(id)) problems.push(`write ${id} was done twice, at revision ${revision} too`);
    this.#done.add(id);
    at.set(write, revision);
    if (outcome === 'refused') problems.push(`write ${id} was refused, but is there at revision ${revision}`);
    if (outcome === 'done' && write.revision !== revision)
      problems.push(`write ${id} was acknowledged at revision ${write.revision}, watchers saw it at ${revision}`);
    const told = events.map(({ key }) => key).toSorted();
    if (told.join() !== keys.toSorted().join() || events.some((event) => event.id !== (write.deletes ? undefined : id)))
      problems.push(`write ${id} of ${keys.join()} was told as ${shown(events)}`);
    for (const [i, key] of keys.entries()) {
      const found = this.#newest(key)?.modRevision ?? 0;
      if (found !== expected[i])
        problems.push(`write ${id} compared ${key} with revision ${expected[i]}, but was done on ${found}`);
    }
  }

  #newest(key: string): Pair | undefined {
    return this.#keys.get(key)?.pairs.at(-1);
  }

  #apply({ key, id, revision }: Event): void {
    let versions = this.#keys.get(key);
    if (versions === undefined) this.#keys.set(key, (versions = { revisions: [], pairs: [] }));
    const before = versions.pairs.at(-1);
    versions.revisions.push(revision);
    versions.pairs.push(
      id === undefined
        ? undefined
        : {
            key,
            id,
            createRevision: before?.createRevision ?? revision,
            modRevision: revision,
            version: (before?.version ?? 0) + 1,
          },
    );
  }

  #checkAnswers(entries: readonly Entry[], at: ReadonlyMap<Write, number>, problems: string[]): void {
    for (const entry of entries) {
      if (entry.type === 'write' && entry.outcome === 'done' && !at.has(entry))
        problems.push(`write ${entry.id} was acknowledged at revision ${entry.revision} and is lost`);
      if (entry.type === 'read') this.#checkRead(entry, problems);
    }
  }

  #checkRead({ key, at, revision, pairs }: Read, problems: string[]): void {
    const asOf = at ?? revision;
    if (asOf < this.#from || asOf > this.#revision) {
      if (asOf > this.#revision) problems.push(`a read saw revision ${asOf}, which is not there any more`);
      return;
    }
    const keys = key === undefined ? [...this.#keys.keys()].toSorted() : [key];
    const expected = keys.flatMap((name) => this.#as(name, asOf) ?? []);
    const [found, should] = [pairs.map(line).join('; '), expected.map(line).join('; ')];
    if (found !== should) problems.push(`a read as of revision ${asOf} found ${found}, it should be ${should}`);
  }

  #as(key: string, revision: number): Pair | undefined {
    const versions = this.#keys.get(key);
    if (versions === undefined) return undefined;
    let [low, high] = [0, versions.revisions.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (versions.revisions[middle]! <= revision) low = middle + 1;
      else high = middle;
    }
    return versions.pairs[low - 1];
  }
}

const line = ({ key, id, createRevision, modRevision, version }: Pair): string =>
  `${key}=${id} ${createRevision}/${modRevision}/${version}`;
const shown = (events: readonly Event[]): string => events.map(({ key, id }) => `${key}=${id ?? 'gone'}`).join();
const deletionName = (keys: readonly string[], expected: readonly number[]): string =>
  keys
    .map((key, i) => `${key} ${expected[i]}`)
    .toSorted()
    .join();

const writesOf = (entries: readonly Entry[]): ReadonlyMap<number, Write> =>
  new Map(entries.flatMap((entry) => (entry.type === 'write' ? [[entry.id, entry] as const] : [])));

/** Revision → what was told of it, by whoever was first. */
function collectEvents(entries: readonly Entry[], problems: string[]): ReadonlyMap<number, readonly Event[]> {
  const order = new Map<number, readonly Event[]>();
  for (const entry of entries) {
    if (entry.type !== 'told') continue;
    for (const [revision, events] of Map.groupBy(entry.events, (event) => event.revision)) {
      const known = order.get(revision);
      if (known === undefined) order.set(revision, events);
      else if (shown(known) !== shown(events))
        problems.push(
          `of revision ${revision} one watcher was told ${shown(known)}, watch ${entry.watch} ${shown(events)}`,
        );
    }
  }
  return order;
}

/** Each revision from where the watch began, each in one call, each once. */
function checkWatches(entries: readonly Entry[], problems: string[]): void {
  const next = new Map<number, number>();
  const checkTold = ({ watch, events }: Told): void => {
    for (const { revision } of new Map(events.map((event) => [event.revision, event])).values()) {
      const expected = next.get(watch);
      if (revision !== expected)
        problems.push(`watch ${watch} was told of revision ${revision} where ${expected} should come`);
      next.set(watch, revision + 1);
    }
    for (let i = 1; i < events.length; i++)
      if (events[i]!.revision < events[i - 1]!.revision)
        problems.push(`watch ${watch} was told of revision ${events[i]!.revision} after ${events[i - 1]!.revision}`);
  };
  for (const entry of entries) {
    if (entry.type === 'watch') next.set(entry.watch, (entry satisfies Watching).start);
    if (entry.type === 'told') checkTold(entry);
  }
}

interface Step {
  readonly at: Moment;
  /** What this answer shows the store to have reached. */
  readonly shows?: number;
  /** What a call made now must come after. */
  readonly call?: { readonly what: string; readonly revision: number; readonly least: 0 | 1 };
}

/** No call may find the store where it was before something that was known when the call was made. */
function checkRealTime(
  entries: readonly Entry[],
  at: ReadonlyMap<Write, number>,
  begin: number,
  problems: string[],
): void {
  const steps: Step[] = [];
  for (const entry of entries) {
    if (entry.type === 'told') {
      const last = entry.events.at(-1);
      if (last !== undefined) steps.push({ at: entry.at, shows: last.revision });
    } else if (entry.type === 'read') {
      const { called, returned, revision } = entry;
      steps.push({ at: called, call: { what: 'a read', revision, least: 0 } }, { at: returned, shows: revision });
    } else if (entry.type === 'write') {
      const revision = at.get(entry) ?? entry.revision;
      if (revision === undefined) continue;
      steps.push({ at: entry.called, call: { what: `write ${entry.id}`, revision, least: 1 } });
      if (entry.returned !== undefined && entry.outcome === 'done') steps.push({ at: entry.returned, shows: revision });
    }
  }
  let reached = begin;
  for (const { shows, call } of steps.toSorted((a, b) => a.at - b.at)) {
    if (call !== undefined && call.revision < reached + call.least)
      problems.push(`${call.what} is at revision ${call.revision}, though ${reached} was known before it began`);
    if (shows !== undefined) reached = Math.max(reached, shows);
  }
}
