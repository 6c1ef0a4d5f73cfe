/** What is kept says when it was used; that is all a use costs. */
export interface Used {
  used: boolean;
}

/**
 * Bounds the weight of what is kept, by letting go of what was not used for long: what was used since it was last looked at gets another round. (The
 * clock of operating systems, instead of an order by last use, since things here are used far more often than they are let go.)
 */
export class RecentlyUsed<T extends Used> {
  readonly #capacity: number;
  readonly #weigh: (item: T) => number;
  readonly #drop: (item: T) => void;
  #queue: T[] = [];
  #head = 0;
  #weight = 0;

  /** `drop` is called with what is let go. */
  constructor(capacity: number, weigh: (item: T) => number, drop: (item: T) => void) {
    this.#capacity = capacity;
    this.#weigh = weigh;
    this.#drop = drop;
  }

  /** Keeps something that is not kept yet. */
  add(item: T): void {
    item.used = false;
    this.#queue.push(item);
    this.#weight += this.#weigh(item);
    while (this.#weight > this.#capacity) this.#advance();
  }

  #advance(): void {
    const oldest = this.#queue[this.#head++]!;
    if (oldest.used) {
      oldest.used = false;
      this.#queue.push(oldest);
    } else {
      this.#weight -= this.#weigh(oldest);
      this.#drop(oldest);
    }
    if (this.#head < 1024 || this.#head < this.#queue.length / 2) return;
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }
}
