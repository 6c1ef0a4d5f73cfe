/** Changes of texts and messages that know nothing of what they mean, and some that know a little. */
import type { Random } from '../random.ts';

const BROKEN: readonly Buffer[] = [
  Buffer.from([0xff]),
  Buffer.from([0xc3]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0xf0, 0x9f]),
  Buffer.from([0]),
  Buffer.from([0xef, 0xbb, 0xbf]),
  Buffer.from('"'),
  Buffer.from('\\u'),
  Buffer.from('\\ud800'),
  Buffer.from('{'),
  Buffer.from('}'),
  Buffer.from(']'),
  Buffer.from(','),
  Buffer.from('/*'),
  Buffer.from('1e99999'),
  Buffer.from('-'),
  Buffer.from('NaN'),
  Buffer.from('"a":1,"a":2,'),
  Buffer.from('"__proto__":{"x":1},'),
  Buffer.from('\t'),
  Buffer.from('\n---\n'),
  Buffer.from('&a [*a]'),
  Buffer.from('!!binary x'),
  Buffer.from('<<: *a'),
  Buffer.from('? '),
  // Varints: one that does not end, the largest, one written longer than it needs.
  Buffer.alloc(20, 0xff),
  Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
  Buffer.from([0x80, 0x80, 0x80, 0x00]),
  // A field longer than the message, a group, field 0, a wire type there is not.
  Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
  Buffer.from([0x0b, 0x0c]),
  Buffer.from([0x00]),
  Buffer.from([0x0f]),
];

/** Rare, since they are long. */
const DEEP: readonly Buffer[] = ['[', '{"a":', '- ', '- - - -\n', '{a: ', '(', '\x0a\x7f', '!', '&a '].map((text) =>
  Buffer.from(text.repeat(20_000), 'latin1'),
);

const CHANGES: readonly ((bytes: Buffer, at: number, random: Random) => Buffer)[] = [
  (bytes, at) => bytes.subarray(0, at),
  (bytes, at, random) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(8))]),
  (bytes, at, random) => Buffer.concat([bytes.subarray(0, at), random.pick(BROKEN), bytes.subarray(at)]),
  (bytes, at, random) => Buffer.concat([bytes.subarray(0, at), random.pick(BROKEN), bytes.subarray(at + 1)]),
  (bytes, at, random) => {
    const copy = Buffer.from(bytes);
    if (copy.length > 0) copy[Math.min(at, copy.length - 1)] = random.below(256);
    return copy;
  },
  (bytes, at, random) => {
    const copy = Buffer.from(bytes);
    if (copy.length > 0) copy[Math.min(at, copy.length - 1)]! ^= 1 << random.below(8);
    return copy;
  },
  (bytes, at, random) => {
    const to = at + 1 + random.below(64);
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(at, to), bytes.subarray(to)]);
  },
];

/** A copy with one to three changes. */
export function mutateBytes(bytes: Buffer, random: Random): Buffer {
  let changed = bytes;
  for (let left = 1 + random.below(3); left > 0; left--) {
    if (random.chance(0.002))
      changed = Buffer.concat([changed.subarray(0, random.below(changed.length + 1)), random.pick(DEEP)]);
    else changed = random.pick(CHANGES)(changed, random.below(changed.length + 1), random);
  }
  return changed;
}

/** The same for texts that are sent in request lines and headers. */
export const mutateText = (text: string, random: Random): string =>
  mutateBytes(Buffer.from(text, 'latin1'), random).toString('latin1');
