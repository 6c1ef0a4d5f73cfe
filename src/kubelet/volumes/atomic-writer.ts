import { randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Payload } from './content.ts';

/**
 * Changes all files of a directory at once: they stand in a directory with a time in its name, `..data` is a symbolic link to it, which is
 * replaced by rename, and what the user sees are links through `..data`. Source: pkg/volume/util/atomic_writer.go v1.36.
 */
const DATA = '..data';
const NEW_DATA = '..data_tmp';
const DIRECTORY_MODE = 0o755;

function isErrno(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code);
}

/** Throws for a path that would leave the volume. Source: validatePath. */
function checkPath(path: string): void {
  if (path === '') throw new Error('invalid path: must not be empty: ""');
  if (path.startsWith('/')) throw new Error(`invalid path: must be relative path: ${path}`);
  if (path.split('/').includes('..')) throw new Error(`invalid path: must not contain "..": ${path}`);
  if (path.startsWith('..')) throw new Error(`invalid path: must not start with "..": ${path}`);
}

async function sameContent(directory: string, payload: Payload): Promise<boolean> {
  const files = await filesBelow(directory);
  if (files.length !== payload.size) return false;
  for (const path of files) {
    const wanted = payload.get(path);
    if (wanted === undefined) return false;
    const full = join(directory, path);
    if (!(await readFile(full)).equals(wanted.data)) return false;
  }
  return true;
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
}

const timestamp = (nowMs: number): string =>
  `..${new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '_').replace('T', '_')}.${randomBytes(4).readUInt32BE()}`;

async function writeFiles(directory: string, payload: Payload): Promise<void> {
  await mkdir(directory);
  await chmod(directory, DIRECTORY_MODE);
  for (const [path, { data, mode, uid }] of payload) {
    const full = join(directory, path);
    await mkdir(dirname(full), { recursive: true });
    await writeFile(full, data);
    await chmod(full, mode); // the mode given to open is cut by the umask
    if (uid !== undefined) await chown(full, uid, -1);
  }
}

/** The names at the top of the volume: those of files, and first directories of longer paths. */
const topNames = (paths: Iterable<string>): Set<string> =>
  new Set([...paths].map((path) => path.split('/', 1)[0] ?? ''));

async function linkNames(target: string, names: ReadonlySet<string>): Promise<void> {
  for (const name of names) {
    const link = join(target, name);
    try {
      if ((await readlink(link)) === join(DATA, name)) continue;
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'EINVAL')) throw error;
    }
    await rm(link, { recursive: true, force: true });
    await symlink(join(DATA, name), link);
  }
}

/**
 * Makes `target` hold exactly `payload`; `prepare` is called with the new directory before it is seen, to set owners. Returns whether
 * anything changed.
 */
export async function writeAtomically(
  target: string,
  payload: Payload,
  { nowMs, prepare }: { nowMs: number; prepare: (directory: string) => Promise<void> },
): Promise<boolean> {
  for (const path of payload.keys()) checkPath(path);
  let old: string | undefined;
  try {
    old = await readlink(join(target, DATA));
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  if (old !== undefined && (await exists(join(target, old))) && (await sameContent(join(target, old), payload))) {
    await linkNames(target, topNames(payload.keys())); // a crash may have come between the two
    return false;
  }
  const fresh = timestamp(nowMs);
  await writeFiles(join(target, fresh), payload);
  await prepare(join(target, fresh));
  await rm(join(target, NEW_DATA), { force: true });
  await symlink(fresh, join(target, NEW_DATA));
  await rename(join(target, NEW_DATA), join(target, DATA));
  const names = topNames(payload.keys());
  await linkNames(target, names);
  for (const entry of await readdir(target)) {
    if (entry === DATA || entry === fresh || names.has(entry)) continue;
    const path = join(target, entry);
    if ((await lstat(path)).isSymbolicLink()) await unlink(path);
    else if (entry.startsWith('..')) await rm(path, { recursive: true, force: true });
  }
  return true;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
