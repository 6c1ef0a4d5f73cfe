/** Values in words: numbers as Go prints them, texts that errors quote. */
import {
  type CelError,
  Double,
  Duration,
  List,
  MapValue,
  Opaque,
  Optional,
  Timestamp,
  Uint,
  type Value,
} from './value.ts';
import { Type } from '../check/types.ts';

/** A double as `%g` prints it: digits enough to read it back, an exponent from 1e6 on. */
export function formatDouble(n: number): string {
  if (Number.isNaN(n)) return 'NaN';
  if (!Number.isFinite(n)) return n > 0 ? '+Inf' : '-Inf';
  if (n === 0) return Object.is(n, -0) ? '-0' : '0';
  const [mantissa, exponent] = n.toExponential().split('e') as [string, string];
  const power = Number(exponent);
  return power < -4 || power >= 6 ? scientific(mantissa, power) : n.toString();
}

const scientific = (mantissa: string, power: number): string =>
  `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;

const pad = (n: number, width = 2): string => String(n).padStart(width, '0');

/** RFC 3339 with as many digits of fraction as there are, at the offset it was written with. */
export function formatTimestamp({ seconds, nanos, offset }: Timestamp): string {
  const iso = new Date((seconds + offset) * 1000).toISOString().slice(0, 19).replace(/^\+00/, '');
  const fraction = nanos === 0 ? '' : `.${pad(nanos, 9).replace(/0+$/, '')}`;
  if (offset === 0) return `${iso}${fraction}Z`;
  const minutes = Math.floor(Math.abs(offset) / 60);
  return `${iso}${fraction}${offset < 0 ? '-' : '+'}${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
}

/** Seconds with their fraction: `3723.004s`. */
export function formatDuration({ nanos }: Duration): string {
  const magnitude = nanos < 0n ? -nanos : nanos;
  const fraction = magnitude % 1_000_000_000n;
  const shown = fraction === 0n ? '' : `.${String(fraction).padStart(9, '0').replace(/0+$/, '')}`;
  return `${nanos < 0n ? '-' : ''}${magnitude / 1_000_000_000n}${shown}s`;
}

const MAX_SHOWN = 100;

/** As `%v` prints it in errors; long ones are cut. */
export function display(value: Value): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return value;
  if (typeof value !== 'object') return String(value);
  if (value instanceof Double) return formatDouble(value.value);
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Timestamp) return formatTimestamp(value);
  if (value instanceof Duration) return formatDuration(value);
  if (value instanceof Type) return value.name;
  if (value instanceof Opaque) return value.toString();
  if (value instanceof Optional)
    return value.value === undefined ? 'optional.none()' : `optional(${display(value.value)})`;
  if (value instanceof Uint8Array) return `[${value.slice(0, MAX_SHOWN).join(' ')}]`;
  if (value instanceof List) return `list of ${value.size}`;
  return value instanceof MapValue ? `map of ${value.size}` : (value satisfies CelError).message;
}
