/** How much of a device there is, and how it may be shared out. Source: pkg/apis/resource/validation/validation.go v1.36. */
import type { FieldError } from '../field-error.ts';
import { child, forbiddenField, index, invalid, required } from '../field-error.ts';
import type { CapacityRequestPolicyRange, DeviceCapacity } from '../generated/resource.v1.ts';
import { addQuantity, compareQuantity, formatQuantity, valueOf } from '../quantity.ts';
import { amountOf, type Amount, validateSet } from './lists.ts';

const MAX_VALUES = 10;

const over = (a: Amount, b: Amount): boolean => compareQuantity(a.amount, b.amount) > 0;

export function validateCapacity(
  { value, requestPolicy: policy }: DeviceCapacity,
  path: string,
  shared: boolean,
): FieldError[] {
  if (policy === undefined) return [];
  const at = child(path, 'requestPolicy');
  if (!shared) return [forbiddenField(at, 'allowMultipleAllocations must be true')];
  const capacity = amountOf(value) ?? amountOf('0')!;
  const values = policy.validValues ?? [];
  if (values.length > 0 && policy.validRange !== undefined) {
    const why = 'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time';
    return [forbiddenField(at, why)];
  }
  const field = values.length > 0 ? 'validValues' : 'validRange';
  const usual = amountOf(policy.default);
  if (policy[field] === undefined) return [];
  if (usual === undefined) return [required(child(at, 'default'), `required when ${field} is defined`)];
  return field === 'validValues'
    ? validateValues(usual, capacity, values, child(at, field))
    : validateRange(usual, capacity, policy.validRange!, child(at, field));
}

function validateValues(usual: Amount, capacity: Amount, values: readonly string[], path: string): FieldError[] {
  const amounts = values.map((value) => amountOf(value) ?? amountOf('0')!);
  const errors = amounts.flatMap((amount, i) =>
    i > 0 && over(amounts[i - 1]!, amount)
      ? [invalid(index(path, i), amount.text, 'values must be sorted in ascending order')]
      : [],
  );
  errors.push(
    ...validateSet(
      amounts,
      MAX_VALUES,
      path,
      (amount, at) =>
        over(amount, capacity)
          ? [invalid(at, amount.text, `option is larger than capacity value: ${capacity.text}`)]
          : [],
      ({ amount }) => String(valueOf(amount)),
    ),
  );
  // A list too long is not looked into, so that its default is not found either.
  if (values.length > MAX_VALUES || !amounts.some(({ amount }) => compareQuantity(amount, usual.amount) === 0)) {
    errors.push(invalid(path, usual.text, 'default value is not valid according to the requestPolicy'));
  }
  return errors;
}

function validateRange(usual: Amount, capacity: Amount, range: CapacityRequestPolicyRange, path: string): FieldError[] {
  const [min, max, step] = [amountOf(range.min), amountOf(range.max), amountOf(range.step)];
  const [minPath, maxPath, usualPath] = [child(path, 'min'), child(path, 'max'), child(path, 'default')];
  if (min === undefined) return [required(minPath, 'required when validRange is defined')];
  const errors: FieldError[] = [];
  if (over(min, capacity)) {
    errors.push(invalid(minPath, min.text, `min is larger than capacity value: ${capacity.text}`));
  }
  if (over(min, usual)) errors.push(invalid(usualPath, usual.text, `default is less than min: ${min.text}`));
  if (max !== undefined) {
    if (over(min, max)) errors.push(invalid(maxPath, min.text, `min is larger than max: ${max.text}`));
    if (over(max, capacity)) {
      errors.push(invalid(maxPath, max.text, `max is larger than capacity value: ${capacity.text}`));
    }
    if (over(usual, max)) errors.push(invalid(usualPath, usual.text, `default is more than max: ${max.text}`));
  }
  return step === undefined
    ? errors
    : [...errors, ...validateStep(step, { min, max, usual, capacity }, child(path, 'step'))];
}

interface Bounds {
  readonly min: Amount;
  readonly max: Amount | undefined;
  readonly usual: Amount;
  readonly capacity: Amount;
}

function validateStep(step: Amount, { min, max, usual, capacity }: Bounds, path: string): FieldError[] {
  if (compareQuantity(step.amount, '0') <= 0) return [invalid(path, step.text, 'must be greater than zero')];
  const errors: FieldError[] = [];
  const added = addQuantity(min.amount, step.amount);
  if (compareQuantity(added, capacity.amount) > 0) {
    const why = `one step ${formatQuantity(added)} is larger than capacity value: ${capacity.text}`;
    errors.push(invalid(path, step.text, why));
  }
  for (const value of max === undefined ? [usual] : [usual, max]) {
    if ((valueOf(value.amount) - valueOf(min.amount)) % valueOf(step.amount) !== 0) {
      errors.push(
        invalid(path, value.text, `value is not a multiple of a given step (${step.text}) from (${min.text})`),
      );
    }
  }
  return errors;
}
