/**
 * What a version says beside its schema, or all versions alike. Source: apiextensions-apiserver
 * pkg/apis/apiextensions/validation/validation.go v0.36.
 */
import { child, duplicate, type FieldError, index, invalid, required, tooMany } from '../field-error.ts';
import type * as apiextensions from '../generated/apiextensions.v1.ts';
import { byteLength } from '../validation/names.ts';
import { unchecked } from '../validation/fields.ts';
import { resolveFieldPath } from './field-path.ts';
import { unreadable } from './structural-check.ts';

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];
const COLUMN_FORMATS = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];
const SELECTABLE_TYPES = ['string', 'boolean', 'integer'];
export const MAX_SELECTABLE_FIELDS = 8;
const MAX_WARNING_BYTES = 256;

/** Go's unicode.IsPrint: letters, marks, numbers, punctuation, symbols and the ASCII space. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

export function validateDeprecation(deprecated: boolean, warning: string | undefined, path: string): FieldError[] {
  if (warning === undefined) return [];
  const because = (why: string): FieldError => invalid(path, warning, why);
  if (!deprecated) return [because('can only be set for deprecated versions')];
  const errors: FieldError[] = [];
  if (byteLength(warning) > MAX_WARNING_BYTES) errors.push(because('must be <= 256 characters long'));
  if (warning === '') errors.push(because('must not be an empty string'));
  let at = 0;
  for (const char of warning) {
    if (!PRINTABLE.test(char)) {
      const why = `must only contain printable UTF-8 characters; non-printable character found at index ${at}`;
      errors.push(because(why));
      break;
    }
    at += byteLength(char);
  }
  return errors;
}

const simplePath = (text: string, path: string): FieldError[] =>
  text.startsWith('.') ? [] : [invalid(path, text, 'must be a simple json path starting with .')];

export function validateColumns(
  columns: readonly apiextensions.CustomResourceColumnDefinition[] | undefined,
  path: string,
): FieldError[] {
  return (columns ?? []).flatMap((column, i) => {
    const { name = '', type = '', format = '', jsonPath = '' } = unchecked(column);
    const at = index(path, i);
    const pathAt = child(at, 'JSONPath');
    const errors: FieldError[] = [];
    if (name === '') errors.push(required(child(at, 'name')));
    const types = `must be one of ${COLUMN_TYPES.join(',')}`;
    if (type === '') errors.push(required(child(at, 'type'), types));
    else if (!COLUMN_TYPES.includes(type)) errors.push(invalid(child(at, 'type'), type, types));
    if (format !== '' && !COLUMN_FORMATS.includes(format)) {
      errors.push(invalid(child(at, 'format'), format, `must be one of ${COLUMN_FORMATS.join(',')}`));
    }
    return [...errors, ...(jsonPath === '' ? [required(pathAt)] : simplePath(jsonPath, pathAt))];
  });
}

export function validateSubresources(
  subresources: apiextensions.CustomResourceSubresources | undefined,
  path: string,
): FieldError[] {
  const scale = subresources?.scale;
  if (scale === undefined) return [];
  const { specReplicasPath = '', statusReplicasPath = '', labelSelectorPath = '' } = unchecked(scale);
  const replicas = (text: string, name: string, prefix: string): FieldError[] => {
    const at = child(path, 'scale', name);
    if (text === '') return [required(at)];
    return within(text, at, [`${prefix}.`], `should be a json path under ${prefix}`);
  };
  const selectorAt = child(path, 'scale', 'labelSelectorPath');
  const selectorWhy = 'should be a json path under either .spec or .status';
  return [
    ...replicas(specReplicasPath, 'specReplicasPath', '.spec'),
    ...replicas(statusReplicasPath, 'statusReplicasPath', '.status'),
    ...(labelSelectorPath === '' ? [] : within(labelSelectorPath, selectorAt, ['.spec.', '.status.'], selectorWhy)),
  ];
}

function within(text: string, path: string, prefixes: readonly string[], why: string): FieldError[] {
  const errors = simplePath(text, path);
  if (errors.length > 0 || prefixes.some((prefix) => text.startsWith(prefix))) return errors;
  return [invalid(path, text, why)];
}

/** `allowTooMany`: there were too many before, and the same. */
export function validateSelectableFields(
  fields: readonly apiextensions.SelectableField[],
  schema: apiextensions.JSONSchemaProps,
  path: string,
  allowTooMany: boolean,
): FieldError[] {
  const seen = new Set<string>();
  const errors: FieldError[] = [];
  for (const [i, field] of fields.entries()) {
    const { jsonPath = '' } = unchecked(field);
    const at = child(index(path, i), 'jsonPath');
    if (jsonPath === '') {
      errors.push(required(at));
      continue;
    }
    // Where the schema cannot be read, no path leads anywhere.
    const found = resolveFieldPath(jsonPath, unreadable(schema) === undefined ? schema : {}, false);
    if (typeof found === 'string') {
      errors.push(invalid(at, jsonPath, `is an invalid path: ${found}`));
      continue;
    }
    if (found.root === 'metadata') errors.push(invalid(at, jsonPath, 'must not point to fields in metadata'));
    if (!SELECTABLE_TYPES.includes(found.schema?.type ?? '')) {
      const why =
        'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.';
      errors.push(invalid(at, jsonPath, why));
    }
    if (seen.has(found.path)) errors.push(duplicate(at, jsonPath));
    seen.add(found.path);
  }
  if (seen.size > MAX_SELECTABLE_FIELDS && !allowTooMany) errors.push(tooMany(path, seen.size, MAX_SELECTABLE_FIELDS));
  return errors;
}
