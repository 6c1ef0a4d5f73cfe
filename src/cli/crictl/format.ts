/** How crictl writes ids, ages, sizes, times and tables (cri-tools cmd/crictl/display.go and util.go, docker/go-units). */
import { millisFromNanos } from '#cri';

const TRUNCATED_ID_LENGTH = 13;
/** A column is this wide at least, with three spaces behind the longest cell. */
const COLUMN_WIDTH = 20;
const COLUMN_PADDING = 3;

export function truncatedId(id: string): string {
  return id.replace(/^sha\d+:/, '').slice(0, TRUNCATED_ID_LENGTH);
}

export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [i, cell] of row.entries())
      widths[i] = Math.max(widths[i] ?? COLUMN_WIDTH, cell.length + COLUMN_PADDING);
  return rows
    .map((row) => `${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('')}\n`)
    .join('');
}

/** go-units HumanDuration. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  const minutes = Math.trunc(seconds / 60);
  const hours = Math.trunc(ms / 3_600_000 + 0.5);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(ms / 3_600_000 / 24 / 365)} years`;
}

/** How long ago a time of the CRI was. */
export function ago(nanos: string, nowMs: number): string {
  return `${humanDuration(nowMs - (millisFromNanos(nanos) ?? 0))} ago`;
}

const SIZE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** go-units HumanSizeWithPrecision: decimal units, this many digits that count. */
export function humanSize(bytes: number, digits = 4): string {
  let size = bytes;
  let unit = 0;
  for (; size >= 1000 && unit < SIZE_UNITS.length - 1; unit++) size /= 1000;
  return `${Number(size.toPrecision(digits))}${SIZE_UNITS[unit]}`;
}

/** Go's RFC3339Nano of a time of the CRI, in the machine's time zone. 0 is Go's zero time, if it stands for none. */
export function rfc3339Nano(nanos: string): string {
  const { text, fraction, offset } = localTime(nanos);
  return `${text.replace(' ', 'T')}${fraction}${offset === 0 ? 'Z' : zone(offset, ':')}`;
}

/** Go's Time.String of a time of the CRI. The zone has no name here but its offset. */
export function goTime(nanos: string): string {
  const { text, fraction, offset } = localTime(nanos);
  return `${text}${fraction} ${zone(offset, '')} ${offset === 0 ? 'UTC' : zone(offset, '').slice(0, 3)}`;
}

/** Go's time.Time{}: no time at all. */
export const ZERO_TIME = '0001-01-01T00:00:00Z';

function localTime(nanos: string): { text: string; fraction: string; offset: number } {
  const time = BigInt(nanos);
  const date = new Date(Number(time / 1_000_000n));
  const offset = -date.getTimezoneOffset();
  const text = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, 19).replace('T', ' ');
  const digits = String(time % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return { text, fraction: digits === '' ? '' : `.${digits}`, offset };
}

function zone(offsetMinutes: number, separator: string): string {
  const minutes = Math.abs(offsetMinutes);
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${offsetMinutes < 0 ? '-' : '+'}${two(Math.trunc(minutes / 60))}${separator}${two(minutes % 60)}`;
}

/** Labels or annotations as the verbose lists have them. */
export function labelLines(title: string, labels: Readonly<Record<string, string>>): string {
  const keys = Object.keys(labels).toSorted();
  if (keys.length === 0) return '';
  return `${title}:\n${keys.map((key) => `\t${key} -> ${labels[key]}\n`).join('')}`;
}

/** Go's `%v` of a map of texts. */
export function goMap(map: Readonly<Record<string, string>>): string {
  return `map[${Object.keys(map)
    .toSorted()
    .map((key) => `${key}:${map[key]}`)
    .join(' ')}]`;
}
