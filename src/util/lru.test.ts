import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LruMap } from './lru.ts';

const keysOf = <V>(map: LruMap<string, V>, keys: readonly string[]): string[] =>
  keys.filter((key) => map.peek(key) !== undefined);

test('what was used longest ago goes first', () => {
  const map = new LruMap<string, number>(2);
  map.set('a', 1);
  map.set('b', 2);
  assert.equal(map.get('a'), 1);
  map.set('c', 3);
  assert.deepEqual(keysOf(map, ['a', 'b', 'c']), ['a', 'c']);
  map.set('a', 4);
  assert.equal(map.peek('a'), 4);
  assert.equal(map.size, 2);
});

test('one that is heavy takes the place of many, and none weighs twice', () => {
  const map = new LruMap<string, number>(10, (key) => key.length);
  for (const key of ['aa', 'bb', 'cc', 'dd', 'dd', 'dd']) map.set(key, 1);
  assert.equal(map.size, 4);
  map.set('eeeeee', 1);
  assert.deepEqual(keysOf(map, ['aa', 'bb', 'cc', 'dd', 'eeeeee']), ['cc', 'dd', 'eeeeee']);
  map.delete('cc');
  map.delete('cc');
  map.set('ff', 1);
  assert.deepEqual(keysOf(map, ['dd', 'eeeeee', 'ff']), ['dd', 'eeeeee', 'ff']);
  map.set('eleven chars', 1);
  assert.equal(map.size, 0);
});
