import { mkdir, open, stat } from 'node:fs/promises';
import type { Stats } from 'node:fs';

/** Source: pkg/volume/hostpath/host_path.go v1.36. */
const DIRECTORY_MODE = 0o755;
const FILE_MODE = 0o644;

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined;
    throw error;
  }
}

const wrong = (path: string, what: string): Error => new Error(`hostPath type check failed: ${path} is not ${what}`);

/** Checks, or makes, what a hostPath volume says must be at `path`. Throws with upstream's message. */
export async function prepareHostPath(path: string, type = ''): Promise<void> {
  if (type === '') return;
  const found = await statOf(path);
  switch (type) {
    case 'DirectoryOrCreate':
      if (found === undefined) await mkdir(path, { recursive: true, mode: DIRECTORY_MODE });
      else if (!found.isDirectory()) throw wrong(path, 'a directory');
      return;
    case 'FileOrCreate':
      if (found === undefined) await (await open(path, 'a', FILE_MODE)).close();
      else if (!found.isFile()) throw wrong(path, 'a file');
      return;
    case 'Directory':
      if (found?.isDirectory() !== true) throw wrong(path, 'a directory');
      return;
    case 'File':
      if (found?.isFile() !== true) throw wrong(path, 'a file');
      return;
    case 'Socket':
      if (found?.isSocket() !== true) throw wrong(path, 'a socket file');
      return;
    case 'CharDevice':
      if (found?.isCharacterDevice() !== true) throw wrong(path, 'a character device');
      return;
    case 'BlockDevice':
      if (found?.isBlockDevice() !== true) throw wrong(path, 'a block device');
      return;
    default:
      throw new Error(`${type} is an invalid volume type`);
  }
}
