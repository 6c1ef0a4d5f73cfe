/**
 * resource.Quantity: exact decimal numbers with a suffix, as objects carry them in text. Nothing here rounds but where upstream does:
 * below one nano, and in `valueOf` and `cpuMilli`, which round away from zero.
 *
 * Source: apimachinery pkg/api/resource quantity.go, suffix.go, amount.go v0.36. Two deliberate differences: numbers over 1000E keep the
 * suffix E (upstream loses it), and exponents beyond ±1000 are refused instead of being expanded.
 */

export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

/** `unscaled` × 10^`exponent`. `text` is set when the text it was read from counts as canonical and is to be given back as it is. */
export interface Quantity {
  readonly unscaled: bigint;
  readonly exponent: number;
  readonly format: QuantityFormat;
  readonly text?: string | undefined;
}

/** A text that is no quantity; the message is upstream's. */
export class QuantityError extends Error {
  override readonly name = 'QuantityError';
}

const FORMAT_WRONG = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const NUMERIC_WRONG = 'unable to parse numeric part of quantity';
const SUFFIX_WRONG = "unable to parse quantity's suffix";

const DECIMAL_SUFFIXES = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'] as const;
const BINARY_SUFFIXES = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const;
/** Index of the empty suffix in {@link DECIMAL_SUFFIXES}: 10^0. */
const DECIMAL_ZERO = 3;
const NANO = -9;
const MAX_INT64 = 2n ** 63n - 1n;
/** Digits that always fit an int64. Source: maxInt64Factors. */
const INT64_DIGITS = 18;
const MAX_EXPONENT = 1000;
const MAX_LENGTH = 1024;

const PARTS = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)$/;

interface Suffix {
  readonly exponent: number;
  readonly format: QuantityFormat;
}

const SUFFIXES: ReadonlyMap<string, Suffix> = new Map<string, Suffix>([
  ...DECIMAL_SUFFIXES.map((s, i): [string, Suffix] => [s, { exponent: (i - DECIMAL_ZERO) * 3, format: 'DecimalSI' }]),
  ...BINARY_SUFFIXES.slice(1).map((s, i): [string, Suffix] => [s, { exponent: (i + 1) * 10, format: 'BinarySI' }]),
]);

function suffixOf(text: string): Suffix {
  const known = SUFFIXES.get(text);
  if (known !== undefined) return known;
  if (!/^[eE][-+]?[0-9]+$/.test(text)) throw new QuantityError(SUFFIX_WRONG);
  const exponent = Number(text.slice(1));
  if (Math.abs(exponent) > MAX_EXPONENT) throw new QuantityError(SUFFIX_WRONG);
  return { exponent, format: 'DecimalExponent' };
}

const pow10 = (n: number): bigint => 10n ** BigInt(n);

/** `a / b` rounded away from zero; `b` is positive. */
function divideUp(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  if (a % b === 0n) return quotient;
  return a < 0n ? quotient - 1n : quotient + 1n;
}

/** Throws QuantityError. */
export function parseQuantity(text: string): Quantity {
  const parts = PARTS.exec(text);
  if (parts === null) throw new QuantityError(FORMAT_WRONG);
  const [, sign = '', whole = '', denom = '', suffixText = ''] = parts;
  if (whole === '' && denom === '') throw new QuantityError(FORMAT_WRONG);
  // Nothing real is this long, and big integers cost more than linear time.
  if (text.length > MAX_LENGTH) throw new QuantityError(NUMERIC_WRONG);
  const suffix = suffixOf(suffixText);
  const num = whole.replace(/^0+/, '') || '0';
  const digits = num + denom;
  const magnitude = BigInt(digits);
  const unscaled = sign === '-' ? -magnitude : magnitude;
  if (suffix.format === 'BinarySI') return binary(text, unscaled, denom.length, suffix.exponent, num.length);

  const { format } = suffix;
  const exponent = suffix.exponent - denom.length;
  if (exponent < NANO) return { unscaled: divideUp(unscaled, pow10(NANO - exponent)), exponent: NANO, format };
  // Upstream gives a text back as it is when its number already stands on a suffix without spare zeros.
  const asRead = digits.length <= INT64_DIGITS && exponent % 3 === 0 && !digits.endsWith('000') && digits[0] !== '0';
  return { unscaled, exponent, format, text: asRead ? text : undefined };
}

function binary(text: string, digits: bigint, fraction: number, shift: number, length: number): Quantity {
  const scaled = digits << BigInt(shift);
  if (fraction === 0) {
    const asRead = 15 - length - Math.trunc(Math.fround(shift * 3) / 10) - 1 >= 0 && (digits & 7n) !== 0n;
    const capped = scaled > MAX_INT64 ? MAX_INT64 : scaled < -MAX_INT64 ? -MAX_INT64 : scaled;
    return { unscaled: capped, exponent: 0, format: 'BinarySI', text: asRead ? text : undefined };
  }
  const max = MAX_INT64 * pow10(fraction);
  if (scaled > max || scaled < -max)
    return { unscaled: scaled < 0n ? -MAX_INT64 : MAX_INT64, exponent: 0, format: 'BinarySI' };
  const one = pow10(fraction);
  const format = scaled < one && scaled > -one && scaled !== 0n ? 'DecimalSI' : 'BinarySI';
  if (-fraction >= NANO) return { unscaled: scaled, exponent: -fraction, format };
  return { unscaled: divideUp(scaled, pow10(NANO + fraction)), exponent: NANO, format };
}

/** The canonical text, as Go prints it. */
export function formatQuantity({ unscaled, exponent, format, text }: Quantity): string {
  if (text !== undefined) return text;
  if (unscaled === 0n) return '0';
  if (format === 'BinarySI') {
    const whole = wholeOf(unscaled, exponent);
    if (whole !== undefined && (whole >= 1024n || whole <= -1024n)) return binaryText(whole);
  }
  return decimalText(unscaled, exponent, format);
}

/** The integer value, or undefined when there is a fraction. */
function wholeOf(unscaled: bigint, exponent: number): bigint | undefined {
  if (exponent >= 0) return unscaled * pow10(exponent);
  const divisor = pow10(-exponent);
  return unscaled % divisor === 0n ? unscaled / divisor : undefined;
}

function binaryText(whole: bigint): string {
  let step = 0;
  let mantissa = whole;
  while (step < BINARY_SUFFIXES.length - 1 && (mantissa & 1023n) === 0n) {
    mantissa >>= 10n;
    step++;
  }
  return `${mantissa}${BINARY_SUFFIXES[step]}`;
}

function decimalText(unscaled: bigint, exponent: number, format: QuantityFormat): string {
  let mantissa = unscaled;
  let power = exponent;
  while (mantissa % 10n === 0n) {
    mantissa /= 10n;
    power++;
  }
  const exponential = format === 'DecimalExponent';
  const max = exponential ? Infinity : (DECIMAL_SUFFIXES.length - 1 - DECIMAL_ZERO) * 3;
  const target = Math.min(Math.floor(power / 3) * 3, max);
  mantissa *= pow10(power - target);
  if (!exponential) return `${mantissa}${DECIMAL_SUFFIXES[target / 3 + DECIMAL_ZERO]}`;
  return target === 0 ? `${mantissa}` : `${mantissa}e${target}`;
}

const canonical = new Map<string, string>();
const CANONICAL_MAX = 4096;

/** Text of a quantity → its canonical text. The few texts a cluster really uses are remembered. Throws QuantityError. */
export function canonicalQuantity(text: string): string {
  const known = canonical.get(text);
  if (known !== undefined) return known;
  const result = formatQuantity(parseQuantity(text));
  if (canonical.size >= CANONICAL_MAX) canonical.clear();
  if (text.length <= 32) canonical.set(text, result);
  return result;
}

const parsed = (value: string | Quantity): Quantity => (typeof value === 'string' ? parseQuantity(value) : value);

/** Both numbers brought to one exponent. */
function aligned(a: Quantity, b: Quantity): [bigint, bigint, number] {
  const exponent = Math.min(a.exponent, b.exponent);
  return [a.unscaled * pow10(a.exponent - exponent), b.unscaled * pow10(b.exponent - exponent), exponent];
}

/** -1, 0 or 1. Throws QuantityError. */
export function compareQuantity(a: string | Quantity, b: string | Quantity): -1 | 0 | 1 {
  if (a === b) return 0;
  const [x, y] = aligned(parsed(a), parsed(b));
  return x < y ? -1 : x > y ? 1 : 0;
}

/** The sum in the format of `a`, or of `b` when `a` is zero. Throws QuantityError. */
export function addQuantity(a: string | Quantity, b: string | Quantity): Quantity {
  const [left, right] = [parsed(a), parsed(b)];
  const [x, y, exponent] = aligned(left, right);
  return { unscaled: x + y, exponent, format: left.unscaled === 0n ? right.format : left.format };
}

/** The difference, in the format {@link addQuantity} would choose. Throws QuantityError. */
export function subtractQuantity(a: string | Quantity, b: string | Quantity): Quantity {
  const right = parsed(b);
  return addQuantity(a, { unscaled: -right.unscaled, exponent: right.exponent, format: right.format });
}

/** A whole number as a quantity of the given format: bytes as BinarySI, counts as DecimalSI. */
export const quantityOf = (value: number, format: QuantityFormat = 'DecimalSI'): Quantity => ({
  unscaled: BigInt(value),
  exponent: 0,
  format,
});

/** Thousandths as a quantity: 250 → `250m`. */
export const quantityOfMilli = (milli: number): Quantity => ({
  unscaled: BigInt(milli),
  exponent: -3,
  format: 'DecimalSI',
});

/** ceil(value / 10^scale), away from zero, held within int64; exact up to 2^53. */
function scaledValue({ unscaled, exponent }: Quantity, scale: number): number {
  const shift = exponent - scale;
  const value = shift >= 0 ? unscaled * pow10(shift) : divideUp(unscaled, pow10(-shift));
  return Number(value > MAX_INT64 ? MAX_INT64 : value < -MAX_INT64 ? -MAX_INT64 : value);
}

/** What plain digits say, or -1 when the text is anything else or too long to be exact. */
function plainDigits(text: string, end: number): number {
  if (end === 0 || end > 12) return -1;
  let value = 0;
  for (let i = 0; i < end; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

const BINARY_FACTORS: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** The value rounded up to a whole number: bytes, counts. Source: Quantity.Value. Throws QuantityError. */
export function valueOf(value: string | Quantity): number {
  if (typeof value !== 'string') return scaledValue(value, 0);
  const plain = plainDigits(value, value.length);
  if (plain >= 0) return plain;
  if (value.endsWith('i')) {
    const factor = BINARY_FACTORS[value[value.length - 2] ?? ''];
    const count = factor === undefined ? -1 : plainDigits(value, value.length - 2);
    if (factor !== undefined && count >= 0 && count * factor <= Number.MAX_SAFE_INTEGER) return count * factor;
  }
  return scaledValue(parseQuantity(value), 0);
}

/** Thousandths rounded up: of CPU, millicores. Source: Quantity.MilliValue. Throws QuantityError. */
export function cpuMilli(value: string | Quantity): number {
  if (typeof value !== 'string') return scaledValue(value, -3);
  const plain = plainDigits(value, value.length);
  if (plain >= 0) return plain * 1000;
  if (value.endsWith('m')) {
    const milli = plainDigits(value, value.length - 1);
    if (milli >= 0) return milli;
  }
  return scaledValue(parseQuantity(value), -3);
}
