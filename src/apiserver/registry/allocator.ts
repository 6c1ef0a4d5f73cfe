import { invalid, invalidObject, type KubeObject, needsHealthCheck, notSupported, type Service } from '#api';
import type { Resource } from './resource.ts';
import type { ResourceHooks } from './scope.ts';

/** Ports given to Services of type NodePort and LoadBalancer. Source: --service-node-port-range default v1.36. */
const NODE_PORT_RANGE = { first: 30000, last: 32767 } as const;

export interface AllocatorOptions {
  /** IPv4 range of cluster IPs: `10.96.0.0/12`. */
  readonly serviceCidr: string;
  /** In [0,1). */
  readonly random: () => number;
  /** The Services there are; the allocator's only memory. */
  readonly services: Resource;
}

/**
 * Cluster IPs and node ports. What is taken is read from the Services themselves, plus what writes under way have reserved, so nothing can leak or
 * disagree. Source of the rules: pkg/registry/core/service/storage/alloc.go v1.36.
 */
export function newServiceHooks({ serviceCidr, random, services }: AllocatorOptions): ResourceHooks {
  const range = parseCidr(serviceCidr);
  /** Reserved by writes that are not finished. */
  const pending = new Set<string>();

  function taken(): Set<string> {
    const used = new Set(pending);
    for (const entry of services.cache.list(services.prefix('')))
      for (const item of itemsOf(entry.object as Service)) used.add(item);
    return used;
  }

  function reserve(service: Service, old: Service | undefined): () => void {
    const used = taken();
    for (const item of itemsOf(old)) used.delete(item);
    const own: string[] = [];
    const take = (item: string): void => {
      used.add(item);
      own.push(item);
      pending.add(item);
    };
    const undo = (): void => {
      for (const item of own) pending.delete(item);
    };
    try {
      allocateClusterIp(service, used, take);
      allocateNodePorts(service, old, used, take);
      allocateHealthCheckPort(service, old, used, take);
    } catch (error) {
      undo();
      throw error;
    }
    // A finished write stands in the cache itself; either way the reservation has done its work.
    return undo;
  }

  function allocateClusterIp(service: Service, used: Set<string>, take: (item: string) => void): void {
    const { spec } = service;
    if (spec.type === 'ExternalName') return;
    if ((spec.clusterIP ?? '') === '') {
      spec.clusterIP = pickIp(used);
    } else if (spec.clusterIP !== 'None') {
      checkIp(service, spec.clusterIP!, used);
    }
    spec.clusterIPs = [spec.clusterIP!];
    spec.ipFamilies ??= ['IPv4'];
    spec.ipFamilyPolicy ??= 'SingleStack';
    if (spec.clusterIP !== 'None') take(ipItem(spec.clusterIP!));
  }

  function checkIp(service: Service, ip: string, used: Set<string>): void {
    const failure = (detail: string): Error =>
      invalidObject({ group: '', kind: 'Service' }, service.metadata.name, [
        invalid('spec.clusterIPs', [ip], `failed to allocate IP ${ip}: ${detail}`),
      ]);
    const value = ipNumber(ip);
    if (value === undefined || value <= range.first || value >= range.last)
      throw failure(`provided IP (${ip}) is not in the valid range. The range of valid IPs is ${serviceCidr}`);
    if (used.has(ipItem(ip))) throw failure('provided IP is already allocated');
  }

  /** At random from the upper part, since the lower 1/16 (16 to 256 addresses) is left to people who choose. Source: ipallocator, KEP-3070. */
  function pickIp(used: Set<string>): string {
    const size = range.last - range.first - 1;
    const reserved = Math.min(Math.max(16, Math.floor(size / 16)), 256);
    const low = size > reserved ? reserved : 0;
    const start = low + Math.floor(random() * (size - low));
    for (let i = 0; i < size; i++) {
      const ip = ipText(range.first + 1 + ((start + i) % size));
      if (!used.has(ipItem(ip))) return ip;
    }
    throw new Error('range is full');
  }

  return {
    beginCreate: (object) => reserve(object as Service, undefined),
    beginUpdate(object, old) {
      const service = object as Service;
      const before = old as Service;
      // Unless it turns into an ExternalName a Service keeps its address.
      if (
        (service.spec.clusterIP ?? '') === '' &&
        service.spec.type !== 'ExternalName' &&
        before.spec.clusterIP !== undefined
      ) {
        service.spec.clusterIP = before.spec.clusterIP;
      }
      return reserve(service, before);
    },
  };

  function allocateNodePorts(
    service: Service,
    old: Service | undefined,
    used: Set<string>,
    take: (item: string) => void,
  ): void {
    const { spec } = service;
    const wanted =
      spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
    for (const [i, port] of (spec.ports ?? []).entries()) {
      if (spec.type === 'ClusterIP' || spec.type === 'ExternalName') {
        // A port that was given out is handed back with the change of type.
        if (old !== undefined && old.spec.type !== spec.type) delete port.nodePort;
        continue;
      }
      const protocol = port.protocol ?? 'TCP';
      if ((port.nodePort ?? 0) !== 0) {
        checkPort(service, `spec.ports[${i}].nodePort`, port.nodePort!, protocol, used);
        take(portItem(port.nodePort!, protocol));
      } else if (wanted) {
        const kept = old?.spec.ports?.find((p) => p.port === port.port && (p.protocol ?? 'TCP') === protocol)?.nodePort;
        port.nodePort =
          kept !== undefined && kept !== 0 && !used.has(portItem(kept, protocol)) ? kept : pickPort(protocol, used);
        take(portItem(port.nodePort, protocol));
      }
    }
  }

  /** Where load balancers ask whether a node has endpoints of the service. Source: allocHealthCheckNodePort, as above. */
  function allocateHealthCheckPort(
    service: Service,
    old: Service | undefined,
    used: Set<string>,
    take: (item: string) => void,
  ): void {
    const { spec } = service;
    if (!needsHealthCheck(service)) return;
    if ((spec.healthCheckNodePort ?? 0) === 0) {
      const kept = old !== undefined && needsHealthCheck(old) ? (old.spec.healthCheckNodePort ?? 0) : 0;
      spec.healthCheckNodePort = kept === 0 ? pickPort('TCP', used) : kept;
    } else {
      checkPort(service, 'spec.healthCheckNodePort', spec.healthCheckNodePort!, 'TCP', used);
    }
    take(portItem(spec.healthCheckNodePort!, 'TCP'));
  }

  function checkPort(service: Service, field: string, port: number, protocol: string, used: Set<string>): void {
    const { first, last } = NODE_PORT_RANGE;
    const failure = (detail: string): Error =>
      invalidObject({ group: '', kind: 'Service' }, service.metadata.name, [invalid(field, port, detail)]);
    if (port < first || port > last)
      throw failure(`provided port is not in the valid range. The range of valid ports is ${first}-${last}`);
    if (used.has(portItem(port, protocol))) throw failure('provided port is already allocated');
  }

  function pickPort(protocol: string, used: Set<string>): number {
    const { first, last } = NODE_PORT_RANGE;
    const size = last - first + 1;
    const start = Math.floor(random() * size);
    for (let i = 0; i < size; i++) {
      const port = first + ((start + i) % size);
      if (!used.has(portItem(port, protocol))) return port;
    }
    throw invalidObject({ group: '', kind: 'Service' }, '', [notSupported('spec.ports', 'no node port is left', [])]);
  }
}

const ipItem = (ip: string): string => `ip ${ip}`;
const portItem = (port: number, protocol: string): string => `port ${port}/${protocol}`;

function itemsOf(service: Service | undefined): string[] {
  const { spec } = service ?? ({ spec: {} } as KubeObject & Pick<Service, 'spec'>);
  const ips = (spec.clusterIPs ?? [spec.clusterIP ?? '']).filter((ip) => ip !== '' && ip !== 'None');
  const ports = (spec.ports ?? []).filter((p) => (p.nodePort ?? 0) !== 0);
  const health = spec.healthCheckNodePort ?? 0;
  return [
    ...ips.map(ipItem),
    ...ports.map((p) => portItem(p.nodePort!, p.protocol ?? 'TCP')),
    ...(health === 0 ? [] : [portItem(health, 'TCP')]),
  ];
}

function parseCidr(cidr: string): { first: number; last: number } {
  const [address = '', bits = ''] = cidr.split('/');
  const base = ipNumber(address);
  if (base === undefined || !/^\d+$/.test(bits)) throw new Error(`invalid service range ${cidr}`);
  const size = 2 ** (32 - Number(bits));
  const first = Math.floor(base / size) * size;
  return { first, last: first + size - 1 };
}

function ipNumber(ip: string): number | undefined {
  const parts = ip.split('.').map(Number);
  if (parts.length !== 4 || parts.some((p) => !Number.isInteger(p) || p < 0 || p > 255)) return undefined;
  return parts.reduce((n, p) => n * 256 + p, 0);
}

const ipText = (n: number): string => [24, 16, 8, 0].map((shift) => Math.floor(n / 2 ** shift) % 256).join('.');
