/** Selection and indexing. Source: cel-go interpreter/attributes.go v0.26. */
import { display } from '../values/display.ts';
import { CelError, Double, isInt, List, MapValue, NONE, Optional, typeOf, Uint, type Value } from '../values/value.ts';

/** Where in a list an index points, which may be nowhere. */
function indexOf(key: Value): number | CelError {
  if (typeof key === 'number') return key;
  if (typeof key === 'bigint') return -1;
  if (key instanceof Double || key instanceof Uint) {
    const n = Number(key.value);
    return Number.isInteger(n) ? n : new CelError(`unsupported index value ${display(key)} in list`);
  }
  return new CelError(`unsupported index type '${typeOf(key).toString()}' in list`);
}

/** What stands under a key; undefined: nothing does. */
function lookup(value: Value, key: Value): Value | undefined {
  if (value instanceof MapValue) return value.find(key);
  if (!(value instanceof List)) return undefined;
  const i = indexOf(key);
  if (i instanceof CelError) return i;
  return i >= 0 && i < value.size ? value.at(i) : undefined;
}

const missing = (value: Value, key: Value): CelError =>
  new CelError(
    value instanceof List && (isInt(key) || key instanceof Double || key instanceof Uint)
      ? `index out of bounds: ${display(key)}`
      : `no such key: ${display(key)}`,
  );

/** `value.key` or `value[key]`. What is within an optional is looked for, and found is an optional again. */
export function access(value: Value, key: Value): Value {
  if (value instanceof CelError) return value;
  if (value instanceof Optional) return accessOptional(value, key);
  const found = lookup(value, key);
  return found === undefined ? missing(value, key) : found;
}

/** `value.?key` or `value[?key]`. */
export function accessOptional(value: Value, key: Value): Value {
  if (value instanceof CelError) return value;
  const container = value instanceof Optional ? value.value : value;
  const found = container === undefined ? undefined : lookup(container, key);
  if (found === undefined) return NONE;
  return found instanceof CelError ? found : new Optional(found);
}

/** `has(value.key)`. */
export function isPresent(value: Value, key: Value): Value {
  if (value instanceof CelError) return value;
  const container = value instanceof Optional ? value.value : value;
  const found = container === undefined ? undefined : lookup(container, key);
  return found instanceof CelError ? found : found !== undefined;
}
