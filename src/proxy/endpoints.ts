import { isIPv4 } from 'node:net';
import type { EndpointSlice, Service, ServicePort } from '#api';

/** One address and port behind a service port, and what its slice says of it. */
export interface Endpoint {
  readonly ip: string;
  readonly port: number;
}

interface ObservedEndpoint extends Endpoint {
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** On this node. */
  readonly local: boolean;
  /** May be on this node: a slice need not say where an endpoint is. */
  readonly maybeLocal: boolean;
}

/** The endpoints of one service port, as a node sees them. */
export interface PortEndpoints {
  /** For traffic policy Cluster. */
  readonly cluster: readonly Endpoint[];
  /** For traffic policy Local. */
  readonly local: readonly Endpoint[];
  /** Addresses on this node, which may meet themselves through the service. */
  readonly ownIPs: readonly string[];
  /** Addresses that flows which are there may go on with. */
  readonly servingIPs: readonly string[];
  readonly any: boolean;
}

export const endpointText = ({ ip, port }: Endpoint): string => `${ip}:${port}`;

/**
 * Those that are ready; where none is, those that are going and still serve. Source: CategorizeEndpoints in pkg/proxy/topology.go v1.36,
 * without hints of zones and nodes.
 */
export function portEndpoints(
  { name = '', protocol = 'TCP' }: ServicePort,
  slices: Iterable<EndpointSlice>,
  nodeName: string,
): PortEndpoints {
  const all = observedEndpoints(slices, name, protocol, nodeName);
  const cluster = usable(all);
  const local = usable(all.filter((endpoint) => endpoint.local));
  return {
    cluster,
    local,
    ownIPs: [...new Set(all.filter(({ maybeLocal }) => maybeLocal).map(({ ip }) => ip))],
    servingIPs: [...new Set(all.filter(({ serving }) => serving).map(({ ip }) => ip))],
    any: cluster.length > 0 || local.length > 0,
  };
}

function observedEndpoints(
  slices: Iterable<EndpointSlice>,
  portName: string,
  portProtocol: string,
  nodeName: string,
): ObservedEndpoint[] {
  const found = new Map<string, ObservedEndpoint>();
  for (const { addressType, endpoints = [], ports = [] } of slices) {
    if (addressType !== 'IPv4') continue;
    const slicePort = ports.find((p) => (p.name ?? '') === portName && (p.protocol ?? 'TCP') === portProtocol);
    const port = slicePort?.port ?? 0;
    if (port === 0) continue;
    for (const { addresses, conditions = {}, nodeName: where } of endpoints) {
      const ip = addresses[0] ?? '';
      if (!isIPv4(ip)) continue;
      const endpoint = {
        ip,
        port,
        ready: conditions.ready ?? true,
        serving: conditions.serving ?? true,
        terminating: conditions.terminating ?? false,
        local: where === nodeName,
        maybeLocal: where === undefined || where === nodeName,
      };
      // While an endpoint moves from one slice to another, both may hold it.
      const other = found.get(endpointText(endpoint));
      if (other === undefined || (endpoint.ready && !other.ready)) found.set(endpointText(endpoint), endpoint);
    }
  }
  // In one order, whatever the order of slices, so that the same endpoints always make the same rules.
  return [...found.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint);
}

function usable(endpoints: readonly ObservedEndpoint[]): Endpoint[] {
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  const chosen = ready.length > 0 ? ready : endpoints.filter((e) => e.serving && e.terminating);
  return chosen.map(({ ip, port }) => ({ ip, port }));
}

/** Some other proxy serves it, or nobody does. Source: ShouldSkipService in pkg/proxy/util/utils.go, LabelServiceProxyName. */
export function isProxied({ metadata, spec }: Service): boolean {
  if (metadata.labels?.['service.kubernetes.io/service-proxy-name'] !== undefined) return false;
  return spec.type !== 'ExternalName' && (spec.clusterIP ?? '') !== '' && spec.clusterIP !== 'None';
}
