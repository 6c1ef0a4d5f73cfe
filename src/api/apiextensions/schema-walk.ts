/** Walks over schemas as definitions have them. Source: SchemaHas of apiextensions-apiserver pkg/apis/apiextensions/validation v0.36. */
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts';

/** The schema and all within, in upstream's order. */
export function* everySchema(schema: JSONSchemaProps): Generator<JSONSchemaProps> {
  const left = [schema];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    yield next;
    const parts = partsOf(next);
    for (let i = parts.length - 1; i >= 0; i--) left.push(parts[i]!);
  }
}

const NO_PARTS: readonly JSONSchemaProps[] = [];
const SUBSCHEMAS = [
  'items', 'allOf', 'anyOf', 'oneOf', 'not', 'properties', 'additionalProperties', 'patternProperties', 'additionalItems', 'definitions',
  'dependencies',
] as const; // prettier-ignore

function partsOf(schema: JSONSchemaProps): readonly JSONSchemaProps[] {
  if (SUBSCHEMAS.every((name) => schema[name] === undefined)) return NO_PARTS;
  const { items, allOf, anyOf, oneOf, not, properties, additionalProperties } = schema;
  const parts: JSONSchemaProps[] = [];
  const addAll = (more: readonly JSONSchemaProps[] = []): void => {
    for (const part of more) parts.push(part);
  };
  if (Array.isArray(items)) addAll(items);
  else if (items !== undefined) parts.push(items);
  for (const list of [allOf, anyOf, oneOf]) addAll(list);
  if (not !== undefined) parts.push(not);
  addAll(Object.values(properties ?? {}));
  if (typeof additionalProperties === 'object') parts.push(additionalProperties);
  addAll(Object.values(schema.patternProperties ?? {}));
  if (typeof schema.additionalItems === 'object') parts.push(schema.additionalItems);
  addAll(Object.values(schema.definitions ?? {}));
  for (const dependency of Object.values(schema.dependencies ?? {}))
    if (!Array.isArray(dependency)) parts.push(dependency);
  return parts;
}

/** Whether any schema within is such. */
export function someSchema(schema: JSONSchemaProps, isSuch: (schema: JSONSchemaProps) => boolean): boolean {
  for (const part of everySchema(schema)) if (isSuch(part)) return true;
  return false;
}

/** The one schema of all items. */
export const itemsOf = ({ items }: JSONSchemaProps): JSONSchemaProps | undefined =>
  Array.isArray(items) ? undefined : items;
