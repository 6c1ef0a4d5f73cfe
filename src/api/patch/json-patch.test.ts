import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { deepClone, deepFreeze, equalValues } from '../equality.ts';
import { applyJsonPatch, PatchError } from './json-patch.ts';

type JsonObject = Record<string, unknown>;

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
  for (const { op, path, from, value: given } of operations) {
    // Later operations write into what earlier ones have put in place, and the operations are used again.
    const value = deepClone(given);
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
