import type { Container, Pod, ResourceRequirements } from '#api';
import { quantityMilli, quantityValue } from './quantity.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

export interface Amounts {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly ephemeralStorageBytes: number;
}

type Kind = 'requests' | 'limits';

const amounts = (resources: ResourceRequirements | undefined, kind: Kind): Amounts => {
  const list = resources?.[kind] ?? {};
  const limits = resources?.limits ?? {};
  // A missing request is the limit: the API server says so on creation; here too, for what came by other ways.
  const of = (name: string): string | undefined => list[name] ?? (kind === 'requests' ? limits[name] : undefined);
  return {
    cpuMilli: quantityMilli(of('cpu')),
    memoryBytes: quantityValue(of('memory')),
    ephemeralStorageBytes: quantityValue(of('ephemeral-storage')),
  };
};

const map2 = (a: Amounts, b: Amounts, f: (x: number, y: number) => number): Amounts => ({
  cpuMilli: f(a.cpuMilli, b.cpuMilli),
  memoryBytes: f(a.memoryBytes, b.memoryBytes),
  ephemeralStorageBytes: f(a.ephemeralStorageBytes, b.ephemeralStorageBytes),
});
const add = (a: Amounts, b: Amounts): Amounts => map2(a, b, (x, y) => x + y);
const max = (a: Amounts, b: Amounts): Amounts => map2(a, b, Math.max);
const ZERO: Amounts = { cpuMilli: 0, memoryBytes: 0, ephemeralStorageBytes: 0 };

export const isRestartableInit = (container: Container): boolean => container.restartPolicy === 'Always';

/**
 * What the whole pod asks for (or may use at most): the larger of all containers with the sidecars together and of each init container with
 * the sidecars started before it; plus overhead. Source: k8s.io/component-helpers/resource/helpers.go v0.36, PodRequests.
 */
export function podAmounts(pod: Pod, kind: Kind): Amounts {
  let sum = ZERO;
  for (const container of pod.spec.containers) sum = add(sum, amounts(container.resources, kind));
  let sidecars = ZERO;
  let init = ZERO;
  for (const container of pod.spec.initContainers ?? []) {
    const own = amounts(container.resources, kind);
    if (isRestartableInit(container)) {
      sidecars = add(sidecars, own);
      init = max(init, sidecars);
    } else {
      init = max(init, add(own, sidecars));
    }
  }
  const total = max(add(sum, sidecars), init);
  return add(total, amounts({ [kind]: pod.spec.overhead ?? {} }, kind));
}

/** Whether every container limits the resource, so that the pod as a whole has a limit. Source: cm/helpers_linux.go ResourceConfigForPod. */
export function everyContainerLimits(pod: Pod, resource: 'cpu' | 'memory'): boolean {
  const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? []).filter(isRestartableInit)];
  return all.every(({ resources }) => quantityMilli(resources?.limits?.[resource]) > 0);
}

/** Source: pkg/apis/core/v1/helper/qos/qos.go v1.36, ComputePodQOS. */
export function podQosClass(pod: Pod): QosClass {
  const seen = { requests: new Map<string, number>(), limits: new Map<string, number>() };
  let guaranteed = true;
  for (const { resources } of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]) {
    const limited = new Set<string>();
    for (const kind of ['requests', 'limits'] as const) {
      for (const name of ['cpu', 'memory']) {
        const milli = quantityMilli(resources?.[kind]?.[name]);
        if (milli <= 0) continue;
        if (kind === 'limits') limited.add(name);
        seen[kind].set(name, (seen[kind].get(name) ?? 0) + milli);
      }
    }
    if (limited.size < 2) guaranteed = false;
  }
  const { requests, limits } = seen;
  if (requests.size === 0 && limits.size === 0) return 'BestEffort';
  const equal = [...requests].every(([name, milli]) => limits.get(name) === milli);
  return guaranteed && equal && requests.size === limits.size ? 'Guaranteed' : 'Burstable';
}
