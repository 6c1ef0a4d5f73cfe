/**
 * Values of expressions. An int is a JavaScript number while it is safe, a bigint beyond: exact, and as fast as numbers are; so a number is
 * never a double, which has a class of its own. Errors are values too: `&&` and `||` absorb them. JSON is wrapped where it is, not copied.
 */
import {
  BOOL,
  BYTES,
  DOUBLE,
  DURATION,
  ERROR,
  INT,
  LIST,
  MAP,
  NULL,
  OPTIONAL,
  STRING,
  TIMESTAMP,
  Type,
  TYPE,
  UINT,
} from '../check/types.ts';
import type { Meter } from './meter.ts';

export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Double
  | Uint
  | Uint8Array
  | Duration
  | Timestamp
  | List
  | MapValue
  | Optional
  | Type
  | Opaque
  | CelError;

/** Why an expression has no value. Not an exception: it travels as a value. */
export class CelError {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

export class Double {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

export class Uint {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

/** Nanoseconds, within an int64. */
export class Duration {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class Timestamp {
  /** Seconds since the epoch. */
  readonly seconds: number;
  /** Nanoseconds within the second. */
  readonly nanos: number;
  /** Seconds east of UTC the text was written in, which `string()` gives back. */
  readonly offset: number;
  constructor(seconds: number, nanos: number, offset = 0) {
    this.seconds = seconds;
    this.nanos = nanos;
    this.offset = offset;
  }
}

/** `value` undefined: `optional.none()`. */
export class Optional {
  readonly value: Value | undefined;
  constructor(value: Value | undefined) {
    this.value = value;
  }
}

export const NONE = new Optional(undefined);

/** A list. `equals` and `concat` are there when this list has its own: a set or a map of Kubernetes. */
export abstract class List {
  abstract readonly size: number;
  /** `i` is within the list. */
  abstract at(i: number): Value;
  equals?(other: Value, meter: Meter): boolean | CelError;
  concat?(other: List): Value;
}

/** A map or an object. */
export abstract class MapValue {
  abstract readonly size: number;
  abstract find(key: Value): Value | undefined;
  abstract keys(): Iterable<Value>;
  equals?(other: Value, meter: Meter): boolean | CelError;
}

/** A value of a type that only a library knows. */
export abstract class Opaque {
  abstract readonly type: Type;
  abstract equals(other: Value): boolean | CelError;
  /** What `size` would be, for the cost. */
  readonly cost: number = 1;
  toString(): string {
    return this.type.name;
  }
}

export const NO_OVERLOAD = new CelError('no such overload');

const MAX_INT = 2n ** 63n - 1n;
const MIN_INT = -(2n ** 63n);
const MAX_UINT = 2n ** 64n - 1n;
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

export const INT_OVERFLOW = new CelError('integer overflow');
export const UINT_OVERFLOW = new CelError('unsigned integer overflow');
const DURATION_OVERFLOW = new CelError('duration overflow');
const TIMESTAMP_OVERFLOW = new CelError('timestamp overflow');

/** An exact integer as the int it is, or overflow. */
export function intOf(n: bigint): number | bigint | CelError {
  if (n <= MAX_SAFE && n >= -MAX_SAFE) return Number(n);
  return n > MAX_INT || n < MIN_INT ? INT_OVERFLOW : n;
}

export const uintOf = (n: bigint): Uint | CelError => (n < 0n || n > MAX_UINT ? UINT_OVERFLOW : new Uint(n));
export const durationOf = (nanos: bigint): Duration | CelError =>
  nanos > MAX_INT || nanos < MIN_INT ? DURATION_OVERFLOW : new Duration(nanos);

const MIN_UNIX_SECONDS = -62_135_596_800;
const MAX_UNIX_SECONDS = 253_402_300_799;

export const timestampOf = (seconds: number, nanos: number, offset = 0): Timestamp | CelError =>
  seconds < MIN_UNIX_SECONDS || seconds > MAX_UNIX_SECONDS ? TIMESTAMP_OVERFLOW : new Timestamp(seconds, nanos, offset);

export const isInt = (value: Value): value is number | bigint => typeof value === 'number' || typeof value === 'bigint';

/** The type a value has at run time. */
export function typeOf(value: Value): Type {
  switch (typeof value) {
    case 'string':
      return STRING;
    case 'number':
    case 'bigint':
      return INT;
    case 'boolean':
      return BOOL;
    default:
      return value === null ? NULL : typeOfObject(value);
  }
}

function typeOfObject(value: Exclude<Value, null | string | number | bigint | boolean>): Type {
  if (value instanceof MapValue) return MAP;
  if (value instanceof List) return LIST;
  if (value instanceof Double) return DOUBLE;
  if (value instanceof Uint) return UINT;
  if (value instanceof Opaque) return value.type;
  if (value instanceof Optional) return OPTIONAL;
  if (value instanceof Timestamp) return TIMESTAMP;
  if (value instanceof Duration) return DURATION;
  if (value instanceof Type) return TYPE;
  if (value instanceof CelError) return ERROR;
  return BYTES;
}
