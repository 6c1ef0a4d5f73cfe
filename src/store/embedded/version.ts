import type { Key, KeyValue } from '../types.ts';

export const NO_VALUE: Buffer = Buffer.alloc(0);

/** What one version costs beside its key and value: the object, the Buffer, its place in the indexes. A measured average. */
const OVERHEAD_BYTES = 250;

/**
 * One write of one key. Versions of a key are chained to the one before, as far as history goes back, so that a read at an old
 * revision walks from the newest. A tombstone (the key was deleted) has version 0.
 */
export class Version implements KeyValue {
  readonly key: Key;
  readonly value: Buffer;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: number;
  readonly #row: number;
  #previous: Version | undefined;

  constructor(kv: KeyValue, row: number, previous: Version | undefined) {
    this.key = kv.key;
    this.value = kv.value;
    this.createRevision = kv.createRevision;
    this.modRevision = kv.modRevision;
    this.version = kv.version;
    this.lease = kv.lease;
    this.#row = row;
    this.#previous = previous;
  }

  /** Number of the row in the log that holds this version. */
  get row(): number {
    return this.#row;
  }

  /** The version this one replaced (maybe a tombstone), unless it is compacted. */
  get previous(): Version | undefined {
    return this.#previous;
  }

  get isTombstone(): boolean {
    return this.version === 0;
  }

  /** The pair before this write, if there was one. */
  get previousPair(): Version | undefined {
    return this.#previous === undefined || this.#previous.isTombstone ? undefined : this.#previous;
  }

  get costBytes(): number {
    return this.key.length + this.value.length + OVERHEAD_BYTES;
  }

  /** The version as it was at `revision`: the pair, or undefined if the key did not exist then. */
  at(revision: number): Version | undefined {
    if (this.modRevision <= revision) return this.isTombstone ? undefined : this;
    let version = this.#previous;
    while (version !== undefined && version.modRevision > revision) version = version.#previous;
    return version === undefined || version.isTombstone ? undefined : version;
  }

  forgetPrevious(): void {
    this.#previous = undefined;
  }
}
