import { keyElement, type PathElement, valueElement } from '../fieldpath/element.ts';
import { goQuote } from '../fieldpath/text.ts';
import { isMap, type ListType, ownValue } from './type.ts';

/** A value that does not fit its type. */
export class TypedError extends Error {
  override readonly name = 'TypedError';
}

/** Text that stands in JSON and in FieldsV1 as it is. */
const PLAIN = /^[\w .,:;/+*=@%~!?#$()[\]{}|^'`-]*$/;

/**
 * What the item of a set or of a list with keys is known by. Throws TypedError.
 * Source: listItemToPathElement, structured-merge-diff typed/helpers.go v6.4.
 */
export function itemElement(list: ListType, item: unknown): PathElement {
  return list.keys.length === 0 ? setItem(item) : keyedItem(list, item);
}

function setItem(item: unknown): PathElement {
  if (item === null) throw new TypedError("associative list without keys has an element that's an explicit null");
  if (Array.isArray(item)) throw new TypedError('not supported: associative list with lists as elements');
  if (typeof item === 'object') throw new TypedError("associative list without keys has an element that's a map type");
  return typeof item === 'string' && PLAIN.test(item) ? `v:"${item}"` : valueElement(item);
}

function keyedItem({ keys }: ListType, item: unknown): PathElement {
  if (item === null) throw new TypedError('associative list with keys may not have a null element');
  if (!isMap(item)) throw new TypedError('associative list with keys may not have non-map elements');
  if (keys.length === 1) {
    // Most lists have one key, and nearly all are names.
    const { name, default: absent } = keys[0]!;
    const value = ownValue(item, name) ?? (item[name] === null ? null : absent);
    if (typeof value === 'string' && PLAIN.test(value)) return `k:{"${name}":"${value}"}`;
  }
  const found: Record<string, unknown> = {};
  let count = 0;
  for (const { name, default: absent } of keys) {
    const own = ownValue(item, name);
    const value = own === undefined ? absent : own;
    if (value === undefined) continue;
    found[name] = value;
    count++;
  }
  if (count === 0) {
    const names = keys.map(({ name }) => goQuote(name)).join(' ');
    throw new TypedError(
      `associative list with keys has an element that omits all key fields [${names}] (and doesn't have default values for any key fields)`,
    );
  }
  return keyElement(found);
}
