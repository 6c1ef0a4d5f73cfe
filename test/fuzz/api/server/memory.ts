import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const SAMPLES = 8;
const GROWTH = 1.5;

/** Watches over the heap: what is left after a collection must not become more and more. */
export class Memory {
  readonly #megabytes: number[] = [];
  #collect: (() => void) | undefined;

  /** All samples so far. */
  get megabytes(): readonly number[] {
    return this.#megabytes;
  }

  /** Takes a sample; says so when each of the last ones was larger than the one before, and they by half. */
  grows(): string | undefined {
    if (this.#collect === undefined) {
      setFlagsFromString('--expose-gc');
      this.#collect = runInNewContext('gc') as () => void;
    }
    this.#collect();
    this.#megabytes.push(process.memoryUsage().heapUsed / 1e6);
    const last = this.#megabytes.slice(-SAMPLES);
    if (last.length < SAMPLES) return undefined;
    const steady = last.every((size, i) => i === 0 || size > last[i - 1]!);
    if (!steady || last.at(-1)! < GROWTH * last[0]!) return undefined;
    return `the heap grows: ${last.map((size) => size.toFixed(0)).join(', ')} MB`;
  }
}
