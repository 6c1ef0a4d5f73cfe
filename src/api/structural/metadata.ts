/**
 * Metadata of objects within objects, and of those themselves: read as the server's ObjectMeta, whatever a schema may say of it.
 * Source: apiextensions-apiserver pkg/apiserver/schema/objectmeta v0.36.
 */
import { compareText } from '../apply/fieldpath/text.ts';
import { DecodeError, decodeValue } from '../codec/decode.ts';
import { setOwn } from '../equality.ts';
import { child, type FieldError, index, invalid, keyPath, required } from '../field-error.ts';
import type { ObjectMeta } from '../generated/meta.v1.ts';
import { validateObjectMeta } from '../meta/objectmeta.ts';
import { isDNS1035Label, nameIsPathSegment } from '../validation/names.ts';
import { additionalSchema } from './prune.ts';
import type { StructuralSchema } from './schema.ts';

type JsonObject = Record<string, unknown>;

export interface CoerceOptions {
  /** The value is an object of the API itself. */
  readonly isResourceRoot: boolean;
  /** Where the value stands. Default: at the root. */
  readonly path?: string;
  /** Drops fields of the wrong type, as for what comes out of the store, and finds no fault. Default: false. */
  readonly dropInvalid?: boolean;
  /** Names fields ObjectMeta does not have. Default: false. */
  readonly track?: boolean;
}

export interface Coerced {
  /** `spec.template.metadata.foo`. */
  readonly unknown: readonly string[];
  /** The first fault; what comes behind it has not been looked at. */
  readonly error: FieldError | undefined;
}

const DEFINITION = 'meta.v1.ObjectMeta';
const FAKE_NAME = 'fakename';

/** What Go calls the type of a JSON value. */
function goTypeName(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

interface ReadMetadata {
  readonly meta: JsonObject;
  readonly unknown: readonly string[];
}

/**
 * Reads metadata as the server knows it; with `dropInvalid` field by field, without what is of the wrong type. Throws {@link DecodeError}.
 * Unknown fields are told below `path`.
 */
export function readMetadata(
  metadata: unknown,
  path: string,
  { dropInvalid = false, track = false }: { readonly dropInvalid?: boolean; readonly track?: boolean },
): ReadMetadata {
  if (metadata === null) return { meta: {}, unknown: [] };
  const read = (value: unknown): ReadMetadata => {
    const { value: meta, unknown } = decodeValue(value, DEFINITION, track);
    return { meta, unknown: unknown.map((name) => `${child(path, 'metadata')}.${name}`) };
  };
  try {
    return read(metadata);
  } catch (error) {
    if (!dropInvalid || !(error instanceof DecodeError)) throw error;
  }
  if (typeof metadata !== 'object' || Array.isArray(metadata)) {
    throw new DecodeError(`invalid metadata: expected object, got ${goTypeName(metadata)}`);
  }
  const meta: JsonObject = {};
  const unknown: string[] = [];
  for (const [key, value] of Object.entries(metadata)) {
    const single: JsonObject = {};
    setOwn(single, key, value);
    try {
      const part = read(single);
      Object.assign(meta, part.meta);
      unknown.push(...part.unknown);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  }
  return { meta, unknown };
}

/** Brings apiVersion, kind and metadata of embedded resources into form; changes `value`. */
export function coerceMetadata(value: unknown, schema: StructuralSchema, options: CoerceOptions): Coerced {
  const unknown: string[] = [];
  const error = coerce(value, schema, options.isResourceRoot, options.path ?? '', options, unknown);
  return { unknown: unknown.toSorted(compareText), error };
}

function coerce(
  value: unknown,
  schema: StructuralSchema,
  isRoot: boolean,
  path: string,
  options: CoerceOptions,
  unknown: string[],
): FieldError | undefined {
  if (!(isRoot || schema.holds.embeddedResources) || typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return undefined;
    for (const [i, item] of value.entries()) {
      const error = coerce(item, items, false, index(path, i), options, unknown);
      if (error !== undefined) return error;
    }
    return undefined;
  }
  const object = value as JsonObject;
  if (isRoot || schema.embeddedResource) {
    const error = coerceResource(object, path, options, unknown);
    if (error !== undefined) return error;
  }
  const additional = additionalSchema(schema);
  for (const key of Object.keys(object)) {
    const property = schema.properties.get(key);
    const below = property ?? additional;
    if (below === undefined) continue;
    const at = property === undefined ? keyPath(path, key) : child(path, key);
    const error = coerce(object[key], below, false, at, options, unknown);
    if (error !== undefined) return error;
  }
  return undefined;
}

function coerceResource(
  object: JsonObject,
  path: string,
  options: CoerceOptions,
  unknown: string[],
): FieldError | undefined {
  for (const key of ['apiVersion', 'kind']) {
    const value = object[key];
    if (value === undefined || typeof value === 'string') continue;
    if (options.dropInvalid !== true) return invalid(child(path, key), value, 'must be a string');
    delete object[key];
  }
  const { metadata } = object;
  if (metadata === undefined) return undefined;
  try {
    const read = readMetadata(metadata, path, options);
    unknown.push(...read.unknown);
    object['metadata'] = read.meta;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    if (options.dropInvalid !== true) return invalid(child(path, 'metadata'), metadata, error.message);
  }
  return undefined;
}

/** What is wrong with apiVersion, kind and metadata of embedded resources; of the value itself too if it `isResourceRoot`. */
export function validateMetadata(
  value: unknown,
  schema: StructuralSchema,
  isResourceRoot: boolean,
  path = '',
): FieldError[] {
  const errors: FieldError[] = [];
  validate(value, schema, isResourceRoot, path, errors);
  return errors;
}

function validate(value: unknown, schema: StructuralSchema, isRoot: boolean, path: string, errors: FieldError[]): void {
  if (!(isRoot || schema.holds.embeddedResources) || typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return;
    for (const [i, item] of value.entries()) validate(item, items, false, index(path, i), errors);
    return;
  }
  const object = value as JsonObject;
  if (isRoot || schema.embeddedResource) errors.push(...validateResource(object, path));
  const additional = additionalSchema(schema);
  for (const key of Object.keys(object)) {
    const property = schema.properties.get(key);
    const below = property ?? additional;
    if (below === undefined) continue;
    validate(object[key], below, false, property === undefined ? keyPath(path, key) : child(path, key), errors);
  }
}

function validateResource(object: JsonObject, path: string): FieldError[] {
  const { apiVersion, kind, metadata } = object;
  return [
    ...validateApiVersion(apiVersion, child(path, 'apiVersion')),
    ...validateKind(kind, child(path, 'kind')),
    ...(metadata === undefined ? [] : validateOwnMetadata(metadata, path)),
  ];
}

function validateApiVersion(apiVersion: unknown, path: string): FieldError[] {
  if (apiVersion === undefined) return [required(path)];
  if (typeof apiVersion !== 'string') return [invalid(path, apiVersion, 'must be a string')];
  if (apiVersion === '') return [invalid(path, apiVersion, 'must not be empty')];
  if (apiVersion.split('/').length <= 2) return [];
  return [invalid(path, apiVersion, `unexpected GroupVersion string: ${apiVersion}`)];
}

function validateKind(kind: unknown, path: string): FieldError[] {
  if (kind === undefined) return [required(path)];
  if (typeof kind !== 'string') return [invalid(path, kind, 'must be a string')];
  if (kind === '') return [invalid(path, kind, 'must not be empty')];
  const wrong = isDNS1035Label(kind.toLowerCase());
  if (wrong.length === 0) return [];
  return [invalid(path, kind, `may have mixed case, but should otherwise match: ${wrong.join(',')}`)];
}

function validateOwnMetadata(metadata: unknown, path: string): FieldError[] {
  try {
    const meta = readMetadata(metadata, path, {}).meta as Partial<ObjectMeta>;
    const named = { ...meta, name: (meta.name ?? '') === '' ? FAKE_NAME : meta.name } as ObjectMeta;
    const errors = validateObjectMeta(named, {
      anyFinalizers: true,
      namespaced: (meta.namespace ?? '') !== '',
      validateName: nameIsPathSegment,
    });
    return errors.map((error) => ({ ...error, field: child(path, error.field) }));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return [invalid(child(path, 'metadata'), metadata, error.message)];
  }
}
