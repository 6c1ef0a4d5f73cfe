import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BufferPool } from './buffer-pool.ts';

test('what is given back is taken again, as many as are kept', () => {
  const pool = new BufferPool(16, 1);
  const a = pool.take(10);
  const b = pool.take(16);
  assert.equal(a.length, 16);
  assert.notEqual(a, b);
  pool.give(a);
  pool.give(b);
  assert.equal(pool.take(1), a);
  assert.notEqual(pool.take(1), b);
});

test('one that is too large for the pool is not kept', () => {
  const pool = new BufferPool(16, 4);
  const large = pool.take(17);
  assert.equal(large.length, 17);
  pool.give(large);
  assert.equal(pool.take(1).length, 16);
});
