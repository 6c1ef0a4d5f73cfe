import type { Draft, Event } from '#api';
import { type Clock, LruMap, TokenBucket } from '#util';

/** Source of these: client-go tools/record/events_cache.go v0.36. */
const MAX_CACHE_ENTRIES = 4096;
const AGGREGATE_MAX_EVENTS = 10;
const AGGREGATE_INTERVAL_MS = 600_000;
const SPAM_BURST = 25;
const SPAM_PER_SECOND = 1 / 300;

/** An Event before the server has seen it. */
export type EventDraft = Draft<Event> & { readonly metadata: { readonly name: string; readonly namespace: string } };

/** What to do with one event: make it, or write a new count (and message) on one made before. */
export type Correlated =
  | { readonly action: 'create'; readonly event: EventDraft; readonly key: string }
  | { readonly action: 'patch'; readonly event: EventDraft; readonly key: string }
  | { readonly action: 'drop' };

interface Observation {
  readonly name: string;
  readonly count: number;
  readonly firstTimestamp: string | undefined;
}

interface Similar {
  readonly messages: Set<string>;
  lastAtMs: number;
}

/**
 * Decides what becomes of events so that nobody is flooded: the same one again raises a count, many that differ only in their message
 * become one, and a source that says too much about one object is cut off.
 */
export class EventCorrelator {
  readonly #clock: Clock;
  readonly #spam = new LruMap<string, TokenBucket>(MAX_CACHE_ENTRIES);
  readonly #similar = new LruMap<string, Similar>(MAX_CACHE_ENTRIES);
  readonly #seen = new LruMap<string, Observation>(MAX_CACHE_ENTRIES);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  correlate(event: EventDraft): Correlated {
    const aggregated = this.#aggregate(event);
    const counted = this.#count(aggregated.event, aggregated.key);
    if (!this.#admitted(counted.event)) return { action: 'drop' };
    return counted;
  }

  /** What the server made of an event, for the next of its kind to build on. */
  stored(
    key: string,
    {
      metadata,
      count = 1,
      firstTimestamp,
    }: Pick<EventDraft, 'count' | 'firstTimestamp'> & { metadata: { name: string } },
  ): void {
    this.#seen.set(key, { name: metadata.name, count, firstTimestamp });
  }

  /** More than ten messages that differ only in their text within ten minutes are told as one. */
  #aggregate(event: EventDraft): { event: EventDraft; key: string } {
    const group = groupKey(event);
    const now = this.#clock.now();
    let similar = this.#similar.get(group);
    if (similar === undefined || now - similar.lastAtMs > AGGREGATE_INTERVAL_MS)
      similar = { messages: new Set(), lastAtMs: now };
    similar.lastAtMs = now;
    similar.messages.add(event.message ?? '');
    this.#similar.set(group, similar);
    if (similar.messages.size < AGGREGATE_MAX_EVENTS) return { event, key: eventKey(event) };
    // Bounds what is kept; which message goes does not matter.
    for (const message of similar.messages) {
      similar.messages.delete(message);
      break;
    }
    return { event: { ...event, message: `(combined from similar events): ${event.message ?? ''}` }, key: group };
  }

  #count(event: EventDraft, key: string): Exclude<Correlated, { action: 'drop' }> {
    const last = this.#seen.get(key);
    if (last === undefined) {
      this.stored(key, event);
      return { action: 'create', event, key };
    }
    const again: EventDraft = {
      ...event,
      metadata: { ...event.metadata, name: last.name },
      count: last.count + 1,
      ...(last.firstTimestamp === undefined ? {} : { firstTimestamp: last.firstTimestamp }),
    };
    this.stored(key, again);
    return { action: 'patch', event: again, key };
  }

  #admitted(event: EventDraft): boolean {
    const key = spamKey(event);
    let bucket = this.#spam.get(key);
    if (bucket === undefined) {
      bucket = new TokenBucket({ perSecond: SPAM_PER_SECOND, burst: SPAM_BURST, clock: this.#clock });
      this.#spam.set(key, bucket);
    }
    return bucket.tryTake();
  }
}

const about = ({ source, involvedObject: o }: EventDraft): readonly (string | undefined)[] => [
  source?.component,
  source?.host,
  o.kind,
  o.namespace,
  o.name,
  o.uid,
  o.apiVersion,
];

const join = (...parts: readonly (string | undefined)[]): string => parts.map((p) => p ?? '').join('\0');

const spamKey = (event: EventDraft): string => join(...about(event), event.type);
const groupKey = (event: EventDraft): string =>
  join(
    ...about(event),
    event.involvedObject.fieldPath,
    event.type,
    event.reason,
    event.reportingComponent,
    event.reportingInstance,
  );
const eventKey = (event: EventDraft): string =>
  join(...about(event), event.involvedObject.fieldPath, event.type, event.reason, 'message', event.message);
