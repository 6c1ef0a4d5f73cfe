import type { EndpointAddress, EndpointSubset, Pod, Service } from '#api';
import { isReady } from '../common/pods.ts';
import { hostnameOf, podIps, targetPort } from '../common/services.ts';

type Port = NonNullable<EndpointSubset['ports']>[number];

interface Entry {
  readonly address: EndpointAddress;
  readonly ready: boolean;
}

/** Source: pkg/controller/endpoint maxCapacity v1.36. */
const MAX_CAPACITY = 1000;

/**
 * The subsets of an Endpoints object: ports that the same addresses offer stand together, each address once, ready if it is for any
 * port. Pure. Source: pkg/controller/endpoint and pkg/api/v1/endpoints RepackSubsets v1.36.
 */
export function subsetsOf(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const byPort = new Map<string, { port: Port | undefined; entries: Map<string, Entry> }>();
  for (const pod of pods) {
    const address = addressOf(service, pod);
    if (address === undefined) continue;
    const ready = service.spec.publishNotReadyAddresses === true || isReady(pod);
    for (const port of portsOf(service, pod)) {
      const key = JSON.stringify(port ?? null);
      const group = byPort.get(key) ?? { port, entries: new Map<string, Entry>() };
      const id = `${address.ip}/${address.targetRef?.uid ?? ''}`;
      if (group.entries.get(id)?.ready !== true) group.entries.set(id, { address, ready });
      byPort.set(key, group);
    }
  }
  const byAddresses = new Map<string, { ports: Port[]; entries: Entry[] }>();
  for (const { port, entries } of byPort.values()) {
    const sorted = [...entries.values()].toSorted((a, b) => compareIps(a.address.ip, b.address.ip));
    const key = sorted.map(({ address, ready }) => `${address.ip}/${address.targetRef?.uid ?? ''}/${ready}`).join();
    const group = byAddresses.get(key) ?? { ports: [], entries: sorted };
    if (port !== undefined) group.ports.push(port);
    byAddresses.set(key, group);
  }
  return [...byAddresses.values()].map(({ ports, entries }) => subset(ports, entries));
}

function subset(ports: readonly Port[], entries: readonly Entry[]): EndpointSubset {
  const addresses = entries.filter(({ ready }) => ready).map(({ address }) => address);
  const notReadyAddresses = entries.filter(({ ready }) => !ready).map(({ address }) => address);
  return {
    ...(addresses.length === 0 ? {} : { addresses }),
    ...(notReadyAddresses.length === 0 ? {} : { notReadyAddresses }),
    ...(ports.length === 0 ? {} : { ports: ports.toSorted((a, b) => a.port - b.port) }),
  };
}

function addressOf(service: Service, pod: Pod): EndpointAddress | undefined {
  const wantsIpv6 =
    (service.spec.ipFamilies?.[0] ?? (service.spec.clusterIP?.includes(':') === true ? 'IPv6' : 'IPv4')) === 'IPv6';
  const ip = podIps(pod).find((each) => each.includes(':') === wantsIpv6);
  if (ip === undefined) return undefined;
  const { namespace, name, uid } = pod.metadata;
  const { nodeName } = pod.spec;
  const hostname = hostnameOf(pod, service);
  return {
    ip,
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

/** A headless service may have no ports at all: then one entry stands for the address alone. */
function portsOf({ spec }: Service, pod: Pod): (Port | undefined)[] {
  const ports = spec.ports ?? [];
  if (ports.length === 0) return spec.clusterIP === 'None' ? [undefined] : [];
  return ports.flatMap((servicePort) => {
    const port = targetPort(pod, servicePort);
    if (port === undefined) return [];
    const { name, protocol = 'TCP', appProtocol } = servicePort;
    return [
      {
        port,
        protocol,
        ...(name === undefined || name === '' ? {} : { name }),
        ...(appProtocol === undefined ? {} : { appProtocol }),
      },
    ];
  });
}

function compareIps(a: string, b: string): number {
  const [x, y] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (const [i, part] of x.entries()) if (part !== y[i]) return part - (y[i] ?? 0) || (a < b ? -1 : 1);
  return 0;
}

/** Cut to what an Endpoints object may hold: ready addresses first, shared fairly among subsets. Tells whether anything was cut. */
export function truncate(subsets: readonly EndpointSubset[]): { subsets: EndpointSubset[]; truncated: boolean } {
  const count = (of: (s: EndpointSubset) => readonly EndpointAddress[] | undefined): number =>
    subsets.reduce((sum, s) => sum + (of(s)?.length ?? 0), 0);
  const [ready, notReady] = [count((s) => s.addresses), count((s) => s.notReadyAddresses)];
  if (ready + notReady <= MAX_CAPACITY) return { subsets: [...subsets], truncated: false };
  const share =
    (all: number, room: number) =>
    (list: readonly EndpointAddress[] = []) =>
      all <= room ? [...list] : list.slice(0, Math.floor((list.length * room) / all));
  const [keepReady, keepNotReady] = [share(ready, MAX_CAPACITY), share(notReady, Math.max(0, MAX_CAPACITY - ready))];
  const cut = subsets.map(({ addresses, notReadyAddresses, ports }) => ({
    addresses: keepReady(addresses),
    notReadyAddresses: keepNotReady(notReadyAddresses),
    ports,
  }));
  return { subsets: cut.filter((s) => s.addresses.length + s.notReadyAddresses.length > 0), truncated: true };
}
