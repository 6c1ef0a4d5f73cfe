import { chmod, lchown, lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Source: pkg/volume/volume_linux.go v1.36. */
const READ_ONLY_MASK = 0o440;
const READ_WRITE_MASK = 0o660;
const DIRECTORY_MASK = 0o110;
const SETGID = 0o2000;

async function changeOne(path: string, gid: number, readOnly: boolean): Promise<void> {
  const info = await lstat(path);
  await lchown(path, info.uid, gid);
  if (info.isSymbolicLink()) return;
  let mask = readOnly ? READ_ONLY_MASK : READ_WRITE_MASK;
  if (info.isDirectory()) mask |= SETGID | DIRECTORY_MASK;
  await chmod(path, (info.mode & 0o7777) | mask);
}

/** Gives a directory tree to the pod's `fsGroup`. With `onRootMismatch` nothing is done when the top already is as it should. */
export async function setVolumeGroup(
  directory: string,
  { gid, readOnly, onRootMismatch }: { gid: number; readOnly: boolean; onRootMismatch: boolean },
): Promise<void> {
  if (onRootMismatch) {
    const top = await stat(directory);
    const wanted = (readOnly ? READ_ONLY_MASK : READ_WRITE_MASK) | SETGID | DIRECTORY_MASK;
    if (top.gid === gid && (top.mode & wanted) === wanted) return;
  }
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  for (const entry of entries) await changeOne(join(entry.parentPath, entry.name), gid, readOnly);
  await changeOne(directory, gid, readOnly);
}
