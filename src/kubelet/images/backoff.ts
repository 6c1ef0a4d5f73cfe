import type { Clock } from '#util';

interface Entry {
  delayMs: number;
  /** When the delay was set. */
  updatedAt: number;
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

  /** Milliseconds left of the delay that began at `sinceMs`; 0 or less when it is over. */
  remainingMs(key: string, sinceMs: number): number {
    const entry = this.#entries.get(key);
    if (entry === undefined || this.#expired(sinceMs, entry)) return 0;
    return sinceMs + entry.delayMs - this.#clock.now();
  }

  /** The same, counted from when the delay was set. */
  remainingSinceUpdateMs(key: string): number {
    const entry = this.#entries.get(key);
    if (entry === undefined || this.#expired(this.#clock.now(), entry)) return 0;
    return entry.updatedAt + entry.delayMs - this.#clock.now();
  }

  /** Sets the first delay, or doubles the one in force. */
  next(key: string, eventAtMs: number): void {
    const entry = this.#entries.get(key);
    const delayMs =
      entry === undefined || this.#expired(eventAtMs, entry)
        ? this.#initialMs
        : Math.min(entry.delayMs * 2, this.#maxMs);
    this.#entries.set(key, { delayMs, updatedAt: this.#clock.now() });
  }

  forget(prefix: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(prefix)) this.#entries.delete(key);
  }

  #expired(eventAtMs: number, { updatedAt }: Entry): boolean {
    return eventAtMs - updatedAt > 2 * this.#maxMs;
  }
}
