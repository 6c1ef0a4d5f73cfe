/**
 * Times and durations as the API writes them: meta/v1 Time (RFC 3339, seconds), MicroTime (six digits), Go durations, and kubectl's ages.
 * Source: apimachinery pkg/apis/meta/v1 time.go, micro_time.go, pkg/util/duration v0.36; Go's time.Parse and time.ParseDuration.
 */

/** Milliseconds since the epoch → `2006-01-02T15:04:05Z`. */
export function formatTime(ms: number): string {
  const second = Math.floor(ms / 1000);
  // Nearly all are of the present second.
  if (second === lastSecond) return lastTime;
  lastTime = `${new Date(ms).toISOString().slice(0, -5)}Z`;
  lastSecond = second;
  return lastTime;
}

let lastSecond = NaN;
let lastTime = '';

/** Milliseconds since the epoch, and microseconds beyond them if known, → `2006-01-02T15:04:05.000000Z`. */
export function formatMicroTime(ms: number, micros = 0): string {
  const iso = new Date(ms).toISOString();
  return `${iso.slice(0, -1)}${String(Math.floor(micros) % 1000).padStart(3, '0')}Z`;
}

/** A moment: seconds since the epoch and nanoseconds within the second. */
export interface Instant {
  readonly seconds: number;
  readonly nanos: number;
}

const RFC3339 = '2006-01-02T15:04:05Z07:00';
const RFC3339_MICRO = '2006-01-02T15:04:05.000000Z07:00';

/** Layout elements in order: what stands before the number, its name in Go's layout, its digits, its range, and the word Go uses for it. */
const ELEMENTS = [
  ['', '2006', 4, 0, 9999, 'year'],
  ['-', '01', 2, 1, 12, 'month'],
  ['-', '02', 2, 1, 31, 'day'],
  ['T', '15', 2, 0, 23, 'hour'],
  [':', '04', 2, 0, 59, 'minute'],
  [':', '05', 2, 0, 59, 'second'],
] as const;

/** Reads a Time. Throws an Error with the text of Go's time.ParseError. */
export const parseTime = (text: string): Instant => parseRfc3339(text, RFC3339);

/** Reads a MicroTime, which must have exactly six digits of fraction. Throws an Error with the text of Go's time.ParseError. */
export const parseMicroTime = (text: string): Instant => parseRfc3339(text, RFC3339_MICRO);

/** Milliseconds since the epoch of a Time or MicroTime that was read before; NaN when it is none. */
export const timeMs = (text: string): number => Date.parse(text);

function parseRfc3339(text: string, layout: string): Instant {
  const wrong = (why: string): Error => new Error(`parsing time ${JSON.stringify(text)}${why}`);
  const cannot = (rest: string, element: string): Error =>
    wrong(` as ${JSON.stringify(layout)}: cannot parse ${JSON.stringify(rest)} as ${JSON.stringify(element)}`);
  let rest = text;
  const numbers: number[] = [];
  let outOfRange: string | undefined;
  for (const [before, element, digits, min, max, word] of ELEMENTS) {
    if (!rest.startsWith(before)) throw cannot(rest, before);
    rest = rest.slice(before.length);
    const number = rest.slice(0, digits);
    if (number.length < digits || !/^\d+$/.test(number)) throw cannot(rest, element);
    const value = Number(number);
    if (value < min || value > max) outOfRange ??= word;
    numbers.push(value);
    rest = rest.slice(digits);
  }
  const fraction = /^[.,](\d+)/.exec(rest);
  if (layout === RFC3339_MICRO && (fraction === null || fraction[1]!.length < 6)) throw cannot(rest, '.000000');
  const fractionDigits = fraction === null ? '' : layout === RFC3339_MICRO ? fraction[1]!.slice(0, 6) : fraction[1]!;
  if (fraction !== null) rest = rest.slice(1 + fractionDigits.length);
  const zone = /^(?:Z|([+-])(\d\d):(\d\d))/.exec(rest);
  if (zone === null) throw cannot(rest, 'Z07:00');
  rest = rest.slice(zone[0].length);
  if (rest !== '') throw wrong(`: extra text: ${JSON.stringify(rest)}`);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = numbers;
  if (outOfRange === undefined && day > daysIn(year, month)) outOfRange = 'day';
  if (outOfRange !== undefined) throw wrong(`: ${outOfRange} out of range`);
  const offset = (Number(zone[2] ?? 0) * 60 + Number(zone[3] ?? 0)) * (zone[1] === '-' ? -60 : 60);
  const utc = new Date(0);
  utc.setUTCFullYear(year, month - 1, day);
  utc.setUTCHours(hour, minute, second);
  return { seconds: utc.getTime() / 1000 - offset, nanos: Number(fractionDigits.slice(0, 9).padEnd(9, '0')) };
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Seconds of Go's zero time, 0001-01-01T00:00:00Z, which JSON writes as null. */
export const ZERO_TIME_SECONDS = -62135596800;

/** Go writes what lies outside years 0 to 9999 as an error; the wire cannot carry it. */
const inYears = (seconds: number): boolean => seconds >= -62167219200 && seconds <= 253402300799;

/** The text of a Time; undefined for Go's zero time and for what no text can say. */
export function timeText({ seconds }: Instant): string | undefined {
  return seconds === ZERO_TIME_SECONDS || !inYears(seconds) ? undefined : formatTime(seconds * 1000);
}

/** The text of a MicroTime; undefined for Go's zero time and for what no text can say. */
export function microTimeText({ seconds, nanos }: Instant): string | undefined {
  if ((seconds === ZERO_TIME_SECONDS && nanos === 0) || !inYears(seconds)) return undefined;
  return `${formatTime(seconds * 1000).slice(0, -1)}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`;
}

/** Text of a Time → as the server writes it: UTC, whole seconds; undefined for the zero time. Throws as {@link parseTime}. */
export function canonicalTime(text: string): string | undefined {
  return isPlainTime(text) ? text : timeText(parseTime(text));
}

const PLAIN = 'dddd-dd-ddTdd:dd:ddZ';

/** Whether a text surely is a time as the server writes it; days above 28 and early years are left to the full reading. */
function isPlainTime(text: string): boolean {
  if (text.length !== PLAIN.length) return false;
  for (let i = 0; i < PLAIN.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (PLAIN[i] === 'd' ? digit < 0 || digit > 9 : text[i] !== PLAIN[i]) return false;
  }
  const two = (at: number): number => (text.charCodeAt(at) - 48) * 10 + text.charCodeAt(at + 1) - 48;
  const month = two(5);
  const day = two(8);
  return two(0) > 0 && month > 0 && month < 13 && day > 0 && day < 29 && two(11) < 24 && two(14) < 60 && two(17) < 60;
}

/** Text of a MicroTime → as the server writes it: UTC, six digits; undefined for the zero time. */
export const canonicalMicroTime = (text: string): string | undefined => microTimeText(parseMicroTime(text));

const UNIT_NANOS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const MAX_NANOS = 2n ** 63n - 1n;

/** Go's time.ParseDuration: `1h30m`, `-1.5s`. Nanoseconds. Throws an Error with Go's text. */
export function parseDuration(text: string): bigint {
  const wrong = (why: string, end = ''): Error => new Error(`time: ${why} duration ${JSON.stringify(text)}${end}`);
  const negative = text.startsWith('-');
  let rest = /^[+-]/.test(text) ? text.slice(1) : text;
  if (rest === '0') return 0n;
  if (rest === '') throw wrong('invalid');
  let total = 0n;
  while (rest !== '') {
    const number = /^(\d*)(?:\.(\d*))?/.exec(rest)!;
    const [whole, fraction = ''] = [number[1]!, number[2]];
    if (whole === '' && fraction === '') throw wrong('invalid');
    rest = rest.slice(number[0].length);
    const unit = /^[^.\d]*/.exec(rest)![0];
    if (unit === '') throw wrong('missing unit in');
    const nanos = UNIT_NANOS[unit];
    if (nanos === undefined || !Object.hasOwn(UNIT_NANOS, unit)) throw wrong(`unknown unit ${JSON.stringify(unit)} in`);
    rest = rest.slice(unit.length);
    if (whole.length > 20) throw wrong('invalid');
    const kept = fraction.slice(0, 18);
    total += BigInt(whole || '0') * nanos + (BigInt(kept || '0') * nanos) / 10n ** BigInt(kept.length);
    if (total > MAX_NANOS + (negative ? 1n : 0n)) throw wrong('invalid');
  }
  return negative ? -total : total;
}

/** Go's Duration.String: `1h0m0s`, `1.5s`, `100ms`, `0s`. */
export function formatDuration(nanos: bigint): string {
  if (nanos === 0n) return '0s';
  const sign = nanos < 0n ? '-' : '';
  const abs = nanos < 0n ? -nanos : nanos;
  if (abs < 1_000n) return `${sign}${abs}ns`;
  if (abs < 1_000_000n) return `${sign}${decimal(abs, 1_000n)}µs`;
  if (abs < 1_000_000_000n) return `${sign}${decimal(abs, 1_000_000n)}ms`;
  const hours = abs / UNIT_NANOS['h']!;
  const minutes = (abs / UNIT_NANOS['m']!) % 60n;
  const head = hours > 0n ? `${hours}h${minutes}m` : minutes > 0n ? `${minutes}m` : '';
  return `${sign}${head}${decimal(abs % UNIT_NANOS['m']!, 1_000_000_000n)}s`;
}

/** `value / unit` without trailing zeros; `unit` is a power of ten. */
function decimal(value: bigint, unit: bigint): string {
  const fraction = String(value % unit)
    .padStart(String(unit).length - 1, '0')
    .replace(/0+$/, '');
  return fraction === '' ? String(value / unit) : `${value / unit}.${fraction}`;
}

/** {@link parseDuration} in milliseconds, fractions included. */
export const parseDurationMs = (text: string): number => Number(parseDuration(text)) / 1e6;

/** {@link formatDuration} of milliseconds. */
export const formatDurationMs = (ms: number): string => formatDuration(BigInt(Math.round(ms * 1e6)));

/** Two or three significant figures for a person: `45s`, `3m20s`, `5h12m`, `2d3h`. Source: duration.HumanDuration. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  const both = (big: number, unit: string, small: number, smallUnit: string): string =>
    small === 0 ? `${big}${unit}` : `${big}${unit}${small}${smallUnit}`;
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes < 10) return both(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.trunc(minutes / 60);
  if (hours < 8) return both(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.trunc(hours / 24);
  if (hours < 24 * 8) return both(days, 'd', hours % 24, 'h');
  if (days < 365 * 2) return `${days}d`;
  const years = Math.trunc(days / 365);
  return years < 8 ? both(years, 'y', days % 365, 'd') : `${years}y`;
}
