import { isIPv4, isIPv6 } from 'node:net';

/** The sixteen bytes of an IPv6 address. */
export function ipv6Bytes(address: string): number[] {
  const [text = ''] = address.split('%');
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const hex = (high: string | undefined, low: string | undefined): string =>
    (Number(high) * 256 + Number(low)).toString(16);
  const plain = dotted === null ? text : `${dotted[1]}${hex(dotted[2], dotted[3])}:${hex(dotted[4], dotted[5])}`;
  const [head = '', tail] = plain.split('::');
  const groups = (part: string): number[] => (part === '' ? [] : part.split(':').map((group) => parseInt(group, 16)));
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const zeros: number[] = Array.from({ length: Math.max(0, 8 - front.length - back.length) }, () => 0);
  return [...front, ...zeros, ...back].flatMap((group) => [group >> 8, group & 0xff]);
}

/** The same address always as the same text, so that it can be looked up. */
export const canonicalIP = (address: string): string =>
  isIPv6(address) ? Buffer.from(ipv6Bytes(address)).toString('hex') : address;

/** The address a name below in-addr.arpa or ip6.arpa stands for, as {@link canonicalIP}; undefined when it stands for none. */
export function addressOfReverse(name: string): string | undefined {
  const labels = name.split('.');
  const zone = labels.slice(-2).join('.');
  const digits = labels.slice(0, -2).toReversed();
  if (zone === 'in-addr.arpa') {
    const address = digits.join('.');
    return isIPv4(address) ? address : undefined;
  }
  if (zone !== 'ip6.arpa' || digits.length !== 32) return undefined;
  return digits.every((digit) => /^[0-9a-f]$/.test(digit)) ? digits.join('') : undefined;
}

/** The address that the first label of a pod's name stands for: `10-244-1-2`, `fd00--1`. */
export function addressOfPodLabel(label: string): string | undefined {
  const dots = label.replaceAll('-', '.');
  if (isIPv4(dots)) return dots;
  const colons = label.replaceAll('-', ':');
  return isIPv6(colons) ? colons : undefined;
}
