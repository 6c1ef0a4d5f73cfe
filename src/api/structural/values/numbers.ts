/** Checks of numbers. Source: kube-openapi pkg/validation/validate/{validator,values}.go (2026-03) and swag v0.23. */
import { isInt64, numberText } from '../../number.ts';
import type { StructuralSchema } from '../schema.ts';
import { factorNotPositive, note, ofSchema, type ValueError, wrongNumber } from './errors.ts';

const TWO_31 = 2 ** 31;
const MAX_JSON_INTEGER = 2 ** 53 - 1;
const EPSILON = 1e-9;

/** As swag.IsFloat64AJSONInteger: near enough to a whole number. */
export function isNearInteger(value: number): boolean {
  if (!Number.isFinite(value) || Math.abs(value) > MAX_JSON_INTEGER) return false;
  if (Number.isInteger(value)) return true;
  const whole = Math.trunc(value);
  if (value < 0 || whole === 0) return false;
  return (value - whole) / (value + whole) < EPSILON;
}

/** Whether the number is in the range of the type, when there is only one, and of its format. */
function isInRange(value: number, type: string, format: string): boolean {
  if (type === 'integer') {
    if (!isInt64(value)) return false;
    return format !== 'int32' || (value < TWO_31 && value >= -TWO_31);
  }
  return type !== 'number' || format !== 'float' || Number.isFinite(Math.fround(value));
}

/** `format`: the one that counts. */
export function checkNumber(
  value: number,
  schema: StructuralSchema,
  format: string,
  name: string,
  errors: ValueError[],
): void {
  const { multipleOf, minimum, maximum } = schema;
  const type = schema.intOrString ? '' : schema.type;
  /** Notes a number that is out of range; true if it is not. */
  const ranged = (number: number, what: string): boolean => {
    if (isInRange(number, type, format)) return true;
    const form = format === '' ? '(default format)' : `with format ${format}`;
    note(errors, ofSchema(`${what} value must be of type ${type} ${form} in ${name}`));
    return false;
  };
  ranged(value, 'Checked');
  if (multipleOf !== undefined) {
    checkMultiple(value, multipleOf, ranged(multipleOf, 'MultipleOf') && isInt64(value), name, errors);
  }
  if (minimum !== undefined) {
    const bound = ranged(minimum, 'Minimum boundary') && isInt64(value) ? Math.trunc(minimum) : minimum;
    const { exclusiveMinimum: exclusive } = schema;
    if (exclusive ? value <= bound : value < bound) {
      const what = exclusive ? 'greater than' : 'greater than or equal to';
      note(errors, wrongNumber(name, value, `${what} ${numberText(bound)}`));
    }
  }
  if (maximum !== undefined) {
    const bound = ranged(maximum, 'Maximum boundary') && isInt64(value) ? Math.trunc(maximum) : maximum;
    const { exclusiveMaximum: exclusive } = schema;
    if (exclusive ? value >= bound : value > bound) {
      const what = exclusive ? 'less than' : 'less than or equal to';
      note(errors, wrongNumber(name, value, `${what} ${numberText(bound)}`));
    }
  }
}

function checkMultiple(
  value: number,
  multipleOf: number,
  asInteger: boolean,
  name: string,
  errors: ValueError[],
): void {
  const factor = asInteger ? Math.trunc(multipleOf) : multipleOf;
  if (factor <= 0) {
    note(errors, factorNotPositive(name, numberText(factor)));
    return;
  }
  const isMultiple = asInteger
    ? value % factor === 0
    : isNearInteger(factor < 1 ? (1 / factor) * value : value / factor);
  if (!isMultiple) note(errors, wrongNumber(name, value, `a multiple of ${numberText(factor)}`));
}
