import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeClock } from './clock.ts';
import { Heap } from './heap.ts';
import { TokenBucket } from './token-bucket.ts';

test('a heap gives back in order what it was given in any order', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer(), { nil: undefined })), (ops) => {
      const heap = new Heap<number>((a, b) => a < b);
      let model: number[] = [];
      for (const op of ops) {
        if (op === undefined) {
          model = model.toSorted((a, b) => a - b);
          assert.equal(heap.pop(), model.shift());
        } else {
          heap.push(op);
          model.push(op);
        }
        assert.equal(heap.size, model.length);
        assert.equal(heap.peek(), model.length === 0 ? undefined : Math.min(...model));
      }
    }),
  );
});

test('a token bucket refills with time, never beyond its burst, and a reservation may overdraw it', () => {
  const clock = new FakeClock();
  const bucket = new TokenBucket({ perSecond: 10, burst: 2, clock });
  assert.deepEqual([bucket.tryTake(), bucket.tryTake(), bucket.tryTake()], [true, true, false]);
  assert.equal(Math.round(bucket.reserve()), 100);
  assert.equal(Math.round(bucket.reserve()), 200);
  clock.advance(10_000);
  assert.deepEqual([bucket.tryTake(), bucket.tryTake(), bucket.tryTake()], [true, true, false]);
});
