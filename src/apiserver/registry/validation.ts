import { type FieldError, invalidObject, invalidOmit, type Kind } from '#api';

const TOO_MANY = invalidOmit('', 'more is wrong than can be told');

/** Gathers what is wrong. It may be wrong in more places than a call can be given. */
export function gathered(validate: () => FieldError[]): FieldError[] {
  try {
    return validate();
  } catch (error) {
    if (error instanceof RangeError && error.message.includes('call stack')) return [TOO_MANY];
    throw error;
  }
}

export function refuse(kind: Kind, name: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidObject(kind, name, errors);
}
