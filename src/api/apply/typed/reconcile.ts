/** Source: structured-merge-diff typed/reconcile_schema.go v6.4. */
import type { PathElement } from '../fieldpath/element.ts';
import { type FieldSet, LEAF, node } from '../fieldpath/set.ts';
import { type ApplyType, DEDUCED, type MapType } from './type.ts';

/** Sets that fit the type they were last held against; most are the same from write to write. */
const fitting = new WeakMap<FieldSet, ApplyType>();

/** The set as the type has it now: what lies within a list or map that has become one value is owned as that value. */
export function reconcileSet(set: FieldSet, type: ApplyType): FieldSet {
  if (fitting.get(set) === type) return set;
  const reconciled = reconcile(set, type);
  fitting.set(reconciled, type);
  return reconciled;
}

function reconcile(set: FieldSet, type: ApplyType): FieldSet {
  const isWhole = set.self && set.children.size === 0;
  if (type.map !== undefined) {
    if (isUntyped(type.map)) return set;
    if (!type.map.atomic) return each(set, (element) => typeAt(type.map!, element));
    return isWhole ? set : LEAF;
  }
  if (type.scalar !== undefined || type.list === undefined) return set;
  const { list } = type;
  if (list.atomic) return isWhole ? set : LEAF;
  return each(set, () => list.items);
}

function each(set: FieldSet, typeFor: (element: PathElement) => ApplyType | undefined): FieldSet {
  let children: Map<PathElement, FieldSet> | undefined;
  for (const [element, child] of set.children) {
    const type = typeFor(element);
    const own = type === undefined ? child : reconcile(child, type);
    if (own !== child) (children ??= new Map(set.children)).set(element, own);
  }
  return children === undefined ? set : node(set.self, children);
}

const typeAt = ({ fields, values }: MapType, element: PathElement): ApplyType | undefined =>
  (element.startsWith('f:') ? fields.get(element.slice(2))?.type : undefined) ?? values;

/** Types that are only deduced say nothing of what is one value. */
const isUntyped = ({ fields, values }: MapType): boolean => fields.size === 0 && values === DEDUCED;
