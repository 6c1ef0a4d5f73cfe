import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { decodeObject } from '../codec/target.ts';
import { randomObject } from '../codec/random-object.ts';
import { deepClone, deepFreeze, equalValues } from '../equality.ts';
import type { KubeObject } from '../kind.ts';
import { StatusError } from '../status.ts';
import {
  applyJsonPatch,
  applyMergePatch,
  applyPatch,
  applyStrategicMergePatch,
  type ChangePatchType,
  parsePatch,
  PatchError,
} from './patch.ts';

type JsonObject = Record<string, unknown>;

// ---- JSON patch

const refused = (document: unknown, ...operations: object[]): string => {
  try {
    applyJsonPatch(deepFreeze(document), operations);
  } catch (error) {
    assert.ok(error instanceof PatchError, String(error));
    return error.message;
  }
  return 'applied';
};

describe('JSON patch', () => {
  test('applies each operation', () => {
    const apply = (document: unknown, ...operations: object[]): unknown =>
      applyJsonPatch(deepFreeze(document), operations);
    assert.deepEqual(apply({ a: 1 }, { op: 'add', path: '/b', value: 2 }), { a: 1, b: 2 });
    assert.deepEqual(
      apply({ a: [1, 2] }, { op: 'add', path: '/a/1', value: 3 }, { op: 'add', path: '/a/-', value: 4 }),
      { a: [1, 3, 2, 4] },
    );
    assert.deepEqual(apply({ a: [1, 2] }, { op: 'remove', path: '/a/-1' }), { a: [1] });
    assert.deepEqual(apply({ 'a/b': { '~': 1 } }, { op: 'replace', path: '/a~1b/~0', value: 2 }), {
      'a/b': { '~': 2 },
    });
    assert.deepEqual(apply({ a: {} }, { op: 'replace', path: '/a/new', value: 2 }), { a: { new: 2 } });
    assert.deepEqual(apply({ a: { x: 1 }, b: {} }, { op: 'move', from: '/a/x', path: '/b/y' }), { a: {}, b: { y: 1 } });
    assert.deepEqual(apply({ a: 1 }, { op: 'replace', path: '', value: { b: 1 } }), { b: 1 });
    assert.deepEqual(
      apply({ a: { x: 1 } }, { op: 'test', path: '/a', value: { x: 1 } }, { op: 'test', path: '/b', value: null }),
      { a: { x: 1 } },
    );
  });

  test('writing to a copy leaves what it was copied from alone', () => {
    const patched = applyJsonPatch({ a: { x: {} } }, [
      { op: 'add', path: '/a/x/y', value: 1 },
      { op: 'copy', from: '/a', path: '/b' },
      { op: 'replace', path: '/b/x/y', value: 2 },
      { op: 'remove', path: '/a/x/y' },
    ]);
    assert.deepEqual(patched, { a: { x: {} }, b: { x: { y: 2 } } });
  });

  test('what does not apply is refused with the texts of evanphx/json-patch', () => {
    assert.equal(
      refused({}, { op: 'add', path: '/a/b', value: 1 }),
      'add operation does not apply: doc is missing path: "/a/b": missing value',
    );
    assert.equal(
      refused({}, { op: 'add', path: 'a', value: 1 }),
      'add operation does not apply: doc is missing path: "a": missing value',
    );
    assert.equal(
      refused({}, { op: 'remove', path: '/a' }),
      "error in remove for path: '/a': Unable to remove nonexistent key: a: missing value",
    );
    assert.equal(
      refused({ a: [] }, { op: 'remove', path: '/a/0' }),
      "error in remove for path: '/a/0': Unable to access invalid index: 0: invalid index referenced",
    );
    assert.equal(
      refused({ a: [] }, { op: 'replace', path: '/a/3', value: 1 }),
      'replace operation does not apply: doc is missing key: /a/3: missing value',
    );
    assert.equal(refused({ a: 1 }, { op: 'test', path: '/a', value: 2 }), 'testing value /a failed: test failed');
    assert.equal(refused({}, { op: 'spin', path: '/a' }), 'Unexpected kind: spin');
    assert.equal(refused({}, { path: '/a' }), 'Unexpected kind: unknown');
    assert.equal(
      refused({ a: [] }, { op: 'add', path: '/a/x', value: 1 }),
      `error in add for path: '/a/x': value was not a proper array index: 'x': strconv.Atoi: parsing "x": invalid syntax`,
    );
    assert.match(refused({}, { op: 'add' }), /failed to decode path/);
    assert.match(refused({}, { op: 'test', path: '/constructor/name', value: 'Object' }), /is missing path/);
  });

  test('copies cannot grow an object without end', () => {
    const doubling = [
      { op: 'add', path: '/a', value: ['x'.repeat(1000)] },
      ...Array.from({ length: 40 }, () => ({ op: 'copy', from: '/a', path: '/a/-' })),
    ];
    assert.match(refused({}, ...doubling), /accumulated size increase of copy/);
  });

  test('__proto__ is a key like any other', () => {
    const patched = applyJsonPatch({}, [
      { op: 'add', path: '/__proto__', value: { x: 1 } },
      { op: 'add', path: '/__proto__/y', value: 2 },
    ]) as JsonObject;
    assert.deepEqual(Object.keys(patched), ['__proto__']);
    assert.equal(JSON.stringify(patched), '{"__proto__":{"x":1,"y":2}}');
    assert.equal(({} as JsonObject)['y'], undefined);
  });

  test('agrees with a slow reference that copies everything, and never writes to its arguments', () => {
    const path = fc
      .array(fc.constantFrom('a', 'b', '0', '1', '-', '-1'), { minLength: 1, maxLength: 3 })
      .map((parts) => `/${parts.join('/')}`);
    const value = fc.jsonValue({ maxDepth: 1, stringUnit: fc.constantFrom('a') });
    const operation = fc.oneof(
      fc.record({ op: fc.constantFrom('add', 'replace', 'test'), path, value }),
      fc.record({ op: fc.constant('remove'), path }),
      fc.record({ op: fc.constantFrom('move', 'copy'), from: path, path }),
    );
    const noNullPrototype = true;
    const leaf = fc.oneof(
      fc.array(fc.integer()),
      fc.dictionary(fc.constantFrom('a', 'b'), fc.array(fc.nat()), { noNullPrototype }),
    );
    const document = fc.dictionary(fc.constantFrom('a', 'b'), leaf, { noNullPrototype });
    fc.assert(
      fc.property(document, fc.array(operation, { maxLength: 6 }), (doc, operations) => {
        const before = deepFreeze(deepClone(doc));
        const expected = reference(deepClone(doc), operations);
        let actual: unknown;
        try {
          actual = applyJsonPatch(before, deepFreeze(operations));
        } catch (error) {
          assert.ok(error instanceof PatchError, String(error));
        }
        assert.deepEqual(actual, expected);
        assert.deepEqual(before, doc);
      }),
      { numRuns: 1000 },
    );
  });
});

interface Operation {
  op: string;
  path: string;
  from?: string;
  value?: unknown;
}

/** RFC 6902 with evanphx's extensions, in the plainest way: undefined when an operation does not apply. */
function reference(document: unknown, operations: readonly Operation[]): unknown {
  for (const { op, path, from, value } of operations) {
    const place = (text: string): [JsonObject & unknown[], string] | undefined => {
      const parts = text.split('/').slice(1);
      let at = document as JsonObject & unknown[];
      for (const part of parts.slice(0, -1)) {
        const key = Array.isArray(at) && /^-\d+$/.test(part) ? String(at.length + Number(part)) : part;
        const next = Array.isArray(at) ? at[Number(key)] : (at as JsonObject)[key];
        if (typeof next !== 'object' || next === null) return undefined;
        at = next as JsonObject & unknown[];
      }
      return [at, parts.at(-1)!];
    };
    const indexIn = (list: unknown[], key: string, extra: number): number | undefined => {
      if (!/^-?\d+$/.test(key)) return undefined;
      const size = list.length + extra;
      const index = Number(key) < 0 ? Number(key) + size : Number(key);
      return index >= 0 && index < size ? index : undefined;
    };
    const add = (text: string, item: unknown): boolean => {
      const at = place(text);
      if (at === undefined) return false;
      const [container, key] = at;
      if (!Array.isArray(container)) (container as JsonObject)[key] = item;
      else if (key === '-') container.push(item);
      else {
        const index = indexIn(container, key, 1);
        if (index === undefined) return false;
        container.splice(index, 0, item);
      }
      return true;
    };
    const source = place(from ?? path);
    if (source === undefined) return undefined;
    const [container, key] = source;
    const index = Array.isArray(container) ? indexIn(container, key, 0) : undefined;
    const there = Array.isArray(container) ? index !== undefined : Object.hasOwn(container, key);
    const own = Array.isArray(container) ? container[index ?? -1] : (container as JsonObject)[key];
    const remove = (): unknown =>
      Array.isArray(container) ? container.splice(index!, 1) : delete (container as JsonObject)[key];
    if (op === 'add') {
      if (!add(path, value)) return undefined;
    } else if (op === 'remove' || op === 'move') {
      if (!there) return undefined;
      remove();
      if (op === 'move' && !add(path, own)) return undefined;
    } else if (op === 'copy') {
      if (!there && Array.isArray(container)) return undefined;
      if (!add(path, deepClone(own ?? null))) return undefined;
    } else if (op === 'replace') {
      if (!there && Array.isArray(container)) return undefined;
      if (Array.isArray(container)) container[index!] = value;
      else (container as JsonObject)[key] = value;
    } else {
      if (!there && Array.isArray(container)) return undefined;
      if (!equalValues(own ?? null, value)) return undefined;
    }
  }
  return document;
}

// ---- merge patch

describe('JSON merge patch', () => {
  const json = fc.jsonValue({ maxDepth: 3, stringUnit: fc.constantFrom('a', 'b') });

  test('agrees with the pseudo code of RFC 7396 and never writes to its arguments', () => {
    const slow = (target: unknown, patch: unknown): unknown => {
      if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
      const result: JsonObject =
        typeof target === 'object' && target !== null && !Array.isArray(target) ? deepClone(target as JsonObject) : {};
      for (const [name, value] of Object.entries(patch)) {
        if (value === null) delete result[name];
        else result[name] = slow(result[name], value);
      }
      return result;
    };
    fc.assert(
      fc.property(json, json, (target, patch) =>
        assert.deepEqual(applyMergePatch(deepFreeze(target), deepFreeze(patch)), slow(target, patch)),
      ),
    );
  });

  test('__proto__ is a key like any other', () => {
    const patched = applyMergePatch({}, JSON.parse('{"__proto__":{"polluted":true}}')) as JsonObject;
    assert.equal(JSON.stringify(patched), '{"__proto__":{"polluted":true}}');
    assert.equal(({} as JsonObject)['polluted'], undefined);
  });
});

// ---- strategic merge patch

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

// ---- as a request

const pod = { group: '', version: 'v1', kind: 'Pod', definition: 'core.v1.Pod' };
const original = decodeObject(
  { metadata: { name: 'web', labels: { a: '1' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
  pod,
).object;
const send = (type: ChangePatchType, body: unknown): KubeObject =>
  applyPatch(type, deepFreeze(original), parsePatch(type, typeof body === 'string' ? body : JSON.stringify(body)), pod)
    .object;
const error = (type: ChangePatchType, body: unknown): StatusError => {
  try {
    send(type, body);
  } catch (thrown) {
    if (thrown instanceof StatusError) return thrown;
    throw thrown;
  }
  throw new Error('accepted');
};

describe('a patch request', () => {
  test('gives the decoded object', () => {
    assert.deepEqual(
      send('application/strategic-merge-patch+json', { metadata: { labels: { a: null, b: '2' } } }).metadata.labels,
      { b: '2' },
    );
    assert.deepEqual(send('application/merge-patch+json', { metadata: { labels: null } }).metadata.labels, undefined);
    assert.deepEqual(
      send('application/json-patch+json', [{ op: 'add', path: '/metadata/annotations', value: { a: 'b' } }]).metadata
        .annotations,
      { a: 'b' },
    );
  });

  test('shares with the original what it does not touch', () => {
    assert.equal(
      (send('application/merge-patch+json', { metadata: { labels: { z: '1' } } }) as unknown as JsonObject)['spec'],
      (original as unknown as JsonObject)['spec'],
    );
  });

  test('that cannot be applied has the status upstream gives it', () => {
    const cases: [ChangePatchType, unknown, string, number, RegExp][] = [
      ['application/json-patch+json', [{ op: 'test', path: '/a', value: 1 }], 'Invalid', 422, /^the server rejected our request due to an error in our request$/],
      ['application/json-patch+json', {}, 'BadRequest', 400, /^json: cannot unmarshal object into Go value of type jsonpatch\.Patch$/],
      ['application/json-patch+json', Array.from({ length: 10_001 }, () => ({})), 'RequestEntityTooLarge', 413, /maximum operations in a JSON patch is 10000, got 10001$/],
      ['application/json-patch+json', '[{', 'BadRequest', 400, /^unexpected end of JSON input$/],
      ['application/merge-patch+json', 'x', 'BadRequest', 400, /^Invalid JSON Patch$/],
      ['application/strategic-merge-patch+json', [], 'BadRequest', 400, /^json: cannot unmarshal array into Go value of type map\[string\]interface \{\}$/],
      ['application/strategic-merge-patch+json', { spec: { $retainKeys: 1 } }, 'BadRequest', 400, /^invalid patch format of retainKeys$/],
      ['application/strategic-merge-patch+json', { spec: { containers: [{}] } }, '', 500, /does not contain declared merge key: name$/],
      ['application/merge-patch+json', { spec: { containers: 1 } }, 'Invalid', 422, /^ "" is invalid: patch: Invalid value: .*: json: cannot unmarshal number into Go struct field PodSpec\.spec\.containers/],
      ['application/merge-patch+json', `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`, 'BadRequest', 400, /^exceeded max depth$/],
    ]; // prettier-ignore
    for (const [type, body, reason, code, text] of cases) {
      const thrown = error(type, body);
      assert.deepEqual([thrown.reason, thrown.code], [reason, code], thrown.message);
      assert.match(thrown.message, text);
    }
  });
});
