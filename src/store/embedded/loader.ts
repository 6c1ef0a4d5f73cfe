import { StoreError } from '../types.ts';
import { damageMessage } from './log/files.ts';
import type { Keyspace } from './keyspace.ts';
import type { Leases } from './leases.ts';
import type { OpenedLog } from './log/thread.ts';
import { readRecord } from './log/record.ts';
import { Version } from './version.ts';

export interface Loaded {
  /** Number of the first row that is not in the log. */
  readonly nextRow: number;
  /** Rows that a compaction did not come to delete. */
  readonly needlessRows: readonly number[];
}

/**
 * Fills an empty keyspace and its leases from the log. What the log itself cannot know is checked here: revisions follow one
 * another, and each write fits the one before it of the same key. Throws `corrupt`.
 */
export async function load(opened: OpenedLog, keyspace: Keyspace, leases: Leases, path: string): Promise<Loaded> {
  const { compactRevision, firstRow } = opened.head;
  const corrupt = (what: string): StoreError => new StoreError('corrupt', damageMessage(path, what));
  const needlessRows: number[] = [];
  let nextRow = firstRow;
  let written: Version[] = [];
  const applyWritten = (): void => {
    if (written.length > 0) keyspace.apply(written, keyspace.revision + 1);
    written = [];
  };
  keyspace.beginLoad(compactRevision);
  for (const { id, ttlSeconds } of opened.leases) leases.granted({ id, ttlSeconds: ttlSeconds as number });

  for await (const slice of opened.slices) {
    const bytes = Buffer.from(slice.bytes.buffer, 0, slice.bytes.length);
    let end = 0;
    for (let i = 0; i < slice.rows.length; i++) {
      const row = slice.rows[i]!;
      const kv = readRecord(bytes, end, slice.ends[i]!);
      end = slice.ends[i]!;
      if (row < firstRow) {
        if (kv.modRevision >= compactRevision) throw corrupt(`row ${row} has revision ${kv.modRevision}`);
        needlessRows.push(...keyspace.loadOld(new Version(kv, row, undefined)));
        continue;
      }
      if (kv.modRevision !== keyspace.revision + 1) applyWritten();
      if (kv.modRevision !== keyspace.revision + 1) {
        throw corrupt(`revision ${kv.modRevision} in row ${row} follows revision ${keyspace.revision}`);
      }
      const version = new Version(kv, row, keyspace.newest(kv.key));
      if (!fitsPrevious(version)) throw corrupt(`row ${row} does not fit the write before it of the same key`);
      written.push(version);
      nextRow = row + 1;
    }
  }
  applyWritten();
  if (keyspace.revision < compactRevision)
    throw corrupt(`revision ${compactRevision}, where history begins, is missing`);

  keyspace.scan({ from: '', end: undefined }, (version) => {
    if (leases.bind(version)) return true;
    throw corrupt(`row ${version.row} is bound to lease ${version.lease}, which is missing`);
  });
  return { nextRow, needlessRows };
}

function fitsPrevious(version: Version): boolean {
  const before = version.previousPair;
  if (version.isTombstone) return before !== undefined;
  return (
    version.version === (before?.version ?? 0) + 1 &&
    version.createRevision === (before?.createRevision ?? version.modRevision)
  );
}
