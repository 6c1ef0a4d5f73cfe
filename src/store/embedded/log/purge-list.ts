/** Consecutive rows, both ends included. */
export interface RowRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Rows that wait for their deletion. They are worked off in sweeps: what came before a sweep began, in the order of the file, so that
 * neighbours go together. Within a sweep and from one to the next, older versions of a key go before its tombstone.
 */
export class PurgeList {
  #sweep = new Float64Array(0);
  #next = 0;
  #arrived: Float64Array[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(rows: Float64Array): void {
    this.#arrived.push(rows);
    this.#size += rows.length;
  }

  /** The next rows to delete, at most `budget` of them. They stay on the list until {@link drop}. */
  peek(budget: number): readonly RowRange[] {
    if (this.#next === this.#sweep.length) this.#beginSweep();
    const ranges: RowRange[] = [];
    const end = Math.min(this.#sweep.length, this.#next + budget);
    for (let i = this.#next; i < end;) {
      const from = this.#sweep[i] as number;
      let to = from;
      for (i++; i < end && this.#sweep[i] === to + 1; i++) to++;
      ranges.push({ from, to });
    }
    return ranges;
  }

  /** The next `count` rows are deleted. */
  drop(count: number): void {
    this.#next += count;
    this.#size -= count;
  }

  #beginSweep(): void {
    const rows = new Float64Array(this.#size);
    let offset = 0;
    for (const some of this.#arrived) {
      rows.set(some, offset);
      offset += some.length;
    }
    this.#arrived = [];
    this.#sweep = rows.sort();
    this.#next = 0;
  }
}
