/**
 * Whether custom objects are as their schema wants them. Source: apiextensions-apiserver
 * pkg/registry/customresource/{strategy,status_strategy,validator}.go v0.36.
 */
import { type FieldError, type KubeObject, validateListTypes, validateMetadata, validateValue } from '#api';
import { type ScalePaths, validateScaleSpec, validateScaleStatus } from './scale.ts';
import type { CompiledVersion } from './version.ts';

type JsonObject = Record<string, unknown>;

const scaleOf = ({ defined }: CompiledVersion): ScalePaths | undefined => defined.subresources?.scale;

/** All that is wrong with a new object. Its metadata is checked by the registry. */
export function validateCustom(object: KubeObject, version: CompiledVersion): FieldError[] {
  const { schema } = version;
  const value = object as unknown as JsonObject;
  return [
    ...validateValue(value, schema),
    ...validateScale(object, version),
    ...validateMetadata(value, schema, false),
    ...validateListTypes(value, schema),
  ];
}

/** All that is wrong with changing `old` to `object`: what has been wrong before and is as it was may stay. */
export function validateCustomUpdate(object: KubeObject, old: KubeObject, version: CompiledVersion): FieldError[] {
  const { schema } = version;
  const value = object as unknown as JsonObject;
  return [
    ...validateValue(value, schema, { old }),
    ...validateScale(object, version),
    ...validateMetadata(value, schema, false),
    ...newListErrors(object, old, version),
  ];
}

/** The same of a write of the status. */
export function validateCustomStatus(object: KubeObject, old: KubeObject, version: CompiledVersion): FieldError[] {
  const scale = scaleOf(version);
  return [...(scale === undefined ? [] : validateScaleStatus(object, scale)), ...newListErrors(object, old, version)];
}

function validateScale(object: KubeObject, version: CompiledVersion): FieldError[] {
  const scale = scaleOf(version);
  return scale === undefined ? [] : [...validateScaleSpec(object, scale), ...validateScaleStatus(object, scale)];
}

function newListErrors(object: KubeObject, old: KubeObject, { schema }: CompiledVersion): FieldError[] {
  const errors = validateListTypes(object as unknown as JsonObject, schema);
  return errors.length > 0 && validateListTypes(old as unknown as JsonObject, schema).length === 0 ? errors : [];
}
