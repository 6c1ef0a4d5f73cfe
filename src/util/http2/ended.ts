/** Of how many streams is known who ended them. */
const KNOWN = 128;

/** The streams of a connection that ended last. */
export class EndedStreams {
  /** Those that we ended while the peer was sending are negative. */
  readonly #ids = new Int32Array(KNOWN);
  #count = 0;

  add(id: number, by: 'us' | 'peer'): void {
    this.#ids[this.#count++ % KNOWN] = by === 'us' ? -id : id;
  }

  /** Undefined: it is long ago, or there was no such stream. */
  by(id: number): 'us' | 'peer' | undefined {
    if (this.#ids.includes(-id)) return 'us';
    return this.#ids.includes(id) ? 'peer' : undefined;
  }
}
