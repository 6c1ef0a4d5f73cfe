/** Source: structured-merge-diff typed/merge.go v6.4. */
import { setOwn } from '../../equality.ts';
import type { PathElement } from '../fieldpath/element.ts';
import { itemElement } from './item.ts';
import { type ApplyType, branchOf, isMap, type JsonObject, type ListType, type MapType, ownValue } from './type.ts';

/**
 * `live` with what `config` says laid over it; nothing is taken away. Lists keep the order of `live` but for what `config` orders otherwise.
 * The result shares parts with both. Undefined when nothing is left to say.
 */
export function merge(type: ApplyType, live: unknown, config: unknown): unknown {
  if (config === undefined && live === undefined) return undefined;
  const branch = branchOf(type, config === undefined ? live : config);
  const over = config === undefined ? live : config;
  if (branch === 'map') {
    const was = isMap(live) ? live : undefined;
    const is = isMap(config) ? config : undefined;
    return type.map!.atomic || (isBare(was) && isBare(is)) ? over : mergeMaps(type.map!, was, is);
  }
  if (branch === 'list') {
    const was: readonly unknown[] = Array.isArray(live) ? live : [];
    const is: readonly unknown[] = Array.isArray(config) ? config : [];
    return type.list!.atomic || (was.length === 0 && is.length === 0) ? over : mergeLists(type.list!, was, is);
  }
  return over;
}

function isBare(map: JsonObject | undefined): boolean {
  if (map !== undefined) for (const key in map) if (map[key] !== undefined) return false;
  return true;
}

function mergeMaps(map: MapType, live: JsonObject | undefined, config: JsonObject | undefined): unknown {
  if (config === undefined) return live;
  const merged: Record<string, unknown> = {};
  let count = 0;
  const take = (key: string, was: unknown, is: unknown): void => {
    const type = map.fields.get(key)?.type ?? map.values;
    const value = type === undefined ? (is ?? was) : merge(type, was, is);
    if (value === undefined) return;
    setOwn(merged, key, value);
    count++;
  };
  if (live !== undefined) for (const key of Object.keys(live)) take(key, live[key], ownValue(config, key));
  for (const key of Object.keys(config)) {
    if (live === undefined || ownValue(live, key) === undefined) take(key, undefined, config[key]);
  }
  return count === 0 ? undefined : merged;
}

/** The items of a list by what they are known by, and in their order. */
interface Indexed {
  readonly elements: readonly PathElement[];
  /** Items of which there are several count as unknown: nothing is merged into them. */
  readonly byElement: ReadonlyMap<PathElement, unknown>;
}

function index(list: ListType, items: readonly unknown[]): Indexed {
  const elements = items.map((item) => itemElement(list, item));
  const byElement = new Map<PathElement, unknown>();
  for (let i = 0; i < items.length; i++) {
    byElement.set(elements[i]!, byElement.has(elements[i]!) ? null : items[i]);
  }
  return { elements, byElement };
}

/**
 * Both are walked at once: what only `live` has stands where it stood, what both have in the order of `config`, and an item of `live` is
 * passed over where `config` wants another shared one first.
 */
function mergeLists(list: ListType, live: readonly unknown[], config: readonly unknown[]): unknown {
  if (config.length === 0) return live;
  const ours = index(list, live);
  const theirs = index(list, config);
  const shared = theirs.elements.filter((element) => ours.byElement.has(element));
  let nextShared = 0;
  const done = new Set<PathElement>();
  const merged: unknown[] = [];
  const push = (was: unknown, is: unknown): void => {
    const value = merge(list.items, was, is);
    if (value !== undefined) merged.push(value);
  };
  for (let l = 0, c = 0; l < live.length || c < config.length;) {
    const left = ours.elements[l];
    const right = theirs.elements[c];
    if (left !== undefined && right !== undefined) {
      if (left === right) {
        done.add(left);
        push(ours.byElement.get(left), theirs.byElement.get(left));
        l++;
        c++;
        nextShared++;
        continue;
      }
      if (theirs.byElement.has(left) && shared[nextShared] !== undefined && shared[nextShared] !== left) {
        l++;
        continue;
      }
    }
    if (left !== undefined) {
      if (!theirs.byElement.has(left)) {
        push(live[l], undefined);
        l++;
        continue;
      }
      if (done.has(left)) l++;
    }
    if (right !== undefined) {
      done.add(right);
      push(ours.byElement.get(right), theirs.byElement.get(right));
      c++;
      if (shared[nextShared] === right) nextShared++;
    }
  }
  return merged.length === 0 ? undefined : merged;
}
