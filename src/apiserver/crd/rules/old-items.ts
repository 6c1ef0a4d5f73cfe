/** Items of a list and those they replace. Source: apiserver pkg/cel/common/maplist.go v1.36. */
import type { StructuralSchema } from '#api';

type JsonObject = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Finds the old item with the keys of a new one. Only items of lists that are maps have such. */
export function oldItems(
  { listType, listMapKeys }: StructuralSchema,
  old: readonly unknown[],
): (item: unknown) => unknown {
  if (listType !== 'map' || listMapKeys.length === 0 || old.length === 0) return () => undefined;
  const keyOf = (item: unknown): string | undefined => {
    if (!isObject(item)) return undefined;
    const keys = listMapKeys.map((key) => (Object.hasOwn(item, key) ? item[key] : undefined));
    return keys.some((key) => typeof key === 'object') ? undefined : JSON.stringify(keys);
  };
  const items = new Map<string, unknown>();
  for (const item of old) {
    const key = keyOf(item);
    // Of items with the same key, the first counts.
    if (key !== undefined && !items.has(key)) items.set(key, item);
  }
  return (item) => {
    const key = keyOf(item);
    return key === undefined ? undefined : items.get(key);
  };
}
