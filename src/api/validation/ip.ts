/** IP addresses and CIDRs. Texts: apimachinery pkg/util/validation/ip.go and ValidateNonSpecialIP of pkg/apis/core/validation v1.36. */
import { isIP } from 'node:net';
import type { FieldError } from '../field-error.ts';
import { invalid } from '../field-error.ts';

export type IPFamily = 'IPv4' | 'IPv6';

export function ipFamily(ip: string): IPFamily | undefined {
  const version = isIP(ip);
  // Zones (fe80::1%eth0) are an address to Node but not to Kubernetes.
  if (version === 0 || ip.includes('%')) return undefined;
  return version === 4 ? 'IPv4' : 'IPv6';
}

/** Fields that were there before the canonical form was asked for take any valid spelling. */
export const validateIP = (ip: string, field: string): FieldError[] =>
  ipFamily(ip) === undefined
    ? [invalid(field, ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')]
    : [];

/** `prefix` bits of the address a CIDR text names; undefined when it is none. */
function cidrBits(cidr: string): { family: IPFamily; prefix: number } | undefined {
  const [ip = '', length = '', ...rest] = cidr.split('/');
  const family = ipFamily(ip);
  if (family === undefined || rest.length > 0 || !/^\d{1,3}$/.test(length)) return undefined;
  const prefix = Number(length);
  return prefix <= (family === 'IPv4' ? 32 : 128) ? { family, prefix } : undefined;
}

export const cidrFamily = (cidr: string): IPFamily | undefined => cidrBits(cidr)?.family;

export const validateCIDR = (cidr: string, field: string): FieldError[] =>
  cidrBits(cidr) === undefined
    ? [invalid(field, cidr, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')]
    : [];

/** The shortest spelling of an IPv6 address: what URLs are normalised to. */
const canonicalIPv6 = (ip: string): string => new URL(`http://[${ip}]/`).hostname.slice(1, -1);

/** Addresses that make no sense, or harm, as the far end of a service. */
export function validateNonSpecialIP(ip: string, field: string): FieldError[] {
  const family = ipFamily(ip);
  if (family === undefined) return [invalid(field, ip, 'must be a valid IP address')];
  const v6 = family === 'IPv6' ? canonicalIPv6(ip) : '';
  const [a = 0, b = 0, c = 0] = family === 'IPv4' ? ip.split('.').map(Number) : [];
  const v4 = family === 'IPv4';
  const errors: FieldError[] = [];
  if (v4 ? ip === '0.0.0.0' : v6 === '::') errors.push(invalid(field, ip, `may not be unspecified (${ip})`));
  if (v4 ? a === 127 : v6 === '::1') {
    errors.push(invalid(field, ip, 'may not be in the loopback range (127.0.0.0/8, ::1/128)'));
  }
  if (v4 ? a === 169 && b === 254 : /^fe[89ab][0-9a-f]:/.test(v6)) {
    errors.push(invalid(field, ip, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'));
  }
  if (v4 ? a === 224 && b === 0 && c === 0 : /^ff[0-9a-f]2:/.test(v6)) {
    errors.push(invalid(field, ip, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'));
  }
  return errors;
}

/** The address as a number. */
function ipValue(ip: string): bigint {
  if (ipFamily(ip) === 'IPv4') return ip.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n);
  const [head = '', tail] = canonicalIPv6(ip).split('::');
  const words = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [front, back] = [words(head), words(tail ?? '')];
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - front.length - back.length }, () => '0');
  return [...front, ...zeros, ...back].reduce((value, word) => (value << 16n) | BigInt(`0x${word}`), 0n);
}

/** Whether every address of `inner` is one of `outer`, and not the other way round as well. Both are valid. */
export function isStrictSubset(inner: string, outer: string): boolean {
  const [a, b] = [cidrBits(inner), cidrBits(outer)];
  if (a === undefined || b === undefined || a.family !== b.family || a.prefix <= b.prefix) return false;
  const shift = BigInt((a.family === 'IPv4' ? 32 : 128) - b.prefix);
  return ipValue(inner.split('/')[0]!) >> shift === ipValue(outer.split('/')[0]!) >> shift;
}

/** The one spelling new fields take; undefined when the text is no address. */
export function canonicalIP(ip: string): string | undefined {
  const family = ipFamily(ip);
  return family === 'IPv6' ? canonicalIPv6(ip) : family === 'IPv4' ? ip : undefined;
}

/** As {@link canonicalIP}, of a network: no bits behind the prefix. */
export function canonicalCIDR(cidr: string): string | undefined {
  const bits = cidrBits(cidr);
  if (bits === undefined) return undefined;
  const size = bits.family === 'IPv4' ? 32 : 128;
  const shift = BigInt(size - bits.prefix);
  const base = (ipValue(cidr.split('/')[0]!) >> shift) << shift;
  const parts = (count: number, width: number, radix: number): string[] =>
    Array.from({ length: count }, (_, i) =>
      ((base >> BigInt(width * (count - 1 - i))) & ((1n << BigInt(width)) - 1n)).toString(radix),
    );
  const ip = bits.family === 'IPv4' ? parts(4, 8, 10).join('.') : canonicalIPv6(parts(8, 16, 16).join(':'));
  return `${ip}/${bits.prefix}`;
}
