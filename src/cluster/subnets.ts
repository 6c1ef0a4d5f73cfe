import { isIPv4 } from 'node:net';

/** An IPv4 network; `base` has no bits set beyond `prefix`. */
export interface Cidr {
  readonly base: number;
  readonly prefix: number;
}

/** `10.244.0.0/16`, or a single address. Undefined: something else. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = '', prefixText = '32', extra] = text.split('/');
  const prefix = Number(prefixText);
  if (!isIPv4(address) || extra !== undefined || !/^\d{1,2}$/.test(prefixText) || prefix > 32) return undefined;
  const value = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const size = 2 ** (32 - prefix);
  return { base: Math.floor(value / size) * size, prefix };
}

function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

export function formatCidr({ base, prefix }: Cidr): string {
  return `${formatAddress(base)}/${prefix}`;
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.base < b.base + 2 ** (32 - b.prefix) && b.base < a.base + 2 ** (32 - a.prefix);
}

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new RangeError(`not an IPv4 network: ${text}`);
  return parsed;
}

/** The n-th address of a network, 0 being its base. */
export function addressIn(network: string, n: number): string {
  const { base, prefix } = cidr(network);
  if (n < 0 || n >= 2 ** (32 - prefix)) throw new RangeError(`${network} has no address ${n}`);
  return formatAddress(base + n);
}

/** The n-th network of 256 addresses within a larger one. */
export function subnet24(network: string, n: number): string {
  const { base, prefix } = cidr(network);
  if (n < 0 || n >= 2 ** (24 - prefix)) throw new RangeError(`${network} has no subnet ${n}`);
  return formatCidr({ base: base + n * 256, prefix: 24 });
}

/** Where kubeadm and kind put Services; it lives inside nodes only, so every cluster has the same. */
export const SERVICE_CIDR = '10.96.0.0/12';
/** Tenth address of the service network, as kubeadm's GetDNSIP; the first is the API server's. */
export const CLUSTER_DNS = '10.96.0.10';
export const KUBERNETES_SERVICE_IP = '10.96.0.1';

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

// Docker's own pools start at 172.17; kind's network is usually 172.18.
const NODE_SUBNETS = [
  ...range(18, 31).map((n) => `172.${n}.0.0/24`),
  ...range(200, 254).map((n) => `192.168.${n}.0/24`),
  ...range(200, 240).map((n) => `10.${n}.0.0/24`),
];
const POD_CIDRS = [...range(244, 254), ...range(128, 199)].map((n) => `10.${n}.0.0/16`);

export interface Networks {
  /** A /24: the bridge has its first address, the nodes those that follow. */
  readonly nodeSubnet: string;
  /** A /16 of which each node has a /24. */
  readonly podCIDR: string;
}

/** The first networks that overlap nothing in use. `used` are CIDRs and addresses; what is not IPv4 (`default`, IPv6) is passed over. */
export function chooseNetworks(used: readonly string[]): Networks {
  const taken = [...used, SERVICE_CIDR]
    .map(parseCidr)
    .filter((network) => network !== undefined)
    .filter(({ prefix }) => prefix > 0);
  const free = (candidates: readonly string[], what: string): string => {
    const found = candidates.find((candidate) => !taken.some((other) => overlaps(cidr(candidate), other)));
    if (found === undefined)
      throw new Error(`no free network for ${what}: tried ${candidates[0]} to ${candidates.at(-1)}`);
    return found;
  };
  const nodeSubnet = free(NODE_SUBNETS, 'nodes');
  taken.push(cidr(nodeSubnet));
  return { nodeSubnet, podCIDR: free(POD_CIDRS, 'pods') };
}
