/** Values deep in an object, with the words of Go's accessors for what is not what it should be. Source: apimachinery pkg/apis/meta/v1/unstructured/helpers.go v0.36. */
import { setOwn } from '#api';

type JsonObject = Record<string, unknown>;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** How Go prints a value with %v, and names its type with %T. */
function goText(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (isObject(value)) {
    const keys = Object.keys(value).toSorted();
    return `map[${keys.map((key) => `${key}:${goText(value[key])}`).join(' ')}]`;
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** How Go names the type of a JSON value. */
export function goType(value: unknown): string {
  if (value === undefined || value === null) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'object') return 'map[string]interface {}';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  return typeof value === 'boolean' ? 'bool' : 'string';
}

const accessorError = (fields: readonly string[], value: unknown, expected: string): Error =>
  new Error(
    `.${fields.join('.')} accessor error: ${goText(value)} is of the type ${goType(value)}, expected ${expected}`,
  );

/** `.spec.replicas` → its parts. */
export const splitPath = (path: string): readonly string[] => path.replace(/^\./, '').split('.');

function nested(object: object, fields: readonly string[]): unknown {
  let value: unknown = object;
  for (const [i, field] of fields.entries()) {
    if (value === null || value === undefined) return undefined;
    if (!isObject(value)) throw accessorError(fields.slice(0, i + 1), value, 'map[string]interface{}');
    if (!Object.hasOwn(value, field)) return undefined;
    value = value[field];
  }
  return value;
}

/** Undefined: it is not there. Throws an Error for what is no whole number. */
export function nestedInteger(object: object, fields: readonly string[]): number | undefined {
  const value = nested(object, fields);
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value)) throw accessorError(fields, value, 'int64');
  return value;
}

/** Undefined: it is not there. Throws an Error for what is no string. */
export function nestedString(object: object, fields: readonly string[]): string | undefined {
  const value = nested(object, fields);
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw accessorError(fields, value, 'string');
  return value;
}

/** Sets a value in a private copy, making the objects it is in. Throws an Error where there is something else. */
export function setNested(object: object, fields: readonly string[], value: unknown): void {
  let at = object as JsonObject;
  for (const [i, field] of fields.slice(0, -1).entries()) {
    const own: unknown = Object.hasOwn(at, field) ? at[field] : undefined;
    if (own === undefined || own === null) {
      const made: JsonObject = {};
      setOwn(at, field, made);
      at = made;
    } else if (isObject(own)) at = own;
    else
      throw new Error(
        `value cannot be set because .${fields.slice(0, i + 1).join('.')} is not a map[string]interface{}`,
      );
  }
  setOwn(at, fields.at(-1)!, value);
}
