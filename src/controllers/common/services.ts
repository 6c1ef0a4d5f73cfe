import { keyOf, type Pod, type Selector, selectorFromSet, semanticEqual, type Service, type ServicePort } from '#api';
import type { InformerEvent, Lister } from '#client';
import { isReady, isTerminal } from './pods.ts';

/** What the controllers of endpoints know about services and pods. Source: pkg/controller/util/endpoint, k8s.io/endpointslice v1.36. */

const selectors = new WeakMap<object, Selector>();

/** The pods a service selects; undefined when it has no selector and somebody else tells its endpoints. */
export function selectorOf({ spec }: Service): Selector | undefined {
  if (spec.selector === undefined || spec.type === 'ExternalName') return undefined;
  let selector = selectors.get(spec.selector);
  if (selector === undefined) {
    selector = selectorFromSet(spec.selector);
    selectors.set(spec.selector, selector);
  }
  return selector;
}

/** Keys of services whose endpoints a change of a pod may alter; none when what changed does not show in endpoints. */
export function servicesOfPod(services: Lister<Service>, pod: Pod, event: InformerEvent<Pod>): string[] {
  if (event.type === 'update' && !endpointChanged(event.object, event.old)) return [];
  return services
    .list(pod.metadata.namespace ?? '')
    .filter((service) => selectorOf(service)?.matches(pod.metadata.labels) === true)
    .map(keyOf);
}

function endpointChanged(pod: Pod, old: Pod): boolean {
  return (
    isReady(pod) !== isReady(old) ||
    isTerminal(pod) !== isTerminal(old) ||
    pod.metadata.deletionTimestamp !== old.metadata.deletionTimestamp ||
    pod.spec.nodeName !== old.spec.nodeName ||
    pod.spec.hostname !== old.spec.hostname ||
    !semanticEqual(pod.status.podIPs, old.status.podIPs) ||
    pod.status.podIP !== old.status.podIP ||
    !semanticEqual(pod.metadata.labels, old.metadata.labels)
  );
}

/** Pods of a service that have an address and have not ended. */
export function endpointPods(pods: Lister<Pod>, service: Service, includeTerminating: boolean): Pod[] {
  const selector = selectorOf(service);
  if (selector === undefined) return [];
  return pods
    .list(service.metadata.namespace ?? '')
    .filter(
      (pod) =>
        selector.matches(pod.metadata.labels) &&
        !isTerminal(pod) &&
        (includeTerminating || pod.metadata.deletionTimestamp === undefined) &&
        podIps(pod).length > 0,
    );
}

export const podIps = ({ status }: Pod): string[] => {
  const ips = (status.podIPs ?? []).map(({ ip }) => ip).filter((ip) => ip !== undefined && ip !== '');
  return ips.length === 0 && status.podIP !== undefined && status.podIP !== '' ? [status.podIP] : ips;
};

export const isHeadless = ({ spec }: Service): boolean => spec.clusterIP === 'None' || (spec.clusterIP ?? '') === '';

/** The pod has a name of its own below the service's. */
export const hostnameOf = (pod: Pod, service: Service): string | undefined =>
  (pod.spec.hostname ?? '') !== '' && pod.spec.subdomain === service.metadata.name ? pod.spec.hostname : undefined;

/** Number of the pod's port that a service port means; undefined when the pod has none of that name. */
export function targetPort(
  { spec }: Pod,
  { port, targetPort: target = port, protocol = 'TCP' }: ServicePort,
): number | undefined {
  if (typeof target === 'number') return target === 0 ? port : target;
  const sidecars = (spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  for (const container of [...spec.containers, ...sidecars]) {
    const found = container.ports?.find((p) => p.name === target && (p.protocol ?? 'TCP') === protocol);
    if (found !== undefined) return found.containerPort;
  }
  return undefined;
}
