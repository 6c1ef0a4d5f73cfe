/**
 * Path elements: one step from a value to one of its parts. An element is the very text it has as a key of FieldsV1, brought to one canonical
 * form, so that equal elements are equal strings: `f:NAME` a field, `k:{…}` the item of a list with these keys, `v:VALUE` the item of a set,
 * `i:N` an index. Source: structured-merge-diff fieldpath/element.go and serialize-pe.go v6.4.
 */
import { compareText, goJson, goQuote } from './text.ts';

export type PathElement = string;

/** FieldsV1 that cannot be read. */
export class FieldPathError extends Error {
  override readonly name = 'FieldPathError';
}

export const fieldElement = (name: string): PathElement => `f:${name}`;
export const valueElement = (value: unknown): PathElement => `v:${goJson(value)}`;
export const indexElement = (index: number): PathElement => `i:${index}`;
/** The item that has these values in its key fields; keys with an `undefined` value are left out. */
export const keyElement = (keys: Readonly<Record<string, unknown>>): PathElement => `k:${goJson(keys)}`;

/** What stands behind the colon of `k:` and `v:`, parsed: reading JSON for every comparison would be slow. */
const parsed = new Map<PathElement, unknown>();
const canonical = new Map<string, PathElement>();
/** Both caches start anew when they are full: the elements in use are few (names of containers, types of conditions). */
const MAX_CACHED = 10_000;

function remember<K, V>(cache: Map<K, V>, key: K, value: V): V {
  if (cache.size >= MAX_CACHED) cache.clear();
  cache.set(key, value);
  return value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new FieldPathError(`parsing key as path element: ${(cause as Error).message}`, { cause });
  }
}

/**
 * The canonical form of a key of FieldsV1; undefined for a type of element nobody knows yet, which is to be ignored.
 * Throws FieldPathError.
 */
export function readElement(text: string): PathElement | undefined {
  if (text.charCodeAt(0) === 102 && text.charCodeAt(1) === 58) return text; // f:
  return canonical.get(text) ?? readUncached(text);
}

function readUncached(text: string): PathElement | undefined {
  if (text.length < 2) throw new FieldPathError('parsing key as path element: key must be 2 characters long:');
  if (text[1] !== ':') throw new FieldPathError(`parsing key as path element: missing colon: ${text}`);
  const content = text.slice(2);
  switch (text[0]) {
    case 'v':
      return remember(canonical, text, valueElement(parseJson(content)));
    case 'k': {
      const keys = parseJson(content);
      if (typeof keys !== 'object' || keys === null || Array.isArray(keys))
        throw new FieldPathError(`parsing key as path element: expect { or n, but found ${content.slice(0, 1)}`);
      return remember(canonical, text, keyElement(keys as Record<string, unknown>));
    }
    case 'i': {
      if (!/^[+-]?\d{1,15}$/.test(content))
        throw new FieldPathError(
          `parsing key as path element: strconv.Atoi: parsing ${goQuote(content)}: invalid syntax`,
        );
      return remember(canonical, text, indexElement(Number(content)));
    }
    default:
      return undefined;
  }
}

/** The value of a `v:` element, the keys of a `k:` element, the number of an `i:` element. */
function contentOf(element: PathElement): unknown {
  if (parsed.has(element)) return parsed.get(element);
  return remember(parsed, element, JSON.parse(element.slice(2)) as unknown);
}

const RANK: Readonly<Record<string, number>> = { f: 0, k: 1, v: 2, i: 3 };

/** Without quotes and backslashes, and without what sorts below a quote or differently than Go has it. */
const PLAIN_ITEM = /^(k:\{"[\w-]+":"|v:")[#-[\]-~]*"\}?$/;

/** What tells items known by one name, or by themselves, in plain text: where two have the same, their order is that of their texts. */
export const plainItem = (element: PathElement): string | undefined => PLAIN_ITEM.exec(element)?.[1];

/** Upstream's order of elements: fields, keys, values, indices. */
export function compareElements(a: PathElement, b: PathElement): number {
  if (a === b) return 0;
  const rank = RANK[a[0]!]! - RANK[b[0]!]!;
  if (rank !== 0) return rank;
  switch (a[0]) {
    case 'f':
      return compareText(a, b);
    case 'k':
      if (havePlainOrder(a, b)) return a < b ? -1 : 1;
      return compareMaps(contentOf(a) as Record<string, unknown>, contentOf(b) as Record<string, unknown>);
    default:
      if (havePlainOrder(a, b)) return a < b ? -1 : 1;
      return compareValues(contentOf(a), contentOf(b));
  }
}

function havePlainOrder(a: PathElement, b: PathElement): boolean {
  const item = plainItem(a);
  return item !== undefined && item === plainItem(b);
}

/** Numbers, strings, booleans, lists, maps, null. Source: value.Compare v6.4. */
function valueRank(value: unknown): number {
  if (value === null) return 5;
  if (typeof value === 'object') return Array.isArray(value) ? 3 : 4;
  return typeof value === 'number' ? 0 : typeof value === 'string' ? 1 : 2;
}

function compareValues(a: unknown, b: unknown): number {
  const rank = valueRank(a) - valueRank(b);
  if (rank !== 0) return rank;
  if (typeof a === 'string') return compareText(a, b as string);
  if (typeof a !== 'object' || a === null) return Number(a) - Number(b);
  if (!Array.isArray(a)) return compareMaps(a as Record<string, unknown>, b as Record<string, unknown>);
  const other = b as unknown[];
  for (let i = 0; i < Math.min(a.length, other.length); i++) {
    const order = compareValues(a[i], other[i]);
    if (order !== 0) return order;
  }
  return a.length - other.length;
}

/** Field by field, names in order. */
function compareMaps(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): number {
  const names = Object.keys(a).toSorted(compareText);
  const others = Object.keys(b).toSorted(compareText);
  for (let i = 0; i < Math.min(names.length, others.length); i++) {
    const order = compareText(names[i]!, others[i]!) || compareValues(a[names[i]!], b[others[i]!]);
    if (order !== 0) return order;
  }
  return names.length - others.length;
}

const shown = (value: unknown): string => {
  if (value === null) return 'null';
  if (typeof value === 'string') return goQuote(value);
  if (Array.isArray(value)) return `[${value.map(shown).join(',')}]`;
  if (typeof value !== 'object') return JSON.stringify(value) ?? '{{undefined}}';
  return Object.entries(value)
    .map(([key, own]) => `${key}=${shown(own)}`)
    .join('');
};

/** An element as messages show it: `.spec`, `[name="web"]`, `[="a"]`, `[3]`. */
export function elementText(element: PathElement): string {
  switch (element[0]) {
    case 'f':
      return `.${element.slice(2)}`;
    case 'k': {
      const keys = contentOf(element) as Record<string, unknown>;
      const names = Object.keys(keys).toSorted(compareText);
      return `[${names.map((name) => `${name}=${shown(keys[name])}`).join(',')}]`;
    }
    case 'v':
      return `[=${shown(contentOf(element))}]`;
    default:
      return `[${element.slice(2)}]`;
  }
}

/** `.spec.containers[name="web"].image`. */
export const pathText = (path: readonly PathElement[]): string => path.map(elementText).join('');
