import { setImmediate } from 'node:timers/promises';
import type { Clock } from '#util';

/** Work on many objects holds the event loop no longer than this at a time. */
const TURN_MS = 5;

/** Tells long work when to let others have their turn. */
export class Pace {
  readonly #clock: Clock;
  #since: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.monotonic();
  }

  get due(): boolean {
    return this.#clock.monotonic() - this.#since > TURN_MS;
  }

  async turn(): Promise<void> {
    await setImmediate();
    this.#since = this.#clock.monotonic();
  }
}
