import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CgroupSystem } from '#linux';
import type { Clock } from '#util';
import type { NodeStats } from '../server/stats.ts';

export interface NodeStatsOptions {
  readonly cgroups: CgroupSystem;
  /** Cgroup of the node as this process sees it. */
  readonly cgroupRoot: string;
  readonly memoryBytes: number;
  readonly clock: Clock;
}

/** What the whole node uses, from the counters of its cgroup: `/stats/summary`'s `node`. Rates come from the reading before. */
export function newNodeStats({ cgroups, cgroupRoot, memoryBytes, clock }: NodeStatsOptions): () => Promise<NodeStats> {
  const startTime = new Date(clock.now()).toISOString();
  let last: { atMs: number; nanos: number } | undefined;
  return async () => {
    const [nanos, memory] = await Promise.all([cpuNanos(cgroups, cgroupRoot), memoryOf(cgroups, cgroupRoot)]);
    const atMs = clock.monotonic();
    const elapsedMs = last === undefined ? 0 : atMs - last.atMs;
    const nanoCores = elapsedMs > 0 ? Math.round((nanos - last!.nanos) / (elapsedMs / 1000)) : 0;
    last = { atMs, nanos };
    const time = new Date(clock.now()).toISOString();
    return {
      startTime,
      cpu: { time, usageNanoCores: nanoCores, usageCoreNanoSeconds: nanos },
      memory: {
        time,
        availableBytes: Math.max(0, memoryBytes - memory.workingSet),
        usageBytes: memory.usage,
        workingSetBytes: memory.workingSet,
        rssBytes: memory.rss,
      },
    };
  };
}

/** The directory of the node's cgroup in the hierarchy that has the controller. */
function directoryOf({ mode, hierarchies }: CgroupSystem, controller: string, root: string): string {
  const found = hierarchies.find((h) => (mode === 'v2' ? h.version === 2 : h.controllers.includes(controller)));
  if (found === undefined) throw new Error(`no cgroup hierarchy has the controller ${controller}`);
  return join(found.mountPoint, root);
}

async function cpuNanos(system: CgroupSystem, root: string): Promise<number> {
  const directory = directoryOf(system, 'cpuacct', root);
  if (system.mode !== 'v2') return Number(await readFile(join(directory, 'cpuacct.usage'), 'utf8'));
  return (await readStat(join(directory, 'cpu.stat')))('usage_usec') * 1000;
}

/** Working set: what is in use less what could be dropped at once. Source: cAdvisor's container_memory_working_set_bytes. */
async function memoryOf(
  system: CgroupSystem,
  root: string,
): Promise<{ usage: number; workingSet: number; rss: number }> {
  const directory = directoryOf(system, 'memory', root);
  const v2 = system.mode === 'v2';
  const stat = await readStat(join(directory, 'memory.stat'));
  const usage = Number(await readFile(join(directory, v2 ? 'memory.current' : 'memory.usage_in_bytes'), 'utf8'));
  const inactive = stat(v2 ? 'inactive_file' : 'total_inactive_file');
  return { usage, workingSet: Math.max(0, usage - inactive), rss: stat(v2 ? 'anon' : 'total_rss') };
}

/** Lines of `name value`; what is not there is 0. */
async function readStat(file: string): Promise<(name: string) => number> {
  const lines = (await readFile(file, 'utf8')).split('\n').map((line) => line.split(' '));
  const values = new Map(lines.map(([name = '', value = '0']) => [name, Number(value)]));
  return (name) => values.get(name) ?? 0;
}
