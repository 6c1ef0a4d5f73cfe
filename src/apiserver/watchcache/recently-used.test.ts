import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentlyUsed, type Used } from './recently-used.ts';

interface Thing extends Used {
  readonly name: string;
  readonly weight: number;
}

function setUp(capacity: number) {
  const dropped: string[] = [];
  const kept = new RecentlyUsed<Thing>(
    capacity,
    ({ weight }) => weight,
    ({ name }) => dropped.push(name),
  );
  const add = (name: string, weight = 1): Thing => {
    const thing = { name, weight, used: true };
    kept.add(thing);
    return thing;
  };
  return { add, dropped };
}

test('what was not used goes first, and what was used gets another round', () => {
  const { add, dropped } = setUp(3);
  const [a] = [add('a'), add('b'), add('c')];
  a.used = true;
  add('d');
  assert.deepEqual(dropped, ['b']);
  add('e');
  assert.deepEqual(dropped, ['b', 'c']);
  add('f');
  add('g');
  assert.deepEqual(dropped, ['b', 'c', 'd', 'a']);
});

test('one that is heavy takes the place of many, and one that is too heavy does not stay', () => {
  const { add, dropped } = setUp(10);
  for (const name of ['a', 'b', 'c']) add(name, 3);
  add('heavy', 7);
  assert.deepEqual(dropped, ['a', 'b', 'c'].slice(0, 2));
  add('too heavy', 11);
  assert.deepEqual(dropped, ['a', 'b', 'c', 'heavy', 'too heavy']);
});

test('it forgets whom it let go, however many come', () => {
  const { add, dropped } = setUp(10);
  for (let i = 0; i < 5000; i++) add(String(i));
  assert.equal(dropped.length, 4990);
  assert.equal(dropped.at(-1), '4989');
});
