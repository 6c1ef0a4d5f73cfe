/** Patches of each media type, made from the object they might be for. */
import { dump } from 'js-yaml';
import { type Json, mutateJson } from './json.ts';
import { managedFields } from './managed-fields.ts';
import type { Random } from '../random.ts';

const JSON_PATCH = 'application/json-patch+json';
const APPLY = 'application/apply-patch+yaml';
export const PATCH_TYPES = [
  JSON_PATCH,
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/strategic-merge-patch+json',
  APPLY,
  APPLY,
  'application/apply-patch+cbor',
];

const isObject = (value: Json): value is { [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A part of the object: each member and element is there or not. */
function partOf(value: Json, random: Random): Json {
  if (Array.isArray(value)) return value.filter(() => random.chance(0.7)).map((v) => partOf(v, random));
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([key]) => key === 'name' || random.chance(0.5));
  return Object.fromEntries(kept.map(([key, v]) => [key, random.chance(0.05) ? null : partOf(v, random)]));
}

const DIRECTIVES: readonly { [key: string]: Json }[] = [
  { $patch: 'replace' },
  { $patch: 'delete' },
  { $patch: 'merge' },
  { $patch: 'x' },
  { $retainKeys: ['type'] },
  { '$setElementOrder/containers': [{ name: 'main' }] },
  { '$setElementOrder/finalizers': ['a'] },
  { '$deleteFromPrimitiveList/finalizers': ['example.com/f'] },
];

function withDirectives(value: Json, random: Random): Json {
  if (Array.isArray(value)) return value.map((v) => withDirectives(v, random));
  if (!isObject(value)) return value;
  const own = Object.entries(value).map(([key, v]) => [key, withDirectives(v, random)] as const);
  return { ...Object.fromEntries(own), ...(random.chance(0.1) ? random.pick(DIRECTIVES) : {}) };
}

function pointers(value: Json, at = '', found: string[] = []): string[] {
  found.push(at);
  if (typeof value !== 'object' || value === null || found.length > 500) return found;
  for (const [key, v] of Object.entries(value))
    pointers(v, `${at}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, found);
  return found;
}

const OPS = ['add', 'remove', 'replace', 'move', 'copy', 'test', 'x'];
const ODD_POINTERS = [
  '',
  '/',
  '/-',
  '/spec/-',
  '/spec/containers/-',
  '/metadata/labels/__proto__',
  'x',
  '/a~2',
  '/spec/containers/01',
  '/spec/containers/-1',
  '/metadata/resourceVersion',
];

function jsonPatch(object: Json, random: Random): Json {
  const all = pointers(object);
  const pointer = (): string => (random.chance(0.2) ? random.pick(ODD_POINTERS) : random.pick(all));
  // A copy of what holds its copies doubles it each time.
  if (random.chance(0.01))
    return Array.from({ length: 30 }, () => ({ op: 'copy', from: '/metadata', path: '/metadata/annotations' }));
  return Array.from({ length: 1 + random.below(4) }, () => ({
    op: random.pick(OPS),
    path: pointer(),
    ...(random.chance(0.3) ? { from: pointer() } : {}),
    ...(random.chance(0.8) ? { value: random.pick<Json>([null, 1, 'x', {}, [], { a: 'b' }, [{ name: 'x' }]]) } : {}),
  }));
}

/** The body of a patch of that type for something like `object`. */
export function patchOf(type: string, object: Json, random: Random): Buffer {
  const mutated = (value: Json): Json => (random.chance(0.4) ? value : mutateJson(value, random));
  if (type === JSON_PATCH) return Buffer.from(JSON.stringify(mutated(jsonPatch(object, random))));
  const part = partOf(object, random);
  if (type !== APPLY) return Buffer.from(JSON.stringify(mutated(withDirectives(part, random))));
  const { apiVersion, kind } = object as { [key: string]: Json };
  const own = part as { [key: string]: Json };
  const metadata = own['metadata'];
  const hostile =
    random.chance(0.1) && isObject(metadata ?? {})
      ? { metadata: { ...(metadata as object), managedFields: managedFields(random) } }
      : {};
  const configuration = mutated({
    apiVersion: apiVersion!,
    kind: kind!,
    ...own,
    ...(hostile as { [key: string]: Json }),
  });
  if (random.chance(0.7)) return Buffer.from(JSON.stringify(configuration));
  try {
    return Buffer.from(dump(configuration, { skipInvalid: true }));
  } catch {
    return Buffer.from(JSON.stringify(configuration)); // too deep to be written as YAML
  }
}
