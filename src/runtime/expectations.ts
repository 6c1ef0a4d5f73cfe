import type { Clock } from '#util';

/** What was promised and never seen is forgotten after this. Source: pkg/controller/controller_utils.go ExpectationsTimeout v1.36. */
const TIMEOUT_MS = 300_000;

interface Expected {
  creations: number;
  /** Keys of objects whose deletion is to be seen. */
  readonly deletions: Set<string>;
  readonly at: number;
}

/**
 * The writes of a controller that its caches have not shown it yet. Until they have, the caches are older than the controller's own
 * deeds, and it must not count what it sees. Deletions are known by key, since one may be seen twice (terminating, then gone).
 */
export class Expectations {
  readonly #clock: Clock;
  readonly #expected = new Map<string, Expected>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Nothing is outstanding for the controller `key`, or it has been for too long to be believed. */
  satisfied(key: string): boolean {
    const expected = this.#expected.get(key);
    if (expected === undefined || (expected.creations <= 0 && expected.deletions.size === 0)) return true;
    return this.#clock.monotonic() - expected.at > TIMEOUT_MS;
  }

  /** From now on `count` objects will be created; replaces what was expected before. */
  expectCreations(key: string, count: number): void {
    this.#expected.set(key, { creations: count, deletions: new Set(), at: this.#clock.monotonic() });
  }

  /** From now on the objects of these keys will be deleted; replaces what was expected before. */
  expectDeletions(key: string, objectKeys: readonly string[]): void {
    this.#expected.set(key, { creations: 0, deletions: new Set(objectKeys), at: this.#clock.monotonic() });
  }

  /** A creation was seen, or will not happen. */
  creationObserved(key: string): void {
    const expected = this.#expected.get(key);
    if (expected !== undefined) expected.creations--;
  }

  /** A deletion was seen, or will not happen. */
  deletionObserved(key: string, objectKey: string): void {
    this.#expected.get(key)?.deletions.delete(objectKey);
  }

  forget(key: string): void {
    this.#expected.delete(key);
  }
}
