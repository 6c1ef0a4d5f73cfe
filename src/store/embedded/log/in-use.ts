/**
 * SQLite deletes its write-ahead log when it closes a database, so that of a store whose log is missing nobody could tell whether it was closed or the log,
 * with what was written last, was removed by hand. Therefore the log has a second name as long as the store is not closed: `in-use`.
 */
import { closeSync, existsSync, linkSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { StoreError } from '../../types.ts';
import { databasePath } from './files.ts';
import { everyPage, type WalPage } from './wal-check.ts';

const fileOf = (directory: string): string => join(directory, 'in-use');
const walOf = (directory: string): string => `${databasePath(directory)}-wal`;

/** Throws `corrupt` when the write-ahead log of a store that was not closed is missing, and something is lost without it. */
export function checkWal(directory: string): void {
  const kept = fileOf(directory);
  if (existsSync(walOf(directory)) || !existsSync(kept)) return;
  // A process that ends in order has SQLite fold the log into the database and delete it, also where the store was not closed.
  if (isFolded(kept, databasePath(directory))) return;
  throw new StoreError(
    'corrupt',
    `the store ${databasePath(directory)} was not closed, and its write-ahead log ${walOf(directory)}, with what was written last, is missing. ` +
      `Nothing was changed. The log is still there under another name: \`ln ${kept} ${walOf(directory)}\` puts it back. ` +
      `To open the store without it, as what it was before, remove ${kept}`,
  );
}

/** To be called when the log is there, and empty. Without room, or on a file system that has no second names, nothing is marked. */
export function markInUse(directory: string): void {
  const file = fileOf(directory);
  try {
    if (existsSync(file) && statSync(file).ino === statSync(walOf(directory)).ino) return;
    rmSync(file, { force: true });
    linkSync(walOf(directory), file);
  } catch {
    // It only helps to see what is wrong; the store can be used without.
  }
}

/** To be called when all that is in the log is in the database, too. */
export function unmarkInUse(directory: string): void {
  rmSync(fileOf(directory), { force: true });
}

/** Whether the database has every page of the log as the log has it. */
function isFolded(wal: string, database: string): boolean {
  const file = openSync(wal, 'r');
  const other = openSync(database, 'r');
  try {
    const same = ({ number, bytes }: WalPage): boolean => {
      const there = Buffer.alloc(bytes.length);
      const length = readSync(other, there, 0, bytes.length, (number - 1) * bytes.length);
      return length === bytes.length && there.equals(bytes);
    };
    return everyPage(file, same);
  } finally {
    closeSync(other);
    closeSync(file);
  }
}
