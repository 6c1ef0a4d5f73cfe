/** Quantities. Sources: apiserver pkg/cel/library/quantity.go, pkg/cel/quantity.go v1.36. */
import { addQuantity, compareQuantity, parseQuantity, type Quantity, QuantityError, subtractQuantity } from '#api';
import { fn, type FunctionDecl, type Implementation, member, overload } from '../../check/declarations.ts';
import { BOOL, DOUBLE, INT, STRING, structType, type Type } from '../../check/types.ts';
import { CelError, Double, intOf, NO_OVERLOAD, Opaque, type Value } from '../../values/value.ts';

export const QUANTITY = structType('kubernetes.Quantity');

class QuantityValue extends Opaque {
  override readonly type: Type = QUANTITY;
  readonly quantity: Quantity;
  constructor(quantity: Quantity) {
    super();
    this.quantity = quantity;
  }
  override equals(other: Value): boolean | CelError {
    return other instanceof QuantityValue ? compareQuantity(this.quantity, other.quantity) === 0 : NO_OVERLOAD;
  }
}

function read(text: string): QuantityValue | CelError {
  try {
    return new QuantityValue(parseQuantity(text));
  } catch (error) {
    if (error instanceof QuantityError) return new CelError(error.message);
    throw error;
  }
}

/** Digits upstream keeps as int64; longer numbers are decimals to it, which it does not convert. */
const MAX_UNSCALED = 10n ** 18n;

/** Source: resource.Quantity AsInt64. */
function integer({ unscaled, exponent }: Quantity): number | bigint | undefined {
  if (exponent < 0 || exponent > 18 || unscaled >= MAX_UNSCALED || unscaled <= -MAX_UNSCALED) return undefined;
  const value = intOf(unscaled * 10n ** BigInt(exponent));
  return value instanceof CelError ? undefined : value;
}

const of = (value: Value | undefined): Quantity => (value as QuantityValue).quantity;
const operand = (value: Value | undefined): Quantity =>
  value instanceof QuantityValue
    ? value.quantity
    : { unscaled: BigInt(value as number | bigint), exponent: 0, format: 'DecimalExponent' };

const order = (a: Value | undefined, b: Value | undefined): number => compareQuantity(of(a), of(b));
const sum: Implementation = ([a, b]) => new QuantityValue(addQuantity(of(a), operand(b)));
const difference: Implementation = ([a, b]) => new QuantityValue(subtractQuantity(of(a), operand(b)));
const sign = ({ unscaled }: Quantity): number => (unscaled > 0n ? 1 : unscaled < 0n ? -1 : 0);

const asInteger: Implementation = ([quantity]) =>
  integer(of(quantity)) ?? new CelError('cannot convert value to integer');

const asFloat: Implementation = ([quantity]) => {
  const { unscaled, exponent } = of(quantity);
  return new Double(Number(`${unscaled}e${exponent}`));
};

const Q = QUANTITY;

export const quantityLibrary: readonly FunctionDecl[] = [
  fn(
    'quantity',
    overload('string_to_quantity', [STRING], Q, ([text]) => read(text as string)),
  ),
  fn(
    'isQuantity',
    overload('is_quantity_string', [STRING], BOOL, ([text]) => read(text as string) instanceof QuantityValue),
  ),
  fn(
    'sign',
    overload('quantity_sign', [Q], INT, ([quantity]) => sign(of(quantity))),
  ),
  fn(
    'isGreaterThan',
    member('quantity_is_greater_than', [Q, Q], BOOL, ([a, b]) => order(a, b) > 0),
  ),
  fn(
    'isLessThan',
    member('quantity_is_less_than', [Q, Q], BOOL, ([a, b]) => order(a, b) < 0),
  ),
  fn(
    'compareTo',
    member('quantity_compare_to', [Q, Q], INT, ([a, b]) => order(a, b)),
  ),
  fn('asApproximateFloat', member('quantity_get_float', [Q], DOUBLE, asFloat)),
  fn('asInteger', member('quantity_get_int', [Q], INT, asInteger)),
  fn(
    'isInteger',
    member('quantity_is_integer', [Q], BOOL, ([quantity]) => integer(of(quantity)) !== undefined),
  ),
  fn('add', member('quantity_add', [Q, Q], Q, sum), member('quantity_add_int', [Q, INT], Q, sum)),
  fn('sub', member('quantity_sub', [Q, Q], Q, difference), member('quantity_sub_int', [Q, INT], Q, difference)),
];
