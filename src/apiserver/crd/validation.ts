/**
 * Whether custom objects are as their schema wants them. Source: apiextensions-apiserver
 * pkg/registry/customresource/{strategy,status_strategy,validator}.go v0.36.
 */
import {
  type FieldError,
  type FieldErrorType,
  invalid,
  type KubeObject,
  validateListTypes,
  validateMetadata,
  validateValue,
} from '#api';
import { type ScalePaths, validateScaleSpec, validateScaleStatus } from './scale.ts';
import type { CompiledVersion } from './version.ts';

type JsonObject = Record<string, unknown>;

const scaleOf = ({ defined }: CompiledVersion): ScalePaths | undefined => defined.subresources?.scale;

/** All that is wrong with a new object. Its metadata is checked by the registry. */
export function validateCustom(object: KubeObject, version: CompiledVersion): FieldError[] {
  const { schema } = version;
  const value = object as unknown as JsonObject;
  const errors = [
    ...validateValue(value, schema),
    ...validateScale(object, version),
    ...validateMetadata(value, schema, false),
    ...validateListTypes(value, schema),
  ];
  return [...errors, ...brokenRules(object, undefined, version, errors)];
}

/** All that is wrong with changing `old` to `object`: what has been wrong before and is as it was may stay. */
export function validateCustomUpdate(object: KubeObject, old: KubeObject, version: CompiledVersion): FieldError[] {
  const { schema } = version;
  const value = object as unknown as JsonObject;
  const errors = [
    ...validateValue(value, schema, { old }),
    ...validateScale(object, version),
    ...validateMetadata(value, schema, false),
    ...newListErrors(object, old, version),
  ];
  return [...errors, ...brokenRules(object, old, version, errors)];
}

/** The same of a write of the status. */
export function validateCustomStatus(object: KubeObject, old: KubeObject, version: CompiledVersion): FieldError[] {
  const scale = scaleOf(version);
  const errors = [
    ...validateStatusValue(object as WithStatus, old as WithStatus, version),
    ...(scale === undefined ? [] : validateScaleStatus(object, scale)),
    ...newListErrors(object, old, version),
  ];
  return [...errors, ...brokenRules(object, old, version, errors)];
}

interface WithStatus {
  readonly status?: unknown;
}

function validateStatusValue({ status }: WithStatus, old: WithStatus, { schema }: CompiledVersion): FieldError[] {
  const own = schema.properties.get('status');
  return own === undefined || status === undefined
    ? []
    : validateValue(status, own, { path: 'status', old: old.status });
}

function validateScale(object: KubeObject, version: CompiledVersion): FieldError[] {
  const scale = scaleOf(version);
  return scale === undefined ? [] : [...validateScaleSpec(object, scale), ...validateScaleStatus(object, scale)];
}

function newListErrors(object: KubeObject, old: KubeObject, { schema }: CompiledVersion): FieldError[] {
  const errors = validateListTypes(object as unknown as JsonObject, schema);
  return errors.length > 0 && validateListTypes(old as unknown as JsonObject, schema).length === 0 ? errors : [];
}

/** Where a value is not even of the right form, rules cannot be asked. */
const BLOCKING: readonly FieldErrorType[] = [
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
];
const UNCHECKED =
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';

function brokenRules(
  object: KubeObject,
  old: KubeObject | undefined,
  { rules }: CompiledVersion,
  errors: readonly FieldError[],
): FieldError[] {
  if (rules === undefined) return [];
  // Go's text of a path that is none.
  if (errors.some(({ type }) => BLOCKING.includes(type))) return [invalid('<nil>', null, UNCHECKED)];
  return rules.validate(object, old, { path: '' });
}
