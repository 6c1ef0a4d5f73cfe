/** Lists that are sets or maps. Source: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go v0.36. */
import { child, type FieldError, forbiddenField, invalid, keyPath, notSupported, required } from '../field-error.ts';
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts';
import { own } from '../validation/equal.ts';
import { printedItems } from './printed.ts';
import { itemsOf } from './schema-walk.ts';

const LIST_TYPES = ['atomic', 'set', 'map'];

/** Items of a set are one value each. */
export function validateSetItems(schema: JSONSchemaProps, path: string): FieldError[] {
  const items = itemsOf(schema);
  if (schema['x-kubernetes-list-type'] !== 'set' || items === undefined) return [];
  const why = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  const { 'x-kubernetes-list-type': listType, 'x-kubernetes-map-type': mapType } = items;
  if (items.type === 'array' && listType !== undefined && listType !== 'atomic') {
    return [invalid(child(path, 'items', 'x-kubernetes-list-type'), listType, why)];
  }
  if (items.type === 'object' && mapType !== 'atomic') {
    // The list type is shown, though it is the map type that is wrong: upstream's way.
    return [invalid(child(path, 'items', 'x-kubernetes-map-type'), listType, why)];
  }
  return [];
}

/** The type of a list, and the keys of a map: scalar properties of its items, each once. */
export function validateKeyedList(schema: JSONSchemaProps, path: string): FieldError[] {
  const { 'x-kubernetes-list-type': listType, 'x-kubernetes-list-map-keys': keys = [] } = schema;
  const at = child(path, 'x-kubernetes-list-type');
  const errors: FieldError[] = [];
  if (listType !== undefined && !LIST_TYPES.includes(listType)) errors.push(notSupported(at, listType, LIST_TYPES));
  if (keys.length > 0 && listType !== 'map') {
    const why = 'must be map if x-kubernetes-list-map-keys is non-empty';
    errors.push(listType === undefined ? required(at, why) : invalid(at, listType, why));
  }
  return listType === 'map' ? [...errors, ...validateMap(schema, keys, path)] : errors;
}

function validateMap(schema: JSONSchemaProps, keys: readonly string[], path: string): FieldError[] {
  const keysPath = child(path, 'x-kubernetes-list-map-keys');
  const itemsPath = child(path, 'items');
  const errors: FieldError[] = [];
  if (keys.length === 0) {
    errors.push(required(keysPath, 'must not be empty if x-kubernetes-list-type is map'));
  }
  if (schema.items === undefined) {
    return [...errors, required(itemsPath, 'must have a schema if x-kubernetes-list-type is map')];
  }
  const items = itemsOf(schema);
  if (items === undefined) {
    const why = 'must only have a single schema if x-kubernetes-list-type is map';
    return [...errors, invalid(itemsPath, printedItems(schema.items), why)];
  }
  if (items.type !== 'object') {
    const why = "must be object if parent array's x-kubernetes-list-type is map";
    return [...errors, invalid(child(itemsPath, 'type'), items.type ?? '', why)];
  }
  const seen = new Set<string>();
  for (const key of keys) {
    const type = own(items.properties, key)?.type;
    if (own(items.properties, key) === undefined) {
      errors.push(invalid(keysPath, keys, 'entries must all be names of item properties'));
    } else if (type === 'array' || type === 'object') {
      const why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
      errors.push(invalid(child(keyPath(child(itemsPath, 'properties'), key), 'type'), items.type, why));
    }
    if (seen.has(key)) errors.push(invalid(keysPath, keys, 'must not contain duplicate entries'));
    seen.add(key);
  }
  return errors;
}

/** Items of sets and maps are there, and so are the keys of maps. */
export function validateListItems(schema: JSONSchemaProps, path: string): FieldError[] {
  const items = itemsOf(schema);
  const { 'x-kubernetes-list-type': listType, 'x-kubernetes-list-map-keys': keys = [] } = schema;
  if (items === undefined || (listType !== 'set' && listType !== 'map')) return [];
  const at = child(path, 'items');
  const errors: FieldError[] = [];
  if (items.nullable === true) {
    errors.push(forbiddenField(child(at, 'nullable'), `cannot be nullable when x-kubernetes-list-type is ${listType}`));
  }
  const always = new Set(items.required);
  for (const key of listType === 'map' ? keys : []) {
    const property = own(items.properties, key);
    if (property === undefined) continue;
    const keyAt = keyPath(child(at, 'properties'), key);
    if (!always.has(key) && (property.default ?? undefined) === undefined) {
      const why = 'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property';
      errors.push(required(child(keyAt, 'default'), why));
    }
    if (property.nullable === true) {
      const why = 'this property is in x-kubernetes-list-map-keys, so it cannot be nullable';
      errors.push(forbiddenField(child(keyAt, 'nullable'), why));
    }
  }
  return errors;
}
