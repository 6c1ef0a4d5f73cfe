/** Walks over schemas as definitions have them. Source: SchemaHas of apiextensions-apiserver pkg/apis/apiextensions/validation v0.36. */
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts';

/** The schema and all within, in upstream's order. */
export function* everySchema(schema: JSONSchemaProps): Generator<JSONSchemaProps> {
  yield schema;
  for (const part of partsOf(schema)) yield* everySchema(part);
}

function* partsOf(schema: JSONSchemaProps): Generator<JSONSchemaProps> {
  const { items, allOf, anyOf, oneOf, not, properties, additionalProperties } = schema;
  if (Array.isArray(items)) yield* items;
  else if (items !== undefined) yield items;
  for (const list of [allOf, anyOf, oneOf]) yield* list ?? [];
  if (not !== undefined) yield not;
  yield* Object.values(properties ?? {});
  if (typeof additionalProperties === 'object') yield additionalProperties;
  yield* Object.values(schema.patternProperties ?? {});
  if (typeof schema.additionalItems === 'object') yield schema.additionalItems;
  yield* Object.values(schema.definitions ?? {});
  for (const dependency of Object.values(schema.dependencies ?? {})) if (!Array.isArray(dependency)) yield dependency;
}

/** Whether any schema within is such. */
export function someSchema(schema: JSONSchemaProps, isSuch: (schema: JSONSchemaProps) => boolean): boolean {
  for (const part of everySchema(schema)) if (isSuch(part)) return true;
  return false;
}

/** The one schema of all items. */
export const itemsOf = ({ items }: JSONSchemaProps): JSONSchemaProps | undefined =>
  Array.isArray(items) ? undefined : items;
