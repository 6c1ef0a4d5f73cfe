/** What values get wrong, in the words of kube-openapi pkg/validation/errors/schema.go (2026-03) and as the field errors they become. */
import { goJson, goQuote } from '../../apply/fieldpath/text.ts';
import {
  type FieldError,
  invalid,
  notSupported,
  required as requiredField,
  tooLong,
  tooMany,
  typeInvalid,
} from '../../field-error.ts';
import { sortedKeys } from '../sorted.ts';

/** An error of one value before it has a place in an object. */
export interface ValueError {
  /** Where the value is: `spec.items[0].name`, '' at the root, `.x` for what the root does not know. Undefined: it is told at the root. */
  readonly name: string | undefined;
  /** The whole text; two errors of the same text are one. */
  readonly message: string;
  toFieldError(field: string): FieldError;
}

/** Enough for anyone to read; more are not kept. */
export const MAX_ERRORS = 1000;

export function note(errors: ValueError[], error: ValueError): void {
  if (errors.length < MAX_ERRORS) errors.push(error);
}

/** Source: apiextensions-apiserver pkg/apiserver/validation/validation.go v0.36, kubeOpenAPIResultToFieldErrors. */
export function toFieldErrors(errors: readonly ValueError[], path: string): FieldError[] {
  const seen = new Set<string>();
  const found: FieldError[] = [];
  for (const error of errors) {
    if (seen.has(error.message)) continue;
    seen.add(error.message);
    found.push(error.toFieldError(fieldOf(error.name, path)));
  }
  return found;
}

/** Go has no path at all for the root, and says so. */
const NO_PATH = '<nil>';

function fieldOf(name: string | undefined, path: string): string {
  const own = name === undefined || name === '.' ? '' : name.replace(/^\./, '');
  if (own === '') return path === '' ? NO_PATH : path;
  return path === '' ? own : `${path}.${own}`;
}

/** Invalid, with the message as detail. */
const plain = (name: string | undefined, value: unknown, message: string): ValueError => ({
  name,
  message,
  toFieldError: (field) => invalid(field, sortedKeys(value), message),
});

export const wrongType = (name: string, expected: string, found: string): ValueError => {
  const message = `${name} in body must be of type ${expected}: ${goQuote(found)}`;
  return { name, message, toFieldError: (field) => typeInvalid(field, found, message) };
};

export const requiredValue = (name: string): ValueError => ({
  name,
  message: `${name} in body is required`,
  toFieldError: (field) => requiredField(field),
});

export const notOneOf = (name: string, value: unknown, values: readonly unknown[]): ValueError => ({
  name,
  message: `${name} in body should be one of ${JSON.stringify(values)}`,
  toFieldError: (field) =>
    notSupported(
      field,
      sortedKeys(value),
      values.map((allowed) => (typeof allowed === 'string' ? allowed : goJson(allowed))),
    ),
});

export const tooLongText = (name: string, max: number): ValueError => ({
  name,
  message: `${name} in body should be at most ${max} chars long`,
  toFieldError: (field) => tooLong(field, max),
});

export const tooShortText = (name: string, min: number, value: string): ValueError =>
  plain(name, value, `${name} in body should be at least ${min} chars long`);

export const unmatched = (name: string, pattern: string, value: string): ValueError =>
  plain(name, value, `${name} in body should match '${pattern}'`);

export const tooManyItems = (name: string, max: number, size: number): ValueError => ({
  name,
  message: `${name} in body should have at most ${max} items`,
  toFieldError: (field) => tooMany(field, size, max),
});

export const tooFewItems = (name: string, min: number, size: number): ValueError =>
  plain(name, size, `${name} in body should have at least ${min} items`);

export const duplicateItems = (name: string): ValueError =>
  plain(name, '', `${name} in body shouldn't contain duplicates`);

export const tooManyProperties = (name: string, max: number, size: number): ValueError => ({
  name,
  message: `${name} in body should have at most ${max} properties`,
  toFieldError: (field) => tooMany(field, size, max),
});

export const tooFewProperties = (name: string, min: number, size: number): ValueError =>
  plain(name, size, `${name} in body should have at least ${min} properties`);

export const forbiddenProperty = (name: string, key: string): ValueError =>
  plain(name, key, `${name}.${key} in body is a forbidden property`);

/** What a number is compared with: `should be less than or equal to 5`. */
export const wrongNumber = (name: string, value: number, what: string): ValueError =>
  plain(name, value, `${name} in body should be ${what}`);

export const factorNotPositive = (name: string, factor: string): ValueError =>
  plain(name, Number(factor), `factor MultipleOf declared for ${name} must be positive: ${factor}`);

/** An error of a schema as a whole; it is told at the root, without a value. */
export const ofSchema = (message: string): ValueError => plain(undefined, '', message);
