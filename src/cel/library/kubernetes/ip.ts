/** IP addresses and networks. Sources: apiserver pkg/cel/library/{ip,cidr}.go, pkg/cel/{ip,cidr}.go v1.36. */
import { fn, type FunctionDecl, type Implementation, member, overload } from '../../check/declarations.ts';
import { BOOL, INT, opaqueType, STRING, type Type } from '../../check/types.ts';
import { CelError, NO_OVERLOAD, Opaque, type Value } from '../../values/value.ts';
import {
  type Address,
  AddressError,
  contains,
  formatAddress,
  isV4In6,
  masked,
  parseAddress,
  parsePrefix,
  type Prefix,
  sameAddress,
} from './netip.ts';

const IP = opaqueType('net.IP');
const CIDR = opaqueType('net.CIDR');

class IpValue extends Opaque {
  override readonly type: Type = IP;
  readonly bytes: Address;
  override readonly cost: number;
  constructor(bytes: Address) {
    super();
    this.bytes = bytes;
    this.cost = bytes.length;
  }
  override equals(other: Value): boolean | CelError {
    return other instanceof IpValue ? sameAddress(this.bytes, other.bytes) : NO_OVERLOAD;
  }
  override toString(): string {
    return formatAddress(this.bytes);
  }
}

class CidrValue extends Opaque {
  override readonly type: Type = CIDR;
  readonly prefix: Prefix;
  override readonly cost: number;
  constructor(prefix: Prefix) {
    super();
    this.prefix = prefix;
    this.cost = Math.ceil(prefix.bits / 8);
  }
  override equals(other: Value): boolean | CelError {
    if (!(other instanceof CidrValue)) return NO_OVERLOAD;
    const { address, bits } = other.prefix;
    return bits === this.prefix.bits && sameAddress(address, this.prefix.address);
  }
  override toString(): string {
    return `${formatAddress(this.prefix.address)}/${this.prefix.bits}`;
  }
}

const quoted = (text: string): string => JSON.stringify(text);

function readIp(text: string): IpValue | CelError {
  try {
    const { bytes, zone } = parseAddress(text);
    if (zone !== '') return new CelError(`IP address ${quoted(text)} with zone value is not allowed`);
    return isV4In6(bytes) ? mapped(text) : new IpValue(bytes);
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    return new CelError(`IP Address ${quoted(text)} parse error during conversion from string: ${error.message}`);
  }
}

const mapped = (text: string): CelError => new CelError(`IPv4-mapped IPv6 address ${quoted(text)} is not allowed`);

/** The words before the error stand there twice when the text is no network at all, as upstream's do. */
const CIDR_ERROR = 'network address parse error during conversion from string: ';

function readCidr(text: string): CidrValue | CelError {
  try {
    const prefix = parsePrefix(text);
    return isV4In6(prefix.address) ? new CelError(CIDR_ERROR + mapped(text).message) : new CidrValue(prefix);
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    return new CelError(CIDR_ERROR + CIDR_ERROR + error.message);
  }
}

const startsWith = (bytes: Address, ...start: readonly number[]): boolean => start.every((b, i) => bytes[i] === b);
const isV4 = ({ length }: Address): boolean => length === 4;

const isUnspecified = (bytes: Address): boolean => bytes.every((b) => b === 0);
const isLoopback = (bytes: Address): boolean =>
  isV4(bytes) ? bytes[0] === 127 : bytes.slice(0, 15).every((b) => b === 0) && bytes[15] === 1;
const isMulticast = (bytes: Address): boolean => (isV4(bytes) ? (bytes[0]! & 0xf0) === 0xe0 : bytes[0] === 0xff);
const isLinkLocalMulticast = (bytes: Address): boolean =>
  isV4(bytes) ? startsWith(bytes, 224, 0, 0) : bytes[0] === 0xff && (bytes[1]! & 0x0f) === 2;
const isLinkLocalUnicast = (bytes: Address): boolean =>
  isV4(bytes) ? startsWith(bytes, 169, 254) : bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
const isBroadcast = (bytes: Address): boolean => isV4(bytes) && bytes.every((b) => b === 255);
const isGlobalUnicast = (bytes: Address): boolean =>
  !isUnspecified(bytes) &&
  !isLoopback(bytes) &&
  !isMulticast(bytes) &&
  !isLinkLocalUnicast(bytes) &&
  !isBroadcast(bytes);

const test = (name: string, id: string, holds: (bytes: Address) => boolean): FunctionDecl =>
  fn(
    name,
    member(id, [IP], BOOL, ([ip]) => holds((ip as IpValue).bytes)),
  );

const containsIp: Implementation = ([cidr, other]) => {
  const ip = typeof other === 'string' ? readIp(other) : (other as IpValue);
  return ip instanceof CelError ? NO_OVERLOAD : contains((cidr as CidrValue).prefix, ip.bytes);
};

const containsCidr: Implementation = ([cidr, other]) => {
  const inner = typeof other === 'string' ? readCidr(other) : (other as CidrValue);
  if (inner instanceof CelError) return inner;
  const { prefix } = cidr as CidrValue;
  return prefix.bits <= inner.prefix.bits && contains(prefix, inner.prefix.address);
};

const maskedCidr: Implementation = ([cidr]) => {
  const { address, bits } = (cidr as CidrValue).prefix;
  return new CidrValue({ address: masked(address, bits), bits });
};

const isCanonical: Implementation = ([text]) => {
  const ip = readIp(text as string);
  return ip instanceof CelError ? ip : ip.toString() === text;
};

const shown: Implementation = ([value]) => (value as IpValue | CidrValue).toString();

export const ipLibrary: readonly FunctionDecl[] = [
  fn(
    'ip',
    overload('string_to_ip', [STRING], IP, ([text]) => readIp(text as string)),
    member('cidr_ip', [CIDR], IP, ([cidr]) => new IpValue((cidr as CidrValue).prefix.address)),
  ),
  fn(
    'family',
    member('ip_family', [IP], INT, ([ip]) => (isV4((ip as IpValue).bytes) ? 4 : 6)),
  ),
  fn('ip.isCanonical', overload('ip_is_canonical', [STRING], BOOL, isCanonical)),
  test('isUnspecified', 'ip_is_unspecified', isUnspecified),
  test('isLoopback', 'ip_is_loopback', isLoopback),
  test('isLinkLocalMulticast', 'ip_is_link_local_multicast', isLinkLocalMulticast),
  test('isLinkLocalUnicast', 'ip_is_link_local_unicast', isLinkLocalUnicast),
  test('isGlobalUnicast', 'ip_is_global_unicast', isGlobalUnicast),
  fn(
    'isIP',
    overload('is_ip', [STRING], BOOL, ([text]) => readIp(text as string) instanceof IpValue),
  ),
  fn('string', overload('ip_to_string', [IP], STRING, shown), overload('cidr_to_string', [CIDR], STRING, shown)),
  fn(
    'cidr',
    overload('string_to_cidr', [STRING], CIDR, ([text]) => readCidr(text as string)),
  ),
  fn(
    'containsIP',
    member('cidr_contains_ip_string', [CIDR, STRING], BOOL, containsIp),
    member('cidr_contains_ip_ip', [CIDR, IP], BOOL, containsIp),
  ),
  fn(
    'containsCIDR',
    member('cidr_contains_cidr_string', [CIDR, STRING], BOOL, containsCidr),
    member('cidr_contains_cidr', [CIDR, CIDR], BOOL, containsCidr),
  ),
  fn(
    'prefixLength',
    member('cidr_prefix_length', [CIDR], INT, ([cidr]) => (cidr as CidrValue).prefix.bits),
  ),
  fn('masked', member('cidr_masked', [CIDR], CIDR, maskedCidr)),
  fn(
    'isCIDR',
    overload('is_cidr', [STRING], BOOL, ([text]) => readCidr(text as string) instanceof CidrValue),
  ),
];
