/** Whether the defaults of a schema are values the schema allows. Source: apiextensions-apiserver pkg/apiserver/schema/defaulting/validation.go v0.36. */
import { deepClone, equalValues, setOwn } from '../equality.ts';
import { addErrors, child, type FieldError, fieldErrorText, invalid, keyPath } from '../field-error.ts';
import {
  coerceMetadata,
  prune,
  type Step,
  type StructuralSchema,
  surround,
  validateMetadata,
  validateValue,
} from '../structural/structural.ts';
import { sortedKeys } from '../structural/sorted.ts';

interface Context {
  /** The schema of the object the default is in, and where in it. */
  readonly resource: StructuralSchema;
  readonly at: readonly Step[];
  readonly isInMetadata: boolean;
  readonly requirePruned: boolean;
}

/** Defaults in rules of CEL are judged elsewhere. */
export function validateDefaults(schema: StructuralSchema, path: string, requirePruned: boolean): FieldError[] {
  const root = { ...schema, embeddedResource: true };
  return validate(root, path, { resource: root, at: [], isInMetadata: false, requirePruned });
}

function validate(schema: StructuralSchema, path: string, context: Context): FieldError[] {
  if (!schema.holds.defaults) return [];
  const own: Context = schema.embeddedResource
    ? { ...context, resource: schema, at: [], isInMetadata: false }
    : context;
  const errors = schema.default === undefined ? [] : validateDefault(schema, child(path, 'default'), own);
  const below = (step: Step, isMeta: boolean): Context => ({
    ...own,
    at: [...own.at, step],
    isInMetadata: own.isInMetadata || isMeta,
  });
  // Defaults of additionalProperties are forbidden where they would matter.
  if (schema.items !== undefined) addErrors(errors, validate(schema.items, child(path, 'items'), below('item', false)));
  for (const [field, property] of schema.properties) {
    const isMeta = schema.embeddedResource && ['metadata', 'apiVersion', 'kind'].includes(field);
    addErrors(errors, validate(property, keyPath(child(path, 'properties'), field), below({ field }, isMeta)));
  }
  return errors;
}

function validateDefault(schema: StructuralSchema, path: string, context: Context): FieldError[] {
  const shown = sortedKeys(schema.default);
  if (context.isInMetadata) {
    const wrong = wrongMetadata(schema.default, context);
    if (wrong !== undefined) return [invalid(path, shown, `must result in valid metadata: ${wrong}`)];
    return validateValue(schema.default, schema, { path });
  }
  const value = deepClone(schema.default);
  prune(value, schema, { isResourceRoot: schema.embeddedResource });
  const errors: FieldError[] = [];
  if (context.requirePruned && !equalValues(value, schema.default)) {
    errors.push(invalid(path, shown, 'must not have unknown fields'));
  }
  const whole = deepClone(schema.default);
  const { error } = coerceMetadata(whole, schema, { isResourceRoot: schema.embeddedResource, path });
  if (error !== undefined) return [...errors, error];
  const inMetadata = validateMetadata(whole, schema, schema.embeddedResource, path);
  return [...errors, ...(inMetadata.length > 0 ? inMetadata : validateValue(whole, schema, { path }))];
}

/** What is wrong with an object that has nothing but the default in its metadata. */
function wrongMetadata(value: unknown, { at, resource }: Context): string | undefined {
  const object = surround(deepClone(value), at) as Record<string, unknown>;
  for (const [field, fallback] of [
    ['kind', 'Validation'],
    ['apiVersion', 'validation/v1'],
  ] as const) {
    if (!Object.hasOwn(object, field)) setOwn(object, field, fallback);
  }
  const { error } = coerceMetadata(object, resource, { isResourceRoot: true });
  if (error !== undefined) return fieldErrorText(error);
  const texts = [...new Set(validateMetadata(object, resource, true).map(fieldErrorText))];
  if (texts.length === 0) return undefined;
  return texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
}
