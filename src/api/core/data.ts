/** What ConfigMaps and Secrets have in common: named pieces of data of limited size that can be frozen. */
import { equalValues } from '../equality.ts';
import type { FieldError } from '../field-error.ts';
import { forbiddenField } from '../field-error.ts';
import { eachKey, invalidEach } from '../validation/fields.ts';
import { isConfigMapKey } from '../validation/names.ts';

/** 1 MiB, all values together. */
export const MAX_DATA_BYTES = 1024 * 1024;

export const validateKeys = (data: Readonly<Record<string, string>> | undefined, path: string): FieldError[] =>
  eachKey(data, path, (key, _value, at) => invalidEach(at, key, isConfigMapKey(key)));

/** Bytes a base64 text stands for. */
export const base64Bytes = (text: string): number => Buffer.byteLength(text, 'base64');

/** Once frozen neither the data nor the mark itself changes. */
export function validateFrozen<T extends { readonly immutable?: boolean | undefined }>(
  object: T,
  old: T,
  fields: readonly (keyof T & string)[],
): FieldError[] {
  if (old.immutable !== true) return [];
  const changed = fields.filter((field) => !equalValues(object[field] ?? {}, old[field] ?? {}));
  const all = object.immutable === true ? changed : ['immutable', ...changed];
  return all.map((field) => forbiddenField(field, 'field is immutable when `immutable` is set'));
}
