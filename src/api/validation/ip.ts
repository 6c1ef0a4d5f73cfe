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

/** Go once read decimal parts with zeros in front, and such addresses were taken; the address without them. */
function withoutLeadingZeros(ip: string): string | undefined {
  const text = ip.replaceAll(/(^|[.:])0+(?=\d+(?:\.|$))/g, '$1');
  return text !== ip && text.includes('.') && ipFamily(text) !== undefined ? text : undefined;
}

/** Whether a text is an address in any spelling there ever was. Source: netutils.ParseIPSloppy. */
export const isAnyIP = (text: string): boolean =>
  ipFamily(text) !== undefined || withoutLeadingZeros(text) !== undefined;

/** `::ffff:10.0.0.1` */
const isMapped = (ip: string): boolean =>
  ip.includes(':') && /^::ffff:[0-9a-f]{1,4}:[0-9a-f]{1,4}$/.test(canonicalIPv6(ip));

/**
 * Fields that were there before the canonical form was asked for take any unambiguous spelling, and on update what was there before.
 * Source: IsValidIPForLegacyField with the gate StrictIPCIDRValidation, on by default since v1.36.
 */
export function validateIP(ip: string, field: string, existing: readonly string[] = []): FieldError[] {
  if (existing.includes(ip)) return [];
  const stripped = ipFamily(ip) === undefined ? withoutLeadingZeros(ip) : undefined;
  if (ipFamily(stripped ?? ip) === undefined) {
    return [invalid(field, ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')];
  }
  return [
    ...(stripped === undefined ? [] : [invalid(field, ip, 'must not have leading 0s')]),
    ...(stripped === undefined && isMapped(ip) ? [invalid(field, ip, 'must not be an IPv4-mapped IPv6 address')] : []),
  ];
}

/** As {@link validateIP}, of fields that take the one spelling only. Source: IsValidIP. */
export function validateCanonicalIP(ip: string, field: string): FieldError[] {
  const wrong = validateIP(ip, field);
  const canonical = canonicalIP(ip);
  return wrong.length > 0 || canonical === ip
    ? wrong
    : [invalid(field, ip, `must be in canonical form ("${canonical}")`)];
}

/** `prefix` bits of the address a CIDR text names; undefined when it is none. */
export function cidrBits(cidr: string): { family: IPFamily; prefix: number } | undefined {
  const [ip = '', length = '', ...rest] = cidr.split('/');
  const family = ipFamily(ip);
  if (family === undefined || rest.length > 0 || !/^(?:0|[1-9]\d{0,2})$/.test(length)) return undefined;
  const prefix = Number(length);
  return prefix <= (family === 'IPv4' ? 32 : 128) ? { family, prefix } : undefined;
}

export const cidrFamily = (cidr: string): IPFamily | undefined => cidrBits(cidr)?.family;

/** The family of a network in any spelling there ever was. Source: netutils.ParseCIDRSloppy. */
export function anyCIDRFamily(cidr: string): IPFamily | undefined {
  const [ip = '', length = '', ...rest] = cidr.split('/');
  return cidrFamily([withoutLeadingZeros(ip) ?? ip, length.replace(/^0+(?=\d)/, ''), ...rest].join('/'));
}

/** As {@link validateIP}, of networks. Source: IsValidCIDRForLegacyField. */
export function validateCIDR(cidr: string, field: string, existing: readonly string[] = []): FieldError[] {
  if (existing.includes(cidr)) return [];
  if (cidrBits(cidr) === undefined) {
    const why =
      anyCIDRFamily(cidr) === undefined
        ? 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'
        : 'must not have leading 0s in IP or prefix length';
    return [invalid(field, cidr, why)];
  }
  const ip = cidr.split('/')[0]!;
  if (isMapped(ip)) return [invalid(field, cidr, 'must not have an IPv4-mapped IPv6 address')];
  const base = canonicalCIDR(cidr)!.split('/')[0];
  return base === canonicalIP(ip) ? [] : [invalid(field, cidr, 'must not have bits set beyond the prefix length')];
}

/** The shortest spelling of an IPv6 address: what URLs are normalised to. */
const canonicalIPv6 = (ip: string): string => new URL(`http://[${ip}]/`).hostname.slice(1, -1);

/** Addresses that make no sense, or harm, as the far end of a service. */
export function validateNonSpecialIP(ip: string, field: string): FieldError[] {
  const stripped = ipFamily(ip) === undefined ? withoutLeadingZeros(ip) : undefined;
  if (stripped !== undefined) return validateNonSpecialIP(stripped, field);
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
export function ipValue(ip: string): bigint {
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
function canonicalIP(ip: string): string | undefined {
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
  return `${ipText(base, bits.family)}/${bits.prefix}`;
}

/** What {@link ipValue} reads, in the one spelling. */
export function ipText(value: bigint, family: IPFamily): string {
  const parts = (count: number, width: number, radix: number): string[] =>
    Array.from({ length: count }, (_, i) =>
      ((value >> BigInt(width * (count - 1 - i))) & ((1n << BigInt(width)) - 1n)).toString(radix),
    );
  return family === 'IPv4' ? parts(4, 8, 10).join('.') : canonicalIPv6(parts(8, 16, 16).join(':'));
}

/** An address with the length of its network, in the one spelling. Source: IsValidInterfaceAddress, same file. */
export function validateInterfaceAddress(address: string, field: string): FieldError[] {
  const bits = cidrBits(address);
  if (bits === undefined) {
    const why = 'must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)';
    return [invalid(field, address, why)];
  }
  const ip = address.split('/')[0]!;
  const mapped = isMapped(ip);
  const prefix = mapped && bits.prefix > 32 ? bits.prefix - 96 : bits.prefix;
  const canonical = `${mapped ? mappedIPv4(ip) : canonicalIP(ip)}/${prefix}`;
  return address === canonical ? [] : [invalid(field, address, `must be in canonical form (${canonical})`)];
}

/** What is worth saying of an address that was taken although it is not written as it should be. Source: GetWarningsForIP, same file. */
export function ipWarnings(ip: string, path: string): string[] {
  const stripped = ipFamily(ip) === undefined ? withoutLeadingZeros(ip) : undefined;
  if (ipFamily(stripped ?? ip) === undefined) return [];
  const shown = JSON.stringify(ip);
  if (stripped !== undefined || isMapped(ip)) {
    const better = JSON.stringify(stripped ?? mappedIPv4(ip));
    return [`${path}: non-standard IP address ${shown} is invalid: use ${better}`];
  }
  const canonical = canonicalIP(ip)!;
  if (canonical === ip) return [];
  return [`${path}: IPv6 address ${shown} should be in RFC 5952 canonical format (${JSON.stringify(canonical)})`];
}

/** `::ffff:a00:1` → `10.0.0.1` */
function mappedIPv4(ip: string): string {
  const value = Number(ipValue(ip) & 0xffff_ffffn);
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.');
}

/** As {@link ipWarnings}, of networks. Source: GetWarningsForCIDR. */
export function cidrWarnings(cidr: string, path: string): string[] {
  const canonical = canonicalCIDR(cidr);
  if (canonical === undefined || canonical === cidr) return [];
  const [shown, better] = [JSON.stringify(cidr), JSON.stringify(canonical)];
  const ip = canonicalIP(cidr.split('/')[0]!)!;
  if (ip !== canonical.split('/')[0]) {
    const single = JSON.stringify(`${ip}/${ip.includes(':') ? 128 : 32}`);
    return [`${path}: CIDR value ${shown} is ambiguous in this context (should be ${better} or ${single}?)`];
  }
  return [`${path}: IPv6 CIDR value ${shown} should be in RFC 5952 canonical format (${better})`];
}
