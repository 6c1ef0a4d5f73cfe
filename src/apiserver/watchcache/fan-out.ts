import type { Clock } from '#util';

/** After so much, what else waits for its turn: watchers write in a moment, but the connections encrypt right behind. */
const TURN_MS = 5;
const TURN_BYTES = 4 << 20;

/** Somebody who has gathered what to write. */
export interface Gatherer {
  /** Writes it; returns how many bytes that were. */
  flush(): number;
}

/**
 * Lets those who have gathered something write it once all that this turn brings has been told, in their order. Where they are many each waits for those
 * before it, and gathers on, so that a thousand watchers do not hold the event loop.
 */
export class FanOut {
  readonly #clock: Clock;
  #queue: Gatherer[] = [];
  #head = 0;
  #running = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To be called when it gathers the first since it was flushed. */
  add(gatherer: Gatherer): void {
    this.#queue.push(gatherer);
    if (this.#running) return;
    this.#running = true;
    queueMicrotask(this.#turn);
  }

  readonly #turn = (): void => {
    const latest = this.#clock.monotonic() + TURN_MS;
    let bytes = 0;
    while (this.#head < this.#queue.length) {
      bytes += this.#queue[this.#head++]!.flush();
      if (bytes <= TURN_BYTES && this.#clock.monotonic() <= latest) continue;
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
      setImmediate(this.#turn);
      return;
    }
    this.#queue = [];
    this.#head = 0;
    this.#running = false;
  };
}

const joins = new WeakMap<Buffer, { readonly parts: readonly Buffer[]; readonly joined: Buffer }>();

/** The parts as one buffer, which is shared by all who join the same: watchers of the same things are told the same. */
export function join(parts: readonly Buffer[]): Buffer {
  const first = parts[0]!;
  if (parts.length === 1) return first;
  const known = joins.get(first);
  if (known?.parts.length === parts.length && parts.every((part, i) => part === known.parts[i])) return known.joined;
  const joined = Buffer.concat(parts);
  joins.set(first, { parts, joined });
  return joined;
}
