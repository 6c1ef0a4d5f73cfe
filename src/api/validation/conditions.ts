/** Conditions of meta/v1. Source: ValidateConditions in apimachinery pkg/apis/meta/v1/validation v0.36. */
import type { FieldError } from '../field-error.ts';
import { child, duplicate, invalid, notSupported, required, tooLong } from '../field-error.ts';
import type { Condition } from '../generated/meta.v1.ts';
import { eachOf, Seen, unchecked, validateQualifiedName } from './fields.ts';
import { byteLength } from './names.ts';

const STATUSES = ['False', 'True', 'Unknown'];
const REASON = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?';
const reasonRegexp = /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/;
const REASON_MAX_BYTES = 1024;
const MESSAGE_MAX_BYTES = 32 * 1024;

export function validateConditions(conditions: readonly Condition[] | undefined, path: string): FieldError[] {
  const types = new Seen();
  return eachOf(conditions, path, (condition, at) => {
    const { type = '', status = '', observedGeneration = 0, lastTransitionTime, reason = '' } = unchecked(condition);
    const errors = types.add(type) ? [] : [duplicate(child(at, 'type'), type)];
    errors.push(...validateQualifiedName(type, child(at, 'type')));
    if (!STATUSES.includes(status)) errors.push(notSupported(child(at, 'status'), status, STATUSES));
    if (observedGeneration < 0) {
      const why = 'must be greater than or equal to zero';
      errors.push(invalid(child(at, 'observedGeneration'), observedGeneration, why));
    }
    if ((lastTransitionTime ?? '') === '') errors.push(required(child(at, 'lastTransitionTime')));
    const reasonPath = child(at, 'reason');
    if (reason === '') errors.push(required(reasonPath));
    else if (!reasonRegexp.test(reason)) {
      errors.push(
        invalid(
          reasonPath,
          reason,
          `a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '${REASON}')`,
        ),
      );
    }
    if (byteLength(reason) > REASON_MAX_BYTES) errors.push(tooLong(reasonPath, REASON_MAX_BYTES));
    if (byteLength(condition.message ?? '') > MESSAGE_MAX_BYTES) {
      errors.push(tooLong(child(at, 'message'), MESSAGE_MAX_BYTES));
    }
    return errors;
  });
}
