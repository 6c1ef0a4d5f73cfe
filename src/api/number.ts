/** Numbers of JSON as Go has them: int64 where they are whole and fit, float64 otherwise. */

const TWO_63 = 2 ** 63;
const LARGE = 1e21;
const SMALL = 1e-4;

/** Whether Go decodes the number as an int64. What was written as `1.0` cannot be told from `1` any more. */
export const isInt64 = (value: number): boolean => Number.isInteger(value) && value < TWO_63 && value >= -TWO_63;

/** A number as Go's `%v` prints an int64 or a float64. */
export function numberText(value: number): string {
  if (isInt64(value)) return Number.isSafeInteger(value) ? String(value) : String(BigInt(value));
  const size = Math.abs(value);
  const text = size !== 0 && (size < SMALL || size >= LARGE) ? value.toExponential() : String(value);
  // Exponents have two digits at least.
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}
