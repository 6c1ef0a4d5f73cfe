/** A map that keeps the entries used last, as many as weigh no more than `capacity` together. By default each weighs 1. */
export class LruMap<K, V> {
  readonly #capacity: number;
  readonly #weigh: (key: K) => number;
  readonly #map = new Map<K, V>();
  #weight = 0;

  constructor(capacity: number, weigh: (key: K) => number = () => 1) {
    this.#capacity = capacity;
    this.#weigh = weigh;
  }

  get size(): number {
    return this.#map.size;
  }

  get(key: K): V | undefined {
    const value = this.#map.get(key);
    if (value === undefined) return undefined;
    this.#map.delete(key);
    this.#map.set(key, value);
    return value;
  }

  /** The value, without making it the one used last. */
  peek(key: K): V | undefined {
    return this.#map.get(key);
  }

  set(key: K, value: V): void {
    if (!this.#map.delete(key)) this.#weight += this.#weigh(key);
    this.#map.set(key, value);
    if (this.#weight <= this.#capacity) return;
    for (const oldest of this.#map.keys()) {
      if (this.#weight <= this.#capacity) return;
      this.delete(oldest);
    }
  }

  delete(key: K): void {
    if (this.#map.delete(key)) this.#weight -= this.#weigh(key);
  }
}
