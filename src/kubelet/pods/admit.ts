import type { Pod } from '#api';
import { podAmounts } from '../resources/pod-resources.ts';
import { quantityMilli, quantityValue } from '../resources/quantity.ts';

export interface Rejection {
  readonly reason: string;
  readonly message: string;
}

const insufficient = (resource: string, requested: number, used: number, capacity: number): Rejection => ({
  reason: `OutOf${resource}`,
  message: `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
});

/**
 * Whether the node takes a pod that was bound to it; `others` are the pods it already has. Undefined: it does. Source: pkg/kubelet/lifecycle/
 * predicate.go v1.36 (resources and operating system; selectors and taints are the scheduler's and the controllers' business here).
 */
export function admitPod(
  pod: Pod,
  others: readonly Pod[],
  allocatable: Readonly<Record<string, string>>,
): Rejection | undefined {
  const os = pod.spec.os?.name ?? pod.spec.nodeSelector?.['kubernetes.io/os'] ?? 'linux';
  if (os !== 'linux') {
    return pod.spec.os === undefined
      ? {
          reason: 'PodOSSelectorNodeLabelDoesNotMatch',
          message: "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
        }
      : { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" };
  }
  const maxPods = quantityValue(allocatable['pods']);
  if (others.length + 1 > maxPods) return insufficient('pods', 1, others.length, maxPods);
  const wanted = podAmounts(pod, 'requests');
  const used = others.map((other) => podAmounts(other, 'requests'));
  const checks = [
    { resource: 'cpu', of: 'cpuMilli', capacity: quantityMilli(allocatable['cpu']) },
    { resource: 'memory', of: 'memoryBytes', capacity: quantityValue(allocatable['memory']) },
    {
      resource: 'ephemeral-storage',
      of: 'ephemeralStorageBytes',
      capacity: quantityValue(allocatable['ephemeral-storage']),
    },
  ] as const;
  for (const { resource, of, capacity } of checks) {
    const sum = used.reduce((total, amounts) => total + amounts[of], 0);
    if (wanted[of] > 0 && sum + wanted[of] > capacity) return insufficient(resource, wanted[of], sum, capacity);
  }
  return undefined;
}
