import type { Store } from '#store';
import type { Clock } from '#util';

/** Source: apiserver pkg/storage/etcd3/lease_manager.go v1.36: a lease serves all writes of a minute, or of a twentieth of their time if that is less. */
const REUSE_SECONDS = 60;
const REUSE_SHARE = 0.05;
const MAX_WRITES = 1000;

/** Leases for objects that are to go by themselves after `ttlSeconds`: each is shared by the writes of about the same time. */
export class Expiry {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #ttlSeconds: number;
  #lease: Promise<number> | undefined;
  #endsMs = 0;
  #writes = 0;

  constructor(store: Store, clock: Clock, ttlSeconds: number) {
    this.#store = store;
    this.#clock = clock;
    this.#ttlSeconds = ttlSeconds;
  }

  /** A lease that lasts at least as long as an object written now shall. */
  lease(): Promise<number> {
    const now = this.#clock.monotonic();
    const usable = now + this.#ttlSeconds * 1000 < this.#endsMs && this.#writes < MAX_WRITES;
    if (this.#lease === undefined || !usable) this.#lease = this.#grant(now);
    this.#writes++;
    return this.#lease;
  }

  /** The lease in use is gone: the next write asks for another. */
  forget(): void {
    this.#lease = undefined;
  }

  async #grant(now: number): Promise<number> {
    const seconds = this.#ttlSeconds + Math.min(REUSE_SECONDS, Math.floor(this.#ttlSeconds * REUSE_SHARE));
    this.#endsMs = now + seconds * 1000;
    this.#writes = 0;
    try {
      return (await this.#store.grantLease(seconds)).id;
    } catch (error) {
      this.forget();
      throw error;
    }
  }
}
