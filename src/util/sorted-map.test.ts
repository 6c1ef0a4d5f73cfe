import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SortedMap } from './sorted-map.ts';

test('a sorted map answers as a plain map sorted afterwards', () => {
  const key = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 4 });
  const operation = fc.record({ key, keep: fc.boolean() });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 400 }), key, (operations, from) => {
      const map = new SortedMap<number>();
      const model = new Map<string, number>();
      for (const [i, { key: k, keep }] of operations.entries()) {
        if (keep) map.set(k, i);
        else assert.equal(map.delete(k), model.has(k));
        if (keep) model.set(k, i);
        else model.delete(k);
      }
      const sorted = [...model].toSorted(([a], [b]) => (a < b ? -1 : 1));
      assert.deepEqual(
        [...map.entriesFrom(from)],
        sorted.filter(([k]) => k >= from),
      );
      assert.deepEqual(
        map.withPrefix(from),
        sorted.filter(([k]) => k.startsWith(from)).map(([, v]) => v),
      );
      const own = sorted.filter(([k]) => k.startsWith(from)).map(([, v]) => v);
      assert.equal(map.countPrefix(from), own.length);
      assert.deepEqual(map.withPrefix(from, 2), own.slice(0, 2));
      assert.equal(map.size, model.size);
    }),
  );
});

test('chunks split and vanish without losing order', () => {
  const map = new SortedMap<number>();
  const keys = Array.from({ length: 5000 }, (_, i) => String((i * 7919) % 5000).padStart(5, '0'));
  for (const [i, k] of keys.entries()) map.set(k, i);
  assert.deepEqual(
    [...map.entriesFrom('')].map(([k]) => k),
    keys.toSorted(),
  );
  assert.equal(map.countPrefix('01'), 1000);
  assert.equal(map.withPrefix('01').length, 1000);
  assert.deepEqual(
    map.withPrefix('0499', 3),
    [...map.entriesFrom('0499')].slice(0, 3).map(([, v]) => v),
  );
  for (const k of keys) map.set(k, -1);
  assert.deepEqual(new Set(map.withPrefix('')), new Set([-1]));
  for (const k of keys.toSorted().slice(0, 4990)) map.delete(k);
  assert.equal(map.size, 10);
  assert.deepEqual(
    [...map.entriesFrom('')].map(([k]) => k),
    keys.toSorted().slice(4990),
  );
});
