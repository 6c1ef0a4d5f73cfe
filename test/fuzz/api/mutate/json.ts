/** Changes of JSON values that know what JSON is made of. */
import { deepClone } from '#api';
import type { Random } from '../random.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const HUGE = 'x'.repeat(70_000);

/** Values nobody expects where they stand. */
const STRANGE: readonly Json[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  1.5,
  1e300,
  -1e300,
  5e-324,
  2 ** 31,
  -(2 ** 31) - 1,
  2 ** 53,
  2 ** 63,
  2 ** 64,
  '',
  ' ',
  'x',
  '\0',
  '\u2028',
  '\ud800',
  'ü',
  '😀'.repeat(70),
  'a'.repeat(64),
  'a'.repeat(254),
  'A-B_C.d',
  '-',
  '..',
  '/',
  '%',
  '%00',
  '0',
  '-1',
  '1e9999',
  '99999999999999999999',
  '100m',
  '1Ki',
  '-5%',
  '101%',
  '2026-01-01T00:00:00Z',
  '9999-99-99T99:99:99Z',
  '300h',
  '__proto__',
  'constructor',
  'metadata.name',
  '$(A)',
  '(a+)+$',
  '((((((((((a*)*)*)*)*)*)*)*)*)*)*',
  '[',
  '{}',
  '[]',
  'null',
  [],
  {},
  [null],
  [[]],
  [{}],
  { '': '' },
  { a: null },
  { $patch: 'delete' },
  { $patch: 'replace' },
  // Quantities, durations, timestamps, schedules, addresses, labels, references: on the edge of what they may be, and beyond.
  '1e400',
  '1e-400',
  '-0',
  '.5',
  '5.',
  '+1',
  '1E',
  '1Ei',
  '1.0000000001n',
  '9223372036854775807',
  '9223372036854775808k',
  '0x10',
  '0000-00-00T00:00:00Z',
  '2026-02-30T00:00:00Z',
  '2026-12-31T23:59:60Z',
  '2026-01-01T00:00:00.123456789+23:59',
  '10000-01-01T00:00:00Z',
  '2562047h47m16.854775807s',
  '9223372036855s',
  '1h1h',
  '*/0 * * * *',
  '@every 0s',
  'TZ=x * * * * *',
  '0-59/9999999 * 31 2 *',
  '::ffff:1.2.3.4',
  '0377.1.1.1',
  'fe80::1%eth0',
  '1.2.3.4/33',
  '::/0',
  'a/b/c',
  'example.com/',
  'A'.repeat(63),
  'x@sha256:',
  'system:serviceaccount:default:',
  '!',
  '=',
  '====',
  '-----BEGIN CERTIFICATE-----',
];

/** Of its own, since it may be changed in turn. */
const strange = (random: Random): Json => deepClone(random.pick(STRANGE));

const sortOf = (value: Json): string => (Array.isArray(value) ? 'array' : typeof value);
const STRANGE_BY_SORT = Map.groupBy(STRANGE, sortOf);

/** Of the same sort, so that it gets further than to the decoder. */
const strangeLike = (value: Json, random: Random): Json => deepClone(random.pick(STRANGE_BY_SORT.get(sortOf(value))!));

const KEYS = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'length',
  '',
  'metadata',
  'spec',
  'status',
  'name',
  'namespace',
  'resourceVersion',
  'uid',
  'generateName',
  'deletionTimestamp',
  'finalizers',
  'ownerReferences',
  'managedFields',
  'labels',
  'annotations',
  'items',
  'kind',
  'apiVersion',
  '$patch',
  '$setElementOrder/containers',
  '$deleteFromPrimitiveList/finalizers',
  '$retainKeys',
  'x-kubernetes-validations',
  'a/b~c',
  'ü',
  '0',
  'a'.repeat(400),
];

/** Where a value stands. */
interface Place {
  readonly holder: Json[] | { [key: string]: Json };
  readonly key: string | number;
}

/** All places of a value, in the order they are written; of a large one the first few thousand. */
function placesOf(root: Json[] | { [key: string]: Json }): Place[] {
  const places: Place[] = [];
  const visit = (holder: Json): void => {
    if (typeof holder !== 'object' || holder === null || places.length > 3000) return;
    const keys = Array.isArray(holder) ? holder.keys() : Object.keys(holder);
    for (const key of keys) {
      places.push({ holder, key });
      visit(valueAt({ holder, key }));
    }
  };
  visit(root);
  return places;
}

const valueAt = ({ holder, key }: Place): Json => (holder as Record<string | number, Json>)[key]!;

/** Also where the key is `__proto__`. */
function put({ holder, key }: Place, value: Json): void {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
}

function deep(random: Random): Json {
  const list = random.chance(0.5);
  let value: Json = 1;
  for (let depth = random.pick([20, 200, 900]); depth > 0; depth--) value = list ? [value] : { a: value };
  return value;
}

function retyped(value: Json): Json {
  if (typeof value === 'string') return Number.isNaN(Number(value)) ? [value] : Number(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return Object.fromEntries(value.entries().map(([i, v]) => [String(i), v]));
  return value === null ? {} : Object.values(value);
}

function textChanged(text: string, random: Random): string {
  const at = random.below(text.length + 1);
  const other = random.pick(['', '-', '.', '/', ' ', '\n', '\0', 'é', '%', '"', '\\', '*', '0', 'Z', '(', text]);
  return text.slice(0, at) + other + text.slice(at + random.below(3));
}

const CHANGES: readonly ((place: Place, all: readonly Place[], random: Random) => void)[] = [
  ({ holder, key }) => void (Array.isArray(holder) ? holder.splice(Number(key), 1) : delete holder[key]),
  (place, _all, random) => put(place, strange(random)),
  (place, _all, random) => put(place, strangeLike(valueAt(place), random)),
  (place, _all, random) => put(place, strangeLike(valueAt(place), random)),
  (place, _all, random) => put(place, strangeLike(valueAt(place), random)),
  // What stands elsewhere, where something of its sort is expected.
  (place, all, random) => {
    const sort = sortOf(valueAt(place));
    const others = all.filter((other) => sortOf(valueAt(other)) === sort);
    put(place, deepClone(valueAt(random.pick(others))));
  },
  (place) => put(place, retyped(valueAt(place))),
  (place) => put(place, [valueAt(place)]),
  (place) => put(place, { a: valueAt(place) }),
  (place, all, random) => put(place, deepClone(valueAt(random.pick(all)))),
  ({ holder, key }, _all, random) => {
    // Once more, or under another name.
    if (Array.isArray(holder)) holder.splice(Number(key), 0, deepClone(holder[Number(key)]!));
    else put({ holder, key: random.pick(KEYS) }, deepClone(holder[key]!));
  },
  (place, _all, random) => {
    const value = valueAt(place);
    if (typeof value === 'object' && value !== null)
      put({ holder: value, key: Array.isArray(value) ? value.length : random.pick(KEYS) }, strange(random));
    else put(place, typeof value === 'string' ? textChanged(value, random) : -Number(value) - 1);
  },
  (place) => {
    const value = valueAt(place);
    if (typeof value === 'string') put(place, value + value);
    else if (Array.isArray(value)) value.reverse();
    else put(place, null);
  },
];

/** Rare, since they take long: what is deep, what is long. */
const LARGE: readonly ((place: Place, random: Random) => void)[] = [
  (place, random) => put(place, deep(random)),
  (place) => put(place, HUGE),
  (place) =>
    put(
      place,
      Array.from({ length: 2000 }, () => deepClone(valueAt(place))),
    ),
  (place) => put(place, Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`k${i}`, 'v']))),
];

/** A copy with one to four changes. */
export function mutateJson(value: Json, random: Random): Json {
  const root: [Json] = [deepClone(value)];
  for (let left = 1 + random.below(4); left > 0; left--) {
    const places = placesOf(root);
    if (places.length === 0) break;
    const place = random.pick(places);
    if (random.chance(0.004)) random.pick(LARGE)(place, random);
    else random.pick(CHANGES)(place, places, random);
  }
  return root[0] ?? null;
}
