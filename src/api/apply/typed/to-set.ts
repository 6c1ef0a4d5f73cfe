/** Source: structured-merge-diff typed/tofieldset.go v6.4. */
import { fieldElement, type PathElement } from '../fieldpath/element.ts';
import { EMPTY_SET, type FieldSet, LEAF, node } from '../fieldpath/set.ts';
import { FlatSets } from './flat.ts';
import { itemElement } from './item.ts';
import { type ApplyType, branchOf, isMap, type ListType, type MapType } from './type.ts';

/** Every leaf and every item a value mentions: what an applier of it owns. Throws TypedError. */
export function toFieldSet(type: ApplyType, value: unknown): FieldSet {
  const { children } = below(type, value);
  return node(false, children);
}

const member = (set: FieldSet): FieldSet => (set.self ? set : node(true, set.children));

function below(type: ApplyType, value: unknown): FieldSet {
  const branch = branchOf(type, value);
  if (branch === 'scalar') return LEAF;
  if (branch === 'map') {
    if (type.map!.atomic) return LEAF;
    return isMap(value) ? mapSet(type.map!, value) : EMPTY_SET;
  }
  if (type.list!.atomic) return LEAF;
  return Array.isArray(value) ? listSet(type.list!, value) : EMPTY_SET;
}

const mapSet = (map: MapType, value: Readonly<Record<string, unknown>>): FieldSet =>
  flat.of(map, value) ?? fieldSet(map, value);

function fieldSet(map: MapType, value: Readonly<Record<string, unknown>>): FieldSet {
  const children = new Map<PathElement, FieldSet>();
  for (const key in value) {
    const own = value[key];
    if (own === undefined) continue;
    const field = map.fields.get(key);
    const type = field?.type ?? map.values;
    const set = type === undefined ? LEAF : below(type, own);
    const whole = field === undefined || own === null || (isMap(own) && Object.keys(own).length === 0);
    if (whole) children.set(field?.element ?? fieldElement(key), member(set));
    else if (set.self || set.children.size > 0) children.set(field.element, set);
  }
  return node(false, children);
}

const flat = new FlatSets(fieldSet);

/** Items that nothing tells apart are owned together, without what is in them. */
function listSet(list: ListType, value: readonly unknown[]): FieldSet {
  const children = new Map<PathElement, FieldSet>();
  for (const item of value) {
    const element = itemElement(list, item);
    children.set(element, children.has(element) ? LEAF : member(below(list.items, item)));
  }
  return node(false, children);
}
