/** Source: structured-merge-diff typed/merge.go v6.4. */
import { setOwn } from '../../equality.ts';
import type { PathElement } from '../fieldpath/element.ts';
import { itemElement } from './item.ts';
import { type ApplyType, branchOf, isMap, type JsonObject, type ListType, type MapType, ownValue } from './type.ts';

/**
 * `live` with what `config` says laid over it; nothing is taken away. Lists keep the order of `live` but for what `config` orders otherwise.
 * The result shares parts with both. Undefined only when both are.
 */
export function merge(type: ApplyType, live: unknown, config: unknown): unknown {
  if (config === undefined) return live;
  if (live === undefined) return config;
  const branch = branchOf(type, config);
  if (branch === 'map') {
    const was = isMap(live) ? live : undefined;
    const is = isMap(config) ? config : undefined;
    return type.map!.atomic || (isBare(was) && isBare(is)) ? config : mergeMaps(type.map!, was, is);
  }
  if (branch === 'list') {
    const was: readonly unknown[] = Array.isArray(live) ? live : [];
    const is: readonly unknown[] = Array.isArray(config) ? config : [];
    return type.list!.atomic || (was.length === 0 && is.length === 0) ? config : mergeLists(type.list!, was, is);
  }
  return config;
}

function isBare(map: JsonObject | undefined): boolean {
  if (map !== undefined) for (const key in map) if (map[key] !== undefined) return false;
  return true;
}

function mergeMaps(map: MapType, live: JsonObject | undefined, config: JsonObject | undefined): unknown {
  if (config === undefined || live === undefined) return live ?? config;
  const merged: Record<string, unknown> = { ...live };
  for (const key of Object.keys(config)) {
    const is = config[key];
    if (is === undefined) continue;
    const type = map.fields.get(key)?.type ?? map.values;
    setOwn(merged, key, type === undefined ? is : merge(type, ownValue(live, key), is));
  }
  return merged;
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
  const push = (was: unknown, is: unknown): unknown => merged.push(merge(list.items, was, is));
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
  return merged;
}
