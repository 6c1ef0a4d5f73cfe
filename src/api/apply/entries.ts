/** What the rest of the program does with managedFields: names of managers, validation, times that do not count. */
import { deepClone, equalValues } from '../equality.ts';
import type { FieldError } from '../field-error.ts';
import { child, index, invalid, tooLong } from '../field-error.ts';
import type { ManagedFieldsEntry } from '../generated/meta.v1.ts';
import type { KubeObject } from '../kind.ts';
import { isKnownManaged, ManagedFieldsError, readManaged } from './managed.ts';

/** Source: metav1 validation.FieldManagerMaxLength and MaxSubresourceNameLength v0.36. */
const MAX_MANAGER_BYTES = 128;
const MAX_SUBRESOURCE_BYTES = 256;

/** Go's unicode.IsPrint. */
const UNPRINTABLE = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u;

/**
 * The manager of a write whose fieldManager parameter says nothing: what stands before the slash of the User-Agent header.
 * Source: managerOrUserAgent of apiserver pkg/endpoints/handlers/create.go v1.36.
 */
export function defaultFieldManager(fieldManager: string | undefined, userAgent: string | undefined): string {
  if (fieldManager !== undefined && fieldManager !== '') return fieldManager;
  let name = '';
  let bytes = 0;
  for (const char of (userAgent ?? '').split('/', 1)[0]!) {
    if (UNPRINTABLE.test(char)) continue;
    bytes += Buffer.byteLength(char);
    if (bytes > MAX_MANAGER_BYTES) break;
    name += char;
  }
  return name;
}

/** Source: metav1 validation.ValidateFieldManager v0.36. */
export function validateFieldManager(name: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (Buffer.byteLength(name) > MAX_MANAGER_BYTES) errors.push(tooLong(path, MAX_MANAGER_BYTES));
  const at = name.search(UNPRINTABLE);
  if (at >= 0) {
    const code = name.codePointAt(at)!.toString(16).toUpperCase().padStart(4, '0');
    errors.push(invalid(path, name, `invalid character U+${code} (at position ${at})`));
  }
  return errors;
}

/** Source: metav1 validation.ValidateManagedFields v0.36. */
export function validateManagedFields(entries: readonly ManagedFieldsEntry[] | undefined, path: string): FieldError[] {
  return (entries ?? []).flatMap(({ operation = '', fieldsType = '', manager = '', subresource = '' }, i) => {
    const at = (name: string): string => child(index(path, i), name);
    const errors: FieldError[] = [];
    if (operation !== 'Apply' && operation !== 'Update')
      errors.push(invalid(at('operation'), operation, 'must be `Apply` or `Update`'));
    if (fieldsType !== '' && fieldsType !== 'FieldsV1')
      errors.push(invalid(at('fieldsType'), fieldsType, 'must be `FieldsV1`'));
    errors.push(...validateFieldManager(manager, at('manager')));
    if (Buffer.byteLength(subresource) > MAX_SUBRESOURCE_BYTES)
      errors.push(tooLong(at('subresource'), MAX_SUBRESOURCE_BYTES));
    return errors;
  });
}

/**
 * The warning for managedFields that admission has spoilt; then those of before are to be put back.
 * Source: apiserver pkg/endpoints/handlers/fieldmanager/admission.go v1.36.
 */
export function managedFieldsWarning(entries: readonly ManagedFieldsEntry[] | undefined): string | undefined {
  try {
    readManaged(entries);
    return undefined;
  } catch (error) {
    if (!(error instanceof ManagedFieldsError)) throw error;
    return `.metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating admission controller; please fix your requests: ${error.message}`;
  }
}

/**
 * A copy that shares nothing but managedFields, which are not written to once they are an object's own; of an object from outside they are
 * copied too, unless they came from here.
 */
export function copyObject<T extends KubeObject>(object: T, { isOwn }: { readonly isOwn: boolean }): T {
  // An object from outside may lack what every object has.
  const { metadata, ...rest }: { readonly metadata?: KubeObject['metadata'] | undefined } = object;
  const managedFields = metadata?.managedFields;
  if (managedFields === undefined || !(isOwn || isKnownManaged(managedFields))) return deepClone(object);
  const { managedFields: _shared, ...others } = metadata;
  const copy = { ...deepClone(rest), metadata: { ...deepClone(others), managedFields } };
  return copy as unknown as T;
}

const withoutTime = ({ time: _time, ...entry }: ManagedFieldsEntry): ManagedFieldsEntry => entry;

/**
 * Puts back the times of managedFields where nothing but times has changed, so that the write is none. Changes `next`.
 * Source: IgnoreManagedFieldsTimestampsTransformer, apiserver pkg/endpoints/handlers/fieldmanager/equality.go v1.36.
 */
export function ignoreManagedFieldsTimestamps(next: KubeObject, old: KubeObject): void {
  const entries = next.metadata.managedFields ?? [];
  const before = old.metadata.managedFields ?? [];
  if (entries.length !== before.length || entries.every(({ time }, i) => time === before[i]!.time)) return;
  if (!entries.every((entry, i) => equalValues(withoutTime(entry), withoutTime(before[i]!)))) return;
  const rest = ({ metadata, ...others }: KubeObject): unknown => ({
    ...others,
    metadata: { ...metadata, managedFields: undefined },
  });
  if (equalValues(rest(next), rest(old))) next.metadata.managedFields = old.metadata.managedFields;
}
