import { goQuote } from './apply/fieldpath/text.ts';
import type { StatusCause } from './generated/meta.v1.ts';
import { numberText } from './number.ts';
import { StatusError } from './status.ts';

/** Kinds of field errors with the words their messages begin with. Source: apimachinery pkg/util/validation/field/errors.go v0.36. */
const WORDS = {
  FieldValueNotFound: 'Not found',
  FieldValueRequired: 'Required value',
  FieldValueDuplicate: 'Duplicate value',
  FieldValueInvalid: 'Invalid value',
  FieldValueNotSupported: 'Unsupported value',
  FieldValueForbidden: 'Forbidden',
  FieldValueTooLong: 'Too long',
  FieldValueTooMany: 'Too many',
  InternalError: 'Internal error',
  FieldValueTypeInvalid: 'Invalid value',
} as const;

export type FieldErrorType = keyof typeof WORDS;

/** One thing wrong with one field. `message` is what stands behind the path: `Invalid value: -1: must be …`. */
export interface FieldError {
  readonly type: FieldErrorType;
  readonly field: string;
  readonly message: string;
}

/** How Go writes the path of the object as a whole. */
export const ROOT = '[]';

/** `a.b`, with the empty path left out. */
export function child(path: string, ...names: readonly string[]): string {
  let joined = path;
  for (const name of names) if (name !== '') joined = joined === '' ? name : `${joined}.${name}`;
  return joined;
}
export const index = (path: string, i: number): string => `${path}[${i}]`;
export const keyPath = (path: string, key: string): string => `${path}[${key}]`;

/** Texts are put together so that a long value stands in memory once, however many errors show it. */
const error = (type: FieldErrorType, field: string, value: string, detail: string): FieldError => ({
  type,
  field,
  message: WORDS[type] + (value === '' ? '' : `: ${value}`) + (detail === '' ? '' : `: ${detail}`),
});

const HTML = /[<>&\u2028\u2029]/g;

/** Texts of this length are remembered for as long as nobody else can have changed the value: a list may have as many errors as items. */
const LONG = 1000;
const MAX_REMEMBERED = 16;
const longTexts = new Map<object, string>();

/** A value as Go prints it in a field error: strings quoted, numbers and booleans plain, the rest as JSON with its HTML escaped. */
function shown(value: unknown): string {
  if (value === undefined || value === null) return 'null';
  if (typeof value === 'string') return goQuote(value);
  if (typeof value === 'number') return numberText(value);
  if (typeof value === 'boolean') return String(value);
  const known = typeof value === 'object' ? longTexts.get(value) : undefined;
  if (known !== undefined) return known;
  const text = JSON.stringify(value).replace(HTML, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  if (text.length >= LONG && typeof value === 'object' && longTexts.size < MAX_REMEMBERED) {
    if (longTexts.size === 0) queueMicrotask(() => longTexts.clear());
    longTexts.set(value, text);
  }
  return text;
}

export const required = (field: string, detail = ''): FieldError => error('FieldValueRequired', field, '', detail);
export const invalid = (field: string, value: unknown, detail: string): FieldError =>
  error('FieldValueInvalid', field, shown(value), detail);
/** Without the value: it says nothing, or is too long. */
export const invalidOmit = (field: string, detail: string): FieldError => error('FieldValueInvalid', field, '', detail);
export const typeInvalid = (field: string, value: unknown, detail: string): FieldError =>
  error('FieldValueTypeInvalid', field, shown(value), detail);
export const duplicate = (field: string, value: unknown): FieldError =>
  error('FieldValueDuplicate', field, shown(value), '');
export const forbiddenField = (field: string, detail: string): FieldError =>
  error('FieldValueForbidden', field, '', detail);
export const notFoundField = (field: string, value: unknown): FieldError =>
  error('FieldValueNotFound', field, shown(value), '');
export const tooLong = (field: string, maxBytes: number): FieldError =>
  error('FieldValueTooLong', field, '', `may not be more than ${maxBytes} ${maxBytes === 1 ? 'byte' : 'bytes'}`);
export const tooMany = (field: string, actual: number, max: number): FieldError =>
  error('FieldValueTooMany', field, String(actual), `must have at most ${max} ${max === 1 ? 'item' : 'items'}`);
export const notSupported = (field: string, value: unknown, supported: readonly string[]): FieldError =>
  error(
    'FieldValueNotSupported',
    field,
    shown(value),
    supported.length === 0 ? '' : `supported values: ${supported.map(goQuote).join(', ')}`,
  );

export const fieldErrorText = ({ field, message }: FieldError): string =>
  field === '' ? message : `${field}: ${message}`;

/** Adds errors to others, however many there are. */
export function addErrors(errors: FieldError[], more: readonly FieldError[]): void {
  for (const each of more) errors.push(each);
}

/** How much is told of what is wrong. Upstream tells all, were it a thousand times the object. */
const MAX_TOLD = 1 << 20;

/** As many errors as can be told, and their texts, each once. */
function tellable(errors: readonly FieldError[]): { readonly told: readonly FieldError[]; readonly texts: string[] } {
  const texts = new Set<string>();
  let length = 0;
  let count = 0;
  for (const each of errors) {
    length += each.field.length + each.message.length;
    if (length > MAX_TOLD && count > 0) break;
    texts.add(fieldErrorText(each));
    count++;
  }
  if (count === errors.length) return { told: errors, texts: [...texts] };
  return { told: errors.slice(0, count), texts: [...texts, `and ${errors.length - count} more`] };
}

/** 422 with every cause. Source: apierrors.NewInvalid; one error stands bare, several in brackets, as ErrorList.ToAggregate prints them. */
export function invalidObject(
  { group, kind }: { readonly group: string; readonly kind: string },
  name: string,
  errors: readonly FieldError[],
): StatusError {
  const { told, texts } = tellable(errors);
  const text = texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`;
  const causes = told.map((e): StatusCause => ({ reason: e.type, message: e.message, field: e.field }));
  return new StatusError('Invalid', `${group === '' ? kind : `${kind}.${group}`} "${name}" is invalid: ${text}`, {
    details: { name, ...(group === '' ? {} : { group }), kind, causes },
  });
}
