import { type Logger, messageOf } from '#util';
import { type Key, StoreError, type StoreEvent, type WatchHandler, type WatchRequest } from '../types.ts';
import { contains, type Keyspace, type Span, spanOf } from './keyspace.ts';
import { SpanIndex } from './span-index.ts';
import type { Version } from './version.ts';

/** Versions looked at for watchers that catch up before other work gets its turn: about 1 ms. */
const CATCH_UP_BUDGET = 4000;

interface Watcher {
  readonly handler: WatchHandler;
  readonly audience: Audience;
  /** The next revision to send. */
  next: number;
  closed: boolean;
}

/** The watchers of the same span that want the same shape of events: they share the list of events. */
interface Audience {
  readonly id: string;
  readonly span: Span;
  readonly prevKv: boolean;
  readonly live: Set<Watcher>;
  /** Watchers of any state; the audience ends with the last. */
  size: number;
  events: StoreEvent[];
}

/**
 * Sends what becomes visible to those who watch it. A watcher that starts in the past reads history in slices until it has reached
 * the present and is live from then on; both happen in one turn, so nothing is lost or sent twice.
 */
export class WatchHub {
  readonly #keyspace: Keyspace;
  readonly #log: Logger;
  readonly #audiences = new Map<string, Audience>();
  readonly #ranges = new SpanIndex<Audience>();
  /** Audiences of a single key: too many different ones for the index of ranges. */
  readonly #keys = new Map<Key, Audience[]>();
  /** Watchers that read history, in turn. */
  #behind: Watcher[] = [];
  /** Watchers whose first revision is yet to come. */
  readonly #early = new Set<Watcher>();
  #pumping = false;

  constructor({ keyspace, log }: { readonly keyspace: Keyspace; readonly log: Logger }) {
    this.#keyspace = keyspace;
    this.#log = log;
  }

  add(request: WatchRequest, handler: WatchHandler): Disposable {
    const next = (request.startRevision ?? 0) === 0 ? this.#keyspace.revision + 1 : (request.startRevision as number);
    const watcher: Watcher = { handler, audience: this.#audienceOf(request), next, closed: false };
    this.#place(watcher);
    return { [Symbol.dispose]: () => this.#remove(watcher) };
  }

  /** Sends what the revisions up to `revision` wrote; they are in the keyspace already. */
  dispatch(versions: readonly Version[], revision: number): void {
    const reached = new Set<Audience>();
    for (const version of versions) {
      for (const audience of this.#ranges.covering(version.key)) this.#collect(audience, version, reached);
      for (const audience of this.#keys.get(version.key) ?? []) this.#collect(audience, version, reached);
    }
    for (const audience of reached) {
      const { events } = audience;
      audience.events = [];
      for (const watcher of audience.live) {
        // One that a handler has just added waits for what comes now.
        if (watcher.next <= revision) this.#send(watcher, events, revision);
      }
    }
    for (const watcher of this.#early) {
      if (watcher.next > revision) continue;
      this.#early.delete(watcher);
      this.#place(watcher);
    }
  }

  /** Ends all watches. */
  end(error: StoreError): void {
    const all = [...this.#audiences.values()].flatMap(({ live }) => [...live]);
    for (const watcher of [...all, ...this.#behind, ...this.#early]) this.#fail(watcher, error);
  }

  #place(watcher: Watcher): void {
    if (watcher.next === this.#keyspace.revision + 1) {
      watcher.audience.live.add(watcher);
    } else if (watcher.next > this.#keyspace.revision) {
      this.#early.add(watcher);
    } else {
      this.#behind.push(watcher);
      this.#pumpSoon();
    }
  }

  #collect(audience: Audience, version: Version, reached: Set<Audience>): void {
    if (audience.live.size === 0) return;
    audience.events.push(asEvent(version, audience.prevKv));
    reached.add(audience);
  }

  #send(watcher: Watcher, events: readonly StoreEvent[], revision: number): void {
    watcher.next = revision + 1;
    try {
      watcher.handler.onEvents(events, revision);
    } catch (error) {
      this.#log.error('watch handler threw', { error });
      this.#fail(watcher, new StoreError('unavailable', `the watch handler threw: ${messageOf(error)}`));
    }
  }

  #fail(watcher: Watcher, error: StoreError): void {
    if (watcher.closed) return;
    this.#remove(watcher);
    try {
      watcher.handler.onError(error);
    } catch (thrown) {
      this.#log.error('watch handler threw', { error: thrown });
    }
  }

  #remove(watcher: Watcher): void {
    if (watcher.closed) return;
    watcher.closed = true;
    const { audience } = watcher;
    audience.live.delete(watcher);
    this.#early.delete(watcher);
    if (--audience.size > 0) return;
    this.#audiences.delete(audience.id);
    this.#unindex(audience);
  }

  #pumpSoon(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      for (let budget = CATCH_UP_BUDGET; budget > 0 && this.#behind.length > 0;) {
        const watcher = this.#behind.shift() as Watcher;
        if (!watcher.closed) budget -= this.#catchUp(watcher, budget);
      }
      if (this.#behind.length > 0) this.#pumpSoon();
    });
  }

  /** Sends a slice of history; returns what it cost. */
  #catchUp(watcher: Watcher, budget: number): number {
    const { compactRevision, revision: newest } = this.#keyspace;
    if (watcher.next < compactRevision) {
      const message = `revision ${watcher.next} is compacted, history begins at ${compactRevision}`;
      this.#fail(watcher, new StoreError('compacted', message));
      return 1;
    }
    const { span, prevKv } = watcher.audience;
    const events: StoreEvent[] = [];
    let cost = 0;
    let revision = watcher.next - 1;
    while (revision < newest && cost < budget) {
      const versions = this.#keyspace.writtenAt(++revision);
      cost += versions.length;
      for (const version of versions) if (contains(span, version.key)) events.push(asEvent(version, prevKv));
    }
    watcher.next = revision + 1;
    if (events.length > 0) this.#send(watcher, events, revision);
    if (!watcher.closed) this.#place(watcher);
    return Math.max(1, cost);
  }

  #audienceOf(request: WatchRequest): Audience {
    const prevKv = request.prevKv === true;
    const id = JSON.stringify([request.key, request.rangeEnd ?? '', prevKv]);
    let audience = this.#audiences.get(id);
    if (audience === undefined) {
      audience = { id, span: spanOf(request), prevKv, live: new Set(), size: 0, events: [] };
      this.#audiences.set(id, audience);
      this.#index(audience);
    }
    audience.size++;
    return audience;
  }

  #index(audience: Audience): void {
    if (!isSingleKey(audience.span)) return this.#ranges.add(audience.span, audience);
    const { from } = audience.span;
    this.#keys.set(from, [...(this.#keys.get(from) ?? []), audience]);
  }

  #unindex(audience: Audience): void {
    if (!isSingleKey(audience.span)) return this.#ranges.delete(audience.span, audience);
    const { from } = audience.span;
    const others = (this.#keys.get(from) ?? []).filter((other) => other !== audience);
    if (others.length === 0) this.#keys.delete(from);
    else this.#keys.set(from, others);
  }
}

function isSingleKey({ from, end }: Span): boolean {
  return end === `${from}\0`;
}

function asEvent(version: Version, prevKv: boolean): StoreEvent {
  const type = version.isTombstone ? 'delete' : 'put';
  const before = prevKv ? version.previousPair : undefined;
  return before === undefined ? { type, kv: version } : { type, kv: version, prevKv: before };
}
