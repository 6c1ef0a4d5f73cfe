import { readFile } from 'node:fs/promises';
import { run } from './run.ts';

/** One line of /proc/self/mountinfo: proc_pid_mountinfo(5). */
export interface Mount {
  readonly id: number;
  readonly parentId: number;
  /** Directory of the file system that forms the root of this mount. */
  readonly root: string;
  readonly mountPoint: string;
  readonly options: readonly string[];
  readonly type: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

/** Spaces, tabs, newlines and backslashes are written as three octal digits. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

export function parseMountinfo(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split('\n')) {
    const separator = line.indexOf(' - ');
    if (separator < 0) continue;
    const [id = '', parentId = '', , root = '', mountPoint = '', options = ''] = line.slice(0, separator).split(' ');
    const [type = '', source = '', superOptions = ''] = line.slice(separator + 3).split(' ');
    mounts.push({
      id: Number(id),
      parentId: Number(parentId),
      root: unescape(root),
      mountPoint: unescape(mountPoint),
      options: options.split(','),
      type,
      source: unescape(source),
      superOptions: superOptions.split(','),
    });
  }
  return mounts;
}

/** The mounts seen by a process, in mount order; by default our own. */
export async function readMountinfo(pid: number | 'self' = 'self'): Promise<Mount[]> {
  return parseMountinfo(await readFile(`/proc/${pid}/mountinfo`, 'utf8'));
}

/** The mounts at `path` or below it, in mount order. */
export function mountsUnder(mounts: readonly Mount[], path: string): Mount[] {
  const prefix = path.endsWith('/') ? path : `${path}/`;
  return mounts.filter(({ mountPoint }) => mountPoint === path || mountPoint.startsWith(prefix));
}

/** Unmounts everything at `path` and below, last mounted first; mounts in use are detached. Returns how many there were. */
export async function unmountUnder(path: string, { signal }: { signal?: AbortSignal } = {}): Promise<number> {
  const mounts = mountsUnder(await readMountinfo(), path).toReversed();
  for (const { mountPoint } of mounts) await run('umount', ['-l', mountPoint], { ...(signal && { signal }) });
  return mounts.length;
}
