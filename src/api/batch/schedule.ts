/**
 * Schedules of cron jobs: five fields, names of months and days, `@hourly` and its like, `@every 1h`.
 * Texts and bounds: github.com/robfig/cron v3 (parser.go, ParseStandard), which upstream uses.
 */
import { parseDurationMs } from '../time.ts';

export class ScheduleError extends Error {}

/** Values a field allows; `any` when it was a star, which matters for days. */
export interface ScheduleField {
  readonly values: ReadonlySet<number>;
  readonly any: boolean;
}

export type Schedule =
  | {
      readonly type: 'fields';
      readonly minute: ScheduleField;
      readonly hour: ScheduleField;
      readonly dayOfMonth: ScheduleField;
      readonly month: ScheduleField;
      readonly dayOfWeek: ScheduleField;
    }
  | { readonly type: 'every'; readonly everyMs: number };

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const MINUTES: Bounds = { min: 0, max: 59 };
const HOURS: Bounds = { min: 0, max: 23 };
const DAYS: Bounds = { min: 1, max: 31 };
const MONTHS: Bounds = {
  min: 1,
  max: 12,
  names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
};
const WEEKDAYS: Bounds = { min: 0, max: 6, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] };

const DESCRIPTORS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const EVERY = '@every ';
const FIELDS = 5;

/** Source of the rules of names: https://data.iana.org/time-zones/theory.html#naming; of the texts: time.LoadLocation of Go. */
export function isTimeZone(name: string): boolean {
  try {
    Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function checkLocation(name: string): void {
  if (name === '' || name === 'UTC' || name === 'Local') return;
  const bad = `provided bad location ${name}`;
  if (/^[/\\]|(^|[/\\])\.\.([/\\]|$)/.test(name)) throw new ScheduleError(`${bad}: time: invalid location name`);
  if (!isTimeZone(name)) throw new ScheduleError(`${bad}: unknown time zone ${name}`);
}

/** Throws ScheduleError. A leading `TZ=` or `CRON_TZ=` has to name a zone and is passed over then: cron jobs name theirs elsewhere. */
export function parseSchedule(text: string): Schedule {
  if (text === '') throw new ScheduleError('empty spec string');
  const zone = /^(?:CRON_)?TZ=(\S*) ?/.exec(text);
  if (zone !== null) checkLocation(zone[1]!);
  const spec = text.slice(zone?.[0].length ?? 0).trim();
  if (spec.startsWith('@')) return parseDescriptor(spec);
  const fields = spec.split(/\s+/).filter((field) => field !== '');
  if (fields.length !== FIELDS) {
    throw new ScheduleError(`expected exactly ${FIELDS} fields, found ${fields.length}: [${fields.join(' ')}]`);
  }
  const [minute, hour, dayOfMonth, month, dayOfWeek] = fields as [string, string, string, string, string];
  return {
    type: 'fields',
    minute: parseField(minute, MINUTES),
    hour: parseField(hour, HOURS),
    dayOfMonth: parseField(dayOfMonth, DAYS),
    month: parseField(month, MONTHS),
    dayOfWeek: parseField(dayOfWeek, WEEKDAYS),
  };
}

function parseDescriptor(spec: string): Schedule {
  const fields = Object.hasOwn(DESCRIPTORS, spec) ? DESCRIPTORS[spec] : undefined;
  if (fields !== undefined) return parseSchedule(fields);
  if (!spec.startsWith(EVERY)) throw new ScheduleError(`unrecognized descriptor: ${spec}`);
  try {
    // Whole seconds, one at least (cron.Every).
    const seconds = Math.floor(parseDurationMs(spec.slice(EVERY.length)) / 1000);
    return { type: 'every', everyMs: Math.max(seconds, 1) * 1000 };
  } catch (error) {
    throw new ScheduleError(
      `failed to parse duration ${spec}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function parseField(text: string, bounds: Bounds): ScheduleField {
  const values = new Set<number>();
  let any = false;
  for (const part of text.split(',').filter((p) => p !== '')) {
    const range = parseRange(part, bounds);
    for (let value = range.start; value <= range.end; value += range.step) values.add(value);
    any ||= range.any;
  }
  return { values, any };
}

/** `*`, `5`, `1-5`, each with or without a step: `*`/15, 10/5 (from 10 to the end). */
function parseRange(text: string, bounds: Bounds): { start: number; end: number; step: number; any: boolean } {
  const [range = '', stepText, ...moreSteps] = text.split('/');
  const [low = '', high, ...moreHyphens] = range.split('-');
  let [start, end, step, any] = [bounds.min, bounds.max, 1, false];
  if (low === '*' || low === '?') any = true;
  else {
    start = parseValue(low, bounds);
    if (moreHyphens.length > 0) throw new ScheduleError(`too many hyphens: ${text}`);
    end = high === undefined ? start : parseValue(high, bounds);
  }
  if (moreSteps.length > 0) throw new ScheduleError(`too many slashes: ${text}`);
  if (stepText !== undefined) {
    step = parseNumber(stepText);
    if (high === undefined && !any) end = bounds.max;
    if (step > 1) any = false;
  }
  if (start < bounds.min)
    throw new ScheduleError(`beginning of range (${start}) below minimum (${bounds.min}): ${text}`);
  if (end > bounds.max) throw new ScheduleError(`end of range (${end}) above maximum (${bounds.max}): ${text}`);
  if (start > end) throw new ScheduleError(`beginning of range (${start}) beyond end of range (${end}): ${text}`);
  if (step === 0) throw new ScheduleError(`step of range should be a positive number: ${text}`);
  return { start, end, step, any };
}

function parseValue(text: string, { names = [], min }: Bounds): number {
  const at = names.indexOf(text.toLowerCase());
  return at >= 0 ? at + min : parseNumber(text);
}

const MAX_INT64 = 9223372036854775807n;

function parseNumber(text: string): number {
  const why = /^[-+]?\d+$/.test(text)
    ? BigInt(text) > MAX_INT64
      ? 'value out of range'
      : undefined
    : 'invalid syntax';
  if (why !== undefined) {
    throw new ScheduleError(`failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: ${why}`);
  }
  const value = Number(text);
  if (value < 0) throw new ScheduleError(`negative number (${value}) not allowed: ${text}`);
  return value;
}
