/**
 * Sets of field paths, as tries. A set is immutable and operations share what stays; where an operation takes nothing away or adds nothing,
 * it gives back the very set it was given, so that "unchanged" is a comparison of identity.
 * Source of the operations: structured-merge-diff fieldpath/set.go v6.4.
 */
import { compareElements, type PathElement, pathText } from './element.ts';

/** One node: whether the path that leads here is a member, and what lies below. No node but the root is empty. */
export interface FieldSet {
  readonly self: boolean;
  readonly children: ReadonlyMap<PathElement, FieldSet>;
  /** The node as FieldsV1, once it has been written or read: what an operation shares is not written again. */
  fields?: FieldsV1 | undefined;
}

/** Keys are path elements; values have the same form. */
export type FieldsV1 = { [element: string]: FieldsV1 };

export type Path = readonly PathElement[];

const NONE: ReadonlyMap<PathElement, FieldSet> = new Map();
/** No fields; as FieldsV1, what has no members below it. */
export const NO_FIELDS: FieldsV1 = Object.freeze({});
export const EMPTY_SET: FieldSet = Object.freeze({ self: false, children: NONE, fields: NO_FIELDS });
/** A member with nothing below. */
export const LEAF: FieldSet = Object.freeze({ self: true, children: NONE, fields: NO_FIELDS });

export const isEmptySet = (set: FieldSet): boolean => !set.self && set.children.size === 0;

export const node = (self: boolean, children: ReadonlyMap<PathElement, FieldSet>): FieldSet =>
  children.size > 0 ? { self, children, fields: undefined } : self ? LEAF : EMPTY_SET;

/** What is in either. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmptySet(b)) return a;
  if (isEmptySet(a)) return b;
  let children: Map<PathElement, FieldSet> | undefined;
  for (const [element, theirs] of b.children) {
    const ours = a.children.get(element);
    const both = ours === undefined ? theirs : union(ours, theirs);
    if (both !== ours) (children ??= new Map(a.children)).set(element, both);
  }
  if (children === undefined && (a.self || !b.self)) return a;
  return node(a.self || b.self, children ?? a.children);
}

/** What is in both. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b) return a;
  const [small, large] = a.children.size <= b.children.size ? [a, b] : [b, a];
  const children = new Map<PathElement, FieldSet>();
  for (const [element, own] of small.children) {
    const other = large.children.get(element);
    if (other === undefined) continue;
    const both = intersection(own, other);
    if (!isEmptySet(both)) children.set(element, both);
  }
  return node(a.self && b.self, children);
}

/** What is in `a` and not in `b`, path by path: a field goes without what lies below it, and the other way round. */
export const difference = (a: FieldSet, b: FieldSet): FieldSet => subtract(a, b, false);

/** What is in `a` and neither in `b` nor below a member of `b`. */
export const recursiveDifference = (a: FieldSet, b: FieldSet): FieldSet => subtract(a, b, true);

function subtract(a: FieldSet, b: FieldSet, recursive: boolean): FieldSet {
  if (recursive && b.self) return EMPTY_SET;
  let children: Map<PathElement, FieldSet> | undefined;
  const less = (element: PathElement, ours: FieldSet, theirs: FieldSet): void => {
    const rest = subtract(ours, theirs, recursive);
    if (rest === ours) return;
    children ??= new Map(a.children);
    if (isEmptySet(rest)) children.delete(element);
    else children.set(element, rest);
  };
  if (a.children.size <= b.children.size) {
    for (const [element, ours] of a.children) {
      const theirs = b.children.get(element);
      if (theirs !== undefined) less(element, ours, theirs);
    }
  } else {
    for (const [element, theirs] of b.children) {
      const ours = a.children.get(element);
      if (ours !== undefined) less(element, ours, theirs);
    }
  }
  if (children === undefined && !(a.self && b.self)) return a;
  return node(a.self && !b.self, children ?? a.children);
}

/** The members that have no members below them. */
export function leaves(set: FieldSet): FieldSet {
  let children: Map<PathElement, FieldSet> | undefined;
  for (const [element, own] of set.children) {
    const rest = leaves(own);
    if (rest !== own) (children ??= new Map(set.children)).set(element, rest);
  }
  const self = set.self && set.children.size === 0;
  return children === undefined && self === set.self ? set : node(self, children ?? set.children);
}

export function hasPath(set: FieldSet, path: Path): boolean {
  let at: FieldSet | undefined = set;
  for (const element of path) {
    at = at.children.get(element);
    if (at === undefined) return false;
  }
  return path.length > 0 && at.self;
}

/** What lies below an element, without it. */
export const below = (set: FieldSet, element: PathElement): FieldSet => set.children.get(element) ?? EMPTY_SET;

export function equalSets(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true;
  if (a.self !== b.self || a.children.size !== b.children.size) return false;
  for (const [element, own] of a.children) {
    const other = b.children.get(element);
    if (other === undefined || !equalSets(own, other)) return false;
  }
  return true;
}

const ordered = (set: FieldSet): [PathElement, FieldSet][] =>
  [...set.children].toSorted(([a], [b]) => compareElements(a, b));

/** Every path of the set in upstream's order: the members of a level, then what lies below each. */
export function pathsOf(set: FieldSet): Path[] {
  const paths: Path[] = [];
  const walk = (at: FieldSet, prefix: Path): void => {
    const entries = ordered(at);
    for (const [element, child] of entries) if (child.self) paths.push([...prefix, element]);
    for (const [element, child] of entries) walk(child, [...prefix, element]);
  };
  walk(set, []);
  return paths;
}

/** One path a line, as upstream prints sets. */
export const setText = (set: FieldSet): string => pathsOf(set).map(pathText).join('\n');

/** A node of a set under construction, which only its builder may write to. */
class Growing implements FieldSet {
  self: boolean;
  readonly children: Map<PathElement, FieldSet>;
  fields: FieldsV1 | undefined;
  readonly builder: SetBuilder;

  constructor(builder: SetBuilder, from: FieldSet) {
    this.builder = builder;
    this.self = from.self;
    this.children = new Map(from.children);
  }
}

/** A set under construction. */
export class SetBuilder {
  #root: Growing | undefined;

  /** Adds a path, or all of `added` at it. The empty path stands for the whole object, which nobody owns. */
  insert(path: Path, added: FieldSet = LEAF): void {
    if (path.length === 0) {
      for (const [element, child] of added.children) this.insert([element], child);
      return;
    }
    let at = (this.#root ??= new Growing(this, EMPTY_SET));
    for (let i = 0; i < path.length - 1; i++) at = this.#descend(at.children, path[i]!);
    const last = path[path.length - 1]!;
    const there = at.children.get(last);
    at.children.set(last, there === undefined ? added : union(there, added));
  }

  #descend(children: Map<PathElement, FieldSet>, element: PathElement): Growing {
    const there = children.get(element);
    if (there instanceof Growing && there.builder === this) return there;
    const made = new Growing(this, there ?? EMPTY_SET);
    children.set(element, made);
    return made;
  }

  /** The set; the builder must not be used any more. */
  get set(): FieldSet {
    return this.#root ?? EMPTY_SET;
  }
}

export function setOf(...paths: readonly Path[]): FieldSet {
  const builder = new SetBuilder();
  for (const path of paths) builder.insert(path);
  return builder.set;
}
