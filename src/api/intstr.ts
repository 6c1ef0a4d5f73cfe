/** util/intstr: a number or a text, mostly a percentage. Source: apimachinery pkg/util/intstr/intstr.go v0.36. */
export type IntOrString = number | string;

const INTEGER = /^[+-]?[0-9]+$/;
const MAX_INT32 = 2 ** 31 - 1;

/** A number if the text is an int32, else the text itself. */
export function parseIntOrString(text: string): IntOrString {
  if (!INTEGER.test(text)) return text;
  const value = Number(text);
  return value >= -MAX_INT32 - 1 && value <= MAX_INT32 ? value : text;
}

/**
 * The number itself, or that percentage of `total`. Throws an Error with upstream's text when a string is no percentage: validation has
 * let none through, so callers past it need not expect one.
 */
export function getScaledValueFromIntOrPercent(value: IntOrString, total: number, roundUp: boolean): number {
  if (typeof value === 'number') return value;
  const wrong = (why: string): Error => new Error(`invalid value for IntOrString: ${why}`);
  if (!value.endsWith('%')) throw wrong('invalid type: string is not a percentage');
  const digits = value.slice(0, -1);
  if (!INTEGER.test(digits)) {
    throw wrong(
      `invalid value ${JSON.stringify(value)}: strconv.Atoi: parsing ${JSON.stringify(digits)}: invalid syntax`,
    );
  }
  const share = (Number(digits) * total) / 100;
  return roundUp ? Math.ceil(share) : Math.floor(share);
}
