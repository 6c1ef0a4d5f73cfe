import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OrderedIndex } from './ordered-index.ts';

/** Pseudo-random numbers, the same in every run. */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state;
  }
}

const key = (n: number): string => n.toString(36).padStart(6, '0');

function collect(index: OrderedIndex<number>, from: string, end?: string): readonly number[] {
  const found: number[] = [];
  index.scan(from, end, (value) => found.push(value) > 0);
  return found;
}

test('an index that grows and shrinks through many chunks stays in order and counts right', () => {
  fc.assert(
    fc.property(fc.integer(), fc.boolean(), (seed, ascending) => {
      const index = new OrderedIndex<number>();
      const model = new Map<string, number>();
      const random = numbers(seed);
      for (let i = 0; i < 6000; i++) {
        const n = ascending ? i : random.next().value % 4000;
        index.set(key(n), n);
        model.set(key(n), n);
      }
      for (let i = 0; i < 5000; i++) {
        const n = random.next().value % 6000;
        index.delete(key(n));
        model.delete(key(n));
      }
      const sorted = [...model.keys()].toSorted().map((k) => model.get(k) as number);
      assert.equal(index.size, sorted.length);
      assert.deepEqual(collect(index, ''), sorted);
      for (let i = 0; i < 50; i++) {
        const [from, end] = [random.next().value % 7000, random.next().value % 7000];
        const expected = sorted.filter((n) => n >= from && n < end);
        assert.deepEqual(collect(index, key(from), key(end)), expected);
        assert.equal(index.count(key(from), key(end)), expected.length);
        assert.equal(index.get(key(from)), model.get(key(from)));
      }
    }),
    { numRuns: 10 },
  );
});

test('a scan ends when its visitor has had enough', () => {
  const index = new OrderedIndex<number>();
  for (let n = 0; n < 2000; n++) index.set(key(n), n);
  const seen: number[] = [];
  index.scan(key(600), undefined, (n) => seen.push(n) < 3);
  assert.deepEqual(seen, [600, 601, 602]);
});
