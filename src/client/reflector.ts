import { type Kind, type KubeObject, StatusError, type WatchEvent } from '#api';
import { backoffMs, type Clock, type Logger, sleep } from '#util';
import type { Client, InformerOptions } from './types.ts';

/** Marks the bookmark behind which a watch list is complete. Source: metav1.InitialEventsAnnotationKey. */
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';
/** Source of these: client-go tools/cache/reflector.go v0.36. */
const BACKOFF = { baseMs: 800, maxMs: 30_000, jitter: 1 };
const MIN_WATCH_SECONDS = 300;
const PAGE_SIZE = 500;
/** A watch that lived this long counts as a good one and starts the back-off over. */
const GOOD_WATCH_MS = 5000;

/** A watch that ended sooner without a word is as good as a failed one. Source: reflector.go, "very short watch". */
const SHORT_WATCH_MS = 1000;

/** Where what the reflector learns goes. */
export interface ReflectorSink<T extends KubeObject> {
  /** This is all there is. */
  replace(objects: readonly T[]): void;
  /** These changes happened since, in order. */
  apply(changes: readonly WatchEvent<T>[]): void;
}

export interface ReflectorOptions<T extends KubeObject> {
  readonly client: Client;
  readonly kind: Kind<T>;
  readonly selector: Pick<InformerOptions, 'namespace' | 'labelSelector' | 'fieldSelector'>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly sink: ReflectorSink<T>;
}

/**
 * Mirrors one kind into a sink: a watch list (or pages, where the server refuses one), then watches that each begin where the last one
 * ended, and a fresh list when the server has forgotten that place.
 */
export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>;
  readonly #log: Logger;
  /** The last one of a complete state; undefined: a list is needed. */
  #resourceVersion: string | undefined;
  #watchListRefused = false;
  #failures = 0;
  #sawEvents = false;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#log = options.log.with({ kind: options.kind.kind });
  }

  /** Resolves once `signal` has aborted; never throws. */
  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    const { clock, random } = this.#options;
    while (!signal.aborted) {
      const startedAt = clock.monotonic();
      this.#sawEvents = false;
      const failed = await this.#round(signal);
      const lived = clock.monotonic() - startedAt;
      if (this.#sawEvents || lived >= GOOD_WATCH_MS) this.#failures = 0;
      // A watch that ended in good order goes on at once, unless it ended before it was of any use.
      if (!failed && (this.#sawEvents || lived >= SHORT_WATCH_MS)) continue;
      if (signal.aborted) return;
      await sleep(clock, backoffMs(this.#failures++, { ...BACKOFF, random }), { signal }).catch(() => undefined);
    }
  }

  /** One watch from its beginning to its end, with a list before it if one is needed; tells whether it failed. */
  async #round(signal: AbortSignal): Promise<boolean> {
    try {
      if (this.#resourceVersion === undefined && this.#watchListRefused) await this.#listPages(signal);
      await (this.#resourceVersion === undefined
        ? this.#watchList(signal)
        : this.#watch(this.#resourceVersion, signal));
      return false;
    } catch (error) {
      if (signal.aborted) return false;
      const refused = StatusError.is(error, 'Invalid', 'BadRequest');
      if (refused && this.#resourceVersion === undefined && !this.#watchListRefused) {
        this.#log.info('server refuses watch lists, falling back to list and watch', { error });
        this.#watchListRefused = true;
        return this.#round(signal);
      }
      this.#log.warn('watch failed', { error, resourceVersion: this.#resourceVersion });
      if (refused || StatusError.is(error, 'Expired', 'Gone')) this.#resourceVersion = undefined;
      return true;
    }
  }

  #watchList(signal: AbortSignal): Promise<void> {
    const { client, kind, selector, sink } = this.#options;
    let initial: Map<string, T> | undefined = new Map();
    return client.watch(kind, {
      ...selector,
      signal,
      sendInitialEvents: true,
      timeoutSeconds: this.#watchSeconds(),
      onEvents: (batch) => {
        const events = batch as readonly WatchEvent<T>[];
        if (initial === undefined) return this.#live(events);
        const end = events.findIndex(endsInitialEvents);
        collect(initial, end < 0 ? events : events.slice(0, end));
        if (end < 0) return;
        sink.replace([...initial.values()]);
        initial = undefined;
        this.#live(events.slice(end));
      },
    });
  }

  #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { client, kind, selector } = this.#options;
    return client.watch(kind, {
      ...selector,
      signal,
      resourceVersion,
      timeoutSeconds: this.#watchSeconds(),
      onEvents: (events) => this.#live(events as readonly WatchEvent<T>[]),
    });
  }

  #live(events: readonly WatchEvent<T>[]): void {
    const changes = events.filter((event) => event.type !== 'BOOKMARK');
    if (changes.length > 0) this.#options.sink.apply(changes);
    this.#resourceVersion = events.at(-1)?.object.metadata.resourceVersion ?? this.#resourceVersion;
    this.#sawEvents = true;
  }

  async #listPages(signal: AbortSignal): Promise<void> {
    const { client, kind, selector, sink } = this.#options;
    const objects: T[] = [];
    let token: string | undefined;
    do {
      const page = await client.list(kind, { ...selector, signal, limit: PAGE_SIZE, continue: token });
      objects.push(...page.items);
      token = page.continue;
      this.#resourceVersion = token === undefined ? page.resourceVersion : undefined;
    } while (token !== undefined);
    sink.replace(objects);
  }

  /** Between five and ten minutes, so that watches do not all end together. */
  #watchSeconds(): number {
    return Math.floor(MIN_WATCH_SECONDS * (1 + this.#options.random()));
  }
}

const endsInitialEvents = ({ type, object }: WatchEvent): boolean =>
  type === 'BOOKMARK' && object.metadata.annotations?.[INITIAL_EVENTS_END] === 'true';

/** The list that the first events of a watch list spell. A changed or deleted object may be among them already. */
function collect<T extends KubeObject>(into: Map<string, T>, events: readonly WatchEvent<T>[]): void {
  for (const { type, object } of events) {
    const id = `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
    if (type === 'DELETED') into.delete(id);
    else if (type !== 'BOOKMARK') into.set(id, object);
  }
}
