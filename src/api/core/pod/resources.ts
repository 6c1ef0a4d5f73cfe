/** What pods ask for, in numbers: cpu in thousandths, everything else in whole units (bytes, counts). */
import type { Container, Pod, PodSpec, ResourceRequirements } from '../../generated/core.v1.ts';
import { cpuMilli, valueOf } from '../../quantity.ts';
import { own } from '../../validation/equal.ts';
import { isQualifiedName } from '../../validation/names.ts';

export type ResourceAmounts = Record<string, number>;

type ResourceList = Readonly<Record<string, string>>;

export const isNativeResource = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/');
export const isHugePageResource = (name: string): boolean => name.startsWith('hugepages-');
/** Whether requests may be lower than limits. */
export const isOvercommitAllowed = (name: string): boolean => isNativeResource(name) && !isHugePageResource(name);

/** Names with a domain that is not Kubernetes' own: GPUs and such. */
export const isExtendedResource = (name: string): boolean =>
  !isNativeResource(name) && !name.startsWith('requests.') && isQualifiedName(`requests.${name}`).length === 0;

/** Resources a pod may ask for as a whole. Source: SupportedPodLevelResources in component-helpers/resource v1.36. */
export const isPodLevelResource = (name: string): boolean =>
  name === 'cpu' || name === 'memory' || isHugePageResource(name);

/** cpu in thousandths, the rest in whole units; rounded up. */
export const resourceAmount = (name: string, quantity: string): number =>
  name === 'cpu' ? cpuMilli(quantity) : valueOf(quantity);

export function resourceAmounts(list: ResourceList | undefined): ResourceAmounts {
  const amounts: ResourceAmounts = {};
  for (const name in list) amounts[name] = resourceAmount(name, list[name]!);
  return amounts;
}

function addTo(sum: ResourceAmounts, more: ResourceAmounts): void {
  for (const name in more) sum[name] = (own(sum, name) ?? 0) + more[name]!;
}

function raiseTo(max: ResourceAmounts, other: ResourceAmounts): void {
  for (const name in other) max[name] = Math.max(own(max, name) ?? 0, other[name]!);
}

/** An init container that goes on beside the others: a sidecar. */
export const isRestartableInitContainer = (container: Pick<Container, 'restartPolicy'> | undefined): boolean =>
  container?.restartPolicy === 'Always';

type Side = 'limits' | 'requests';

const sideOf = (container: Container, side: Side): ResourceAmounts => resourceAmounts(container.resources?.[side]);

/**
 * What all containers need at the worst moment: an init container runs beside the sidecars started before it; afterwards sidecars and
 * containers run together. Source: AggregateContainerRequests in component-helpers/resource/helpers.go v1.36.
 */
export function aggregateContainers(
  { containers, initContainers = [] }: Pick<PodSpec, 'containers' | 'initContainers'>,
  side: Side,
  of: (container: Container, side: Side) => ResourceAmounts = sideOf,
): ResourceAmounts {
  const total: ResourceAmounts = {};
  for (const container of containers) addTo(total, of(container, side));
  const sidecars: ResourceAmounts = {};
  const initPeak: ResourceAmounts = {};
  for (const container of initContainers) {
    const amounts = of(container, side);
    if (isRestartableInitContainer(container)) {
      addTo(total, amounts);
      addTo(sidecars, amounts);
      raiseTo(initPeak, sidecars);
    } else {
      const together = { ...amounts };
      addTo(together, sidecars);
      raiseTo(initPeak, together);
    }
  }
  raiseTo(total, initPeak);
  return total;
}

/** The pod's requests with its overhead; pod-level requests stand above those of its containers. Source: PodRequests, same file. */
export function podRequests({ spec }: { readonly spec: PodSpec }): ResourceAmounts {
  const total = aggregateContainers(spec, 'requests');
  Object.assign(total, podLevelAmounts(spec, 'requests'));
  addTo(total, resourceAmounts(spec.overhead));
  return total;
}

/** The pod's limits with its overhead where it is limited at all. Source: PodLimits, same file. */
export function podLimits({ spec }: { readonly spec: PodSpec }): ResourceAmounts {
  const total = aggregateContainers(spec, 'limits');
  Object.assign(total, podLevelAmounts(spec, 'limits'));
  for (const [name, amount] of Object.entries(resourceAmounts(spec.overhead))) {
    const limit = own(total, name);
    if (limit !== undefined) total[name] = limit + amount;
  }
  return total;
}

function podLevelAmounts({ resources }: PodSpec, side: Side): ResourceAmounts {
  const amounts = resourceAmounts(resources?.[side]);
  return Object.fromEntries(Object.entries(amounts).filter(([name]) => isPodLevelResource(name)));
}

export type QOSClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

/** The pod's class of service, from what it asks for. Source: ComputePodQOS in pkg/apis/core/v1/helper/qos v1.36. */
export function computePodQOS({ spec }: Pick<Pod, 'spec'>): QOSClass {
  const { resources } = spec;
  if (resources !== undefined) return requirementsQOS(resources);
  const classes = new Set(
    [...(spec.initContainers ?? []), ...spec.containers].map((c) => requirementsQOS(c.resources)),
  );
  if (classes.size > 1) return 'Burstable';
  return [...classes][0] ?? 'BestEffort';
}

function requirementsQOS({ requests = {}, limits = {} }: ResourceRequirements = {}): QOSClass {
  const classes = new Set(
    ['cpu', 'memory'].map((name): QOSClass => {
      const request = resourceAmount(name, requests[name] ?? '0');
      const limit = resourceAmount(name, limits[name] ?? '0');
      if (request !== limit) return 'Burstable';
      return request === 0 ? 'BestEffort' : 'Guaranteed';
    }),
  );
  return classes.size > 1 ? 'Burstable' : [...classes][0]!;
}

/** The class recorded at creation, else computed. */
export const podQOS = (pod: Pod): QOSClass => (pod.status?.qosClass as QOSClass | undefined) ?? computePodQOS(pod);
