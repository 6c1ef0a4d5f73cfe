import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { randomObject } from '../codec/random-object.ts';
import { deepFreeze } from '../equality.ts';
import { applyStrategicMergePatch } from './strategic.ts';

type JsonObject = Record<string, unknown>;

const strategic = (original: object, patch: object, definition = 'core.v1.Pod'): unknown =>
  applyStrategicMergePatch(deepFreeze(original as JsonObject), deepFreeze(patch as JsonObject), definition);
const names = (value: unknown): string[] =>
  (value as { spec: { containers: { name: string }[] } }).spec.containers.map((c) => c.name);
const containers = (...list: object[]): object => ({ spec: { containers: list } });

describe('strategic merge patch', () => {
  test('lists with a merge key are merged by it, the new ones in front', () => {
    assert.deepEqual(
      strategic(
        containers({ name: 'a', image: '1' }, { name: 'b', image: '1' }),
        containers({ name: 'b', image: '2' }),
      ),
      containers({ name: 'a', image: '1' }, { name: 'b', image: '2' }),
    );
    assert.deepEqual(names(strategic(containers({ name: 'a' }, { name: 'b' }), containers({ name: 'c' }))), [
      'c',
      'a',
      'b',
    ]);
  });

  test('many elements are taken from a list of scalars with a look at each, not at all for each', () => {
    let looks = 0;
    const gone = new Proxy(
      Array.from({ length: 1000 }, (_, i) => `example.com/${i}`),
      {
        get(target, key, receiver) {
          looks++;
          return Reflect.get(target, key, receiver) as unknown;
        },
      },
    );
    const finalizers = Array.from({ length: 1001 }, (_, i) => `example.com/${1000 - i}`);
    const patch = { metadata: { '$deleteFromPrimitiveList/finalizers': gone } };
    assert.deepEqual(applyStrategicMergePatch({ metadata: { finalizers } }, patch, 'core.v1.Pod'), {
      metadata: { finalizers: ['example.com/1000'] },
    });
    assert.ok(looks < 20_000, `${looks} looks`);
  });

  test('atomic lists, scalars and maps of scalars', () => {
    assert.deepEqual(
      strategic(
        { spec: { tolerations: [{ key: 'a' }], nodeSelector: { a: '1', b: '2' }, nodeName: 'x' } },
        { spec: { tolerations: [{ key: 'b' }], nodeSelector: { a: null, c: '3' }, nodeName: 'y' } },
      ),
      { spec: { tolerations: [{ key: 'b' }], nodeSelector: { b: '2', c: '3' }, nodeName: 'y' } },
    );
  });

  test('$patch deletes and replaces elements, lists and objects', () => {
    const two = containers({ name: 'a' }, { name: 'b', image: '1' });
    assert.deepEqual(names(strategic(two, containers({ name: 'a', $patch: 'delete' }))), ['b']);
    assert.deepEqual(strategic(two, containers({ $patch: 'replace' }, { name: 'b' })), containers({ name: 'b' }));
    assert.deepEqual(
      strategic(
        { spec: { securityContext: { runAsUser: 1 } } },
        { spec: { securityContext: { $patch: 'replace', runAsGroup: 2 } } },
      ),
      { spec: { securityContext: { runAsGroup: 2 } } },
    );
    assert.deepEqual(
      strategic({ spec: { securityContext: { runAsUser: 1 } } }, { spec: { securityContext: { $patch: 'delete' } } }),
      { spec: { securityContext: {} } },
    );
    assert.deepEqual(
      strategic(
        { spec: {} },
        {
          spec: { securityContext: { $patch: 'delete' }, containers: [{ name: 'a', $patch: 'delete' }, { name: 'b' }] },
        },
      ),
      containers({ name: 'b' }),
    );
  });

  test('$retainKeys drops what it does not name', () => {
    const patch = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } };
    const original = { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } };
    assert.deepEqual(strategic(original, patch, 'apps.v1.Deployment'), { spec: { strategy: { type: 'Recreate' } } });
    assert.throws(
      () =>
        strategic(original, { spec: { strategy: { $retainKeys: ['type'], rollingUpdate: {} } } }, 'apps.v1.Deployment'),
      { message: 'invalid patch format of retainKeys' },
    );
    assert.deepEqual(
      strategic(
        { spec: { volumes: [{ name: 'v', emptyDir: {} }] } },
        { spec: { volumes: [{ $retainKeys: ['name', 'secret'], name: 'v', secret: { secretName: 's' } }] } },
      ),
      { spec: { volumes: [{ name: 'v', secret: { secretName: 's' } }] } },
    );
  });

  test('$setElementOrder orders what it names and leaves what only the server has in place', () => {
    const original = containers({ name: 'a' }, { name: 'b' }, { name: 'server' }, { name: 'c' });
    const order = (...list: string[]): object => ({ '$setElementOrder/containers': list.map((name) => ({ name })) });
    assert.deepEqual(names(strategic(original, { spec: order('c', 'b', 'a') })), ['server', 'c', 'b', 'a']);
    assert.deepEqual(
      names(strategic(original, { spec: { ...order('a', 'b', 'new', 'c'), containers: [{ name: 'new' }] } })),
      ['a', 'b', 'new', 'server', 'c'],
    );
    assert.throws(
      () => strategic(original, { spec: { ...order('a', 'b'), containers: [{ name: 'b' }, { name: 'a' }] } }),
      /The order in patch list:\n\[map\[name:b\] map\[name:a\]\]\n doesn't match/,
    );
    assert.deepEqual(
      names(strategic(original, { spec: { ...order('a', 'c'), containers: [{ name: 'b', $patch: 'delete' }] } })),
      ['a', 'server', 'c'],
    );
  });

  test('sets of scalars are merged, and $deleteFromPrimitiveList takes out of them', () => {
    const original = { metadata: { finalizers: ['a', 'b'] } };
    assert.deepEqual(strategic(original, { metadata: { finalizers: ['c', 'b'] } }), {
      metadata: { finalizers: ['c', 'a', 'b'] },
    });
    assert.deepEqual(strategic(original, { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'] } }), {
      metadata: { finalizers: ['b'] },
    });
    assert.deepEqual(
      strategic(original, {
        metadata: {
          '$deleteFromPrimitiveList/finalizers': ['a'],
          '$setElementOrder/finalizers': ['c', 'b'],
          finalizers: ['c'],
        },
      }),
      { metadata: { finalizers: ['c', 'b'] } },
    );
    assert.deepEqual(strategic({ metadata: {} }, { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'] } }), {
      metadata: {},
    });
  });

  test("what cannot be merged is refused with upstream's texts", () => {
    const original = containers({ name: 'a', image: '1' });
    assert.throws(() => strategic(original, containers({ image: 'x' })), {
      message: 'map: map[image:x] does not contain declared merge key: name',
    });
    assert.throws(() => strategic(original, containers({ name: 'a', $patch: 'merge' })), {
      message: 'merging lists cannot yet be specified in the patch',
    });
    assert.throws(() => strategic(original, { spec: { $patch: 'spin' } }), {
      message: 'unknown patch type: spin in map: map[$patch:spin]',
    });
    assert.throws(
      () => strategic(original, containers({ name: 'a' }, 'b' as unknown as object)),
      /list element types are not identical/,
    );
    assert.throws(() => strategic({ spec: {} }, { spec: { '$setElementOrder/nothing': [] } }), {
      message: 'unable to find api field in struct PodSpec for the json field "nothing"',
    });
  });

  test('__proto__ is a key like any other', () => {
    const patched = strategic(
      { metadata: { labels: {} } },
      JSON.parse('{"__proto__":{"x":1},"metadata":{"labels":{"__proto__":"y"}}}') as object,
    );
    assert.equal(JSON.stringify(patched), '{"metadata":{"labels":{"__proto__":"y"}},"__proto__":{"x":1}}');
    assert.equal(({} as JsonObject)['x'], undefined);
  });

  const definitions = ['core.v1.Pod', 'apps.v1.Deployment', 'core.v1.Service'];
  /** Objects that have the merge keys their lists need, each once. */
  const keyed = (value: unknown): unknown => {
    if (Array.isArray(value))
      return value.map((item, i) =>
        typeof item === 'object' && item !== null ? { ...(keyed(item) as object), ...keys(i) } : `${i}`,
      );
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, keyed(v)]));
  };
  const keys = (i: number): JsonObject =>
    Object.fromEntries(
      [
        'name',
        'type',
        'ip',
        'uid',
        'containerPort',
        'port',
        'mountPath',
        'devicePath',
        'topologyKey',
        'resourceName',
        'conditionType',
        'rule',
        'key',
      ].map((k) => [k, k.endsWith('ort') ? i : `${k}${i}`]),
    );

  test('a patch applied twice changes nothing more; an object patched with itself stays as it is', () => {
    fc.assert(
      fc.property(fc.constantFrom(...definitions), fc.integer(), fc.integer(), (definition, a, b) => {
        const original = keyed(randomObject(definition, a)) as object;
        const patch = keyed(randomObject(definition, b)) as object;
        const once = strategic(original, patch, definition) as object;
        assert.deepEqual(strategic(once, patch, definition), once);
        assert.deepEqual(strategic(original, original, definition), original);
      }),
      { numRuns: 100 },
    );
  });
});
