import { mkdir, readdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Clock, sleep } from '#util';
import { errorCode } from './errno.ts';
import { type Mount, readMountinfo } from './mounts.ts';

/**
 * cgroups as the machine has them: one unified hierarchy (v2), one per controller (v1), or both (hybrid: v1 controllers plus a v2
 * tree that only tracks processes or holds what v1 left over). A path given to these functions starts with `/` at the root of what is mounted.
 */
export interface CgroupHierarchy {
  readonly version: 1 | 2;
  readonly mountPoint: string;
  /** v1: the controllers of this mount, as `cpu`, `cpuacct` or `name=systemd`. v2: none; they are read where they are needed. */
  readonly controllers: readonly string[];
}

export interface CgroupSystem {
  readonly mode: 'v1' | 'hybrid' | 'v2';
  readonly hierarchies: readonly CgroupHierarchy[];
}

/** Options of a v1 superblock that are not the name of a controller: cgroups-v1 documentation of the kernel, section 2. */
const NOT_CONTROLLERS = new Set(['rw', 'ro', 'xattr', 'clone_children', 'noprefix', 'cpuset_v2_mode', 'favordynmods']);

/** Undefined: no cgroup file system is mounted. */
export function parseCgroups(mounts: readonly Mount[]): CgroupSystem | undefined {
  const hierarchies: CgroupHierarchy[] = [];
  // Of several mounts at one place the last is seen.
  const visible = new Map(mounts.map((mount) => [mount.mountPoint, mount])).values();
  for (const { type, mountPoint, superOptions } of visible) {
    if (!mountPoint.startsWith('/sys/fs/cgroup')) continue;
    if (type === 'cgroup2') hierarchies.push({ version: 2, mountPoint, controllers: [] });
    if (type === 'cgroup') {
      const controllers = superOptions.filter((o) => !NOT_CONTROLLERS.has(o) && !o.startsWith('release_agent='));
      hierarchies.push({ version: 1, mountPoint, controllers });
    }
  }
  const v1 = hierarchies.some((h) => h.version === 1);
  const v2 = hierarchies.some((h) => h.version === 2);
  if (!v1 && !v2) return undefined;
  return { mode: v1 && v2 ? 'hybrid' : v1 ? 'v1' : 'v2', hierarchies };
}

export async function detectCgroups(): Promise<CgroupSystem | undefined> {
  return parseCgroups(await readMountinfo());
}

async function present(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (errorCode(error) === 'ENOENT') return false;
      throw error;
    },
  );
}

/** A new v1 cpuset is empty, and a process cannot enter an empty one. */
async function copyCpuset(directory: string): Promise<void> {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const own = await readFile(join(directory, file), 'utf8');
    if (own.trim() === '')
      await writeFile(join(directory, file), await readFile(join(dirname(directory), file), 'utf8'));
  }
}

/** Makes every controller that `directory` has available to its children (v2). */
async function delegateControllers(directory: string): Promise<void> {
  const controllers = (await readFile(join(directory, 'cgroup.controllers'), 'utf8')).trim();
  for (const controller of controllers === '' ? [] : controllers.split(' ')) {
    try {
      // One by one: a write that names several fails as a whole.
      await writeFile(join(directory, 'cgroup.subtree_control'), `+${controller}`);
    } catch (error) {
      // A controller may refuse (cpu, while real-time processes run outside of the root; any, in a container whose root has processes).
      // Then its limits are missing below, and runc says so when one is asked for.
      if (!['EBUSY', 'EINVAL', 'EOPNOTSUPP', 'ENOENT'].includes(errorCode(error) ?? '')) throw error;
    }
  }
}

async function makeDirectory({ version, controllers }: CgroupHierarchy, directory: string): Promise<void> {
  await mkdir(directory).catch((error: unknown) => {
    if (errorCode(error) !== 'EEXIST') throw error;
  });
  if (version === 1 && controllers.includes('cpuset')) await copyCpuset(directory);
}

/** Creates the cgroup and its ancestors in every hierarchy; the ancestors hand their controllers down, the cgroup itself does not. */
export async function createCgroup(system: CgroupSystem, path: string): Promise<void> {
  for (const hierarchy of system.hierarchies) {
    let directory = hierarchy.mountPoint;
    for (const name of path.split('/').filter((part) => part !== '')) {
      if (hierarchy.version === 2) await delegateControllers(directory);
      directory = join(directory, name);
      await makeDirectory(hierarchy, directory);
    }
  }
}

/** Creates a child of an existing cgroup without handing controllers down to it, so that on v2 processes may still enter the parent. */
export async function createCgroupLeaf(system: CgroupSystem, path: string): Promise<void> {
  for (const hierarchy of system.hierarchies) await makeDirectory(hierarchy, join(hierarchy.mountPoint, path));
}

async function directoriesBelow(directory: string): Promise<string[]> {
  const found: string[] = [];
  const visit = async (path: string): Promise<void> => {
    let entries;
    try {
      entries = await readdir(path, { withFileTypes: true });
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return;
      throw error;
    }
    found.push(path);
    for (const entry of entries) if (entry.isDirectory()) await visit(join(path, entry.name));
  };
  await visit(directory);
  return found;
}

/** The processes of the cgroup and of all below it, in any hierarchy; pids as our own pid namespace counts them. */
export async function cgroupProcesses(system: CgroupSystem, path: string): Promise<number[]> {
  const pids = new Set<number>();
  for (const { mountPoint } of system.hierarchies) {
    for (const directory of await directoriesBelow(join(mountPoint, path))) {
      try {
        const text = await readFile(join(directory, 'cgroup.procs'), 'utf8');
        for (const line of text.split('\n')) if (line !== '' && line !== '0') pids.add(Number(line));
      } catch (error) {
        // ENODEV: removed while we read. EOPNOTSUPP: a threaded cgroup, whose processes are listed by its root.
        if (!['ENOENT', 'ENODEV', 'EOPNOTSUPP'].includes(errorCode(error) ?? '')) throw error;
      }
    }
  }
  return [...pids].toSorted((a, b) => a - b);
}

export interface CgroupWait {
  clock: Clock;
  /** Default 10 s. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** Kills (SIGKILL) every process of the cgroup and below, and waits until there is none. Returns how many there were. */
export async function killCgroup(
  system: CgroupSystem,
  path: string,
  { clock, timeoutMs = 10_000, signal }: CgroupWait,
): Promise<number> {
  const killed = new Set<number>();
  const end = clock.monotonic() + timeoutMs;
  for (;;) {
    const pids = await cgroupProcesses(system, path);
    if (pids.length === 0) return killed.size;
    if (clock.monotonic() >= end) throw new Error(`processes of cgroup ${path} do not end: ${pids.join(' ')}`);
    for (const { version, mountPoint } of system.hierarchies) {
      const file = join(mountPoint, path, 'cgroup.kill'); // kernel 5.14: all at once, forks under way included
      if (version === 2 && (await present(file))) await writeFile(file, '1');
    }
    for (const pid of pids) {
      killed.add(pid);
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        if (errorCode(error) !== 'ESRCH') throw error;
      }
    }
    await sleep(clock, 5, { ...(signal && { signal }) });
  }
}

/** Removes the cgroup and all below it from every hierarchy, children first. Processes must be gone; absence is no error. */
export async function removeCgroup(
  system: CgroupSystem,
  path: string,
  { clock, timeoutMs = 5_000, signal }: CgroupWait,
): Promise<void> {
  const end = clock.monotonic() + timeoutMs;
  for (const { mountPoint } of system.hierarchies) {
    for (;;) {
      try {
        for (const directory of (await directoriesBelow(join(mountPoint, path))).toReversed()) await rmdir(directory);
        break;
      } catch (error) {
        // A process that died an instant ago still holds its cgroup.
        const again = ['EBUSY', 'ENOTEMPTY', 'ENOENT'].includes(errorCode(error) ?? '');
        if (!again || clock.monotonic() >= end) throw error;
        await sleep(clock, 5, { ...(signal && { signal }) });
      }
    }
  }
}
