import { fieldElement, type PathElement } from './fieldpath/element.ts';
import { type FieldSet, isEmptySet, node, recursiveDifference, setOf } from './fieldpath/set.ts';
import type { SetFilter } from './updater.ts';

/** A path of field names: `metadata.labels`. Names with dots in them do not come up. */
const parse = (path: string): PathElement[] => path.split('.').map(fieldElement);

/** Takes out the fields and all that is in them: what writes through a path set back anyway. Source: NewExcludeSetFilter v6.4. */
export function excludeFields(...paths: readonly string[]): SetFilter {
  const excluded = setOf(...paths.map(parse));
  const nothingOf = paths.filter((path) => !path.includes('.'));
  return Object.assign((set: FieldSet) => recursiveDifference(set, excluded), { nothingOf });
}

/**
 * Leaves nothing but these fields, all that is in them, and what leads to them. `*` stands for any one step: `spec.containers.*.resources`.
 * Source: NewIncludeMatcherFilter and FilterIncludeMatches v6.4.
 */
export function includeFields(...paths: readonly string[]): SetFilter {
  const patterns = paths.map((path) => path.split('.').map((name) => (name === '*' ? '*' : fieldElement(name))));
  return (set) => included(set, patterns);
}

function included(set: FieldSet, patterns: readonly (readonly PathElement[])[]): FieldSet {
  if (patterns.some((pattern) => pattern.length === 0)) return set;
  const children = new Map<PathElement, FieldSet>();
  for (const [element, child] of set.children) {
    const left = patterns.filter(([first]) => first === '*' || first === element).map((pattern) => pattern.slice(1));
    if (left.length === 0) continue;
    const inside = included(child, left);
    const whole = node(child.self, inside.children);
    if (!isEmptySet(whole)) children.set(element, whole);
  }
  return node(set.self, children);
}
