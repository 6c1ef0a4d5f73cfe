import type { Clock } from '#util';

interface Timer {
  readonly atMs: number;
  readonly fn: () => void;
}

/** Real time, which work is measured by, and leaps on demand, so that nothing has to be waited for. */
export class LeapingClock implements Clock {
  #leapt = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return Date.now() + this.#leapt;
  }

  monotonic(): number {
    return performance.now() + this.#leapt;
  }

  after(delayMs: number, fn: () => void): Disposable {
    const timer = { atMs: this.monotonic() + Math.max(delayMs, 0), fn };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  /** Lets `ms` pass; what is due then is called in order. */
  leap(ms: number): void {
    this.#leapt += ms;
    const now = this.monotonic();
    const due = [...this.#timers].filter(({ atMs }) => atMs <= now).toSorted((a, b) => a.atMs - b.atMs);
    for (const timer of due) if (this.#timers.delete(timer)) timer.fn();
  }
}
