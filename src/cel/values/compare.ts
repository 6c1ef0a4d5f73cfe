/** Equality of any two values, and the order of those that have one. Source: cel-go common/types/{util,compare,int,uint,double}.go v0.26. */
import { Type } from '../check/types.ts';
import type { Meter } from './meter.ts';
import {
  CelError,
  Double,
  Duration,
  isInt,
  List,
  MapValue,
  NO_OVERLOAD,
  Opaque,
  Optional,
  Timestamp,
  Uint,
  type Value,
} from './value.ts';

/** True, false, or the error of a type that refuses the comparison. */
export function equal(a: Value, b: Value, meter: Meter): boolean | CelError {
  if (a === b) return true;
  if (a === null || b === null) return false;
  switch (typeof a) {
    case 'string':
    case 'boolean':
      return false;
    case 'number':
    case 'bigint':
      return (typeof b === 'object' && equalNumber(a, b)) || false;
    default:
      return equalObject(a, b, meter);
  }
}

/** `a` is an int; two ints that are equal are identical, which was seen before. */
function equalNumber(a: number | bigint, b: Value): boolean {
  if (b instanceof Double) return Number(a) === b.value;
  return b instanceof Uint && BigInt(a) === b.value;
}

function equalObject(
  a: Exclude<Value, null | boolean | string | number | bigint>,
  b: Value,
  meter: Meter,
): boolean | CelError {
  if (a instanceof CelError) return a;
  if (a instanceof List) return equalLists(a, b, meter);
  if (a instanceof MapValue) return equalMaps(a, b, meter);
  if (a instanceof Double) return equalDouble(a.value, b);
  if (a instanceof Uint) return equalUint(a.value, b);
  if (a instanceof Opaque) return a.equals(b);
  if (a instanceof Duration) return b instanceof Duration && a.nanos === b.nanos;
  if (a instanceof Timestamp) return b instanceof Timestamp && a.seconds === b.seconds && a.nanos === b.nanos;
  if (a instanceof Type) return b instanceof Type && a.name === b.name;
  if (a instanceof Optional) return b instanceof Optional && equalOptionals(a, b, meter);
  return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
}

function equalOptionals(a: Optional, b: Optional, meter: Meter): boolean | CelError {
  if (a.value === undefined || b.value === undefined) return a.value === b.value;
  return equal(a.value, b.value, meter);
}

function equalDouble(a: number, b: Value): boolean {
  if (b instanceof Double) return a === b.value;
  if (isInt(b)) return a === Number(b);
  return b instanceof Uint && a === Number(b.value);
}

function equalUint(a: bigint, b: Value): boolean {
  if (b instanceof Uint) return a === b.value;
  if (isInt(b)) return a === BigInt(b);
  return b instanceof Double && Number(a) === b.value;
}

function equalLists(a: List, b: Value, meter: Meter): boolean | CelError {
  if (a.equals !== undefined) return a.equals(b, meter);
  if (!(b instanceof List) || a.size !== b.size) return false;
  meter.step(a.size);
  for (let i = 0; i < a.size; i++) if (equal(a.at(i), b.at(i), meter) === false) return false;
  return true;
}

function equalMaps(a: MapValue, b: Value, meter: Meter): boolean | CelError {
  if (a.equals !== undefined) return a.equals(b, meter);
  if (!(b instanceof MapValue) || a.size !== b.size) return false;
  meter.step(a.size);
  for (const key of a.keys()) {
    const other = b.find(key);
    if (other === undefined || equal(a.find(key)!, other, meter) === false) return false;
  }
  return true;
}

const NAN_ORDER = new CelError('NaN values cannot be ordered');
const order = (a: number | bigint, b: number | bigint): number => (a < b ? -1 : a > b ? 1 : 0);

/** A number whichever class it has; undefined: it is none. */
const numberOf = (value: Value): number | bigint | undefined =>
  isInt(value) ? value : value instanceof Double || value instanceof Uint ? value.value : undefined;

/** Bytes of UTF-8 compare as code points do, and code units do not beyond the basic plane. */
export function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  const { length } = a.length < b.length ? a : b;
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates stand for what lies beyond everything else.
    const [u, v] = [x >= 0xd800 && x < 0xe000 ? x + 0x10000 : x, y >= 0xd800 && y < 0xe000 ? y + 0x10000 : y];
    return u < v ? -1 : 1;
  }
  return order(a.length, b.length);
}

/** -1, 0, 1, or an error. */
export function compare(a: Value, b: Value): number | CelError {
  if (typeof a === 'number' && typeof b === 'number') return a < b ? -1 : a > b ? 1 : 0;
  const x = numberOf(a);
  if (x !== undefined) {
    const y = numberOf(b);
    if (y === undefined) return b instanceof CelError ? b : NO_OVERLOAD;
    return Number.isNaN(x) || Number.isNaN(y) ? NAN_ORDER : order(x, y);
  }
  if (typeof a === 'string' && typeof b === 'string') return compareStrings(a, b);
  if (typeof a === 'boolean' && typeof b === 'boolean') return order(Number(a), Number(b));
  if (a instanceof Duration && b instanceof Duration) return order(a.nanos, b.nanos);
  if (a instanceof Timestamp && b instanceof Timestamp) return order(a.seconds, b.seconds) || order(a.nanos, b.nanos);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  return b instanceof CelError ? b : NO_OVERLOAD;
}

const COMPARABLE = new Set(['bool', 'bytes', 'double', 'duration', 'int', 'string', 'timestamp', 'uint']);
/** Whether values of a type have an order. Source: traits.ComparerType. */
export const isComparable = ({ kind }: Type): boolean => COMPARABLE.has(kind);
