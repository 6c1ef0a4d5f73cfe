/**
 * Strategic merge patch: a merge patch that knows from the schema which lists are merged by key, and that carries directives ($patch,
 * $retainKeys, $setElementOrder, $deleteFromPrimitiveList). Neither argument is changed; what the patch leaves alone is shared.
 *
 * Source: apimachinery pkg/util/strategicpatch/patch.go, pkg/util/mergepatch/errors.go v0.36 (options MergeParallelList,
 * IgnoreUnmatchedNulls, as the server applies it).
 */
import { setOwn } from '../equality.ts';
import { definitionOf, fieldOf, findDefinition, splitType } from '../schema.ts';
import { isObject } from './merge-patch.ts';
import { inOrder, mergeOrders } from './order.ts';

type JsonObject = Record<string, unknown>;

/** Why a patch could not be applied. Its `fault`: `format`: it is malformed; `unsupported`: it asks for what cannot be; `other`: the two do not fit. */
export class StrategicPatchError extends Error {
  override readonly name = 'StrategicPatchError';
  readonly fault: 'format' | 'unsupported' | 'other';

  constructor(message: string, fault: 'format' | 'unsupported' | 'other' = 'other') {
    super(message);
    this.fault = fault;
  }
}

const DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const DELETE_PREFIX = '$deleteFromPrimitiveList';
const ORDER_PREFIX = '$setElementOrder';

const BAD_RETAIN_KEYS = 'invalid patch format of retainKeys';
const BAD_ORDER = 'invalid patch format of setElementOrder list';
const BAD_PRIMITIVE_LIST = 'invalid patch format of primitive list';

/** A value as Go's %v prints it. */
function goText(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (!isObject(value)) return typeof value === 'string' ? value : JSON.stringify(value);
  const fields = Object.keys(value)
    .toSorted()
    .map((key) => `${key}:${goText(value[key])}`);
  return `map[${fields.join(' ')}]`;
}

const noMergeKey = (item: unknown, key: string): StrategicPatchError =>
  new StrategicPatchError(`map: ${goText(item)} does not contain declared merge key: ${key}`);

const goType = (value: unknown): string => {
  if (isObject(value)) return 'map[string]interface {}';
  if (Array.isArray(value)) return '[]interface {}';
  return value === null || value === undefined
    ? '%!s(<nil>)'
    : typeof value === 'boolean'
      ? 'bool'
      : typeof value === 'number'
        ? 'int64'
        : typeof value;
};
const badType = (expected: string, actual: unknown): StrategicPatchError =>
  new StrategicPatchError(`expected a ${expected}, but received a ${goType(actual)}`);

/** What the schema says of one field: how it is patched, and the definition of what is in it. */
interface FieldPlan {
  readonly merge: boolean;
  readonly replace: boolean;
  readonly mergeKey: string | undefined;
  readonly of: string | undefined;
}

const APPLIES_TO_ANYTHING: FieldPlan = { merge: false, replace: false, mergeKey: undefined, of: undefined };
const TYPE_META: ReadonlySet<string> = new Set(['apiVersion', 'kind']);

/** Throws as upstream does for a field the schema does not have, which can only be reached through a directive or a raw value. */
function planFor(definition: string | undefined, key: string): FieldPlan {
  if (definition === undefined) {
    throw new StrategicPatchError('merging an object in json but data type is not struct, instead is: map');
  }
  const field = fieldOf(definitionOf(definition), key);
  if (field === undefined) {
    if (TYPE_META.has(key)) return APPLIES_TO_ANYTHING;
    const name = definition.slice(definition.lastIndexOf('.') + 1);
    throw new StrategicPatchError(
      `unable to find api field in struct ${name} for the json field ${JSON.stringify(key)}`,
    );
  }
  const { container, of } = splitType(field.t);
  return {
    merge: field.patch?.includes('merge') === true,
    replace: field.patch?.includes('replace') === true,
    mergeKey: field.mergeKey,
    // The values of a map have no field of their own: what is nested in them cannot be merged, only replaced.
    of: container === 'map' || findDefinition(of) === undefined ? undefined : of,
  };
}

/** Applies the patch to an object of the named definition. Throws StrategicPatchError. */
export function applyStrategicMergePatch(original: JsonObject, patch: JsonObject, definition: string): JsonObject {
  return mergeObject(original, patch, definition);
}

function mergeObject(original: JsonObject, patch: JsonObject, definition: string | undefined): JsonObject {
  if (Object.hasOwn(patch, DIRECTIVE)) return directed(patch);
  const merged = retained(original, patch);
  const done = new Set([RETAIN_KEYS]);
  for (const key of Object.keys(patch)) {
    if (!key.startsWith(ORDER_PREFIX)) continue;
    done.add(key);
    const listKey = keyBehind(key, ORDER_PREFIX, BAD_ORDER);
    const plan = planFor(definition, listKey);
    if (mergeOrdered(merged, patch, listKey, patch[key], plan)) done.add(listKey);
  }
  for (const key of Object.keys(patch)) {
    if (!done.has(key)) mergeField(merged, key, patch[key], definition);
  }
  return merged;
}

/** What `$patch` makes of the object it stands in. */
function directed(patch: JsonObject): JsonObject {
  const { [DIRECTIVE]: directive, ...rest } = patch;
  if (directive === 'replace') return rest;
  if (directive === 'delete') return {};
  throw new StrategicPatchError(`unknown patch type: ${goText(directive)} in map: ${goText(patch)}`);
}

/** A copy of the original with only the keys `$retainKeys` names, if the patch has it. */
function retained(original: JsonObject, patch: JsonObject): JsonObject {
  if (!Object.hasOwn(patch, RETAIN_KEYS)) return { ...original };
  const keys = patch[RETAIN_KEYS];
  if (!Array.isArray(keys)) throw new StrategicPatchError(BAD_RETAIN_KEYS, 'format');
  const retain = new Set<unknown>(keys);
  for (const key of Object.keys(patch)) {
    if (key === RETAIN_KEYS || patch[key] === null || key.startsWith(DELETE_PREFIX) || key.startsWith(ORDER_PREFIX))
      continue;
    if (!retain.has(key)) throw new StrategicPatchError(BAD_RETAIN_KEYS, 'format');
  }
  const kept: JsonObject = {};
  for (const key of Object.keys(original)) if (retain.has(key)) setOwn(kept, key, original[key]);
  return kept;
}

function keyBehind(directive: string, prefix: string, message: string): string {
  if (directive[prefix.length] !== '/') throw new StrategicPatchError(message, 'format');
  return directive.slice(prefix.length + 1);
}

const own = (object: JsonObject, key: string): unknown => (Object.hasOwn(object, key) ? object[key] : undefined);

function mergeField(merged: JsonObject, patchKey: string, value: unknown, definition: string | undefined): void {
  const isDelete = patchKey.startsWith(DELETE_PREFIX);
  const key = isDelete ? keyBehind(patchKey, DELETE_PREFIX, BAD_PRIMITIVE_LIST) : patchKey;
  if (value === null) {
    delete merged[key];
    return;
  }
  const before = own(merged, key);
  if (isObject(before) && isObject(value)) {
    const plan = planFor(definition, key);
    setOwn(merged, key, plan.replace ? value : mergeObject(before, value, plan.of));
  } else if (Array.isArray(before) && Array.isArray(value)) {
    const plan = planFor(definition, key);
    setOwn(merged, key, plan.merge || isDelete ? mergeList(before, value, plan, isDelete) : value);
  } else if (!isDelete) {
    setNew(merged, key, value);
  }
}

/** A value that takes nothing over: its nulls and directives have nothing to act on. */
function setNew(merged: JsonObject, key: string, value: unknown): void {
  const plain = withoutDirectives(withoutNulls(value));
  if (plain === undefined) delete merged[key];
  else setOwn(merged, key, plain);
}

/** Nulls stay in lists: there they are values. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  const rest: JsonObject = {};
  for (const key of Object.keys(value)) if (value[key] !== null) setOwn(rest, key, withoutNulls(value[key]));
  return rest;
}

/** Undefined for an object that carries `$patch`. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isObject(value)) return value;
  if (Object.hasOwn(value, DIRECTIVE)) return undefined;
  const rest: JsonObject = {};
  for (const key of Object.keys(value)) {
    const plain = withoutDirectives(value[key]);
    if (plain !== undefined) setOwn(rest, key, plain);
  }
  return rest;
}

// ---- lists

type ElementType = 'object' | 'string' | 'number' | 'boolean';

/** The one type all elements have; undefined when there are none. */
function elementType(...lists: readonly (readonly unknown[])[]): ElementType | undefined {
  let type: ElementType | undefined;
  for (const item of lists.flat()) {
    if (Array.isArray(item)) throw new StrategicPatchError('lists of lists are not supported', 'unsupported');
    const itemType = item === null || item === undefined ? undefined : (typeof item as ElementType);
    if (itemType === undefined || (type !== undefined && type !== itemType)) {
      throw new StrategicPatchError(`list element types are not identical: ${goText(lists)}`);
    }
    type = itemType;
  }
  return type;
}

/** The identity of an element: its merge key, or itself when the list has none. */
const identity =
  (mergeKey: string | undefined) =>
  (item: unknown): unknown => {
    if (mergeKey === undefined) return item;
    if (!isObject(item)) throw badType('map[string]interface {}', item);
    if (!Object.hasOwn(item, mergeKey)) throw noMergeKey(item, mergeKey);
    return item[mergeKey];
  };

function mergeList(
  original: readonly unknown[],
  patch: readonly unknown[],
  plan: FieldPlan,
  isDelete: boolean,
): unknown[] {
  const type = elementType(original, patch);
  if (type === undefined) return [...original];
  if (type !== 'object') {
    if (isDelete) {
      const gone = new Set(patch);
      return original.filter((item) => !gone.has(item));
    }
    return mergeOrders(new Set([...original, ...patch]), patch, original, identity(undefined));
  }
  const { mergeKey } = plan;
  if (mergeKey === undefined) throw new StrategicPatchError('cannot merge lists without merge key for struct');
  const { rest, changes } = specialElements(original, patch as readonly JsonObject[], mergeKey);
  const merged = mergeElements(rest, changes, mergeKey, plan.of);
  return mergeOrders(merged, changes, rest, identity(mergeKey));
}

/** Carries out `$patch` in elements: what is left of the original, and which elements of the patch remain to be merged. */
function specialElements(
  original: readonly unknown[],
  patch: readonly JsonObject[],
  mergeKey: string,
): { rest: readonly unknown[]; changes: readonly JsonObject[] } {
  const changes: JsonObject[] = [];
  const deleted = new Set<unknown>();
  let replace = false;
  for (const element of patch) {
    if (!Object.hasOwn(element, DIRECTIVE)) {
      changes.push(element);
      continue;
    }
    const directive = element[DIRECTIVE];
    if (directive === 'delete') {
      if (!Object.hasOwn(element, mergeKey)) throw noMergeKey(element, mergeKey);
      deleted.add(element[mergeKey]);
    } else if (directive === 'replace') {
      replace = true;
    } else if (directive === 'merge') {
      throw new StrategicPatchError('merging lists cannot yet be specified in the patch');
    } else {
      throw new StrategicPatchError(`unknown patch type: ${goText(directive)} in map: ${goText(element)}`);
    }
  }
  if (replace) return { rest: changes, changes: [] };
  if (deleted.size === 0) return { rest: original, changes };
  return { rest: original.filter((item) => !isObject(item) || !deleted.has(own(item, mergeKey))), changes };
}

function mergeElements(
  original: readonly unknown[],
  changes: readonly JsonObject[],
  mergeKey: string,
  definition: string | undefined,
): unknown[] {
  const merged = [...original];
  const places = new Map<unknown, number>();
  for (const [place, item] of merged.entries()) {
    const key = isObject(item) ? own(item, mergeKey) : undefined;
    if (!places.has(key)) places.set(key, place);
  }
  for (const change of changes) {
    if (!Object.hasOwn(change, mergeKey)) throw noMergeKey(change, mergeKey);
    const place = places.get(change[mergeKey]);
    if (place === undefined) {
      places.set(change[mergeKey], merged.push(change) - 1);
    } else {
      merged[place] = mergeObject(merged[place] as JsonObject, change, definition);
    }
  }
  return merged;
}

/** Carries out `$setElementOrder` for one list; says whether the patch's own list of that key is done with. */
function mergeOrdered(merged: JsonObject, patch: JsonObject, key: string, order: unknown, plan: FieldPlan): boolean {
  if (!Array.isArray(order)) throw badType('[]interface {}', order);
  const before = own(merged, key);
  const change = own(patch, key);
  if (before !== undefined && !Array.isArray(before)) throw badType('[]interface {}', before);
  if (change !== undefined && !Array.isArray(change)) throw badType('[]interface {}', change);
  const id = identity(plan.mergeKey);
  checkOrder(change ?? [], order, id);
  if (before === undefined && change === undefined) return false;
  let list: readonly unknown[];
  if (change === undefined) list = before ?? [];
  else if (before === undefined) list = withoutDirectives(change) as unknown[];
  else list = plan.merge ? mergeList(before, change, plan, false) : change;
  if (elementType(before ?? [], change ?? []) === undefined)
    throw new StrategicPatchError('no elements in any of the given slices');
  setOwn(merged, key, mergeOrders(list, order, before ?? [], id));
  return change !== undefined;
}

/** The patch's elements must stand in the order it sets. */
function checkOrder(change: readonly unknown[], order: readonly unknown[], id: (item: unknown) => unknown): void {
  if (change.length === 0 || order.length === 0) return;
  const kept = change.filter((item) => !isObject(item) || !Object.hasOwn(item, DIRECTIVE));
  if (!inOrder(kept.map(id), order.map(id))) {
    throw new StrategicPatchError(
      `The order in patch list:\n${goText(change)}\n doesn't match ${ORDER_PREFIX} list:\n${goText(order)}\n`,
    );
  }
}
