/**
 * The file `owner` says who has a store open, or had it: the number of a process. It is written when the database is there, so it also says that there was one.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const fileOf = (directory: string): string => join(directory, 'owner');

/** Undefined: there was never a store. */
export function readOwner(directory: string): string | undefined {
  const file = fileOf(directory);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}

export function writeOwner(directory: string): void {
  try {
    writeFileSync(fileOf(directory), `${process.pid}\n`);
  } catch {
    // It only helps to see what is wrong; a full disk must not keep the store from being read.
  }
}
