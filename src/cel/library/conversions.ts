/** `int(x)`, `string(x)` and the like. Source: cel-go common/types ConvertToType of each type v0.26. */
import { parseDuration, parseTime } from '#api';
import { fn, type FunctionDecl, overload, type Overload } from '../check/declarations.ts';
import { BOOL, BYTES, DOUBLE, DURATION, INT, STRING, TIMESTAMP, type Type, UINT } from '../check/types.ts';
import { formatDouble, formatDuration, formatTimestamp } from '../values/display.ts';
import {
  CelError,
  Double,
  type Duration,
  Duration as DurationValue,
  INT_OVERFLOW,
  intOf,
  type Timestamp,
  timestampOf,
  Uint,
  UINT_OVERFLOW,
  uintOf,
  type Value,
} from '../values/value.ts';

const conversionError = (from: Type, to: Type): CelError =>
  new CelError(`type conversion error from '${from.name}' to '${to.name}'`);

/** A conversion of one type; undefined: this value has none. */
const convert = (id: string, from: Type, to: Type, run: (value: never) => Value | undefined): Overload =>
  overload(id, [from], to, ([value]) => run(value as never) ?? conversionError(from, to));

const same = (id: string, type: Type): Overload => convert(id, type, type, (value) => value);

const TWO_63 = 2 ** 63;
const doubleToInt = ({ value }: Double): Value =>
  Number.isFinite(value) && value > -TWO_63 && value < TWO_63 ? intOf(BigInt(Math.trunc(value))) : INT_OVERFLOW;
const doubleToUint = ({ value }: Double): Value =>
  Number.isFinite(value) && value >= 0 && value < TWO_63 * 2 ? uintOf(BigInt(Math.trunc(value))) : UINT_OVERFLOW;

/** A whole number in decimal digits, of a length that is worth reading. */
function integer(text: string, pattern: RegExp): bigint | undefined {
  return text.length <= 1000 && pattern.test(text) ? BigInt(text.replace(/^\+/, '')) : undefined;
}

/** An integer beyond the type is not read at all, rather than an overflow. */
const unlessError = (value: Value): Value | undefined => (value instanceof CelError ? undefined : value);

function stringToInt(text: string): Value | undefined {
  const n = integer(text, /^[+-]?\d+$/);
  return n === undefined ? undefined : unlessError(intOf(n));
}

function stringToUint(text: string): Value | undefined {
  const n = integer(text, /^\d+$/);
  return n === undefined ? undefined : unlessError(uintOf(n));
}

const SPECIAL: Readonly<Record<string, number>> = { inf: Infinity, infinity: Infinity, nan: NaN };

function stringToDouble(text: string): Value | undefined {
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) {
    const n = Number(text);
    return Number.isFinite(n) ? new Double(n) : undefined;
  }
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (special === null) return undefined;
  const n = SPECIAL[special[2]!.toLowerCase()]!;
  return new Double(special[1] === '-' ? -n : n);
}

/** Source: Go strconv.ParseBool. */
function stringToBool(text: string): Value | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  return ['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text) ? false : undefined;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function bytesToString(bytes: Uint8Array): Value {
  try {
    return utf8.decode(bytes);
  } catch {
    return new CelError('invalid UTF-8 in bytes, cannot convert to string');
  }
}

function stringToDuration(text: string): Value | undefined {
  try {
    return new DurationValue(parseDuration(text));
  } catch {
    return undefined; // no duration: the caller has the words
  }
}

/** A time of RFC 3339 with the offset it has; undefined: it is none. */
export function readTimestamp(text: string): Value | undefined {
  try {
    const { seconds, nanos } = parseTime(text);
    const zone = /([+-])(\d\d):(\d\d)$/.exec(text);
    const offset = zone === null ? 0 : (Number(zone[2]) * 60 + Number(zone[3])) * (zone[1] === '-' ? -60 : 60);
    return timestampOf(seconds, nanos, offset + 0);
  } catch {
    return undefined; // no time: the caller has the words
  }
}

export const conversions: readonly FunctionDecl[] = [
  fn('bool', same('bool_to_bool', BOOL), convert('string_to_bool', STRING, BOOL, stringToBool)),
  fn(
    'bytes',
    same('bytes_to_bytes', BYTES),
    convert('string_to_bytes', STRING, BYTES, (text: string) => Buffer.from(text)),
  ),
  fn(
    'double',
    same('double_to_double', DOUBLE),
    convert('int64_to_double', INT, DOUBLE, (n: number | bigint) => new Double(Number(n))),
    convert('string_to_double', STRING, DOUBLE, stringToDouble),
    convert('uint64_to_double', UINT, DOUBLE, ({ value }: Uint) => new Double(Number(value))),
  ),
  fn(
    'duration',
    same('duration_to_duration', DURATION),
    convert('int64_to_duration', INT, DURATION, () => undefined),
    convert('string_to_duration', STRING, DURATION, stringToDuration),
  ),
  fn(
    'int',
    same('int64_to_int64', INT),
    convert('double_to_int64', DOUBLE, INT, doubleToInt),
    convert('duration_to_int64', DURATION, INT, ({ nanos }: Duration) => intOf(nanos)),
    convert('string_to_int64', STRING, INT, stringToInt),
    convert('timestamp_to_int64', TIMESTAMP, INT, ({ seconds }: Timestamp) => seconds),
    convert('uint64_to_int64', UINT, INT, ({ value }: Uint) => intOf(value)),
  ),
  fn(
    'string',
    same('string_to_string', STRING),
    convert('bool_to_string', BOOL, STRING, (value: boolean) => String(value)),
    convert('bytes_to_string', BYTES, STRING, bytesToString),
    convert('double_to_string', DOUBLE, STRING, ({ value }: Double) => formatDouble(value)),
    convert('duration_to_string', DURATION, STRING, formatDuration),
    convert('int64_to_string', INT, STRING, (n: number | bigint) => String(n)),
    convert('timestamp_to_string', TIMESTAMP, STRING, formatTimestamp),
    convert('uint64_to_string', UINT, STRING, ({ value }: Uint) => String(value)),
  ),
  fn(
    'timestamp',
    same('timestamp_to_timestamp', TIMESTAMP),
    convert('int64_to_timestamp', INT, TIMESTAMP, (n: number | bigint) => timestampOf(Number(n), 0)),
    convert('string_to_timestamp', STRING, TIMESTAMP, readTimestamp),
  ),
  fn(
    'uint',
    same('uint64_to_uint64', UINT),
    convert('double_to_uint64', DOUBLE, UINT, doubleToUint),
    convert('int64_to_uint64', INT, UINT, (n: number | bigint) => uintOf(BigInt(n))),
    convert('string_to_uint64', STRING, UINT, stringToUint),
  ),
];
