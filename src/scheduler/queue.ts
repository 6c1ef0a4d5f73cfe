import { equalValues, type Pod } from '#api';
import { backoffMs, type Clock, Heap } from '#util';

/** Source: DefaultPodInitialBackoffDuration, DefaultPodMaxBackoffDuration, DefaultPodMaxInUnschedulablePodsDuration v1.36. */
const BACKOFF = { baseMs: 1000, maxMs: 10_000 };
const MAX_UNSCHEDULABLE_MS = 5 * 60_000;

interface Queued {
  pod: Pod;
  /** When it came, or came back from a failed try; orders pods of one priority, `order` those of one moment. */
  sinceMs: number;
  order: number;
  /**
   * `ready` and `backoff` are in the heap of that name; a pod in `backoff` may be taken early when nothing is ready. After an `error` it has to
   * wait. `unschedulable` waits for an event.
   */
  place: 'ready' | 'taken' | 'backoff' | 'error' | 'unschedulable';
  /** Raised with each change of place: tells entries of the heaps that no longer count. */
  version: number;
  rejections: number;
  /** One after the other, the last try included. */
  errors: number;
  /** Number of events when its last try began: later ones may have changed what it found. */
  seen: number;
  wakeOn: number;
  backoffUntilMs: number;
  timer: Disposable | undefined;
}

interface Entry {
  readonly item: Queued;
  readonly version: number;
}

/** Why a pod comes back: no node would do, until one of these events; or something went wrong, and it is tried again by itself. */
export type Failure = { readonly wakeOn: number } | 'error';

/**
 * Pods that wait for a node: ready ones in order of priority, then age; those that have to back off after a failed try; and those that no node
 * would take, until something changes. A pod taken out stays known, so that what happens during its try is not missed, until it is deleted or
 * comes back as failed. Source of the rules: pkg/scheduler/backend/queue v1.36.
 */
export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #known = new Map<string, Queued>();
  readonly #ready = new Heap<Entry>((a, b) => before(a.item, b.item));
  readonly #backoff = new Heap<Entry>((a, b) =>
    a.item.backoffUntilMs === b.item.backoffUntilMs
      ? before(a.item, b.item)
      : a.item.backoffUntilMs < b.item.backoffUntilMs,
  );
  readonly #unschedulable = new Set<Queued>();
  /** For each flag of an event, the number of the last one. */
  readonly #lastEvent = new Map<number, number>();
  #takers: ((pod: Pod | undefined) => void)[] = [];
  #events = 0;
  #order = 0;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A new pod, or the new state of one that waits or is being tried. */
  set(pod: Pod): void {
    if (this.#closed) return;
    const { uid } = pod.metadata;
    const known = this.#known.get(uid);
    if (known === undefined) {
      const item = this.#newItem(pod);
      this.#known.set(uid, item);
      return this.#offer(item);
    }
    const old = known.pod;
    known.pod = pod;
    // Its own change may be what it waits for. Most updates are of its status, by the scheduler itself.
    if (equalValues(old.spec, pod.spec) && equalValues(old.metadata.labels, pod.metadata.labels)) return;
    if (known.place === 'unschedulable') this.#moveToBackoff(known);
    else if (known.place === 'taken') known.seen = -1;
  }

  /** The pod is gone, or needs no node any more. */
  delete(uid: string): void {
    const item = this.#known.get(uid);
    if (item === undefined) return;
    this.#known.delete(uid);
    this.#leave(item, 'taken');
  }

  /** The next pod, as soon as there is one; `undefined` once closed. */
  take(): Promise<Pod | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    const item = pop(this.#ready) ?? pop(this.#backoff);
    if (item !== undefined) return Promise.resolve(this.#start(item));
    const { promise, resolve } = Promise.withResolvers<Pod | undefined>();
    this.#takers.push(resolve);
    return promise;
  }

  /** The newest state of a pod that was taken; `undefined` when it needs no node any more. */
  taken(uid: string): Pod | undefined {
    const item = this.#known.get(uid);
    return item?.place === 'taken' ? item.pod : undefined;
  }

  /** The try of a pod that was taken failed. */
  failed(uid: string, failure: Failure): void {
    const item = this.#known.get(uid);
    if (item === undefined || item.place !== 'taken' || this.#closed) return;
    item.sinceMs = this.#clock.now();
    item.order = this.#order++;
    if (failure === 'error') {
      item.errors++;
      item.backoffUntilMs = item.sinceMs + backoffMs(item.errors - 1, BACKOFF);
      this.#leave(item, 'error');
      return this.#wait(item);
    }
    item.rejections++;
    item.errors = 0;
    item.wakeOn = failure.wakeOn;
    item.backoffUntilMs = item.sinceMs + backoffMs(item.rejections - 1, BACKOFF);
    if (this.#missed(item)) return this.#moveToBackoff(item);
    this.#leave(item, 'unschedulable');
    this.#unschedulable.add(item);
    item.timer = this.#clock.after(MAX_UNSCHEDULABLE_MS, () => this.#offer(item));
  }

  /** One of {@link EVENT} happened: pods that wait for it are tried again, as soon as nothing else is ready or their back-off is over. */
  moveAll(event: number): void {
    if (this.#closed) return;
    this.#events++;
    for (let flag = 1; flag <= event; flag *= 2) if ((event & flag) !== 0) this.#lastEvent.set(flag, this.#events);
    const woken = [...this.#unschedulable].filter((item) => (item.wakeOn & event) !== 0);
    for (const item of woken) this.#moveToBackoff(item);
  }

  /** Ends the waiting of all takers; from now on nothing is handed out and nothing waits on the clock. */
  close(): void {
    this.#closed = true;
    for (const item of this.#known.values()) item.timer?.[Symbol.dispose]();
    this.#known.clear();
    this.#unschedulable.clear();
    for (const resolve of this.#takers.splice(0)) resolve(undefined);
  }

  #newItem(pod: Pod): Queued {
    return {
      pod,
      sinceMs: this.#clock.now(),
      order: this.#order++,
      place: 'taken',
      version: 0,
      rejections: 0,
      errors: 0,
      seen: 0,
      wakeOn: 0,
      backoffUntilMs: 0,
      timer: undefined,
    };
  }

  /** Whether something happened during the last try that it may have missed. */
  #missed({ seen, wakeOn }: Queued): boolean {
    if (seen < 0) return true;
    for (const [flag, number] of this.#lastEvent) if ((wakeOn & flag) !== 0 && number > seen) return true;
    return false;
  }

  #moveToBackoff(item: Queued): void {
    if (item.backoffUntilMs <= this.#clock.now()) return this.#offer(item);
    const taker = this.#takers.shift();
    if (taker !== undefined) return taker(this.#start(item));
    this.#leave(item, 'backoff');
    this.#backoff.push({ item, version: item.version });
    this.#wait(item);
  }

  #wait(item: Queued): void {
    item.timer = this.#clock.after(item.backoffUntilMs - this.#clock.now(), () => this.#offer(item));
  }

  #offer(item: Queued): void {
    const taker = this.#takers.shift();
    if (taker !== undefined) return taker(this.#start(item));
    this.#leave(item, 'ready');
    this.#ready.push({ item, version: item.version });
  }

  #start(item: Queued): Pod {
    this.#leave(item, 'taken');
    item.seen = this.#events;
    return item.pod;
  }

  #leave(item: Queued, place: Queued['place']): void {
    item.timer?.[Symbol.dispose]();
    item.timer = undefined;
    this.#unschedulable.delete(item);
    item.place = place;
    item.version++;
  }
}

/** The first entry that still counts. */
function pop(heap: Heap<Entry>): Queued | undefined {
  for (let entry = heap.pop(); entry !== undefined; entry = heap.pop())
    if (entry.version === entry.item.version) return entry.item;
  return undefined;
}

/** Higher priority first, then who waits longer. Source: plugins/queuesort v1.36. */
function before(a: Queued, b: Queued): boolean {
  const pa = a.pod.spec.priority ?? 0;
  const pb = b.pod.spec.priority ?? 0;
  if (pa !== pb) return pa > pb;
  return a.sinceMs === b.sinceMs ? a.order < b.order : a.sinceMs < b.sinceMs;
}
