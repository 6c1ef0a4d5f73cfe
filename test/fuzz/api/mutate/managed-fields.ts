/** Entries of managedFields as no server would write them. */
import type { Json } from './json.ts';
import type { Random } from '../random.ts';

const KEYS = [
  'f:metadata',
  'f:spec',
  'f:__proto__',
  'f:constructor',
  'f:',
  'k:{"name":"main"}',
  'k:{"port":80,"protocol":"TCP"}',
  'k:{',
  'k:null',
  'k:[]',
  'k:{"__proto__":1}',
  'v:"a"',
  'v:1e400',
  'v:{"a":[1]}',
  'v:',
  'i:0',
  'i:-1',
  'i:99999999999999999999',
  'i:x',
  '.',
  'x',
  '',
];

function fields(random: Random, depth: number): Json {
  if (depth <= 0 || random.chance(0.2)) return random.pick<Json>([{}, {}, {}, null, [], 'x', 1]);
  const keys = Array.from({ length: random.below(4) }, () => random.pick(KEYS));
  return Object.fromEntries(keys.map((key) => [key, fields(random, depth - 1)]));
}

function deep(): Json {
  let value: Json = {};
  for (let depth = 0; depth < 600; depth++) value = { 'f:a': value };
  return value;
}

const entry = (random: Random): Json => ({
  manager: random.pick(['me', 'kubectl', '', 'x'.repeat(200), '__proto__']),
  operation: random.pick(['Apply', 'Update', 'x', '']),
  apiVersion: random.pick(['v1', 'apps/v1', 'none/v9', '', 'a/b/c', 'fuzz.example.com/v1']),
  time: random.pick<Json>(['2026-01-01T00:00:00Z', null, 'x', '9999-99-99T99:99:99Z']),
  fieldsType: random.pick(['FieldsV1', 'x', '']),
  fieldsV1: random.chance(0.02) ? deep() : fields(random, 4),
  subresource: random.pick(['', 'status', 'scale', 'x']),
});

export function managedFields(random: Random): Json {
  if (random.chance(0.1)) return random.pick<Json>([null, {}, 'x', [null], [[]]]);
  return Array.from({ length: random.pick([0, 1, 1, 2, 3, 30]) }, () => entry(random));
}
