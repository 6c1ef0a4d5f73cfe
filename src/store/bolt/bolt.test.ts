import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PAGE_BYTES } from './format.ts';
import { BoltError, BoltReader } from './read.ts';
import { type BoltBucket, type BoltPair, layOut } from './write.ts';

const pair = (key: Buffer, value: Buffer): BoltPair => ({ key, valueBytes: value.length, value: () => value });

function fileOf(buckets: readonly BoltBucket[]): Buffer {
  const file = layOut(buckets);
  const bytes = Buffer.concat([...file.pages()]);
  assert.equal(bytes.length, file.sizeBytes);
  return bytes;
}

const numbered = (count: number, valueBytes: number): BoltPair[] =>
  Array.from({ length: count }, (_, i) => {
    const key = Buffer.alloc(8);
    key.writeBigUInt64BE(BigInt(i));
    return pair(key, Buffer.alloc(valueBytes, i % 256));
  });

test('a database gives back what was put in it, in trees of any height', () => {
  for (const [count, valueBytes] of [
    [1, 0],
    [3, 10],
    [1000, 100],
    [40_000, 20],
    [50, 3 * PAGE_BYTES],
  ] as const) {
    const pairs = numbered(count, valueBytes);
    const reader = new BoltReader(fileOf([{ name: 'data', pairs }]));
    let i = 0;
    for (const { key, value } of reader.bucket('data') ?? []) {
      assert.ok(key.equals(pairs[i]!.key) && value.equals(pairs[i]!.value()), `pair ${i} of ${count}`);
      i++;
    }
    assert.equal(i, count);
  }
});

test('buckets are told apart, those with nothing in them too', () => {
  const reader = new BoltReader(
    fileOf([
      { name: 'a', pairs: numbered(2, 1) },
      { name: 'b', pairs: [] },
      { name: 'c', pairs: numbered(3, 1) },
    ]),
  );
  const sizes = ['a', 'b', 'c', 'd'].map((name) => {
    const pairs = reader.bucket(name);
    return pairs === undefined ? undefined : [...pairs].length;
  });
  assert.deepEqual(sizes, [2, 0, 3, undefined]);
});

test('a damaged database is an error, or still what it was, but nothing else', () => {
  const pairs = numbered(300, 50);
  const whole = fileOf([{ name: 'data', pairs }]);
  const property = fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, byte, length) => {
    const damaged = Buffer.from(whole.subarray(0, Math.max(length, PAGE_BYTES)));
    if (at < damaged.length) damaged[at] = byte;
    try {
      for (const { key, value } of new BoltReader(damaged).bucket('data') ?? [])
        assert.ok(key.length + value.length >= 0);
    } catch (error) {
      assert.ok(error instanceof BoltError, String(error));
    }
  });
  fc.assert(property, { numRuns: 500 });
});
