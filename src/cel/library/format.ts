/** `'%s'.format([…])`. Source: cel-go ext/formatting.go v0.26, locale en_US. */
import { formatDouble, formatDuration, formatTimestamp } from '../values/display.ts';
import type { Meter } from '../values/meter.ts';
import {
  CelError,
  Double,
  Duration,
  isInt,
  List,
  MapValue,
  Timestamp,
  typeOf,
  Uint,
  type Value,
} from '../values/value.ts';
import { Type } from '../check/types.ts';
import { compareStrings } from '../values/compare.ts';

const DEFAULT_PRECISION = 6;
/** Go's own limit of a precision. */
const MAX_PRECISION = 1_000_000;
const DURING = 'error during formatting: ';
const CLAUSE = 'could not parse formatting clause: ';

export type Verb = 's' | 'd' | 'f' | 'e' | 'b' | 'x' | 'X' | 'o';
const VERBS = 'sdfebxXo';

/** Thrown within this file only: what is wrong with a format or one of its arguments. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
}

/** One `%` of a format. */
export interface Clause {
  readonly verb: Verb;
  readonly precision: number | undefined;
}

/** Texts of a format with its clauses between them. `has`: whether there is an argument of an index. Throws FormatError. */
export function parseFormat(
  format: string,
  has: (index: number) => boolean,
  clause: (clause: Clause, index: number) => string,
): string {
  let result = '';
  let arg = 0;
  for (let i = 0; i < format.length;) {
    const next = format.indexOf('%', i);
    if (next < 0) return result + format.slice(i);
    result += format.slice(i, next);
    if (format[next + 1] === '%') {
      result += '%';
      i = next + 2;
      continue;
    }
    if (!has(arg)) throw new FormatError(`index ${arg} out of range`);
    if (next + 1 >= format.length) throw new FormatError('unexpected end of string');
    const [parsed, length] = readClause(format.slice(next + 1));
    result += clause(parsed, arg++);
    i = next + 1 + length;
  }
  return result;
}

function readClause(text: string): readonly [Clause, number] {
  const precision = /^\.(\d*)/.exec(text);
  const at = precision?.[0].length ?? 0;
  if (precision !== null) {
    const reading = `${CLAUSE}error while parsing precision: `;
    if (at >= text.length) throw new FormatError(`${reading}could not find end of precision specifier`);
    if (precision[1] === '' || Number(precision[1]) > MAX_PRECISION) {
      const why = precision[1] === '' ? 'invalid syntax' : 'value out of range';
      const words = `error while converting precision to integer: strconv.Atoi: parsing "${precision[1]}": ${why}`;
      throw new FormatError(reading + words);
    }
  }
  const verb = text[at]!;
  if (!VERBS.includes(verb)) throw new FormatError(`${CLAUSE}unrecognized formatting clause "${verb}"`);
  const digits = precision === null ? undefined : Number(precision[1]);
  return [{ verb: verb as Verb, precision: digits }, at + 1];
}

export const VERB_WORDS: Readonly<Record<Verb, string>> = {
  s: 'string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
  d: 'decimal clause can only be used on integers',
  f: 'fixed-point clause can only be used on doubles',
  e: 'scientific clause can only be used on doubles',
  b: 'only integers and bools can be formatted as binary',
  x: 'only integers, byte buffers, and strings can be formatted as hex',
  X: 'only integers, byte buffers, and strings can be formatted as hex',
  o: 'octal clause can only be used on integers',
};

/** What a clause says of a type it does not take. */
const verbError = (verb: Verb, { name }: Type): FormatError =>
  new FormatError(`${DURING}${VERB_WORDS[verb]}, was given ${name}`);

export function formatText(format: string, args: List, meter: Meter): Value {
  try {
    return parseFormat(
      format,
      (index) => index < args.size,
      (clause, index) => {
        const text = formatted(clause, args.at(index), meter);
        meter.step(text.length);
        return text;
      },
    );
  } catch (error) {
    if (error instanceof FormatError) return new CelError(error.message);
    throw error;
  }
}

function formatted({ verb, precision = DEFAULT_PRECISION }: Clause, value: Value, meter: Meter): string {
  const refused = verbError(verb, typeOf(value));
  switch (verb) {
    case 's':
      return shown(value, meter, refused);
    case 'd':
      return decimal(value, refused);
    case 'f':
    case 'e':
      return fraction(verb, precision, value, meter, refused);
    case 'b':
      if (typeof value === 'boolean') return value ? '1' : '0';
      return inBase(value, 2, refused);
    case 'o':
      return inBase(value, 8, refused);
    case 'x':
      return hex(value, refused);
    case 'X':
      return hex(value, refused).toUpperCase();
  }
}

function decimal(value: Value, refused: FormatError): string {
  if (isInt(value)) return String(value);
  if (value instanceof Uint) return String(value.value);
  throw refused;
}

function inBase(value: Value, base: number, refused: FormatError): string {
  if (isInt(value)) return value.toString(base);
  if (value instanceof Uint) return value.value.toString(base);
  throw refused;
}

function hex(value: Value, refused: FormatError): string {
  if (typeof value === 'string') return Buffer.from(value).toString('hex');
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : inBase(value, 16, refused);
}

const NAMED: Readonly<Record<string, number>> = { NaN, Infinity, '-Infinity': -Infinity };

function fraction(verb: 'f' | 'e', precision: number, value: Value, meter: Meter, refused: FormatError): string {
  const n = value instanceof Double ? value.value : typeof value === 'string' ? NAMED[value] : undefined;
  if (n === undefined) throw refused;
  if (Number.isNaN(n)) return 'NaN';
  // golang.org/x/text prints these as signs.
  if (!Number.isFinite(n)) return n < 0 ? '-∞' : '∞';
  meter.step(precision);
  return verb === 'f' ? grouped(fixed(n, precision)) : scientific(n, precision);
}

/** Digits of a double beyond those toFixed knows are zeros enough for us: it is exact up to 100. */
function fixed(n: number, precision: number): string {
  if (Math.abs(n) < 1e21) return n.toFixed(Math.min(precision, 100)) + '0'.repeat(Math.max(0, precision - 100));
  return `${BigInt(n)}${precision === 0 ? '' : `.${'0'.repeat(precision)}`}`;
}

/** Thousands are kept apart by commas, as English does. */
function grouped(text: string): string {
  const [whole, rest] = text.split('.') as [string, string?];
  const separated = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return rest === undefined ? separated : `${separated}.${rest}`;
}

const SUPERSCRIPT = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** `1.052033×10⁰³`, as golang.org/x/text prints it. */
function scientific(n: number, precision: number): string {
  const exact = n.toExponential(Math.min(precision, 100));
  const [mantissa, exponent] = exact.split('e') as [string, string];
  const power = Math.abs(Number(exponent));
  const digits = String(power)
    .padStart(2, '0')
    .replace(/\d/g, (d) => SUPERSCRIPT[Number(d)]!);
  const zeros = '0'.repeat(Math.max(0, precision - 100));
  return `${mantissa}${zeros}×10${exponent.startsWith('-') ? '⁻' : ''}${digits}`;
}

/** `%s`. */
function shown(value: Value, meter: Meter, refused: FormatError): string {
  if (value === null) return 'null';
  if (value instanceof List) return listText(value, meter);
  if (value instanceof MapValue) return mapText(value, meter);
  const text = scalar(value);
  if (text === undefined) throw refused;
  return text;
}

/** The text string() gives; undefined: of such a value it gives none. */
function scalar(value: Value): string | undefined {
  if (typeof value !== 'object') return String(value);
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Double) return formatDouble(value.value);
  if (value instanceof Timestamp) return formatTimestamp(value);
  if (value instanceof Duration) return formatDuration(value);
  if (value instanceof Type) return value.name;
  if (!(value instanceof Uint8Array)) return undefined;
  const text = Buffer.from(value).toString();
  if (!Buffer.from(text).equals(value)) throw new FormatError(`${DURING}could not convert argument`);
  return text;
}

/** A value within a list or map: texts in quotes, doubles with six digits. */
function inner(value: Value, meter: Meter): string {
  if (typeof value === 'string') return goQuote(value);
  if (value instanceof Uint8Array) return `b${goQuote(scalar(value)!)}`;
  if (value instanceof Timestamp) return `timestamp("${formatTimestamp(value)}")`;
  if (value instanceof Duration) return `duration("${formatDuration(value)}")`;
  if (value instanceof Double) {
    const n = value.value;
    if (Number.isFinite(n)) return fixed(n, DEFAULT_PRECISION);
    return `"${Number.isNaN(n) ? 'NaN' : n > 0 ? '+Inf' : '-Inf'}"`;
  }
  const type = typeOf(value);
  return shown(value, meter, new FormatError(`${DURING}no formatting function for ${type.name}`));
}

/** As Go's %q for what prints, and escapes for the rest. */
const goQuote = (text: string): string => JSON.stringify(text);

function listText(list: List, meter: Meter): string {
  const parts: string[] = [];
  for (let i = 0; i < list.size; i++) {
    const part = inner(list.at(i), meter);
    meter.step(part.length);
    parts.push(part);
  }
  return `[${parts.join(', ')}]`;
}

function mapText(map: MapValue, meter: Meter): string {
  const parts: (readonly [string, string])[] = [];
  for (const key of map.keys()) {
    if (typeof key !== 'string' && typeof key !== 'boolean' && !isInt(key) && !(key instanceof Uint))
      throw new FormatError(`${DURING}no formatting function for map key of type ${typeOf(key).name}`);
    const value = inner(map.find(key)!, meter);
    meter.step(value.length);
    parts.push([inner(key, meter), value]);
  }
  const sorted = parts.toSorted(([a], [b]) => compareStrings(a, b));
  return `{${sorted.map(([key, value]) => `${key}:${value}`).join(', ')}}`;
}
