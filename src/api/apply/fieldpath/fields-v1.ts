/**
 * FieldsV1, the form sets travel and are stored in: a JSON trie whose keys are path elements; `.` marks a member that has members below it.
 * Source: structured-merge-diff fieldpath/serialize.go v6.4.
 */

import { LruMap } from '#util';
import { compareElements, FieldPathError, type PathElement, plainItem, readElement } from './element.ts';
import { EMPTY_SET, type FieldSet, type FieldsV1, LEAF, NO_FIELDS, node, union } from './set.ts';

/** Objects of the API are not written to once they are there, so what was read from one stays true. */
const read = new WeakMap<object, FieldSet>();

/** The set that FieldsV1 stands for. Throws FieldPathError. */
export function readFields(fields: unknown): FieldSet {
  if (fields === undefined || fields === null) return EMPTY_SET;
  if (typeof fields !== 'object' || Array.isArray(fields)) throw noObject();
  const known = read.get(fields);
  if (known !== undefined) return known;
  const root = readNode(fields);
  // Nobody owns the whole object.
  const set = root.self ? node(false, root.children) : root;
  read.set(fields, set);
  return set;
}

/** Nodes without anything below their children: the items of a list mostly have one, which they share. */
const flat = new LruMap<string, FieldSet>(1000);
const MAX_FLAT_LENGTH = 512;

/** The keys, where none has anything below it and they are short. */
function flatKeys(fields: object): string | undefined {
  let keys = '';
  for (const key in fields) {
    if (keys.length + key.length > MAX_FLAT_LENGTH) return undefined;
    const value = (fields as Record<string, unknown>)[key];
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    for (const _ in value) return undefined;
    keys += `${key.length}:${key}`;
  }
  return keys;
}

function readNode(fields: object): FieldSet {
  const keys = flatKeys(fields);
  if (keys === undefined) return readWhole(fields);
  if (keys === '') return LEAF;
  let known = flat.get(keys);
  if (known === undefined) flat.set(keys, (known = readWhole(fields)));
  return known;
}

const noObject = (): FieldPathError => new FieldPathError('ReadMapCB: expect { or n, but found something else');

function readWhole(fields: object): FieldSet {
  let self = false;
  let children: Map<PathElement, FieldSet> | undefined;
  /** Whether it would be written just so. */
  let isCanonical = true;
  let before: PathElement | undefined;
  for (const key in fields) {
    if (key === '.') {
      isCanonical &&= before === undefined;
      self = true;
      continue;
    }
    const element = readElement(key);
    if (element === undefined) {
      isCanonical = false;
      continue;
    }
    const value = (fields as Record<string, unknown>)[key];
    const child = value === null ? LEAF : readNode(asObject(value));
    children ??= new Map();
    const there = children.get(element);
    children.set(element, there === undefined ? child : union(there, child));
    isCanonical &&=
      key === element &&
      child.fields !== undefined &&
      value !== null &&
      (before === undefined || compareElements(before, key) < 0);
    before = key;
  }
  // What has nothing below it is a member, or it would not be there.
  if (children === undefined) return LEAF;
  return { self, children, fields: isCanonical ? (fields as FieldsV1) : undefined };
}

function asObject(value: unknown): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw noObject();
  return value;
}

/** FieldsV1 of a set, keys in upstream's order. Shared: never write to it. */
export function writeFields(set: FieldSet): FieldsV1 {
  const fields = writeNode(set);
  if (fields !== NO_FIELDS) read.set(fields, set);
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

/** Whether every key is an item by the same name, in plain text. */
function areItems(keys: readonly PathElement[]): boolean {
  const first = plainItem(keys[0]!);
  return first !== undefined && keys.every((key) => plainItem(key) === first);
}

function writeNode(set: FieldSet): FieldsV1 {
  if (set.fields !== undefined) return set.fields;
  const { self, children } = set;
  const fields: FieldsV1 = {};
  if (self && children.size > 0) fields['.'] = NO_FIELDS;
  const keys = [...children.keys()];
  if (keys.length > 1) {
    if (isPlain(keys) || areItems(keys)) keys.sort();
    else keys.sort(compareElements);
  }
  for (const key of keys) fields[key] = writeNode(children.get(key)!);
  set.fields = fields;
  return fields;
}
