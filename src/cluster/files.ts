import { randomUUID } from 'node:crypto';
import { chown, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode, readProcessStat } from '#linux';

export interface WriteOptions {
  /** Permission bits. Default 0644. */
  mode?: number;
  /** Owner of the new file. Default: us. */
  owner?: { uid: number; gid: number };
  /** Wait for the disk, so that the file survives a loss of power right after. Default false: for what is made again when damaged. */
  durable?: boolean;
}

/** Writes a file as a whole: readers, and we after a crash, find the old content or the new one. Makes missing directories. */
export async function writeFileAtomic(
  file: string,
  content: string,
  { mode = 0o644, owner, durable = false }: WriteOptions = {},
): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.${randomUUID()}`;
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.writeFile(content);
      await handle.chmod(mode); // whatever the umask took away
      if (durable) await handle.sync();
    } finally {
      await handle.close();
    }
    if (owner) await chown(temporary, owner.uid, owner.gid);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Removes from a directory what {@link writeFileAtomic} left in processes that were killed. */
export async function removeTemporaries(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const pid = /\.(\d+)\.[-0-9a-f]{36}$/.exec(name)?.[1];
    if (pid !== undefined && (await readProcessStat(Number(pid))) === undefined)
      await rm(join(directory, name), { force: true });
  }
}

/** Undefined: there is no such file. */
export async function readOptional(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Writes the file unless it already says so. Returns whether it changed. */
export async function writeIfChanged(file: string, content: string, mode = 0o644): Promise<boolean> {
  if ((await readOptional(file)) === content) return false;
  await writeFileAtomic(file, content, { mode });
  return true;
}
