/** Defaults, and nulls that mean nothing. Source: apiextensions-apiserver pkg/apiserver/schema/defaulting v0.36. */
import { deepClone, equalValues, setOwn } from '../equality.ts';
import { additionalSchema, prune } from './prune.ts';
import { coerceMetadata } from './metadata.ts';
import type { StructuralSchema } from './schema.ts';

/** Fills in what is absent, or null where it may not be, from the defaults of the schema; changes `value`. */
export function applyDefaults(value: unknown, schema: StructuralSchema): void {
  if (!schema.holds.defaults || typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return;
    for (const [i, item] of value.entries()) {
      if (item === null && !items.nullable) value[i] = deepClone(items.default ?? null);
      applyDefaults(value[i], items);
    }
    return;
  }
  const object = value as Record<string, unknown>;
  for (const [name, property] of schema.properties) {
    if (!property.holds.defaults) continue;
    const isThere = Object.hasOwn(object, name) && object[name] !== undefined;
    if (property.default !== undefined && (!isThere || (object[name] === null && !property.nullable))) {
      setOwn(object, name, deepClone(property.default));
    } else if (!isThere) continue;
    applyDefaults(object[name], property);
  }
  const additional = additionalSchema(schema);
  if (additional?.holds.defaults === true) defaultAdditional(object, schema, additional);
}

function defaultAdditional(
  object: Record<string, unknown>,
  { properties }: StructuralSchema,
  schema: StructuralSchema,
): void {
  for (const key of Object.keys(object)) {
    if (properties.has(key)) continue;
    if (object[key] === null && !schema.nullable) setOwn(object, key, deepClone(schema.default ?? null));
    applyDefaults(object[key], schema);
  }
}

/** Removes nulls that may not be and that no default is going to take the place of; changes `value`. */
export function dropNulls(value: unknown, schema: StructuralSchema | undefined): void {
  if (schema === undefined || typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    if (schema.items !== undefined) for (const item of value) dropNulls(item, schema.items);
    return;
  }
  const object = value as Record<string, unknown>;
  const additional = additionalSchema(schema);
  for (const key of Object.keys(object)) {
    const below = schema.properties.get(key) ?? additional;
    if (below === undefined) continue;
    const own = object[key];
    if (own === null && !below.nullable && below.default === undefined) delete object[key];
    else dropNulls(own, below);
  }
}

/** Where a default stands: names of fields, and `[]` for the items of a list. */
export type Step = { readonly field: string } | 'item';

/**
 * The schema with defaults that hold nothing the schema or the server's ObjectMeta does not know. Definitions are checked for that as they are
 * made; ObjectMeta may have changed since. The same schema if there is nothing to do.
 */
export function pruneDefaults(root: StructuralSchema): StructuralSchema {
  return withPrunedDefaults(root, root, []);
}

function withPrunedDefaults(schema: StructuralSchema, root: StructuralSchema, at: readonly Step[]): StructuralSchema {
  if (!schema.holds.defaults) return schema;
  const below = (step: Step, part: StructuralSchema): StructuralSchema => withPrunedDefaults(part, root, [...at, step]);
  const fallback = schema.default === undefined ? undefined : prunedDefault(schema.default, root, at);
  const items = schema.items === undefined ? undefined : below('item', schema.items);
  const { additionalProperties: additional } = schema;
  const additionalProperties = typeof additional === 'object' ? below({ field: '*' }, additional) : additional;
  const properties = new Map([...schema.properties].map(([field, part]) => [field, below({ field }, part)]));
  const isSame =
    equalValues(fallback, schema.default) &&
    items === schema.items &&
    additionalProperties === additional &&
    [...properties].every(([field, part]) => part === schema.properties.get(field));
  return isSame ? schema : { ...schema, default: fallback, items, additionalProperties, properties };
}

function prunedDefault(value: unknown, root: StructuralSchema, at: readonly Step[]): unknown {
  const object = surround(deepClone(value), at);
  coerceMetadata(object, root, { isResourceRoot: true, dropInvalid: true });
  prune(object, root, { isResourceRoot: true });
  return focus(object, at);
}

/** An object with the value where the schema has it. */
export function surround(value: unknown, at: readonly Step[]): unknown {
  let whole = value;
  for (const step of at.toReversed()) {
    if (step === 'item') whole = [whole];
    else {
      const object = {};
      setOwn(object, step.field, whole);
      whole = object;
    }
  }
  return whole;
}

/** The value {@link surround} was given, as it is by now; undefined when it is gone. */
function focus(whole: unknown, at: readonly Step[]): unknown {
  let value = whole;
  for (const step of at) {
    if (typeof value !== 'object' || value === null) return undefined;
    if (step === 'item') value = (value as unknown[])[0];
    else value = Object.hasOwn(value, step.field) ? (value as Record<string, unknown>)[step.field] : undefined;
  }
  return value;
}
