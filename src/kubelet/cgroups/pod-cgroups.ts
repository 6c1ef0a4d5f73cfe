import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '#api';
import { type CgroupSystem, createCgroup, killCgroup, removeCgroup } from '#linux';
import type { Clock } from '#util';
import { CFS_PERIOD_US, cpuQuotaOf, cpuSharesOf, cpuWeightOf } from '../resources/linux-resources.ts';
import { everyContainerLimits, podAmounts, podQosClass, type QosClass } from '../resources/pod-resources.ts';

/** What a cgroup is set to. Absent: left alone. */
export interface CgroupSettings {
  readonly cpuShares: number;
  readonly cpuQuotaUs?: number | undefined;
  readonly memoryLimitBytes?: number | undefined;
}

/** Source: ResourceConfigForPod (pkg/kubelet/cm/helpers_linux.go v1.36). */
export function podCgroupSettings(pod: Pod): CgroupSettings {
  const qos = podQosClass(pod);
  if (qos === 'BestEffort') return { cpuShares: cpuSharesOf(0) };
  const limits = podAmounts(pod, 'limits');
  const requests = podAmounts(pod, 'requests');
  return {
    cpuShares: cpuSharesOf(requests.cpuMilli),
    ...(everyContainerLimits(pod, 'cpu') && { cpuQuotaUs: cpuQuotaOf(limits.cpuMilli) }),
    ...(everyContainerLimits(pod, 'memory') && { memoryLimitBytes: limits.memoryBytes }),
  };
}

/** Guaranteed pods stand directly below `kubepods`. Source: pkg/kubelet/cm/pod_container_manager_linux.go. */
export function podCgroupPath(cgroupRoot: string, uid: string, qos: QosClass): string {
  const parent = qos === 'Guaranteed' ? 'kubepods' : join('kubepods', qos.toLowerCase());
  return join(cgroupRoot, parent, `pod${uid}`);
}

export interface PodCgroups {
  /** Path to give to the runtime as the parent of the pod's cgroups. */
  pathOf(pod: Pod): string;
  /** Makes the pod's cgroup and sets its limits. */
  ensure(pod: Pod): Promise<void>;
  /** Removes it. What still runs in it is killed: no container the runtime knows of, but what it lost when it was killed itself. */
  remove(uid: string, options: { signal: AbortSignal }): Promise<void>;
  /** Cgroup v2 alone is in use. */
  readonly unified: boolean;
}

async function writeSetting(directory: string, file: string, value: string | number): Promise<void> {
  await writeFile(join(directory, file), String(value));
}

async function apply(system: CgroupSystem, path: string, settings: CgroupSettings): Promise<void> {
  const { cpuShares, cpuQuotaUs, memoryLimitBytes } = settings;
  for (const { version, mountPoint, controllers } of system.hierarchies) {
    const directory = join(mountPoint, path);
    if (version === 2) {
      if (system.mode !== 'v2') continue; // hybrid: the controllers are v1's
      await writeSetting(directory, 'cpu.weight', cpuWeightOf(cpuShares));
      if (cpuQuotaUs !== undefined)
        await writeSetting(directory, 'cpu.max', `${cpuQuotaUs === 0 ? 'max' : cpuQuotaUs} ${CFS_PERIOD_US}`);
      if (memoryLimitBytes !== undefined) await writeSetting(directory, 'memory.max', memoryLimitBytes);
      continue;
    }
    if (controllers.includes('cpu')) {
      await writeSetting(directory, 'cpu.shares', cpuShares);
      if (cpuQuotaUs !== undefined) {
        await writeSetting(directory, 'cpu.cfs_period_us', CFS_PERIOD_US);
        await writeSetting(directory, 'cpu.cfs_quota_us', cpuQuotaUs === 0 ? -1 : cpuQuotaUs);
      }
    }
    if (controllers.includes('memory') && memoryLimitBytes !== undefined) {
      await writeSetting(directory, 'memory.limit_in_bytes', memoryLimitBytes);
    }
  }
}

export function newPodCgroups({
  system,
  cgroupRoot,
  clock,
}: {
  system: CgroupSystem;
  cgroupRoot: string;
  clock: Clock;
}): PodCgroups {
  const applied = new Map<string, string>();
  return {
    unified: system.mode === 'v2',
    pathOf: (pod) => podCgroupPath(cgroupRoot, pod.metadata.uid, podQosClass(pod)),
    async ensure(pod) {
      const settings = podCgroupSettings(pod);
      const key = JSON.stringify(settings);
      if (applied.get(pod.metadata.uid) === key) return;
      const path = this.pathOf(pod);
      await createCgroup(system, path);
      await apply(system, path, settings);
      applied.set(pod.metadata.uid, key);
    },
    async remove(uid, { signal }) {
      applied.delete(uid);
      for (const qos of ['Guaranteed', 'Burstable', 'BestEffort'] as const) {
        const path = podCgroupPath(cgroupRoot, uid, qos);
        // Source: Destroy (pkg/kubelet/cm/pod_container_manager_linux.go v1.36).
        await killCgroup(system, path, { clock, signal });
        await removeCgroup(system, path, { clock, signal });
      }
    },
  };
}
