/** Source: structured-merge-diff typed/remove.go v6.4 and EnsureNamedFieldsAreMembers of fieldpath/set.go. */
import { setOwn } from '../../equality.ts';
import { fieldElement, type PathElement } from '../fieldpath/element.ts';
import { below, type FieldSet, hasPath, isEmptySet, node, pathsOf, SetBuilder, union } from '../fieldpath/set.ts';
import { itemElement } from './item.ts';
import { toFieldSet } from './to-set.ts';
import { type ApplyType, branchOf, isMap, type JsonObject, type ListType, type MapType } from './type.ts';

/** The value without the fields and items of the set; null where nothing is left of a list or map. */
export const removeItems = (type: ApplyType, value: unknown, set: FieldSet): unknown => select(type, value, set, false);

export interface ExtractOptions {
  /** Items of lists keep the fields they are known by. */
  readonly withKeys?: boolean;
}

/** Of the value only the fields and items of the set. */
export function extractItems(
  type: ApplyType,
  value: unknown,
  set: FieldSet,
  { withKeys = false }: ExtractOptions = {},
): unknown {
  return select(type, value, withKeys ? union(set, keyFields(toFieldSet(type, value), set)) : set, true);
}

/** The key fields of every item on the way to a member that the value has. */
function keyFields(there: FieldSet, set: FieldSet): FieldSet {
  const fields = new SetBuilder();
  for (const path of pathsOf(set)) {
    if (!hasPath(there, path)) continue;
    path.forEach((element, i) => {
      if (!element.startsWith('k:')) return;
      for (const name of Object.keys(JSON.parse(element.slice(2)) as object))
        fields.insert([...path.slice(0, i + 1), fieldElement(name)]);
    });
  }
  return fields.set;
}

function select(type: ApplyType, value: unknown, set: FieldSet, extract: boolean): unknown {
  const branch = branchOf(type, value);
  if (branch === 'scalar') return value;
  if (branch === 'list') {
    if (!Array.isArray(value)) return null;
    if (value.length === 0 || type.list!.atomic) return extract ? value : null;
    return selectItems(type.list!, value, set, extract);
  }
  if (!isMap(value)) return null;
  if (type.map!.atomic || Object.keys(value).length === 0) return extract ? value : null;
  return selectFields(type.map!, value, set, extract);
}

function selectItems(list: ListType, value: readonly unknown[], set: FieldSet, extract: boolean): unknown {
  const kept: unknown[] = [];
  for (const item of value) {
    const at = below(set, itemElement(list, item));
    const inside = at.children.size > 0;
    if (extract ? !at.self && !inside : at.self) continue;
    kept.push(inside ? select(list.items, item, at, extract) : item);
  }
  return kept.length === 0 ? null : kept;
}

function selectFields(map: MapType, value: JsonObject, set: FieldSet, extract: boolean): unknown {
  const kept: Record<string, unknown> = {};
  let count = 0;
  for (const key of Object.keys(value)) {
    const own = value[key];
    if (own === undefined) continue;
    const field = map.fields.get(key);
    const at = below(set, field?.element ?? fieldElement(key));
    if (extract ? isEmptySet(at) : at.self) continue;
    const type = field?.type ?? map.values;
    // A member is taken whole, and of what lies below it no more than the set says: upstream walks on with the set of the level above.
    const inner = at.self ? set : at;
    const walk = type !== undefined && (at.self || at.children.size > 0);
    setOwn(kept, key, walk ? select(type, own, inner, extract) : own);
    count++;
  }
  return count === 0 ? null : kept;
}

/**
 * The set, with every field of a struct that leads to a member made a member too: a struct goes with what was in it, while the key of a map
 * or the item of a list goes only when it is named. Source: EnsureNamedFieldsAreMembers.
 */
export function withNamedFields(set: FieldSet, type: ApplyType | undefined): FieldSet {
  let children: Map<PathElement, FieldSet> | undefined;
  for (const [element, child] of set.children) {
    if (child.children.size === 0) continue;
    const named = element.startsWith('f:') ? type?.map?.fields.get(element.slice(2)) : undefined;
    const inner = element.startsWith('f:')
      ? (named?.type ?? type?.map?.values)
      : element.startsWith('k:')
        ? type?.list?.items
        : undefined;
    const own = withNamedFields(child, inner);
    const self = child.self || named !== undefined;
    if (own === child && self === child.self) continue;
    (children ??= new Map(set.children)).set(element, node(self, own.children));
  }
  return children === undefined ? set : node(set.self, children);
}
