import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { randomObject } from '../../codec/random-object.ts';
import { decodeValue } from '../../codec/decode.ts';
import { equalValues } from '../../equality.ts';
import { definitionNames, findDefinition } from '../../schema.ts';
import {
  difference,
  equalSets,
  intersection,
  isEmptySet,
  leaves,
  pathsOf,
  setOf,
  recursiveDifference,
  setText,
} from '../fieldpath/set.ts';
import { compare } from './compare.ts';
import { definitionType } from './definition-type.ts';
import { TypedError } from './item.ts';
import { merge } from './merge.ts';
import { reconcileSet } from './reconcile.ts';
import { extractItems, removeItems, withNamedFields } from './remove.ts';
import { parseStructural } from '../../structural/schema.ts';
import { structuralType } from './structural-type.ts';
import { toFieldSet } from './to-set.ts';
import { type ApplyType, ATOMIC, DEDUCED, listOf, mapOf } from './type.ts';
import { typeErrors } from './validate.ts';

const POD = definitionType('core.v1.Pod');
const DEPLOYMENT = definitionType('apps.v1.Deployment');
const STRING: ApplyType = { scalar: 'string' };

const KINDS = [...definitionNames()].filter((name) => {
  const { fields } = findDefinition(name)!;
  return fields['metadata']?.t === 'meta.v1.ObjectMeta' && !name.endsWith('TemplateSpec');
});

/** A random object as the server holds it, without lists in which two items cannot be told apart. */
function sample(definition: string, seed: number, density?: number): Record<string, unknown> {
  const object = withoutDuplicates(
    decodeValue(randomObject(definition, seed, density), definition, false).value,
    definitionType(definition),
  );
  return object as Record<string, unknown>;
}

function withoutDuplicates(value: unknown, type: ApplyType | undefined): unknown {
  if (Array.isArray(value)) {
    const list = type?.list;
    if (list === undefined) return value;
    if (list.atomic) return value.map((item) => withoutDuplicates(item, list.items));
    const kept = new Map<string, unknown>();
    for (const item of value) {
      const set = itemText({ list }, item);
      if (set !== undefined) kept.set(set, withoutDuplicates(item, list.items));
    }
    return [...kept.values()];
  }
  if (typeof value !== 'object' || value === null || type?.map === undefined) return value;
  const { fields, values } = type.map;
  return Object.fromEntries(
    Object.entries(value).map(([key, own]) => [key, withoutDuplicates(own, fields.get(key)?.type ?? values)]),
  );
}

function itemText(type: ApplyType, item: unknown): string | undefined {
  try {
    return setText(toFieldSet(type, [item]))
      .split('\n')[0]!
      .replace(/\].*/s, ']');
  } catch (error) {
    if (error instanceof TypedError) return undefined;
    throw error;
  }
}

test('every kind of the schema has a type, and random objects of it are of that type', () => {
  assert.ok(KINDS.length > 40);
  for (const name of KINDS) {
    const type = definitionType(name);
    for (let seed = 0; seed < 5; seed++) assert.equal(typeErrors(type, sample(name, seed)), '', name);
  }
});

test('what a value mentions, extracted from it, mentions the same', () => {
  fc.assert(
    fc.property(fc.constantFrom(...KINDS), fc.nat(), (name, seed) => {
      const type = definitionType(name);
      const value = sample(name, seed);
      const set = toFieldSet(type, value);
      const extracted = extractItems(type, value, leaves(set), { withKeys: true });
      assert.ok(equalSets(toFieldSet(type, extracted ?? {}), set), name);
    }),
    { numRuns: 300 },
  );
});

test('a value is equal to itself, and compared with nothing it is all added', () => {
  fc.assert(
    fc.property(fc.constantFrom(...KINDS), fc.nat(), (name, seed) => {
      const type = definitionType(name);
      const value = sample(name, seed);
      const same = compare(type, value, structuredClone(value));
      assert.ok(isEmptySet(same.added) && isEmptySet(same.modified) && isEmptySet(same.removed), name);
      const { added, modified, removed } = compare(type, undefined, value);
      assert.ok(isEmptySet(modified) && isEmptySet(removed));
      assert.ok(isEmptySet(difference(toFieldSet(type, value), added)), name);
    }),
    { numRuns: 300 },
  );
});

test('compared the other way round, what was added is removed', () => {
  fc.assert(
    fc.property(fc.constantFrom(...KINDS), fc.nat(), fc.nat(), (name, one, other) => {
      const type = definitionType(name);
      const [a, b] = [sample(name, one), sample(name, other)];
      const there = compare(type, a, b);
      const back = compare(type, b, a);
      assert.ok(equalSets(there.added, back.removed), name);
      assert.ok(equalSets(there.removed, back.added), name);
      assert.ok(equalSets(there.modified, back.modified), name);
      for (const [x, y] of [
        [there.added, there.modified],
        [there.added, there.removed],
        [there.modified, there.removed],
      ] as const)
        assert.ok(isEmptySet(intersection(x, y)), name);
    }),
    { numRuns: 300 },
  );
});

test('merged, a configuration is all there, and merged again it changes nothing', () => {
  fc.assert(
    fc.property(fc.constantFrom(...KINDS), fc.nat(), fc.nat(), (name, one, other) => {
      const type = definitionType(name);
      const [live, config] = [sample(name, one), sample(name, other, 0.2)];
      const before = JSON.stringify([live, config]);
      const merged = merge(type, live, config);
      assert.ok(equalValues(merge(type, merged, config) ?? {}, merged ?? {}), name);
      assert.ok(isEmptySet(compare(type, live, merged ?? {}).removed), name);
      const { modified, removed } = compare(type, config, merged ?? {});
      const mentioned = toFieldSet(type, config);
      assert.ok(isEmptySet(intersection(mentioned, modified)) && isEmptySet(intersection(mentioned, removed)), name);
      assert.equal(JSON.stringify([live, config]), before, 'neither is written to');
    }),
    { numRuns: 300 },
  );
});

test('a removed item is gone with all that is in it, and all else stays', () => {
  fc.assert(
    fc.property(fc.constantFrom(...KINDS), fc.nat(), fc.nat(), (name, seed, choice) => {
      const type = definitionType(name);
      const value = sample(name, seed);
      const all = toFieldSet(type, value);
      // Without the fields it is known by, an item would be another one.
      const paths = pathsOf(all).filter((path) => path.at(-2)?.startsWith('k:') !== true);
      const path = paths[choice % paths.length];
      if (path === undefined) return;
      const after = toFieldSet(type, removeItems(type, value, setOf(path)) ?? {});
      const expected = recursiveDifference(all, setOf(path));
      assert.ok(isEmptySet(intersection(after, difference(all, expected))), name);
      assert.ok(isEmptySet(difference(expected, after)), name);
    }),
    { numRuns: 300 },
  );
});

test('fields of structs go with what was in them, keys of maps do not', () => {
  const set = setOf(
    ['f:metadata', 'f:labels', 'f:app'],
    ['f:spec', 'f:containers', 'k:{"name":"a"}', 'f:resources', 'f:limits', 'f:cpu'],
  );
  assert.equal(
    setText(withNamedFields(set, POD)),
    ['.metadata', '.spec', '.metadata.labels', '.metadata.labels.app', '.spec.containers'].join('\n') +
      '\n.spec.containers[name="a"].resources\n.spec.containers[name="a"].resources.limits\n.spec.containers[name="a"].resources.limits.cpu',
  );
});

const list = (names: string): unknown[] => names.split('').map((name) => ({ name }));
const names = (value: unknown): string => (value as { name: string }[]).map(({ name }) => name).join('');
const KEYED: ApplyType = listOf(definitionType('core.v1.Container'), [{ name: 'name', default: '' }]);

test('merged lists keep the order of the live one, but for what the configuration orders', () => {
  const merged = (live: string, config: string): string => names(merge(KEYED, list(live), list(config)));
  assert.equal(merged('abc', 'abc'), 'abc');
  assert.equal(merged('abc', 'd'), 'abcd');
  assert.equal(merged('abc', 'cba'), 'cba');
  assert.equal(merged('abcd', 'db'), 'acdb');
  assert.equal(merged('ab', 'cb'), 'acb');
  assert.equal(merged('ab', 'bc'), 'abc');
  assert.equal(merged('', 'ab'), 'ab');
  assert.equal(merged('ab', ''), 'ab');
  assert.equal(merged('abcde', 'bxd'), 'abcxde');
});

test('merged sets and maps of whole values', () => {
  const set: ApplyType = listOf(STRING, []);
  assert.deepEqual(merge(set, ['a', 'b'], ['c', 'a']), ['c', 'a', 'b']);
  assert.deepEqual(merge(mapOf(STRING), { a: '1', b: '2' }, { b: '3', c: '4' }), { a: '1', b: '3', c: '4' });
  assert.deepEqual(merge(mapOf(STRING, true), { a: '1' }, { b: '2' }), { b: '2' });
  assert.deepEqual(merge(listOf(STRING), ['a'], ['b']), ['b']);
  assert.deepEqual(merge(ATOMIC, { a: 1 }, [2]), [2]);
  assert.deepEqual(merge(DEDUCED, { a: { b: 1 } }, { a: { c: 2 } }), { a: { b: 1, c: 2 } });
  assert.equal(merge(STRING, 'a', null), null);
  assert.deepEqual(merge(mapOf(STRING), { a: '1' }, null), { a: '1' }, 'a null takes no map away');
  assert.deepEqual(
    JSON.parse(JSON.stringify(merge(mapOf(STRING), JSON.parse('{"__proto__":"1"}'), { constructor: 'x' }))),
    JSON.parse('{"__proto__":"1","constructor":"x"}'),
  );
});

test('items that cannot be told apart are owned and compared together', () => {
  const type = mapOf(KEYED);
  const twice = { l: [{ name: 'a', image: '1' }, { name: 'a', image: '2' }, { name: 'b' }] };
  assert.equal(setText(toFieldSet(type, twice)), '.l\n.l[name="a"]\n.l[name="b"]\n.l[name="b"].name');
  const change = (before: unknown, after: unknown): string[] => {
    const { added, modified, removed } = compare(type, before, after);
    return [added, modified, removed].map(setText);
  };
  const once = { l: [{ name: 'a', image: '1' }, { name: 'b' }] };
  const other = { l: [{ name: 'a', image: '1' }, { name: 'a', image: '3' }, { name: 'b' }] };
  assert.deepEqual(change(twice, other), ['', '.l[name="a"]', '']);
  assert.deepEqual(change(twice, once), [
    '.l[name="a"]\n.l[name="a"].image\n.l[name="a"].name\n.l[name="a"].resources',
    '',
    '.l[name="a"]',
  ]);
  assert.deepEqual(change(once, twice), [
    '.l[name="a"]',
    '',
    '.l[name="a"]\n.l[name="a"].image\n.l[name="a"].name\n.l[name="a"].resources',
  ]);
});

test('keys with defaults name the item that leaves them out', () => {
  const ports = {
    spec: { containers: [{ name: 'a', ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'UDP' }] }] },
  };
  assert.match(
    setText(toFieldSet(POD, ports)),
    /ports\[containerPort=80,protocol="TCP"\]\n.*ports\[containerPort=80,protocol="UDP"\]\n/,
  );
  const pull = { spec: { imagePullSecrets: [{}] } };
  assert.equal(setText(toFieldSet(POD, pull)), '.spec.imagePullSecrets[name=""]');
});

test('what fits no type is said in the words of Go', () => {
  const wrong = (type: ApplyType, value: unknown): string => typeErrors(type, value);
  assert.equal(wrong(DEPLOYMENT, { spec: { foo: 1 } }), '.spec.foo: field not declared in schema');
  assert.equal(
    wrong(DEPLOYMENT, { spec: { replicas: 'x' } }),
    '.spec.replicas: expected numeric (int or float), got string',
  );
  assert.equal(
    wrong(DEPLOYMENT, { metadata: { labels: { a: 1, b: true } } }),
    'errors:\n  .metadata.labels.a: expected string, got &value.valueUnstructured{Value:1}\n  .metadata.labels.b: expected string, got &value.valueUnstructured{Value:true}',
  );
  assert.equal(wrong(DEPLOYMENT, { spec: { paused: 'yes' } }), '.spec.paused: expected boolean, got &{yes}');
  assert.equal(wrong(DEPLOYMENT, { spec: 'x' }), '.spec: expected map, got &{x}');
  assert.equal(
    wrong(POD, { spec: { containers: { a: ['b', 1] } } }),
    '.spec.containers: expected list, got &{map[a:[b 1]]}',
  );
  assert.equal(
    wrong(POD, { spec: { containers: [{ name: 'a' }, { name: 'a' }] } }),
    '.spec.containers: duplicate entries for key [name="a"]',
  );
  assert.equal(
    wrong(POD, { spec: { containers: ['a'] } }),
    '.spec.containers: element 0: associative list with keys may not have non-map elements',
  );
  assert.equal(
    wrong(POD, { metadata: { finalizers: [null] } }),
    ".metadata.finalizers: element 0: associative list without keys has an element that's an explicit null",
  );
  assert.equal(
    wrong(POD, { spec: { tolerations: [{ key: 1 }] } }),
    '.spec.tolerations[0].key: expected string, got &value.valueUnstructured{Value:1}',
  );
  assert.equal(
    wrong(definitionType('core.v1.ServiceAccount'), { secrets: [{}] }),
    '.secrets: element 0: associative list with keys has an element that omits all key fields ["name"] (and doesn\'t have default values for any key fields)',
  );
  assert.equal(wrong(POD, { spec: null, metadata: { labels: null } }), '');
});

test('sets written for another schema are brought to that of today', () => {
  const atomic = mapOf(mapOf(STRING, true));
  const granular = mapOf(mapOf(STRING));
  const inner = setOf(['f:a', 'f:b'], ['f:a', 'f:c']);
  assert.equal(setText(reconcileSet(inner, atomic)), '.a');
  assert.equal(reconcileSet(inner, granular), inner);
  assert.equal(
    setText(reconcileSet(setOf(['f:a'], ['f:a', 'k:{"name":"x"}', 'f:image']), mapOf(listOf(ATOMIC)))),
    '.a',
  );
  const deduced = setOf(['f:a', 'f:b', 'f:c']);
  assert.equal(reconcileSet(deduced, DEDUCED), deduced);
});

test('custom resources have the type their structural schema says', () => {
  const string = { type: 'string' };
  const type = structuralType(
    parseStructural({
      type: 'object',
      properties: {
        spec: {
          type: 'object',
          properties: {
            port: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, string] },
            date: { type: 'string', format: 'date-time' },
            tags: { type: 'array', items: string, 'x-kubernetes-list-type': 'set' },
            ports: {
              type: 'array',
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['protocol', 'port'],
              items: {
                type: 'object',
                properties: { port: { type: 'integer' }, protocol: { ...string, default: 'TCP' } },
              },
            },
            plain: { type: 'array', items: string },
            whole: { type: 'object', 'x-kubernetes-map-type': 'atomic', additionalProperties: string },
            free: {
              type: 'object',
              'x-kubernetes-preserve-unknown-fields': true,
              properties: { known: { type: 'object', properties: { a: string } } },
            },
            template: {
              type: 'object',
              'x-kubernetes-embedded-resource': true,
              properties: { spec: { type: 'object' } },
            },
          },
        },
      },
    }),
  );
  const value = {
    apiVersion: 'g/v1',
    kind: 'Thing',
    metadata: { name: 'x', finalizers: ['a'] },
    spec: {
      port: 'http',
      date: 'x',
      tags: ['b'],
      ports: [{ port: 1 }],
      plain: ['c'],
      whole: { a: 'b' },
      free: { x: { y: [1] }, known: { a: '1', b: 2 } },
      template: { apiVersion: 'v1', metadata: { labels: { l: '1' } }, spec: { z: 1 } },
    },
  };
  assert.equal(typeErrors(type, value), '');
  assert.deepEqual(setText(toFieldSet(type, value)).split('\n').toSorted(), [
    '.apiVersion',
    '.kind',
    '.metadata.finalizers[="a"]',
    '.metadata.name',
    '.spec.date',
    '.spec.free.known.a',
    '.spec.free.known.b',
    '.spec.free.x',
    '.spec.free.x.y',
    '.spec.plain',
    '.spec.port',
    '.spec.ports[port=1,protocol="TCP"]',
    '.spec.ports[port=1,protocol="TCP"].port',
    '.spec.tags[="b"]',
    '.spec.template.apiVersion',
    '.spec.template.metadata.labels.l',
    '.spec.template.spec.z',
    '.spec.whole',
  ]);
  assert.equal(typeErrors(type, { spec: { other: 1 } }), '.spec.other: field not declared in schema');
  assert.equal(setText(compare(type, {}, { spec: { tags: [] } }).added), '.spec\n.spec.tags');
  assert.equal(setText(toFieldSet(structuralType(undefined), { a: { b: [1] } })), '.a\n.a.b');
});
