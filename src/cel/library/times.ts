/** Parts of timestamps and durations. Source: cel-go common/stdlib/standard.go, common/types/duration.go v0.26; apiserver environment/base.go: UTC. */
import { fn, type FunctionDecl, type Implementation, member } from '../check/declarations.ts';
import { DURATION, INT, STRING, TIMESTAMP } from '../check/types.ts';
import { CelError, type Duration, intOf, type Timestamp } from '../values/value.ts';

const DAY_MS = 86_400_000;

/** A moment as UTC would show it where the clock says so. */
type Part = (date: Date, nanos: number) => number;

const PARTS: readonly (readonly [fn: string, id: string, withZone: string, part: Part])[] = [
  ['getFullYear', 'year', 'year_with_tz', (date) => date.getUTCFullYear()],
  ['getMonth', 'month', 'month_with_tz', (date) => date.getUTCMonth()],
  ['getDayOfYear', 'day_of_year', 'day_of_year_with_tz', dayOfYear],
  ['getDayOfMonth', 'day_of_month', 'day_of_month_with_tz', (date) => date.getUTCDate() - 1],
  ['getDate', 'day_of_month_1_based', 'day_of_month_1_based_with_tz', (date) => date.getUTCDate()],
  ['getDayOfWeek', 'day_of_week', 'day_of_week_with_tz', (date) => date.getUTCDay()],
  ['getHours', 'hours', 'hours_with_tz', (date) => date.getUTCHours()],
  ['getMinutes', 'minutes', 'minutes_with_tz', (date) => date.getUTCMinutes()],
  ['getSeconds', 'seconds', 'seconds_tz', (date) => date.getUTCSeconds()],
  ['getMilliseconds', 'milliseconds', 'milliseconds_with_tz', (_, nanos) => Math.floor(nanos / 1e6)],
];

function dayOfYear(date: Date): number {
  const start = new Date(date);
  start.setUTCMonth(0, 1);
  return Math.round((date.getTime() - start.getTime()) / DAY_MS);
}

/** What durations count whole units of. */
const UNITS: Readonly<Record<string, bigint>> = {
  hours: 3_600_000_000_000n,
  minutes: 60_000_000_000n,
  seconds: 1_000_000_000n,
  milliseconds: 1_000_000n,
};

/** Seconds east of UTC, or the error of Go for what is no zone. */
function offsetOf(zone: string, seconds: number): number | CelError {
  const colon = zone.indexOf(':');
  if (colon < 0) return offsetOfName(zone, seconds);
  const parts = [zone.slice(0, colon), zone.slice(colon + 1)];
  for (const part of parts) {
    if (!/^[+-]?\d{1,6}$/.test(part))
      return new CelError(`strconv.Atoi: parsing ${JSON.stringify(part)}: invalid syntax`);
  }
  const [hours, minutes] = parts.map(Number) as [number, number];
  return (hours * 60 + (zone.startsWith('-') ? -minutes : minutes)) * 60;
}

const formats = new Map<string, Intl.DateTimeFormat>();
const MAX_FORMATS = 100;

function formatOf(zone: string): Intl.DateTimeFormat | undefined {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  try {
    const options = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const;
    const format = new Intl.DateTimeFormat('en-US', {
      ...options,
      second: 'numeric',
      era: 'short',
      hourCycle: 'h23',
      timeZone: zone,
    });
    if (formats.size >= MAX_FORMATS) formats.clear();
    formats.set(zone, format);
    return format;
  } catch {
    return undefined; // RangeError: nobody knows such a zone
  }
}

function offsetOfName(zone: string, seconds: number): number | CelError {
  if (zone === '' || zone === 'UTC') return 0;
  const format = /^[A-Za-z]/.test(zone) ? formatOf(zone) : undefined;
  if (format === undefined) return new CelError(`unknown time zone ${zone}`);
  const shown = Object.fromEntries(format.formatToParts(seconds * 1000).map(({ type, value }) => [type, value]));
  const year = Number(shown.year);
  const local = new Date(0);
  local.setUTCFullYear(shown.era === 'BC' ? 1 - year : year, Number(shown.month) - 1, Number(shown.day));
  local.setUTCHours(Number(shown.hour), Number(shown.minute), Number(shown.second));
  return local.getTime() / 1000 - seconds;
}

const ofTimestamp =
  (part: Part): Implementation =>
  ([value, zone = '']) => {
    const { seconds, nanos } = value as Timestamp;
    const offset = offsetOf(zone as string, seconds);
    return offset instanceof CelError ? offset : part(new Date((seconds + offset) * 1000), nanos);
  };

const ofDuration =
  (unit: bigint): Implementation =>
  ([value]) =>
    intOf((value as Duration).nanos / unit);

export const timeFunctions: readonly FunctionDecl[] = PARTS.map(([name, id, withZone, part]) => {
  const run = ofTimestamp(part);
  const unit = UNITS[id];
  return fn(
    name,
    member(`timestamp_to_${id}`, [TIMESTAMP], INT, run),
    member(`timestamp_to_${withZone}`, [TIMESTAMP, STRING], INT, run),
    ...(unit === undefined ? [] : [member(`duration_to_${id}`, [DURATION], INT, ofDuration(unit))]),
  );
});
