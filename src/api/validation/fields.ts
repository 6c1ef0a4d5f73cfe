/** Checks of fields many kinds share, in terms of field errors. */
import type { FieldError } from '../field-error.ts';
import { child, forbiddenField, index, invalid, keyPath, notSupported, required, tooLong } from '../field-error.ts';
import type { LabelSelector, LabelSelectorRequirement } from '../generated/meta.v1.ts';
import {
  byteLength,
  isDNS1123Label,
  isDNS1123Subdomain,
  isHTTPPath,
  isLabelValue,
  isPercent,
  isPortName,
  isPortNumber,
  isQualifiedName,
} from './names.ts';
import { semanticEqual } from './equal.ts';

/** What a client sent, before it is validated: fields the schema requires may still be missing. */
export type Unchecked<T> = { readonly [K in keyof T]?: T[K] | undefined };

export const unchecked = <T extends object>(sent: T): Unchecked<T> => sent;

const FIELD_IMMUTABLE = 'field is immutable';
export const PROTOCOLS: readonly string[] = ['SCTP', 'TCP', 'UDP'];

/** Turns a rule's messages into errors of one field. */
export const invalidEach = (field: string, value: unknown, messages: readonly string[]): FieldError[] =>
  messages.map((message) => invalid(field, value, message));

export const validateDNS1123Label = (value: string, field: string): FieldError[] =>
  invalidEach(field, value, isDNS1123Label(value));

export const validateDNS1123Subdomain = (value: string, field: string): FieldError[] =>
  invalidEach(field, value, isDNS1123Subdomain(value));

export const validateQualifiedName = (value: string, field: string): FieldError[] =>
  invalidEach(field, value, isQualifiedName(value));

export const validateNonnegative = (value: number | undefined, field: string): FieldError[] =>
  value !== undefined && value < 0 ? [invalid(field, value, 'must be greater than or equal to 0')] : [];

/** `required` when absent or empty, `notSupported` when not one of `supported` (given in the order messages show them). */
export function validateEnum(value: string | undefined, supported: readonly string[], field: string): FieldError[] {
  if (value === undefined || value === '') return [required(field)];
  return supported.includes(value) ? [] : [notSupported(field, value, supported)];
}

/** As {@link validateEnum}, but the field may be absent. */
export const validateOptionalEnum = (
  value: string | undefined,
  supported: readonly string[],
  field: string,
): FieldError[] => (value === undefined || supported.includes(value) ? [] : [notSupported(field, value, supported)]);

export const validateImmutable = (value: unknown, old: unknown, field: string): FieldError[] =>
  semanticEqual(value, old) ? [] : [invalid(field, value, FIELD_IMMUTABLE)];

export const validatePortNumOrName = (port: number | string, field: string): FieldError[] =>
  invalidEach(field, port, typeof port === 'number' ? isPortNumber(port) : isPortName(port));

/** Source: ValidateLabels in apimachinery pkg/apis/meta/v1/validation v0.36; the path is the map's own, not the key's. */
export function validateLabels(labels: Readonly<Record<string, string>> | undefined, field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(labels ?? {})) {
    errors.push(...validateQualifiedName(key, field), ...invalidEach(field, value, isLabelValue(value)));
  }
  return errors;
}

const ANNOTATIONS_MAX_BYTES = 256 * 1024;

export function validateAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  field: string,
): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    errors.push(...invalidEach(field, key, isQualifiedName(key.toLowerCase())));
    bytes += byteLength(key) + byteLength(value);
  }
  if (bytes > ANNOTATIONS_MAX_BYTES) errors.push(tooLong(field, ANNOTATIONS_MAX_BYTES));
  return errors;
}

interface SelectorOptions {
  readonly unknownOperators?: boolean;
  /** What was let in once may stay. */
  readonly invalidValues?: boolean;
}

/** Source: ValidateLabelSelectorRequirement in apimachinery pkg/apis/meta/v1/validation v0.36. */
export function validateLabelSelectorRequirement(
  requirement: LabelSelectorRequirement,
  field: string,
  { unknownOperators = false, invalidValues = false }: SelectorOptions = {},
): FieldError[] {
  const errors: FieldError[] = [];
  const values = requirement.values ?? [];
  switch (requirement.operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) {
        errors.push(required(child(field, 'values'), "must be specified when `operator` is 'In' or 'NotIn'"));
      }
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        errors.push(
          forbiddenField(child(field, 'values'), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
        );
      }
      break;
    default:
      if (!unknownOperators)
        errors.push(invalid(child(field, 'operator'), requirement.operator ?? '', 'not a valid selector operator'));
  }
  errors.push(...validateQualifiedName(requirement.key ?? '', child(field, 'key')));
  for (const [i, value] of invalidValues ? [] : values.entries()) {
    errors.push(...invalidEach(index(child(field, 'values'), i), value, isLabelValue(value)));
  }
  return errors;
}

export function validateLabelSelector(
  selector: LabelSelector | undefined,
  field: string,
  options?: SelectorOptions,
): FieldError[] {
  if (selector === undefined) return [];
  return [
    ...validateLabels(selector.matchLabels, child(field, 'matchLabels')),
    ...(selector.matchExpressions ?? []).flatMap((requirement, i) =>
      validateLabelSelectorRequirement(requirement, index(child(field, 'matchExpressions'), i), options),
    ),
  ];
}

/** Whether a stored selector is one of those let in before values were checked. */
export const hasInvalidSelector = (selector: LabelSelector | undefined): boolean =>
  validateLabelSelector(selector, '').length > 0;

/** Reports entries whose key was seen before in the list. */
export class Seen {
  readonly #keys = new Set<string>();

  /** True when `key` is new. */
  add(key: string): boolean {
    if (this.#keys.has(key)) return false;
    this.#keys.add(key);
    return true;
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }
}

/** Relative, and never up. Source: validateLocalDescendingPath in pkg/apis/core/validation v1.36. */
export const validateLocalDescendingPath = (path: string, field: string): FieldError[] => [
  ...(path.startsWith('/') ? [invalid(field, path, 'must be a relative path')] : []),
  ...validatePathNoBacksteps(path, field),
];

export const validatePathNoBacksteps = (path: string, field: string): FieldError[] =>
  path.split('/').includes('..') ? [invalid(field, path, "must not contain '..'")] : [];

export const validateLocalNonReservedPath = (path: string, field: string): FieldError[] => [
  ...validateLocalDescendingPath(path, field),
  // A path that starts with '../' has been reported above.
  ...(path.startsWith('..') && !path.startsWith('../') && path !== '..'
    ? [invalid(field, path, "must not start with '..'")]
    : []),
];

const FILE_MODE_MAX = 0o777;

export const validateFileMode = (mode: number | undefined, field: string): FieldError[] =>
  mode !== undefined && (mode < 0 || mode > FILE_MODE_MAX)
    ? [invalid(field, mode, 'must be a number between 0 and 0777 (octal), both inclusive')]
    : [];

/** Errors of every entry of a list, each under its own index. */
export const eachOf = <T>(
  list: readonly T[] | undefined,
  field: string,
  validate: (item: T, field: string, i: number) => FieldError[],
): FieldError[] => (list ?? []).flatMap((item, i) => validate(item, index(field, i), i));

/** Errors of every value of a map, each under its own key. */
export const eachKey = <T>(
  map: Readonly<Record<string, T>> | undefined,
  field: string,
  validate: (key: string, value: T, field: string) => FieldError[],
): FieldError[] => Object.entries(map ?? {}).flatMap(([key, value]) => validate(key, value, keyPath(field, key)));

/** `acme.io/foo`. Source: IsDomainPrefixedPath in apimachinery pkg/util/validation v0.36. */
export function validateDomainPrefixedPath(value: string, field: string): FieldError[] {
  if (value === '') return [required(field)];
  const slash = value.indexOf('/');
  const [host, path] = slash < 0 ? [value, ''] : [value.slice(0, slash), value.slice(slash + 1)];
  if (host === '' || path === '') {
    return [invalid(field, value, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  }
  return [...validateDNS1123Subdomain(host, field), ...invalidEach(field, path, isHTTPPath(path))];
}

/** A count, or a share like `25%`. Source: ValidatePositiveIntOrPercent in pkg/apis/apps/validation v1.36. */
export const validatePositiveIntOrPercent = (value: number | string, field: string): FieldError[] =>
  typeof value === 'number' ? validateNonnegative(value, field) : invalidEach(field, value, isPercent(value));

export const validateAtMost100Percent = (value: number | string, field: string): FieldError[] =>
  typeof value === 'string' && isPercent(value).length === 0 && Number.parseInt(value, 10) > 100
    ? [invalid(field, value, 'must not be greater than 100%')]
    : [];
