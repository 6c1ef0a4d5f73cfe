/** Addresses and networks as Go's net/netip reads and prints them, with the words of its errors. Source: Go net/netip. */

/** Bytes: four or sixteen. */
export type Address = readonly number[];

/** A text that is no address or network; the message is Go's. */
export class AddressError extends Error {
  override readonly name = 'AddressError';
}

const quoted = (text: string): string => JSON.stringify(text);

function failed(text: string, message: string, at = ''): AddressError {
  return new AddressError(`ParseAddr(${quoted(text)}): ${message}${at === '' ? '' : ` (at ${quoted(at)})`}`);
}

/** An address with its zone, which is '' for none. Throws AddressError. */
export function parseAddress(text: string): { readonly bytes: Address; readonly zone: string } {
  for (const character of text) {
    if (character === '.') return { bytes: parseV4(text, text), zone: '' };
    if (character === ':') return parseV6(text);
    if (character === '%') throw failed(text, 'missing IPv6 address');
  }
  throw failed(text, 'unable to parse IP');
}

function parseV4(text: string, part: string): number[] {
  const bytes: number[] = [];
  let digits = '';
  for (let i = 0; i < part.length; i++) {
    const c = part[i]!;
    if (c >= '0' && c <= '9') {
      if (digits === '0') throw failed(text, 'IPv4 field has octet with leading zero');
      digits += c;
      if (Number(digits) > 255) throw failed(text, 'IPv4 field has value >255');
    } else if (c === '.') {
      if (i === 0 || i === part.length - 1 || part[i - 1] === '.')
        throw failed(text, 'IPv4 field must have at least one digit', part.slice(i));
      if (bytes.length === 3) throw failed(text, 'IPv4 address too long');
      bytes.push(Number(digits));
      digits = '';
    } else {
      throw failed(text, 'unexpected character', part.slice(i));
    }
  }
  if (bytes.length < 3) throw failed(text, 'IPv4 address too short');
  return [...bytes, Number(digits)];
}

function parseV6(text: string): { readonly bytes: Address; readonly zone: string } {
  const percent = text.indexOf('%');
  const zone = percent < 0 ? '' : text.slice(percent + 1);
  if (percent >= 0 && zone === '') throw failed(text, 'zone must be a non-empty string');
  let rest = percent < 0 ? text : text.slice(0, percent);
  const bytes: number[] = [];
  let ellipsis = -1;
  if (rest.startsWith('::')) {
    ellipsis = 0;
    rest = rest.slice(2);
  }
  while (bytes.length < 16 && rest !== '') {
    const group = /^[0-9a-fA-F]*/.exec(rest)![0];
    checkGroup(text, rest, group);
    if (rest[group.length] === '.') {
      if (ellipsis < 0 && bytes.length !== 12)
        throw failed(text, 'embedded IPv4 address must replace the final 2 fields of the address', rest);
      if (bytes.length > 12)
        throw failed(text, 'too many hex fields to fit an embedded IPv4 at the end of the address', rest);
      bytes.push(...parseV4(text, rest));
      rest = '';
      break;
    }
    const value = Number.parseInt(group, 16);
    bytes.push(value >> 8, value & 0xff);
    rest = rest.slice(group.length);
    if (rest === '') break;
    if (!rest.startsWith(':')) throw failed(text, 'unexpected character, want colon', rest);
    if (rest.length === 1) throw failed(text, 'colon must be followed by more characters', rest);
    rest = rest.slice(1);
    if (!rest.startsWith(':')) continue;
    if (ellipsis >= 0) throw failed(text, 'multiple :: in address', rest);
    ellipsis = bytes.length;
    rest = rest.slice(1);
  }
  return { bytes: expanded(text, bytes, ellipsis, rest), zone };
}

function checkGroup(text: string, rest: string, group: string): void {
  if (group.length > 4) throw failed(text, 'each group must have 4 or less digits', rest);
  if (group === '') throw failed(text, 'each colon-separated field must have at least one digit', rest);
}

function expanded(text: string, bytes: number[], ellipsis: number, rest: string): number[] {
  if (rest !== '') throw failed(text, 'trailing garbage after address', rest);
  if (bytes.length < 16) {
    if (ellipsis < 0) throw failed(text, 'address string too short');
    const zeros = Array.from({ length: 16 - bytes.length }, () => 0);
    return [...bytes.slice(0, ellipsis), ...zeros, ...bytes.slice(ellipsis)];
  }
  if (ellipsis >= 0) throw failed(text, 'the :: must expand to at least one field of zeros');
  return bytes;
}

export const isV4In6 = (bytes: Address): boolean =>
  bytes.length === 16 && bytes.slice(0, 10).every((b) => b === 0) && bytes[10] === 0xff && bytes[11] === 0xff;

/** The canonical text; the longest run of zero groups is left out. */
export function formatAddress(bytes: Address): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => bytes[2 * i]! * 256 + bytes[2 * i + 1]!);
  let [start, length] = [0, 1];
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) [start, length] = [i, end - i];
  }
  const hex = (part: readonly number[]): string => part.map((g) => g.toString(16)).join(':');
  return length === 1 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

export interface Prefix {
  readonly address: Address;
  readonly bits: number;
}

/** Throws AddressError. */
export function parsePrefix(text: string): Prefix {
  const wrong = (message: string): AddressError => new AddressError(`netip.ParsePrefix(${quoted(text)}): ${message}`);
  const slash = text.lastIndexOf('/');
  if (slash < 0) throw wrong("no '/'");
  let parsed: ReturnType<typeof parseAddress>;
  try {
    parsed = parseAddress(text.slice(0, slash));
  } catch (error) {
    throw error instanceof AddressError ? wrong(error.message) : error;
  }
  if (parsed.zone !== '') throw wrong('IPv6 zones cannot be present in a prefix');
  const bits = text.slice(slash + 1);
  if (!/^(?:[0-9]|[1-9][0-9]{1,9})$/.test(bits)) throw wrong(`bad bits after slash: ${quoted(bits)}`);
  if (Number(bits) > parsed.bytes.length * 8) throw wrong('prefix length out of range');
  return { address: parsed.bytes, bits: Number(bits) };
}

/** An address with everything behind a number of bits cleared. */
export const masked = (bytes: Address, bits: number): Address =>
  bytes.map((byte, i) => byte & (0xff << Math.min(8, Math.max(0, 8 - (bits - i * 8)))));

export const sameAddress = (a: Address, b: Address): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);

export const contains = ({ address, bits }: Prefix, other: Address): boolean =>
  address.length === other.length && sameAddress(masked(address, bits), masked(other, bits));
