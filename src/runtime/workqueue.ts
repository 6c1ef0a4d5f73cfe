import { backoffMs, type Clock, exponentialBuckets, Heap, Histogram, TokenBucket } from '#util';

/** Source: client-go util/workqueue DefaultTypedControllerRateLimiter v0.36. */
const FAILURE_BACKOFF = { baseMs: 5, maxMs: 1_000_000 };
const OVERALL = { perSecond: 10, burst: 100 };

/** Source of buckets: component-base metrics/prometheus/workqueue v1.36. */
const DURATION_BUCKETS = exponentialBuckets(10e-9, 10, 12);

interface Delayed {
  readonly key: string;
  readonly at: number;
}

/**
 * A set of keys waiting for work. A key is handed to one worker at a time; adding it while it is worked on remembers it and queues it
 * again at `done`. Same contract as client-go's rate-limited work queue; every operation costs O(log n) or less.
 */
export class Workqueue {
  readonly #clock: Clock;
  readonly #bucket: TokenBucket;
  readonly #ready = new Fifo<string>();
  readonly #takers = new Fifo<(key: string | undefined) => void>();
  /** Keys that need work, be they ready or worked on right now, and since when. */
  readonly #dirty = new Map<string, number>();
  /** Keys handed out, and since when. */
  readonly #processing = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  /** Earliest time of each delayed key; the heap may hold later entries of the same key, which are skipped. */
  readonly #delayed = new Map<string, number>();
  readonly #heap = new Heap<Delayed>((a, b) => a.at < b.at);
  /** Seconds from when a key needed work until it was handed out. */
  readonly queueSeconds = new Histogram(DURATION_BUCKETS);
  /** Seconds from when it was handed out until it was done. */
  readonly workSeconds = new Histogram(DURATION_BUCKETS);
  #adds = 0;
  #retries = 0;
  #timer: { at: number; handle: Disposable } | undefined;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#bucket = new TokenBucket({ ...OVERALL, clock });
  }

  /** Keys ready to be taken. */
  get depth(): number {
    return this.#ready.size;
  }

  /** Keys handed out and not done. */
  get processing(): number {
    return this.#processing.size;
  }

  /** Keys that wait for their time. */
  get delayed(): number {
    return this.#delayed.size;
  }

  /** Keys that came to need work since the start. */
  get adds(): number {
    return this.#adds;
  }

  /** How often work was put off since the start, after a failure or as planned. */
  get retries(): number {
    return this.#retries;
  }

  /** Seconds that keys under way have been so, in all and at most. */
  unfinished(): { readonly total: number; readonly longest: number } {
    const now = this.#clock.monotonic();
    const ages = [...this.#processing.values()].map((startedMs) => (now - startedMs) / 1000);
    return { total: ages.reduce((sum, age) => sum + age, 0), longest: Math.max(0, ...ages) };
  }

  add(key: string): void {
    if (this.#closed || this.#dirty.has(key)) return;
    this.#dirty.set(key, this.#clock.monotonic());
    this.#adds++;
    if (!this.#processing.has(key)) this.#offer(key);
  }

  /** Adds `key` once `delayMs` has passed; of several pending delays the shortest wins. */
  addAfter(key: string, delayMs: number): void {
    if (this.#closed) return;
    this.#retries++;
    if (delayMs <= 0) return this.add(key);
    const at = this.#clock.monotonic() + delayMs;
    const known = this.#delayed.get(key);
    if (known !== undefined && known <= at) return;
    this.#delayed.set(key, at);
    this.#heap.push({ key, at });
    this.#arm();
  }

  /** Adds `key` after a delay that doubles with each failure since `forget`, and is longer when too much fails at once. */
  addRateLimited(key: string): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.addAfter(key, Math.max(backoffMs(failures, FAILURE_BACKOFF), this.#bucket.reserve()));
  }

  /** Failures of `key` since the last `forget`. */
  failuresOf(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The key did well: its failures no longer count. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** Resolves with the next key, or with `undefined` once the queue is closed. Each key taken must be given back to `done`. */
  take(): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    const key = this.#ready.shift();
    if (key !== undefined) return Promise.resolve(this.#start(key));
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.#takers.push(resolve);
    return promise;
  }

  done(key: string): void {
    const startedMs = this.#processing.get(key);
    if (startedMs !== undefined) this.workSeconds.observe((this.#clock.monotonic() - startedMs) / 1000);
    this.#processing.delete(key);
    if (this.#dirty.has(key)) this.#offer(key);
  }

  /** Nothing more is handed out; what waits is dropped. */
  close(): void {
    this.#closed = true;
    this.#timer?.handle[Symbol.dispose]();
    this.#delayed.clear();
    for (let resolve = this.#takers.shift(); resolve !== undefined; resolve = this.#takers.shift()) resolve(undefined);
  }

  #offer(key: string): void {
    if (this.#closed) return;
    const taker = this.#takers.shift();
    if (taker === undefined) this.#ready.push(key);
    else taker(this.#start(key));
  }

  #start(key: string): string {
    const now = this.#clock.monotonic();
    this.queueSeconds.observe((now - (this.#dirty.get(key) ?? now)) / 1000);
    this.#dirty.delete(key);
    this.#processing.set(key, now);
    return key;
  }

  /** One timer stands for all delays: that of the earliest. */
  #arm(): void {
    const first = this.#heap.peek();
    if (first === undefined || (this.#timer !== undefined && this.#timer.at <= first.at)) return;
    this.#timer?.handle[Symbol.dispose]();
    const handle = this.#clock.after(first.at - this.#clock.monotonic(), () => this.#ring());
    this.#timer = { at: first.at, handle };
  }

  #ring(): void {
    this.#timer = undefined;
    // Timers may ring a fraction of a millisecond early.
    const now = this.#clock.monotonic() + 1;
    for (let first = this.#heap.peek(); first !== undefined && first.at <= now; first = this.#heap.peek()) {
      this.#heap.pop();
      if (this.#delayed.get(first.key) !== first.at) continue;
      this.#delayed.delete(first.key);
      this.add(first.key);
    }
    this.#arm();
  }
}

/** A queue whose `shift` does not move what is behind. */
class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}
