/** Changes of JSON as text: what a value in memory cannot hold, such as keys that come twice and numbers beyond all bounds. */
import type { Random } from '../random.ts';

const NUMBERS = [
  '1e400',
  '-1e400',
  '1e-400',
  '-0',
  '0.0',
  '1E+2',
  '01',
  '+1',
  '.5',
  '5.',
  '0x10',
  '1_000',
  '9223372036854775807',
  '9223372036854775808',
  '-9223372036854775808',
  '-9223372036854775809',
  '18446744073709551616',
  '9007199254740993',
  '2147483648',
  '-2147483649',
  '3.0000000000000000000001',
  `1${'0'.repeat(400)}`,
  `0.${'3'.repeat(400)}`,
  '1e99999999999999999999',
  'NaN',
  'Infinity',
];

const STRINGS = [
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\u0000"',
  '"\\uFEFF"',
  '"\\u202e"',
  '"\\x41"',
  '"\\"',
  '"\t"',
  '"\n"',
  '"\u007f"',
  "'a'",
  '"a" "b"',
];

const KEYS = [
  '"__proto__":{"polluted":1},',
  '"constructor":{"prototype":{"polluted":1}},',
  '"a":1,"a":2,',
  '"\\u0061":1,',
];

/** Bytes that are no UTF-8, as they stand in Latin-1. */
const BROKEN = ['\xff', '\xc3', '\xed\xa0\x80', '\xf0\x9f', '\xc0\x80', '\xf4\x90\x80\x80'];

const SPACES = ['\ufeff', '\u00a0', '/*x*/', '//x\n', ',', ',,', '\0', '\v', '\r\n\t '];

function replaced(text: string, pattern: RegExp, by: string, random: Random): string {
  const found = [...text.matchAll(pattern)];
  if (found.length === 0) return text;
  const { index, 0: old } = random.pick(found);
  return text.slice(0, index) + by + text.slice(index + old.length);
}

const CHANGES: readonly ((text: string, random: Random) => string)[] = [
  (text, random) => replaced(text, /(?<=[:[,])-?\d+(?:\.\d+)?(?=[,}\]])/g, random.pick(NUMBERS), random),
  (text, random) => replaced(text, /(?<=[:[,])(?:"[^"\\]*"|true|false|null)(?=[,}\]])/g, random.pick(NUMBERS), random),
  (text, random) => replaced(text, /(?<=[:[,])"[^"\\]*"(?=[,}\]])/g, random.pick(STRINGS), random),
  (text, random) => replaced(text, /(?<=\{)(?=")/g, random.pick(KEYS), random),
  // A member once more, as it is or with another value.
  (text, random) => {
    const member = random.pick([...text.matchAll(/"[^"\\]*":(?:"[^"\\]*"|-?\d+|true|false|null)/g)])?.[0];
    if (member === undefined) return text;
    const again = random.chance(0.5)
      ? member
      : `${member.slice(0, member.indexOf(':'))}:${random.pick(['null', '1', '"x"', '{}', '[]'])}`;
    return text.replace(member, () => `${member},${again}`);
  },
  // A key in other letters: decoders of old took them for the same.
  (text, random) => {
    const key = random.pick([...text.matchAll(/"[a-z][A-Za-z]*":/g)])?.[0];
    return key === undefined ? text : text.replace(key, () => key.toUpperCase());
  },
  (text, random) => replaced(text, /(?<=[:,[{])/g, random.pick(SPACES), random),
  (text, random) => text + random.pick([' ', 'x', '{}', '\0', '\n\n', ']', '}', text.slice(0, 2000)]),
];

/** One to three changes; `text` is what JSON.stringify writes. */
export function mutateJsonText(text: string, random: Random): Buffer {
  let changed = text;
  for (let left = 1 + random.below(3); left > 0; left--) changed = random.pick(CHANGES)(changed, random);
  if (!random.chance(0.15)) return Buffer.from(changed);
  // Within a string, where decoders have to look at it.
  const bytes = Buffer.from(changed);
  const quotes = [...bytes.entries()].filter(([, byte]) => byte === 0x22).map(([at]) => at);
  const at = quotes.length === 0 ? 0 : random.pick(quotes) + 1;
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(random.pick(BROKEN), 'latin1'), bytes.subarray(at)]);
}
