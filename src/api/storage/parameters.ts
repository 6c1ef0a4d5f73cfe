/** What classes of storage have in common. Source: pkg/apis/storage/validation/validation.go v1.36. */
import type { FieldError } from '../field-error.ts';
import { invalid, required, tooLong } from '../field-error.ts';
import { validateQualifiedName } from '../validation/fields.ts';
import { byteLength } from '../validation/names.ts';

export const STORAGE_GROUP = 'storage.k8s.io';
const MAX_BYTES = 256 * 1024;
const MAX_COUNT = 512;

/** The driver behind a class. It is shown in lower case. */
export const validateProvisioner = (name: string, path: string): FieldError[] =>
  name === '' ? [required(path)] : validateQualifiedName(name.toLowerCase(), path);

export function validateParameters(
  parameters: Readonly<Record<string, string>> = {},
  path: string,
  { mayBeEmpty }: { readonly mayBeEmpty: boolean },
): FieldError[] {
  const entries = Object.entries(parameters);
  if (entries.length > MAX_COUNT) return [tooLong(path, MAX_COUNT)];
  const bytes = entries.reduce((total, [key, value]) => total + byteLength(key) + byteLength(value), 0);
  return [
    ...(Object.hasOwn(parameters, '') ? [invalid(path, '', 'field can not be empty.')] : []),
    ...(bytes > MAX_BYTES ? [tooLong(path, MAX_BYTES)] : []),
    ...(!mayBeEmpty && entries.length === 0 ? [required(path, 'must contain at least one key/value pair')] : []),
  ];
}
