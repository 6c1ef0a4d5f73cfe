import { isIPv4 } from 'node:net';
import { type EndpointSlice, isExternallyAccessible, type Service, type ServicePort } from '#api';
import { type Endpoint, isProxied, type PortEndpoints, portEndpoints } from './endpoints.ts';
import { minimalCidrs } from './cidr.ts';

/** What rules are made from besides services and slices. */
export interface RulesetOptions {
  readonly nodeName: string;
  /** Addresses of this node at which node ports answer: as upstream's `--nodeport-addresses primary`, the default of its nftables mode. */
  readonly nodePortAddresses: readonly string[];
  /** Addresses of all pods of the cluster. */
  readonly clusterCIDR: string;
  readonly serviceCIDR: string;
}

export type Protocol = 'tcp' | 'udp' | 'sctp';

/** One address, protocol and port at which a service answers, and what is behind it. */
export interface Frontend {
  readonly ip: string;
  readonly protocol: Protocol;
  readonly port: number;
  /** `internal`: a cluster IP. `external`: a node port, an external IP or the IP of a load balancer. */
  readonly scope: 'internal' | 'external';
  /** Whom everybody gets; when there is `local`, only pods and processes of this node do. */
  readonly endpoints: readonly Endpoint[];
  /** External traffic policy Local: whom those from outside get. */
  readonly local: readonly Endpoint[] | undefined;
  /** 0: each connection may get another endpoint. */
  readonly affinitySeconds: number;
  /** What becomes of traffic for which there is no endpoint. */
  readonly unreachable: 'reject' | 'drop' | undefined;
  /** CIDRs that may come in; undefined: all. */
  readonly allowedSources: readonly string[] | undefined;
  readonly ownIPs: readonly string[];
  readonly servingIPs: readonly string[];
}

const PROTOCOLS: Readonly<Record<string, Protocol>> = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' };

/** Where and how one service answers. Source: syncProxyRules in pkg/proxy/nftables/proxier.go v1.36. */
export function frontendsOf(service: Service, slices: Iterable<EndpointSlice>, options: RulesetOptions): Frontend[] {
  if (!isProxied(service)) return [];
  const held = [...slices];
  return (service.spec.ports ?? []).flatMap((port) => {
    const protocol = PROTOCOLS[port.protocol ?? 'TCP'];
    if (protocol === undefined) return [];
    const endpoints = portEndpoints(port, held, options.nodeName);
    return portFrontends(service, port, protocol, endpoints, options);
  });
}

function portFrontends(
  service: Service,
  { port, nodePort = 0 }: ServicePort,
  protocol: Protocol,
  found: PortEndpoints,
  options: RulesetOptions,
): Frontend[] {
  const { spec } = service;
  const { ownIPs, servingIPs } = found;
  const common = { protocol, ownIPs, servingIPs, affinitySeconds: affinitySeconds(service), allowedSources: undefined };
  const clusterIPs = spec.clusterIPs ?? [spec.clusterIP ?? ''];
  const inside = policy(found, spec.internalTrafficPolicy === 'Local');
  const frontends: Frontend[] = clusterIPs
    .filter(isIPv4)
    .map((ip) => ({ ...common, ...inside, ip, port, scope: 'internal' }));
  if (!isExternallyAccessible(service)) return frontends;

  const outside = externalPolicy(found, spec.externalTrafficPolicy === 'Local');
  const at = (ip: string, number: number): Frontend => ({ ...common, ...outside, ip, port: number, scope: 'external' });
  frontends.push(...(spec.externalIPs ?? []).filter(isIPv4).map((ip) => at(ip, port)));
  const sources = sourceRanges(service);
  for (const ip of loadBalancerIPs(service)) frontends.push({ ...at(ip, port), allowedSources: sources });
  if (nodePort !== 0) frontends.push(...options.nodePortAddresses.map((ip) => at(ip, nodePort)));
  return frontends;
}

type Policy = Pick<Frontend, 'endpoints' | 'local' | 'unreachable'>;

/** No endpoint anywhere: tell the client. Some, but not where policy allows: silence, another node may serve. */
function policy({ cluster, local, any }: PortEndpoints, isLocal: boolean): Policy {
  const endpoints = isLocal ? local : cluster;
  const unreachable = endpoints.length > 0 ? undefined : any ? 'drop' : 'reject';
  return { endpoints, local: undefined, unreachable };
}

function externalPolicy(found: PortEndpoints, isLocal: boolean): Policy {
  if (!isLocal || !found.any) return policy(found, false);
  const { cluster, local } = found;
  return { endpoints: cluster, local, unreachable: local.length > 0 ? undefined : 'drop' };
}

function affinitySeconds({ spec }: Service): number {
  if (spec.sessionAffinity !== 'ClientIP') return 0;
  return spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800; // DefaultClientIPServiceAffinitySeconds
}

/** An ingress of mode Proxy is to be reached through the balancer itself (KEP-1860). */
function loadBalancerIPs({ spec, status }: Service): string[] {
  if (spec.type !== 'LoadBalancer') return [];
  const ingress = status.loadBalancer?.ingress ?? [];
  return ingress.flatMap(({ ip, ipMode }) => (ip !== undefined && isIPv4(ip) && ipMode !== 'Proxy' ? [ip] : []));
}

function sourceRanges({ metadata, spec }: Service): readonly string[] | undefined {
  const annotation = metadata.annotations?.['service.beta.kubernetes.io/load-balancer-source-ranges'] ?? '';
  const ranges = spec.loadBalancerSourceRanges ?? annotation.split(',').filter((range) => range.trim() !== '');
  return ranges.length === 0 ? undefined : minimalCidrs(ranges.map((range) => range.trim()));
}
