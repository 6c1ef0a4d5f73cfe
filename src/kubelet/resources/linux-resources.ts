import type { Container, Pod } from '#api';
import { podQosClass } from './pod-resources.ts';
import { quantityMilli, quantityValue } from './quantity.ts';

/** Sources: pkg/kubelet/cm/helpers_linux.go and pkg/kubelet/qos/policy.go v1.36. */
const MIN_SHARES = 2;
const MAX_SHARES = 262_144;
const SHARES_PER_CPU = 1024;
export const CFS_PERIOD_US = 100_000;
const MIN_QUOTA_US = 1000;

const GUARANTEED_OOM_SCORE_ADJ = -997;
const BEST_EFFORT_OOM_SCORE_ADJ = 1000;
const SYSTEM_NODE_CRITICAL = 2_000_001_000;

export function cpuSharesOf(milli: number): number {
  if (milli === 0) return MIN_SHARES;
  return Math.min(MAX_SHARES, Math.max(MIN_SHARES, Math.floor((milli * SHARES_PER_CPU) / 1000)));
}

/** Microseconds of CPU in each period of {@link CFS_PERIOD_US}; 0 is no limit. */
export function cpuQuotaOf(milli: number): number {
  return milli === 0 ? 0 : Math.max(MIN_QUOTA_US, Math.floor((milli * CFS_PERIOD_US) / 1000));
}

/** cgroup v2's weight for v1's shares. Source: KEP-2254: [2, 262144] goes to [1, 10000]. */
export const cpuWeightOf = (shares: number): number => Math.floor(1 + ((shares - 2) * 9999) / 262_142);

export function oomScoreAdjOf(pod: Pod, container: Container, nodeMemoryBytes: number): number {
  if ((pod.spec.priority ?? 0) >= SYSTEM_NODE_CRITICAL) return GUARANTEED_OOM_SCORE_ADJ;
  switch (podQosClass(pod)) {
    case 'Guaranteed':
      return GUARANTEED_OOM_SCORE_ADJ;
    case 'BestEffort':
      return BEST_EFFORT_OOM_SCORE_ADJ;
    case 'Burstable': {
      // The more memory it asked for, the later it is killed; never as early as best effort, never as late as guaranteed.
      const requested = quantityValue(
        container.resources?.requests?.['memory'] ?? container.resources?.limits?.['memory'],
      );
      const adjustment = 1000 - Math.floor((1000 * requested) / nodeMemoryBytes);
      if (adjustment < 1000 + GUARANTEED_OOM_SCORE_ADJ) return 1000 + GUARANTEED_OOM_SCORE_ADJ;
      return adjustment === BEST_EFFORT_OOM_SCORE_ADJ ? adjustment - 1 : adjustment;
    }
  }
}

export interface LinuxResources {
  readonly cpu_period: number;
  readonly cpu_quota: number;
  readonly cpu_shares: number;
  readonly memory_limit_in_bytes: number;
  readonly oom_score_adj: number;
}

/** Source: kuberuntime_container_linux.go, generateLinuxContainerResources. */
export function containerLinuxResources(pod: Pod, container: Container, nodeMemoryBytes: number): LinuxResources {
  const { requests = {}, limits = {} } = container.resources ?? {};
  const cpuLimit = quantityMilli(limits['cpu']);
  const cpuRequest = quantityMilli(requests['cpu']);
  return {
    cpu_period: CFS_PERIOD_US,
    cpu_quota: cpuQuotaOf(cpuLimit),
    cpu_shares: cpuSharesOf(cpuRequest === 0 ? cpuLimit : cpuRequest),
    memory_limit_in_bytes: quantityValue(limits['memory']),
    oom_score_adj: oomScoreAdjOf(pod, container, nodeMemoryBytes),
  };
}
