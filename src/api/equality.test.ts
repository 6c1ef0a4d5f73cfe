import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { deepClone, deepFreeze, equalValues } from './equality.ts';

test('equality of JSON values is that of their canonical texts', () => {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted);
    if (typeof value !== 'object' || value === null) return value;
    const fields = Object.entries(value).map(([k, v]) => [k, sorted(v)] as const);
    return { fields: fields.toSorted(([a], [b]) => (a < b ? -1 : 1)) };
  };
  const text = (value: unknown): string => JSON.stringify(sorted(value));
  const small = fc.jsonValue({ maxDepth: 2, stringUnit: fc.constantFrom('a', 'b') });
  fc.assert(
    fc.property(small, small, (a, b) => {
      assert.equal(equalValues(a, b), text(a) === text(b));
      assert.ok(equalValues(a, JSON.parse(JSON.stringify(a))));
    }),
  );
});

test('an undefined field is an absent one, an inherited name is none', () => {
  assert.ok(equalValues({ a: 1, b: undefined }, { a: 1 }));
  assert.ok(equalValues({}, { b: undefined }));
  assert.ok(!equalValues({ a: 1 }, { a: 1, b: null }));
  assert.ok(!equalValues({ constructor: Object }, {}));
  assert.ok(!equalValues([], {}));
});

test('a clone is equal and shares nothing, even with a field named __proto__', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => equalValues(deepClone(value), value)));
  const hostile = JSON.parse('{"__proto__":{"polluted":true}}') as Record<string, unknown>;
  const copy = deepClone(hostile);
  assert.ok(Object.hasOwn(copy, '__proto__'));
  assert.notEqual(copy['__proto__'], hostile['__proto__']);
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
});

test('a frozen value cannot be written at any depth', () => {
  const value = deepFreeze({ a: [{ b: 1 }] });
  assert.throws(() => (value.a[0]!.b = 2), TypeError);
});
