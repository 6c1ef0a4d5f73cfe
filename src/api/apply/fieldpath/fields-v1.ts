/**
 * FieldsV1, the form sets travel and are stored in: a JSON trie whose keys are path elements; `.` marks a member that has members below it.
 * Source: structured-merge-diff fieldpath/serialize.go v6.4.
 */

import { compareElements, FieldPathError, type PathElement, readElement } from './element.ts';
import { EMPTY_SET, type FieldSet, LEAF, union } from './set.ts';

/** Keys are path elements; values have the same form. */
export type FieldsV1 = { [element: string]: FieldsV1 };

/** Objects of the API are not written to once they are there, so what was read from one stays true. */
const read = new WeakMap<object, FieldSet>();
const written = new WeakMap<FieldSet, FieldsV1>();

/** The set that FieldsV1 stands for. Throws FieldPathError. */
export function readFields(fields: unknown): FieldSet {
  if (fields === undefined || fields === null) return EMPTY_SET;
  if (typeof fields !== 'object' || Array.isArray(fields))
    throw new FieldPathError('ReadMapCB: expect { or n, but found something else');
  const known = read.get(fields);
  if (known !== undefined) return known;
  const { children } = readNode(fields);
  const set = children.size === 0 ? EMPTY_SET : { self: false, children };
  read.set(fields, set);
  return set;
}

function readNode(fields: object): FieldSet {
  let self = false;
  let children: Map<PathElement, FieldSet> | undefined;
  for (const key in fields) {
    if (key === '.') {
      self = true;
      continue;
    }
    const element = readElement(key);
    if (element === undefined) continue;
    const value = (fields as Record<string, unknown>)[key];
    let child: FieldSet = LEAF;
    if (value !== null) {
      if (typeof value !== 'object' || Array.isArray(value))
        throw new FieldPathError('ReadMapCB: expect { or n, but found something else');
      child = readNode(value);
    }
    children ??= new Map();
    const there = children.get(element);
    children.set(element, there === undefined ? child : union(there, child));
  }
  // What has nothing below it is a member, or it would not be there.
  return children === undefined ? LEAF : { self, children };
}

/** FieldsV1 of a set, keys in upstream's order. Shared: never write to it. */
export function writeFields(set: FieldSet): FieldsV1 {
  const known = written.get(set);
  if (known !== undefined) return known;
  const fields = writeNode(set, false);
  if (set.children.size > 0) {
    written.set(set, fields);
    read.set(fields, set);
  }
  return fields;
}

/** Whether every key is a field whose order as text is JavaScript's own: so it nearly always is. */
function isPlain(keys: readonly PathElement[]): boolean {
  for (const key of keys) {
    if (key.charCodeAt(0) !== 102) return false;
    for (let i = 2; i < key.length; i++) if (key.charCodeAt(i) >= 0xd800) return false;
  }
  return true;
}

function writeNode({ self, children }: FieldSet, withSelf: boolean): FieldsV1 {
  const fields: FieldsV1 = {};
  if (children.size === 0) return fields;
  if (withSelf && self) fields['.'] = {};
  const keys = [...children.keys()];
  if (keys.length > 1) {
    if (isPlain(keys)) keys.sort();
    else keys.sort(compareElements);
  }
  for (const key of keys) fields[key] = writeNode(children.get(key)!, true);
  return fields;
}
