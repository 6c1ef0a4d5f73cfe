import { setImmediate } from 'node:timers/promises';
import type { Clock } from '#util';

/** Work on many objects holds the event loop no longer than this at a time. */
const TURN_MS = 5;

/** Steps between two looks at the clock, since a look costs as much as many a step: more and more of them while they are this short. */
const MAX_STEPS = 64;
const SHORT_MS = 0.25;

/** Tells long work when to let others have their turn. */
export class Pace {
  readonly #clock: Clock;
  #since: number;
  #looked: number;
  #steps = 0;
  #between = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = this.#looked = clock.monotonic();
  }

  /** To be asked after each step. */
  get due(): boolean {
    if (++this.#steps < this.#between) return false;
    this.#steps = 0;
    const now = this.#clock.monotonic();
    this.#between = now - this.#looked > SHORT_MS ? 1 : Math.min(2 * this.#between, MAX_STEPS);
    this.#looked = now;
    return now - this.#since > TURN_MS;
  }

  async turn(): Promise<void> {
    await setImmediate();
    this.#since = this.#looked = this.#clock.monotonic();
  }
}

/** What is about so many bytes takes some milliseconds in each part of a write. */
export const LARGE_BYTES = 128 << 10;

/** How much a request is about. */
export interface Load {
  /** Of the body, once it has been read, or of the object it changes, whichever is more. */
  loadBytes: number;
}

/** Lets everything else that waits have its turn. */
export const turn = (): Promise<void> => setImmediate();

/** To be waited for between the parts of a write, so that others have their turn; undefined for a small one, since a turn costs more than it does. */
export const pauseOf = (load: Load | undefined): (() => Promise<void>) | undefined =>
  load !== undefined && load.loadBytes > LARGE_BYTES ? turn : undefined;

/** Runs work that comes in steps, and lets others have their turn between them. */
export async function paced<T>(clock: Clock, steps: Generator<void, T>): Promise<T> {
  const pace = new Pace(clock);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    if (pace.due) await pace.turn();
  }
}
