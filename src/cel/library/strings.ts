/** Strings, in code points. Source: cel-go ext/strings.go (version 2) v0.26. */
import { fn, type FunctionDecl, type Implementation, member, overload } from '../check/declarations.ts';
import { DYN, INT, listType, STRING } from '../check/types.ts';
import { codePoints, isHigh, isLow } from '../syntax/source.ts';
import { ArrayList } from '../values/containers.ts';
import { display } from '../values/display.ts';
import type { Meter } from '../values/meter.ts';
import { CelError, type List, type Value } from '../values/value.ts';
import { formatText } from './format.ts';
import { indexFrom, lastIndexFrom } from './search.ts';

/** Longer results are not made: what made them would have cost too much. */
const MAX_RESULT = 32 * 1024 * 1024;
const CHARACTER_COST = 0.1;

const outOfRange = (index: Value): CelError => new CelError(`index out of range: ${display(index)}`);

/** Position in code units of the nth code point; undefined: there are not so many. */
function unitAt(text: string, nth: number): number | undefined {
  if (nth > text.length) return undefined;
  let at = 0;
  for (let i = 0; i < nth; i++) {
    if (at >= text.length) return undefined;
    at += isHigh(text.charCodeAt(at)) && isLow(text.charCodeAt(at + 1)) ? 2 : 1;
  }
  return at;
}

/** An index as a number that compares rightly; beyond what a number holds it is beyond every text. */
const position = (index: Value): number => Number(index);

const charAt: Implementation = ([text, index]) => {
  const i = position(index!);
  const at = i < 0 ? undefined : unitAt(text as string, i);
  if (at === undefined) return outOfRange(index!);
  const code = (text as string).codePointAt(at);
  return code === undefined ? '' : String.fromCodePoint(code);
};

const indexOf: Implementation = ([text, part, offset = 0]) => {
  if (part === '') return offset;
  const i = position(offset);
  if (i < 0) return outOfRange(offset);
  const from = unitAt(text as string, i);
  if (from === undefined) return -1;
  const at = indexFrom(text as string, part as string, from);
  return at < 0 ? -1 : codePoints((text as string).slice(0, at));
};

const lastIndexOf: Implementation = ([text, part, offset]) => {
  const own = text as string;
  if (part === '') return offset ?? codePoints(own);
  if (offset === undefined) {
    const at = lastIndexFrom(own, part as string, own.length);
    return at < 0 ? -1 : codePoints(own.slice(0, at));
  }
  const i = position(offset);
  if (i < 0) return outOfRange(offset);
  const from = unitAt(own, i);
  if (from === undefined || from >= own.length) return -1;
  const at = lastIndexFrom(own, part as string, from);
  return at < 0 ? -1 : codePoints(own.slice(0, at));
};

const lowerAscii: Implementation = ([text]) => (text as string).replace(/[A-Z]+/g, (run) => run.toLowerCase());
const upperAscii: Implementation = ([text]) => (text as string).replace(/[a-z]+/g, (run) => run.toUpperCase());

/** Pieces between separators, at most `limit` of them; of an empty separator every character. */
function pieces(text: string, separator: string, limit: number, meter: Meter): string[] {
  if (limit === 0) return [];
  const result: string[] = [];
  let start = 0;
  const most = limit < 0 ? Infinity : limit - 1;
  while (result.length < most) {
    const at = separator === '' ? nextCharacter(text, start) : indexFrom(text, separator, start);
    if (at < 0) break;
    meter.step();
    result.push(text.slice(start, at));
    start = at + separator.length;
  }
  if (separator !== '' || start < text.length) result.push(text.slice(start));
  return result;
}

/** The end of the character at a place; -1 for the last, which is what remains. */
function nextCharacter(text: string, at: number): number {
  const end = at + (isHigh(text.charCodeAt(at)) && isLow(text.charCodeAt(at + 1)) ? 2 : 1);
  return end >= text.length ? -1 : end;
}

const split: Implementation = ([text, separator, limit = -1], meter) =>
  new ArrayList(pieces(text as string, separator as string, position(limit), meter));

/** Go's strings.Replace; an empty text stands before each character and at the end. */
const replace: Implementation = ([text, old, by, limit = -1], meter) => {
  const [own, part, replacement] = [text as string, old as string, by as string];
  const most = position(limit) < 0 ? Infinity : position(limit);
  let result = '';
  let start = 0;
  for (let count = 0; count < most; count++) {
    const at = part === '' ? emptyAt(own, start, count) : indexFrom(own, part, start);
    if (at < 0) break;
    meter.step();
    result += own.slice(start, at) + replacement;
    if (result.length > MAX_RESULT) meter.afford(result.length * CHARACTER_COST);
    start = at + part.length;
  }
  return result + own.slice(start);
};

function emptyAt(text: string, start: number, count: number): number {
  if (count === 0) return 0;
  if (start >= text.length) return -1;
  return start + (isHigh(text.charCodeAt(start)) && isLow(text.charCodeAt(start + 1)) ? 2 : 1);
}

const substring: Implementation = ([text, start, end]) => {
  const own = text as string;
  const [from, to] = [position(start!), end === undefined ? Infinity : position(end)];
  if (from > to) {
    const shown = `start: ${display(start!)}, end: ${display(end!)}`;
    return new CelError(`invalid substring range. ${shown}`);
  }
  const at = from < 0 ? undefined : unitAt(own, from);
  if (at === undefined) return outOfRange(start!);
  if (end === undefined) return own.slice(at);
  const length = unitAt(own.slice(at), to - from);
  return length === undefined ? outOfRange(end) : own.slice(at, at + length);
};

/** What Go's strings.TrimSpace takes for space. */
const SPACE = '[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const LEADING = new RegExp(`^${SPACE}+`);
const IS_SPACE = new RegExp(SPACE);

const trim: Implementation = ([text]) => {
  const own = (text as string).replace(LEADING, '');
  let end = own.length;
  while (end > 0 && IS_SPACE.test(own[end - 1]!)) end--;
  return own.slice(0, end);
};

const join: Implementation = ([list, separator = ''], meter) => {
  const own = list as List;
  const parts: string[] = [];
  let length = 0;
  meter.step(own.size);
  for (let i = 0; i < own.size; i++) {
    const part = own.at(i);
    if (part instanceof CelError) return part;
    if (typeof part !== 'string') return new CelError(`join: invalid input: ${display(part)}`);
    parts.push(part);
    length += part.length + (separator as string).length;
    if (length > MAX_RESULT) meter.afford(length * CHARACTER_COST);
  }
  return parts.join(separator as string);
};

const QUOTED: Readonly<Record<string, string>> = {
  '\u0007': String.raw`\a`,
  '\b': String.raw`\b`,
  '\f': String.raw`\f`,
  '\n': String.raw`\n`,
  '\r': String.raw`\r`,
  '\t': String.raw`\t`,
  '\v': String.raw`\v`,
  '\\': String.raw`\\`,
  '"': String.raw`\"`,
};
// oxlint-disable-next-line no-control-regex -- these are the characters that have an escape
const TO_QUOTE = /[\u0007\b\f\n\r\t\v\\"]/g;

const quote: Implementation = ([text]) =>
  `"${(text as string).toWellFormed().replace(TO_QUOTE, (c) => QUOTED[c] ?? c)}"`;

const S = STRING;
const STRINGS = listType(STRING);

export const stringLibrary: readonly FunctionDecl[] = [
  fn('charAt', member('string_char_at_int', [S, INT], S, charAt)),
  fn(
    'indexOf',
    member('string_index_of_string', [S, S], INT, indexOf),
    member('string_index_of_string_int', [S, S, INT], INT, indexOf),
  ),
  fn(
    'lastIndexOf',
    member('string_last_index_of_string', [S, S], INT, lastIndexOf),
    member('string_last_index_of_string_int', [S, S, INT], INT, lastIndexOf),
  ),
  fn('lowerAscii', member('string_lower_ascii', [S], S, lowerAscii)),
  fn(
    'replace',
    member('string_replace_string_string', [S, S, S], S, replace),
    member('string_replace_string_string_int', [S, S, S, INT], S, replace),
  ),
  fn(
    'split',
    member('string_split_string', [S, S], STRINGS, split),
    member('string_split_string_int', [S, S, INT], STRINGS, split),
  ),
  fn(
    'substring',
    member('string_substring_int', [S, INT], S, substring),
    member('string_substring_int_int', [S, INT, INT], S, substring),
  ),
  fn('trim', member('string_trim', [S], S, trim)),
  fn('upperAscii', member('string_upper_ascii', [S], S, upperAscii)),
  fn(
    'format',
    member('string_format', [S, listType(DYN)], S, ([t, args], meter) => formatText(t as string, args as List, meter)),
  ),
  fn('strings.quote', overload('strings_quote', [S], S, quote)),
  fn('join', member('list_join', [STRINGS], S, join), member('list_join_string', [STRINGS, S], S, join)),
];
