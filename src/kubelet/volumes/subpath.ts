import { constants } from 'node:fs';
import { mkdir, open, readlink, realpath, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { Mounter } from './mounter.ts';

/**
 * `subPath` of a volume. A container that can write to the volume must not lead the kubelet out of it by a symbolic link, not even while the
 * kubelet looks: what is checked is an open file, and that very file is mounted. Source: pkg/volume/util/subpath/subpath_linux.go v1.36.
 */
const O_PATH = 0o10000000;

function isWithin(path: string, root: string): boolean {
  const way = relative(root, path);
  return way === '' || (!way.startsWith('../') && way !== '..' && !way.startsWith('/'));
}

/** Makes the missing part of `subPath` below the volume, with the volume's own permissions. */
async function makeDirectories(volumePath: string, subPath: string): Promise<void> {
  const root = await realpath(volumePath);
  const { mode } = await stat(root);
  let current = root;
  for (const part of subPath.split('/').filter((name) => name !== '' && name !== '.')) {
    const next = join(current, part);
    try {
      current = await realpath(next);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      await mkdir(next, { mode: mode & 0o7777 });
      current = await realpath(next);
    }
    if (!isWithin(current, root))
      throw new Error(`subpath ${JSON.stringify(subPath)} not within volume path ${JSON.stringify(volumePath)}`);
  }
}

/** Throws for a path that is absolute or goes up. Texts: kubelet_pods.go, makeMounts. */
export function checkSubPath(subPath: string): void {
  if (subPath.startsWith('/')) throw new Error(`error SubPath \`${subPath}\` must not be an absolute path`);
  if (subPath.split('/').includes('..'))
    throw new Error(`unable to provision SubPath \`${subPath}\`: must not contain '..'`);
}

/** Binds the file or directory onto `target` and returns the path to mount into the container. */
export async function prepareSubPath(
  { volumePath, subPath, target, mounter }: { volumePath: string; subPath: string; target: string; mounter: Mounter },
  { signal }: { signal: AbortSignal },
): Promise<string> {
  await makeDirectories(volumePath, subPath);
  const file = await open(join(volumePath, subPath), O_PATH | constants.O_RDONLY);
  try {
    const link = `/proc/${process.pid}/fd/${file.fd}`;
    const real = await readlink(link);
    if (!isWithin(real, await realpath(volumePath))) {
      throw new Error(`subpath ${JSON.stringify(subPath)} not within volume path ${JSON.stringify(volumePath)}`);
    }
    const wanted = await stat(link);
    if (await mounter.isMountPoint(target)) {
      const mounted = await stat(target);
      if (mounted.dev === wanted.dev && mounted.ino === wanted.ino) return target;
      await mounter.unmountUnder(target);
    }
    await mkdir(wanted.isDirectory() ? target : dirname(target), { recursive: true, mode: 0o750 });
    if (!wanted.isDirectory()) await writeFile(target, '', { flag: 'a', mode: 0o640 });
    await mounter.bind(link, target, { signal });
    return target;
  } finally {
    await file.close();
  }
}
