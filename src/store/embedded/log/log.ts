import type { KeyValue, StoreErrorCode } from '../../types.ts';
import type { RowSlice } from './slices.ts';

/** A lease granted, or (ttlSeconds absent) revoked. */
export interface LeaseChange {
  readonly id: number;
  readonly ttlSeconds: number | undefined;
}

/** Rows written together: all of them or none. */
export interface LogBatch {
  readonly versions: readonly { readonly row: number; readonly kv: KeyValue }[];
  readonly leases: readonly LeaseChange[];
}

/**
 * Where committed batches go. Calls take effect in the order they are made. A rejection is a StoreError: `no-space` means nothing of the batch was
 * written and a later one may work; after anything else the log must not be used again.
 */
export interface Log {
  /** Resolves once the rows are durable. Their numbers are consecutive. */
  commit(batch: LogBatch): Promise<void>;
  /** Resolves once it is durable that history begins at `revision`, whose first row is `firstRow`. */
  compact(revision: number, firstRow: number): Promise<void>;
  /** Deletes rows when there is time, older versions of a key before its tombstone: a crash in between must not bring them back. */
  purge(rows: readonly number[]): void;
  /** Resolves when free space is given back to the file system. */
  shrink(): Promise<void>;
  sizeBytes(): Promise<number>;
  close(): Promise<void>;
}

/** Keeps nothing: the store lives as long as its process. */
export function memoryLog(): Log {
  return {
    commit: () => Promise.resolve(),
    compact: () => Promise.resolve(),
    purge() {},
    shrink: () => Promise.resolve(),
    sizeBytes: () => Promise.resolve(0),
    close: () => Promise.resolve(),
  };
}

/** What the thread that owns the files is started with. */
export interface LogWorkerData {
  readonly directory: string;
  readonly maxBytes: number | undefined;
}

export type LogRequest =
  | { readonly type: 'read'; readonly spare: ArrayBuffer | undefined }
  | {
      readonly type: 'commit';
      readonly firstRow: number;
      readonly frames: Uint8Array;
      readonly leases: readonly LeaseChange[];
    }
  | { readonly type: 'compact'; readonly revision: number; readonly firstRow: number }
  | { readonly type: 'purge'; readonly rows: Float64Array }
  | { readonly type: 'shrink' }
  | { readonly type: 'close' };

/** Requests are answered one by one in order, but `purge`, which is not; `failed` comes by itself. */
export type LogReply =
  | { readonly type: 'opened'; readonly head: LogHead; readonly leases: readonly LeaseChange[] }
  | { readonly type: 'rows'; readonly slice: RowSlice | undefined }
  | { readonly type: 'done' }
  | { readonly type: 'refused'; readonly error: LogError }
  | { readonly type: 'failed'; readonly error: LogError };

/** Where history begins; 0 and 1 in a log that was never compacted. */
export interface LogHead {
  readonly compactRevision: number;
  readonly firstRow: number;
}

export interface LogError {
  readonly code: StoreErrorCode;
  readonly message: string;
}
