import type { Clock } from '#util';
import { type Key, type Lease, type LeaseStatus, StoreError } from '../types.ts';
import type { Version } from './version.ts';

export interface LeasesOptions {
  readonly clock: Clock;
  /** The lease ran out: revoke it. Called again a second later as long as it exists. */
  readonly onExpired: (id: number) => void;
}

/** As etcd's MaxLeaseTTL (server/lease/lessor.go, v3.5). */
const MAX_TTL_SECONDS = 9_000_000_000;
const RETRY_MS = 1000;

interface Held {
  readonly lease: Lease;
  readonly keys: Set<Key>;
  deadlineMs: number;
  timer: Disposable | undefined;
}

/**
 * The leases and the keys bound to them, as far as durable. Grants and revocations under way are kept apart: a grant counts when
 * it is durable, a revocation as soon as it is asked for. Time starts anew when the store is opened, as in etcd.
 */
export class Leases {
  readonly #clock: Clock;
  readonly #onExpired: (id: number) => void;
  readonly #held = new Map<number, Held>();
  readonly #granting = new Set<number>();
  readonly #revoking = new Set<number>();

  constructor({ clock, onExpired }: LeasesOptions) {
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  has(id: number): boolean {
    return this.#held.has(id) && !this.#revoking.has(id);
  }

  /** Throws unless a lease of this id and time may be granted; it is taken from now on. */
  beginGrant({ id, ttlSeconds }: Lease): void {
    if (!Number.isSafeInteger(id) || id <= 0) throw new TypeError(`lease id ${id} is not a positive integer`);
    if (!Number.isSafeInteger(ttlSeconds) || ttlSeconds <= 0 || ttlSeconds > MAX_TTL_SECONDS) {
      throw new TypeError(`lease time ${ttlSeconds} is not between 1 and ${MAX_TTL_SECONDS} seconds`);
    }
    if (this.isTaken(id)) throw new StoreError('lease-exists', `lease ${id} exists already`);
    this.#granting.add(id);
  }

  isTaken(id: number): boolean {
    return this.#held.has(id) || this.#granting.has(id);
  }

  /** Throws unless the lease exists; nothing can be bound to it from now on. Returns the keys bound to it. */
  beginRevoke(id: number): ReadonlySet<Key> {
    const { keys } = this.#get(id);
    this.#revoking.add(id);
    return keys;
  }

  /** All that nobody is revoking. */
  ids(): number[] {
    return [...this.#held.keys()].filter((id) => !this.#revoking.has(id));
  }

  all(): Lease[] {
    return [...this.#held.values()].map(({ lease }) => lease);
  }

  status(id: number): LeaseStatus {
    const { lease, deadlineMs, keys } = this.#get(id);
    const leftMs = Math.max(deadlineMs - this.#clock.monotonic(), 0);
    return { ...lease, remainingSeconds: Math.floor(leftMs / 1000), keys: [...keys].toSorted() };
  }

  keepAlive(id: number): Lease {
    const held = this.#get(id);
    this.#arm(held);
    return held.lease;
  }

  granted(lease: Lease): void {
    this.#granting.delete(lease.id);
    const held: Held = { lease, keys: new Set(), deadlineMs: 0, timer: undefined };
    this.#held.set(lease.id, held);
    this.#arm(held);
  }

  revoked(id: number): void {
    this.#revoking.delete(id);
    this.#held.get(id)?.timer?.[Symbol.dispose]();
    this.#held.delete(id);
  }

  /** Grants and revocations under way did not come to be. */
  reset(): void {
    this.#granting.clear();
    this.#revoking.clear();
  }

  /** A durable write: binds its key, and unbinds it from the lease of the version before. False if its lease does not exist. */
  bind(version: Version): boolean {
    const before = version.previous?.lease ?? 0;
    if (before !== 0 && before !== version.lease) this.#held.get(before)?.keys.delete(version.key);
    if (version.lease === 0) return true;
    const held = this.#held.get(version.lease);
    held?.keys.add(version.key);
    return held !== undefined;
  }

  close(): void {
    for (const { timer } of this.#held.values()) timer?.[Symbol.dispose]();
    this.#held.clear();
  }

  #get(id: number): Held {
    const held = this.#held.get(id);
    if (held === undefined || this.#revoking.has(id))
      throw new StoreError('lease-not-found', `lease ${id} does not exist`);
    return held;
  }

  #arm(held: Held): void {
    const ttlMs = held.lease.ttlSeconds * 1000;
    held.deadlineMs = this.#clock.monotonic() + ttlMs;
    this.#wait(held, ttlMs);
  }

  #wait(held: Held, delayMs: number): void {
    held.timer?.[Symbol.dispose]();
    held.timer = this.#clock.after(delayMs, () => {
      // A timer may ring early: the longest one a clock has is shorter than the longest lease.
      const leftMs = held.deadlineMs - this.#clock.monotonic();
      this.#wait(held, leftMs > 0 ? leftMs : RETRY_MS);
      if (leftMs <= 0 && !this.#revoking.has(held.lease.id)) this.#onExpired(held.lease.id);
    });
  }
}
