/** All that a cluster may leave on a machine, to compare before and after. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { listLinks, listRoutes, readMountinfo, run } from '#linux';

export interface Inventory {
  readonly processes: readonly string[];
  readonly mounts: readonly string[];
  readonly links: readonly string[];
  readonly routes: readonly string[];
  readonly tables: string;
  readonly cgroups: readonly string[];
  readonly namespaces: number;
  readonly files: readonly string[];
  readonly forwarding: string;
}

export async function inventory(): Promise<Inventory> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')));
  const namespaces = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/ns/mnt`).catch(() => '')));
  return {
    processes: commands.filter((command) => command !== '').toSorted(), // empty: dead and not waited for
    mounts: (await readMountinfo()).map((mount) => `${mount.type} ${mount.mountPoint}`),
    links: (await listLinks()).map((link) => link.name),
    routes: (await listRoutes()).map((route) => `${route.destination} ${route.device}`),
    tables: await run('nft', ['list', 'tables']),
    cgroups: (await run('find', ['/sys/fs/cgroup', '-type', 'd', '-path', '*pirogue*'])).split('\n').toSorted(),
    namespaces: new Set(namespaces.filter((link) => link !== '')).size,
    files: await readdir('/var/lib/pirogue'),
    forwarding: await readFile('/proc/sys/net/ipv4/ip_forward', 'utf8'),
  };
}
