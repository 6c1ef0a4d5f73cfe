/** What all kinds of devices have in common. Source: pkg/apis/resource/validation/validation.go v1.36. */
import type { FieldError } from '../field-error.ts';
import { child, duplicate, index, invalid, keyPath, notSupported, required, tooLong, tooMany } from '../field-error.ts';
import type { DeviceTaint, DeviceToleration } from '../generated/resource.v1.ts';
import { canonicalQuantity, parseQuantity, QuantityError, type Quantity } from '../quantity.ts';
import { validateCSIDriverName } from '../core/pod/volume/sources.ts';
import {
  eachOf,
  invalidEach,
  unchecked,
  validateDNS1123Subdomain,
  validateEnum,
  validateQualifiedName as validateLabelName,
} from '../validation/fields.ts';
import { byteLength, isLabelValue } from '../validation/names.ts';

export const RESOURCE_GROUP = 'resource.k8s.io';
const ID_MAX = 32;
const POOL_NAME_MAX = 253;
const CONDITIONS_MAX = 4;
const EFFECTS = ['NoExecute', 'NoSchedule', 'None'];
const OPERATORS = ['Equal', 'Exists'];

/** A list too long is not looked into. */
export const validateSlice = <T>(
  list: readonly T[] | undefined,
  max: number,
  path: string,
  validate: (item: T, path: string) => FieldError[],
): FieldError[] =>
  (list ?? []).length > max ? [tooMany(path, list!.length, max)] : eachOf(list, path, (item, at) => validate(item, at));

/** The same of items that differ in `keyOf`. */
export function validateSet<T>(
  list: readonly T[] | undefined,
  max: number,
  path: string,
  validate: (item: T, path: string) => FieldError[],
  keyOf: (item: T) => string,
): FieldError[] {
  const errors = validateSlice(list, max, path, validate);
  if (list === undefined || list.length > max) return errors;
  const keys = new Set<string>();
  for (const [i, item] of list.entries()) {
    const key = keyOf(item);
    if (keys.has(key)) errors.push(duplicate(index(path, i), key));
    keys.add(key);
  }
  return errors;
}

/** Keys are complained of at the map, values at their key. */
export const validateMap = <T>(
  map: Readonly<Record<string, T>> | undefined,
  max: number,
  path: string,
  validateKey: (key: string, path: string) => FieldError[],
  validate: (value: T, path: string) => FieldError[],
): FieldError[] => {
  const entries = Object.entries(map ?? {});
  if (entries.length > max) return [tooMany(path, entries.length, max)];
  return entries.flatMap(([key, value]) => [
    ...validateKey(key, path),
    ...validate(value, keyPath(path, shortened(key))),
  ]);
};

const KEY_SHOWN = 63 + 1 + ID_MAX;

const shortened = (key: string): string => {
  const rest = KEY_SHOWN - '...'.length;
  return key.length <= KEY_SHOWN
    ? key
    : `${key.slice(0, Math.ceil(rest / 2))}...${key.slice(key.length - Math.floor(rest / 2))}`;
};

export const validateDriverName = validateCSIDriverName;

export const validatePoolName = (name: string, path: string): FieldError[] =>
  name === ''
    ? [required(path)]
    : [
        ...(byteLength(name) > POOL_NAME_MAX ? [tooLong(path, POOL_NAME_MAX)] : []),
        ...name.split('/').flatMap((part) => validateDNS1123Subdomain(part, path)),
      ];

function validateIdentifier(id: string, path: string): FieldError[] {
  const errors = byteLength(id) > ID_MAX ? [tooLong(path, ID_MAX)] : [];
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(id)) return errors;
  const why = `a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')`;
  return [...errors, invalid(path, id, why)];
}

/** `memory` or `gpu.example.com/memory`. */
export function validateDeviceKey(name: string, path: string): FieldError[] {
  const [domain = '', id, ...more] = name.split('/');
  if (id === undefined) return validateIdentifier(domain, path);
  if (more.length > 0) return [invalid(path, name, 'must not contain more than one slash')];
  return [
    ...(domain === '' ? [invalid(path, '', 'the domain must not be empty')] : validateDriverName(domain, path)),
    ...(id === '' ? [invalid(path, '', 'the name must not be empty')] : validateIdentifier(id, path)),
  ];
}

export const validateFullyQualifiedName = (name: string, path: string): FieldError[] => [
  ...validateDeviceKey(name, path),
  ...(name.includes('/')
    ? []
    : [invalid(path, name, 'a fully qualified name must be a domain and a name separated by a slash')]),
];

export function validateShareID(uid: string | undefined, path: string): FieldError[] {
  if (uid === undefined || /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uid)) return [];
  const bare = uid.replace(/^urn:uuid:/i, '').replace(/^\{(.*)\}$/, '$1');
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(bare) || /^[0-9a-f]{32}$/i.test(uid)) {
    const why =
      'uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters';
    return [invalid(path, uid, why)];
  }
  const why = [32, 36, 38, 45].includes(uid.length) ? 'invalid UUID format' : `invalid UUID length: ${uid.length}`;
  return [invalid(path, uid, `error validating uid: ${why}`)];
}

/** JSON of any kind of driver. `stored`: as long as it was. */
export function validateParameters(parameters: unknown, path: string, max: number, stored = false): FieldError[] {
  if (parameters === undefined || parameters === null) return [required(path)];
  if (!stored && byteLength(JSON.stringify(parameters)) > max) return [tooLong(path, max)];
  return typeof parameters === 'object' && !Array.isArray(parameters)
    ? []
    : [invalid(path, '<value omitted>', 'must be a valid JSON object')];
}

const validateLabelValue = (value: string, path: string): FieldError[] => invalidEach(path, value, isLabelValue(value));

export function validateTaint(taint: DeviceTaint, path: string): FieldError[] {
  const { key = '', value = '', effect = '' } = unchecked(taint);
  return [
    ...validateLabelName(key, child(path, 'key')),
    ...(value === '' ? [] : validateLabelValue(value, child(path, 'value'))),
    ...validateEnum(effect, EFFECTS, child(path, 'effect')),
  ];
}

export function validateToleration(
  { key = '', operator = '', value = '', effect = '' }: DeviceToleration,
  path: string,
): FieldError[] {
  const [operatorPath, valuePath] = [child(path, 'operator'), child(path, 'value')];
  const errors = key === '' ? [] : validateLabelName(key, child(path, 'key'));
  if (operator === 'Exists') {
    if (value !== '') errors.push(invalid(valuePath, value, 'must be empty for operator `Exists`'));
  } else if (operator === 'Equal') errors.push(...validateLabelValue(value, valuePath));
  else if (operator === '') errors.push(required(operatorPath));
  else errors.push(notSupported(operatorPath, operator, OPERATORS));
  if (effect !== '' && !EFFECTS.includes(effect)) {
    errors.push(notSupported(child(path, 'effect'), effect, EFFECTS));
  }
  return errors;
}

interface BindingConditions {
  readonly bindingConditions?: string[] | undefined;
  readonly bindingFailureConditions?: string[] | undefined;
}

/** Conditions are named once, and never as both. */
export function validateBinding(
  { bindingConditions, bindingFailureConditions }: BindingConditions,
  path: string,
): FieldError[] {
  const [at, failureAt] = [child(path, 'bindingConditions'), child(path, 'bindingFailureConditions')];
  const repeated = (list: readonly string[] | undefined, item: string, i: number): boolean =>
    list !== undefined && list.indexOf(item) < i;
  return [
    ...validateSlice(bindingConditions, CONDITIONS_MAX, at, validateLabelName),
    ...validateSlice(bindingFailureConditions, CONDITIONS_MAX, failureAt, validateLabelName),
    ...eachOf(bindingConditions, at, (item, itemPath, i) =>
      repeated(bindingConditions, item, i) ? [duplicate(itemPath, item)] : [],
    ),
    ...eachOf(bindingFailureConditions, failureAt, (item, itemPath, i) => [
      ...(repeated(bindingFailureConditions, item, i) ? [duplicate(itemPath, item)] : []),
      ...(bindingConditions?.includes(item) === true
        ? [invalid(itemPath, item, 'bindingFailureConditions must not overlap with bindingConditions')]
        : []),
    ]),
    ...((bindingConditions ?? []).length === 0 && (bindingFailureConditions ?? []).length > 0
      ? [invalid(at, bindingConditions, 'bindingConditions are required to use bindingFailureConditions')]
      : []),
    ...((bindingFailureConditions ?? []).length === 0 && (bindingConditions ?? []).length > 0
      ? [invalid(failureAt, bindingFailureConditions, 'bindingFailureConditions are required to use bindingConditions')]
      : []),
  ];
}

export interface Amount {
  readonly amount: Quantity;
  readonly text: string;
}

/** undefined: what is no quantity has been refused when it was read. */
export function amountOf(text: string | undefined): Amount | undefined {
  if (text === undefined) return undefined;
  try {
    return { amount: parseQuantity(text), text: canonicalQuantity(text) };
  } catch (error) {
    if (error instanceof QuantityError) return undefined;
    throw error;
  }
}
