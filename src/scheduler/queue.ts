import type { Pod } from '#api';
import { backoffMs, type Clock, Heap } from '#util';

/** Source: podInitialBackoffSeconds 1, podMaxBackoffSeconds 10, DefaultPodMaxInUnschedulablePodsDuration 5 min v1.36. */
const BACKOFF = { baseMs: 1000, maxMs: 10_000 };
const MAX_UNSCHEDULABLE_MS = 5 * 60_000;

interface Queued {
  pod: Pod;
  /** When it came to this queue; orders pods of one priority. */
  readonly sinceMs: number;
  attempts: number;
  /** Number of cluster events when its last attempt began: later ones may have changed what it found. */
  seen: number;
  backoffUntilMs: number;
}

/**
 * Pods that wait for a node: ready ones in order of priority, then age; those that just failed, until their back-off ends; and those that found no
 * node, until something changes. Source of the rules: pkg/scheduler/backend/queue v1.36.
 */
export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #ready = new Heap<Queued>(before);
  readonly #waiting = new Map<string, { item: Queued; timer: Disposable }>();
  readonly #known = new Map<string, Queued>();
  readonly #inReady = new Set<string>();
  #takers: ((pod: Pod | undefined) => void)[] = [];
  #events = 0;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A new pod, or the new state of one that waits. */
  set(pod: Pod): void {
    const { uid } = pod.metadata;
    const known = this.#known.get(uid);
    if (known !== undefined) {
      known.pod = pod;
      return;
    }
    const item: Queued = { pod, sinceMs: this.#clock.now(), attempts: 0, seen: 0, backoffUntilMs: 0 };
    this.#known.set(uid, item);
    this.#offer(item);
  }

  delete(uid: string): void {
    this.#known.delete(uid);
    this.#inReady.delete(uid);
    this.#waiting.get(uid)?.timer[Symbol.dispose]();
    this.#waiting.delete(uid);
  }

  /** The next pod, as soon as there is one; undefined once closed. */
  take(): Promise<Pod | undefined> {
    const item = this.#pop();
    if (item !== undefined) return Promise.resolve(this.#start(item));
    if (this.#closed) return Promise.resolve(undefined);
    const { promise, resolve } = Promise.withResolvers<Pod | undefined>();
    this.#takers.push(resolve);
    return promise;
  }

  /** The pod found no node, or its binding failed. It waits for an event, unless one came meanwhile or `retry` says that none will. */
  failed(uid: string, { retry }: { retry: boolean }): void {
    const item = this.#known.get(uid);
    if (item === undefined) return;
    const delay = backoffMs(item.attempts - 1, BACKOFF);
    item.backoffUntilMs = this.#clock.now() + delay;
    this.#wait(item, retry || item.seen !== this.#events ? delay : MAX_UNSCHEDULABLE_MS);
  }

  /** Something changed that may let waiting pods be placed: they are tried again as soon as their back-off is over. */
  moveAll(): void {
    this.#events++;
    const now = this.#clock.now();
    for (const { item, timer } of this.#waiting.values()) {
      timer[Symbol.dispose]();
      this.#wait(item, Math.max(0, item.backoffUntilMs - now));
    }
  }

  close(): void {
    this.#closed = true;
    for (const { timer } of this.#waiting.values()) timer[Symbol.dispose]();
    this.#waiting.clear();
    for (const resolve of this.#takers.splice(0)) resolve(undefined);
  }

  #wait(item: Queued, delayMs: number): void {
    const { uid } = item.pod.metadata;
    if (delayMs <= 0) {
      this.#waiting.delete(uid);
      this.#offer(item);
      return;
    }
    const timer = this.#clock.after(delayMs, () => {
      this.#waiting.delete(uid);
      this.#offer(item);
    });
    this.#waiting.set(uid, { item, timer });
  }

  #offer(item: Queued): void {
    const { uid } = item.pod.metadata;
    if (this.#closed || this.#known.get(uid) !== item || this.#inReady.has(uid)) return;
    const taker = this.#takers.shift();
    if (taker !== undefined) return taker(this.#start(item));
    this.#inReady.add(uid);
    this.#ready.push(item);
  }

  /** Items deleted while they waited are still in the heap; they are passed over. */
  #pop(): Queued | undefined {
    for (let item = this.#ready.pop(); item !== undefined; item = this.#ready.pop()) {
      const { uid } = item.pod.metadata;
      if (this.#known.get(uid) !== item) continue;
      this.#inReady.delete(uid);
      return item;
    }
    return undefined;
  }

  #start(item: Queued): Pod {
    item.attempts++;
    item.seen = this.#events;
    return item.pod;
  }
}

/** Higher priority first, then who waits longer. Source: plugins/queuesort v1.36. */
function before(a: Queued, b: Queued): boolean {
  const pa = a.pod.spec.priority ?? 0;
  const pb = b.pod.spec.priority ?? 0;
  return pa === pb ? a.sinceMs < b.sinceMs : pa > pb;
}
