import { equalValues } from '../../equality.ts';
import { itemElement } from './item.ts';
import type { ApplyType, MapType } from './type.ts';

/** A field as shapes have it: by one character that no other of its map has, and that is nothing else in a shape. */
interface Coded {
  readonly code: string;
  readonly type: ApplyType;
  readonly zero: unknown;
}

const FIRST_CODE = 0x100;
const coded = new WeakMap<MapType, ReadonlyMap<string, Coded>>();

function codesOf(map: MapType): ReadonlyMap<string, Coded> {
  const known = coded.get(map);
  if (known !== undefined) return known;
  const codes = new Map<string, Coded>();
  for (const [name, { type, zero }] of map.fields)
    codes.set(name, { code: String.fromCharCode(FIRST_CODE + codes.size), type, zero });
  coded.set(map, codes);
  return codes;
}

/**
 * A text that two values of a type have in common only if a comparison with Go's empty struct finds the same paths in both: which fields there
 * are, what items are known by, what is zero. Many objects are made from one template and have one shape. Throws TypedError.
 */
export function shapeOf(type: ApplyType, value: unknown): string {
  if (typeof value !== 'object') return (typeof value)[0]!;
  if (value === null) return '0';
  if (Array.isArray(value)) return listShape(type, value);
  const { map } = type;
  if (map === undefined || map.atomic) return 'M';
  const codes = codesOf(map);
  let fields = '{';
  for (const key in value) {
    const own = (value as Readonly<Record<string, unknown>>)[key];
    if (own === undefined) continue;
    const field = codes.get(key);
    if (field === undefined) {
      fields += `${key.length}:${key}${shapeOf(map.values ?? UNKNOWN, own)}`;
      continue;
    }
    fields += field.code;
    if (field.zero !== undefined && equalValues(own, field.zero)) fields += '=';
    fields += shapeOf(field.type, own);
  }
  return `${fields}}`;
}

function listShape({ list }: ApplyType, value: readonly unknown[]): string {
  if (list === undefined || list.atomic) return 'A';
  let items = '[';
  for (const item of value) {
    const element = itemElement(list, item);
    items += `${element.length}:${element}${shapeOf(list.items, item)}`;
  }
  return `${items}]`;
}

const UNKNOWN: ApplyType = { scalar: 'untyped' };
