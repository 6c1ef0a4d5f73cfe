import { isIPv4 } from 'node:net';
import { cidrFamily, type Node, nodeAddress } from '#api';

/** Marks our routes among others': a number that /etc/iproute2/rt_protos gives to nobody. */
export const ROUTE_PROTOCOL = 80;

/** Pods of a node, and the address of the node they are behind; undefined: those of this node, for whom there are routes of their own. */
export interface RouteToPods {
  readonly podCIDR: string;
  readonly via: string | undefined;
}

/** What a node has to know besides where its own pods are. */
export interface RoutesOptions {
  readonly nodeName: string;
  /** Addresses of the pods of this node. */
  readonly podCIDR: string;
}

/**
 * A route for each IPv4 pod CIDR of each other node that has an address; and for addresses of this node's that no pod has, an end: the default
 * route would send them to the machine, which sends them back.
 */
export function wantedRoutes(nodes: readonly Node[], { nodeName, podCIDR }: RoutesOptions): RouteToPods[] {
  const others = nodes.filter(({ metadata }) => metadata.name !== nodeName).flatMap(routesTo);
  return [...others.filter((route) => route.podCIDR !== podCIDR), { podCIDR, via: undefined }];
}

/** Routes that lead to the pods of a node. */
export function routesTo(node: Node): RouteToPods[] {
  const via = nodeAddress(node, 'InternalIP') ?? '';
  const cidrs = node.spec.podCIDRs ?? [node.spec.podCIDR ?? ''];
  return isIPv4(via) ? cidrs.filter(isIPv4Cidr).map((podCIDR) => ({ podCIDR, via })) : [];
}

const isIPv4Cidr = (cidr: string): boolean => cidr !== '' && cidrFamily(cidr) === 'IPv4';

/** Commands of `ip -batch` that lead from the routes there are to those wanted; none when they are the same. */
export function routeChanges(existing: readonly RouteToPods[], wanted: readonly RouteToPods[]): string[] {
  const now = new Map(existing.map(({ podCIDR, via }) => [podCIDR, via]));
  const then = new Map(wanted.map(({ podCIDR, via }) => [podCIDR, via]));
  const gone = [...now].filter(([podCIDR, via]) => !then.has(podCIDR) || (then.get(podCIDR) ?? '') !== (via ?? ''));
  const added = [...then].filter(([podCIDR, via]) => !now.has(podCIDR) || (now.get(podCIDR) ?? '') !== (via ?? ''));
  return [
    ...gone.map(([podCIDR, via]) => `route del ${text(podCIDR, via)}`),
    ...added.map(([podCIDR, via]) => `route replace ${text(podCIDR, via)}`),
  ];
}

/** The metric lets any other route for the same addresses, such as that of a bridge, go first. */
function text(podCIDR: string, via: string | undefined): string {
  const how = via === undefined ? `unreachable ${podCIDR} metric 4096` : `${podCIDR} via ${via}`;
  return `${how} proto ${ROUTE_PROTOCOL}`;
}
