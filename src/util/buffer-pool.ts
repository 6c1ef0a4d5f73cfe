/**
 * Large buffers that are used again and again. Each new one is memory outside of the heap, and V8 answers many of them with collections of the whole heap:
 * 60 ms each with 60 MB in it, four a second when lists are served from fresh buffers.
 */
export class BufferPool {
  readonly #bytes: number;
  readonly #most: number;
  readonly #free: Buffer[] = [];

  /** Of `bytes` each; no more than `most` are kept. */
  constructor(bytes: number, most: number) {
    this.#bytes = bytes;
    this.#most = most;
  }

  /** A buffer of at least `bytes`, with anything in it. One that is larger than those of the pool is made for this use. */
  take(bytes: number): Buffer {
    if (bytes > this.#bytes) return Buffer.allocUnsafeSlow(bytes);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#bytes);
  }

  /** Nobody reads or writes it any more. */
  give(buffer: Buffer): void {
    if (buffer.length === this.#bytes && this.#free.length < this.#most) this.#free.push(buffer);
  }
}
