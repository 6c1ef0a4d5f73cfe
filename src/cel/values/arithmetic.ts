/** `+ - * / %` and negation, with the errors of int64 and uint64. Source: cel-go common/types/{overflow,int,uint,double,duration,timestamp}.go v0.26. */
import { concatLists } from './containers.ts';
import {
  CelError,
  Double,
  Duration,
  durationOf,
  intOf,
  isInt,
  List,
  NO_OVERLOAD,
  Timestamp,
  timestampOf,
  Uint,
  uintOf,
  type Value,
} from './value.ts';

const DIVISION_BY_ZERO = new CelError('division by zero');
const MODULUS_BY_ZERO = new CelError('modulus by zero');
const SECOND = 1_000_000_000n;

const refuse = (value: Value): CelError => (value instanceof CelError ? value : NO_OVERLOAD);

export function add(a: Value, b: Value): Value {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    return Number.isSafeInteger(sum) ? sum : intOf(BigInt(a) + BigInt(b));
  }
  if (typeof a === 'string') return typeof b === 'string' ? a + b : refuse(b);
  if (isInt(a)) return isInt(b) ? intOf(BigInt(a) + BigInt(b)) : refuse(b);
  if (a instanceof List) return b instanceof List ? concatLists(a, b) : refuse(b);
  if (a instanceof Double) return b instanceof Double ? new Double(a.value + b.value) : refuse(b);
  if (a instanceof Uint) return b instanceof Uint ? uintOf(a.value + b.value) : refuse(b);
  if (a instanceof Uint8Array) return b instanceof Uint8Array ? Buffer.concat([a, b]) : refuse(b);
  if (a instanceof Duration) {
    if (b instanceof Duration) return durationOf(a.nanos + b.nanos);
    return b instanceof Timestamp ? shifted(b, a.nanos) : refuse(b);
  }
  return a instanceof Timestamp && b instanceof Duration ? shifted(a, b.nanos) : refuse(b);
}

function shifted({ seconds, nanos, offset }: Timestamp, by: bigint): Value {
  const total = BigInt(seconds) * SECOND + BigInt(nanos) + by;
  // Towards minus infinity: nanoseconds count up within their second.
  const second = (total - (((total % SECOND) + SECOND) % SECOND)) / SECOND;
  return timestampOf(Number(second), Number(total - second * SECOND), offset);
}

export function subtract(a: Value, b: Value): Value {
  if (typeof a === 'number' && typeof b === 'number') {
    const difference = a - b;
    return Number.isSafeInteger(difference) ? difference : intOf(BigInt(a) - BigInt(b));
  }
  if (isInt(a)) return isInt(b) ? intOf(BigInt(a) - BigInt(b)) : refuse(b);
  if (a instanceof Double) return b instanceof Double ? new Double(a.value - b.value) : refuse(b);
  if (a instanceof Uint) return b instanceof Uint ? uintOf(a.value - b.value) : refuse(b);
  if (a instanceof Duration) return b instanceof Duration ? durationOf(a.nanos - b.nanos) : refuse(b);
  if (a instanceof Timestamp) {
    if (b instanceof Duration) return shifted(a, -b.nanos);
    if (b instanceof Timestamp) return durationOf(BigInt(a.seconds - b.seconds) * SECOND + BigInt(a.nanos - b.nanos));
  }
  return refuse(b);
}

export function multiply(a: Value, b: Value): Value {
  if (typeof a === 'number' && typeof b === 'number') {
    const product = a * b;
    // Adding nothing turns minus zero into zero.
    return Number.isSafeInteger(product) ? product + 0 : intOf(BigInt(a) * BigInt(b));
  }
  if (isInt(a)) return isInt(b) ? intOf(BigInt(a) * BigInt(b)) : refuse(b);
  if (a instanceof Double) return b instanceof Double ? new Double(a.value * b.value) : refuse(b);
  return a instanceof Uint && b instanceof Uint ? uintOf(a.value * b.value) : refuse(b);
}

export function divide(a: Value, b: Value): Value {
  if (isInt(a) && isInt(b)) {
    if (b === 0) return DIVISION_BY_ZERO;
    if (typeof a === 'number' && typeof b === 'number') return Math.trunc(a / b) + 0;
    return intOf(BigInt(a) / BigInt(b));
  }
  if (a instanceof Double) return b instanceof Double ? new Double(a.value / b.value) : refuse(b);
  if (!(a instanceof Uint && b instanceof Uint)) return refuse(b);
  return b.value === 0n ? DIVISION_BY_ZERO : new Uint(a.value / b.value);
}

export function modulo(a: Value, b: Value): Value {
  if (isInt(a) && isInt(b)) {
    if (b === 0) return MODULUS_BY_ZERO;
    if (typeof a === 'number' && typeof b === 'number') return (a % b) + 0;
    // The quotient, which the processor makes along with the rest, has no room.
    return BigInt(a) === -(2n ** 63n) && b === -1 ? intOf(2n ** 63n) : intOf(BigInt(a) % BigInt(b));
  }
  if (!(a instanceof Uint && b instanceof Uint)) return refuse(b);
  return b.value === 0n ? MODULUS_BY_ZERO : new Uint(a.value % b.value);
}

export function negate(a: Value): Value {
  if (typeof a === 'number') return 0 - a;
  if (typeof a === 'bigint') return intOf(-a);
  if (a instanceof Double) return new Double(-a.value);
  return a instanceof Duration ? durationOf(-a.nanos) : refuse(a);
}
