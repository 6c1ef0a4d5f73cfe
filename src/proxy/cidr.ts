import { isIPv4 } from 'node:net';

interface Range {
  readonly first: number;
  readonly prefix: number;
}

function parse(text: string): Range | undefined {
  const [address = '', length = '', ...rest] = text.split('/');
  const prefix = /^\d{1,2}$/.test(length) ? Number(length) : NaN;
  if (!isIPv4(address) || !(prefix <= 32) || rest.length > 0) return undefined;
  const number = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  return { first: number - (number % 2 ** (32 - prefix)), prefix };
}

const format = ({ first, prefix }: Range): string =>
  `${[24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join('.')}/${prefix}`;

const contains = (outer: Range, inner: Range): boolean =>
  outer.prefix <= inner.prefix && inner.first - (inner.first % 2 ** (32 - outer.prefix)) === outer.first;

/**
 * The IPv4 CIDRs of a list without those that lie in another one: the kernel refuses intervals that overlap. Drops what is no IPv4 CIDR.
 */
export function minimalCidrs(texts: readonly string[]): string[] {
  const kept: Range[] = [];
  const ranges = texts.map(parse).filter((range) => range !== undefined);
  for (const range of ranges.toSorted((a, b) => a.prefix - b.prefix || a.first - b.first))
    if (!kept.some((outer) => contains(outer, range))) kept.push(range);
  return kept.map(format);
}
