import { openLogThread } from '../embedded/log/thread.ts';
import type { LeaseChange } from '../embedded/log/log.ts';
import { MOMENT_KEY } from '../history/moments.ts';
import { type KeyValue, StoreError } from '../types.ts';
import type { Contents } from './contents.ts';

/** Bounds what one batch takes in memory. */
const BATCH_ROWS = 1000;
const BATCH_BYTES = 4 << 20;

export interface NewFilesOptions {
  /** Empty, or not there. */
  readonly directory: string;
  readonly nowMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes the files of an embedded store that has these contents, every pair with the revisions and the version it had. History begins at the revision
 * after theirs, which writes the time down: who has read them goes on from there, and who asks for what was before is told that it is compacted.
 */
export async function writeStoreFiles(
  contents: Contents,
  { directory, nowMs, signal }: NewFilesOptions,
): Promise<void> {
  const failure: { error?: StoreError } = {};
  const { log, slices } = await openLogThread(
    { directory, maxBytes: undefined },
    { onFailure: (error) => (failure.error ??= error) },
  );
  try {
    for await (const slice of slices) if (slice.rows.length > 0) throw new Error(`${directory} is not empty`);
    const versions = withFirstMoment(contents, nowMs);
    const leases = contents.leases.map(({ id, ttlSeconds }): LeaseChange => ({ id, ttlSeconds }));
    await log.commit({ versions: [], leases });
    for (const batch of batches(versions)) {
      signal?.throwIfAborted();
      await log.commit({ versions: batch, leases: [] });
    }
    await log.compact(contents.revision + 1, versions.length);
  } finally {
    await log.close();
  }
  if (failure.error !== undefined) throw failure.error;
}

/** As they were written, with the number of their row, and one more behind them. */
function withFirstMoment({ revision, kvs }: Contents, nowMs: number): { row: number; kv: KeyValue }[] {
  const modRevision = revision + 1;
  const moment: KeyValue = {
    key: MOMENT_KEY,
    value: Buffer.from(String(nowMs)),
    createRevision: modRevision,
    modRevision,
    version: 1,
    lease: 0,
  };
  const written = kvs.toSorted((a, b) => a.modRevision - b.modRevision);
  return [...written, moment].map((kv, i) => ({ row: i + 1, kv }));
}

function* batches(versions: readonly { row: number; kv: KeyValue }[]): Generator<{ row: number; kv: KeyValue }[]> {
  let batch: { row: number; kv: KeyValue }[] = [];
  let bytes = 0;
  for (const version of versions) {
    batch.push(version);
    bytes += version.kv.value.length;
    if (batch.length < BATCH_ROWS && bytes < BATCH_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
