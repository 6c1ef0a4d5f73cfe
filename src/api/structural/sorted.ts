import { compareText } from '../apply/fieldpath/text.ts';
import { setOwn } from '../equality.ts';

/** A copy with its keys in order, as Go writes maps. */
export function sortedKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sortedKeys);
  const object = value as Readonly<Record<string, unknown>>;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(object).toSorted(compareText)) setOwn(copy, key, sortedKeys(object[key]));
  return copy;
}
