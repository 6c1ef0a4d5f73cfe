import { join } from 'node:path';

/** The database in a store's directory. Beside it lie SQLite's own files, `lock`, `owner` and `in-use`. */
export function databasePath(directory: string): string {
  return join(directory, 'store.db');
}

/** The message of a `corrupt` error: what is wrong and what can be done. */
export function damageMessage(path: string, what: string): string {
  return (
    `the store ${path} is damaged: ${what}. Nothing was changed. ` +
    `Restore its directory from a copy, or move it away to begin with an empty store`
  );
}
