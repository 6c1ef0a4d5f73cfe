import type { Clock } from '#util';

/** Times of the clock that never jumps: one that is set back by an hour must not make anybody wait for an hour. */
interface Entry {
  delayMs: number;
  /** When the delay was set. */
  updatedAt: number;
  /** The event last asked about, by its time on the wall clock, and when that was. */
  event?: { readonly atMs: number; readonly at: number };
}

/**
 * Growing delays by key, forgotten after twice the longest delay without use. Source: client-go util/flowcontrol/backoff.go; the kubelet's
 * figures are 10 s and 5 min for containers and images alike (pkg/kubelet/kubelet.go v1.36, containerBackOffPeriod and MaxImageBackOff).
 */
export class KeyedBackoff {
  readonly #clock: Clock;
  readonly #initialMs: number;
  readonly #maxMs: number;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock, { initialMs = 10_000, maxMs = 300_000 }: { initialMs?: number; maxMs?: number } = {}) {
    this.#clock = clock;
    this.#initialMs = initialMs;
    this.#maxMs = maxMs;
  }

  /** The delay in force for `key`; 0 when there is none. */
  delayMs(key: string): number {
    return this.#entries.get(key)?.delayMs ?? 0;
  }

  /** Milliseconds left of the delay that began at `sinceMs` of the wall clock; 0 or less when it is over. */
  remainingMs(key: string, sinceMs: number): number {
    const entry = this.#entries.get(key);
    if (entry === undefined) return 0;
    const at = this.#timeOf(entry, sinceMs);
    return this.#expired(at, entry) ? 0 : at + entry.delayMs - this.#clock.monotonic();
  }

  /** The same, counted from when the delay was set. */
  remainingSinceUpdateMs(key: string): number {
    const entry = this.#entries.get(key);
    const now = this.#clock.monotonic();
    return entry === undefined || this.#expired(now, entry) ? 0 : entry.updatedAt + entry.delayMs - now;
  }

  /** Sets the first delay, or doubles the one in force. */
  next(key: string, eventAtMs: number): void {
    const entry = this.#entries.get(key);
    const delayMs =
      entry === undefined || this.#expired(this.#timeOf(entry, eventAtMs), entry)
        ? this.#initialMs
        : Math.min(entry.delayMs * 2, this.#maxMs);
    this.#entries.set(key, { delayMs, updatedAt: this.#clock.monotonic() });
  }

  forget(prefix: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(prefix)) this.#entries.delete(key);
  }

  /** Events come after the delay was set and are not in the future, whatever the wall clock says. */
  #timeOf(entry: Entry, atMs: number): number {
    if (entry.event?.atMs !== atMs) {
      const agoMs = Math.max(0, this.#clock.now() - atMs);
      entry.event = { atMs, at: Math.max(entry.updatedAt, this.#clock.monotonic() - agoMs) };
    }
    return entry.event.at;
  }

  #expired(eventAt: number, { updatedAt }: Entry): boolean {
    return eventAt - updatedAt > 2 * this.#maxMs;
  }
}
