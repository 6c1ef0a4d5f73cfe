/** Sets and maps among lists hold nothing twice. Source: apiextensions-apiserver pkg/apiserver/schema/listtype/validation.go v0.36. */
import { goJson } from '../apply/fieldpath/text.ts';
import { child, duplicate, type FieldError, index, invalid, keyPath } from '../field-error.ts';
import { additionalSchema } from './prune.ts';
import type { StructuralSchema } from './schema.ts';
import { sortedKeys } from './sorted.ts';

type JsonObject = Readonly<Record<string, unknown>>;

/** What there is twice, named at its second place. */
export function validateListTypes(object: JsonObject, schema: StructuralSchema): FieldError[] {
  const errors: FieldError[] = [];
  validate(object, schema, '', errors);
  return errors;
}

function validate(value: unknown, schema: StructuralSchema, path: string, errors: FieldError[]): void {
  if (!schema.holds.keyedLists || typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    validateList(value, schema, path, errors);
    return;
  }
  const additional = additionalSchema(schema);
  const object = value as JsonObject;
  for (const key of Object.keys(object)) {
    if (additional !== undefined) validate(object[key], additional, keyPath(path, key), errors);
    const property = schema.properties.get(key);
    if (property !== undefined) validate(object[key], property, child(path, key), errors);
  }
}

function validateList(list: readonly unknown[], schema: StructuralSchema, path: string, errors: FieldError[]): void {
  if (schema.listType === 'set') {
    for (const i of repeated(list)) errors.push(duplicate(index(path, i), sortedKeys(list[i])));
  } else if (schema.listType === 'map') errors.push(...validateMap(list, schema.listMapKeys, path));
  const { items } = schema;
  if (items === undefined || !items.holds.keyedLists) return;
  for (const [i, item] of list.entries()) validate(item, items, index(path, i), errors);
}

function validateMap(list: readonly unknown[], names: readonly string[], path: string): FieldError[] {
  const stray = list.findIndex((item) => (typeof item !== 'object' && item !== undefined) || Array.isArray(item));
  if (stray >= 0) {
    const at = index(path, stray);
    return [invalid(at, sortedKeys(list[stray]), 'must be an object for an array of list-type map')];
  }
  if (list.length <= 1) return [];
  const [only, ...more] = names;
  if (only !== undefined && more.length === 0) return validateSingleKey(list, only, path);
  const keys = list.map((item): JsonObject => {
    const key: Record<string, unknown> = {};
    if (item === null) return key;
    for (const name of names.toSorted()) {
      if (Object.hasOwn(item as object, name)) key[name] = (item as JsonObject)[name];
    }
    return key;
  });
  return repeated(keys).map((i) => duplicate(index(path, i), sortedKeys(keys[i])));
}

/** Stands for the key of an item that has none. */
const NO_KEY = Symbol('no key');

/** Nearly every map has one key, which is a scalar: it is compared as it is. */
function validateSingleKey(list: readonly unknown[], name: string, path: string): FieldError[] {
  const keys = list.map((item) =>
    item !== null && Object.hasOwn(item as object, name) ? (item as JsonObject)[name] : NO_KEY,
  );
  return repeated(keys).map((i) => {
    const key = keys[i] === NO_KEY ? {} : { [name]: keys[i] };
    return duplicate(index(path, i), sortedKeys(key));
  });
}

/** Where values stand for the second time; the third and later are not told. */
function repeated(list: readonly unknown[]): number[] {
  if (list.length <= 1) return [];
  const times = new Map<unknown, number>();
  const found: number[] = [];
  for (const [i, item] of list.entries()) {
    // Behind a NUL, the text of an object is no string of the list.
    const key = typeof item === 'object' && item !== null ? `\0${goJson(item)}` : item;
    const before = times.get(key) ?? 0;
    times.set(key, before + 1);
    if (before === 1) found.push(i);
  }
  return found;
}
