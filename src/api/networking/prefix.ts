import { cidrBits, ipFamily, type IPFamily, ipValue } from '../validation/ip.ts';

/** A network: all addresses from `first` to `last`, as numbers. */
export interface Prefix {
  readonly family: IPFamily;
  readonly bits: number;
  readonly first: bigint;
  readonly last: bigint;
}

export interface Address {
  readonly family: IPFamily;
  readonly value: bigint;
}

/** Undefined when the text is no network. */
export function parsePrefix(cidr: string): Prefix | undefined {
  const parsed = cidrBits(cidr);
  if (parsed === undefined) return undefined;
  const { family, prefix: bits } = parsed;
  const hosts = (1n << BigInt((family === 'IPv4' ? 32 : 128) - bits)) - 1n;
  const value = ipValue(cidr.split('/')[0]!);
  const first = value & ~hosts;
  return { family, bits, first, last: first | hosts };
}

/** Undefined when the text is no address. */
export function parseAddress(ip: string): Address | undefined {
  const family = ipFamily(ip);
  return family === undefined ? undefined : { family, value: ipValue(ip) };
}

export const prefixesOverlap = (a: Prefix, b: Prefix): boolean =>
  a.family === b.family && a.first <= b.last && b.first <= a.last;

/** Every address of `inner` is one of `outer`, which may be the same. */
export const containsPrefix = (outer: Prefix, inner: Prefix): boolean =>
  prefixesOverlap(outer, inner) && outer.bits <= inner.bits;

/**
 * Whether services may have the address from the network: neither that of the network itself nor, of IPv4, the last one.
 * Source: PrefixContainsIP in pkg/api/servicecidr v1.36.
 */
export const prefixServes = ({ family, first, last }: Prefix, address: Address): boolean =>
  address.family === family &&
  address.value > first &&
  (family === 'IPv4' ? address.value < last : address.value <= last);
