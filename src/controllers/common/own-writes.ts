import { keyOf, type KubeObject } from '#api';
import type { InformerEvent, Lister } from '#client';
import type { Clock } from '#util';

/** A write never seen is given up after this. Source: pkg/controller/controller_utils.go ExpectationsTimeout v1.36. */
const TIMEOUT_MS = 300_000;

interface Write {
  readonly resourceVersion: number;
  readonly at: number;
}

/**
 * The writes a controller has made and its cache does not show yet. While there are any for a key, what the cache says of it is old, and
 * acting on it would do the same thing twice. The event that shows the write wakes the key again.
 */
export class OwnWrites<T extends KubeObject> {
  readonly #clock: Clock;
  readonly #cache: Pick<Lister<T>, 'get'>;
  readonly #pending = new Map<string, Map<string, Write>>();

  constructor(cache: Pick<Lister<T>, 'get'>, clock: Clock) {
    this.#cache = cache;
    this.#clock = clock;
  }

  /** The server has answered a create or update made for `key`. */
  wrote(key: string, object: T): void {
    const resourceVersion = Number(object.metadata.resourceVersion);
    const cached = this.#cache.get(keyOf(object));
    // The watch may be quicker than the answer.
    if (cached !== undefined && Number(cached.metadata.resourceVersion) >= resourceVersion) return;
    const writes = this.#pending.get(key) ?? new Map<string, Write>();
    writes.set(keyOf(object), { resourceVersion, at: this.#clock.monotonic() });
    this.#pending.set(key, writes);
  }

  /** The server has answered a delete made for `key`. */
  deleted(key: string, object: T): void {
    if (this.#cache.get(keyOf(object)) === undefined) return;
    const writes = this.#pending.get(key) ?? new Map<string, Write>();
    writes.set(keyOf(object), { resourceVersion: Number.POSITIVE_INFINITY, at: this.#clock.monotonic() });
    this.#pending.set(key, writes);
  }

  /** Every event of the cache concerning `key` goes through here. */
  observe(key: string, { type, object }: InformerEvent<T>): void {
    const writes = this.#pending.get(key);
    const write = writes?.get(keyOf(object));
    if (writes === undefined || write === undefined) return;
    if (type !== 'delete' && Number(object.metadata.resourceVersion) < write.resourceVersion) return;
    writes.delete(keyOf(object));
    if (writes.size === 0) this.#pending.delete(key);
  }

  /** The cache does not show all that was written for `key`. */
  outstanding(key: string): boolean {
    const writes = this.#pending.get(key);
    if (writes === undefined) return false;
    const oldest = this.#clock.monotonic() - TIMEOUT_MS;
    for (const [object, { at }] of writes) if (at < oldest) writes.delete(object);
    if (writes.size === 0) this.#pending.delete(key);
    return writes.size > 0;
  }
}
