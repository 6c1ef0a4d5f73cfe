/** Letters of generated names: no vowels, so that no words come about, and nothing that looks like something else. Source: util/rand. */
const ALPHANUMS = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
const MAX_NAME_LENGTH = 63;
const MAX_BASE_LENGTH = MAX_NAME_LENGTH - SUFFIX_LENGTH;

/** `length` letters drawn with `random`, which gives numbers in [0,1). */
export const randomSuffix = (random: () => number, length: number = SUFFIX_LENGTH): string =>
  Array.from({ length }, () => ALPHANUMS[Math.floor(random() * ALPHANUMS.length)]!).join('');

/** Name for `metadata.generateName`. Source: apiserver pkg/storage/names SimpleNameGenerator. */
export const generateName = (base: string, random: () => number): string =>
  base.slice(0, MAX_BASE_LENGTH) + randomSuffix(random);

/** Keeps a hash within the letters of generated names. Source: rand.SafeEncodeString of util/rand. */
export const safeEncode = (text: string): string =>
  Array.from(text, (letter) => ALPHANUMS[letter.charCodeAt(0) % ALPHANUMS.length]!).join('');
