import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Checker } from './check.ts';
import type { Entry, Event, Read, Told, Write } from './history.ts';

const write = (id: number, key: string, expected: number, more: Partial<Write> = {}): Write => ({
  type: 'write',
  id,
  keys: [key],
  deletes: false,
  expected: [expected],
  called: id * 10,
  returned: id * 10 + 5,
  outcome: 'done',
  revision: id + 1,
  ...more,
});
const told = (at: number, ...events: Event[]): Told => ({
  type: 'told',
  watch: 1,
  at,
  events,
});
const read = (called: number, revision: number, pairs: Read['pairs']): Read => ({
  type: 'read',
  called,
  returned: called + 1,
  revision,
  pairs,
});
const watching: Entry = { type: 'watch', watch: 1, start: 2 };

/** Two writes of a key, told and read as they were. */
const good = (): Entry[] => [
  watching,
  write(1, 'a', 0),
  told(12, { revision: 2, key: 'a', id: 1 }),
  write(2, 'a', 2),
  told(22, { revision: 3, key: 'a', id: 2 }),
  read(30, 3, [{ key: 'a', id: 2, createRevision: 2, modRevision: 3, version: 2 }]),
];

const problemsOf = (entries: readonly Entry[], end = 3): readonly string[] => new Checker(1).check(entries, end);

test('a history as a store gives it has no problems', () => {
  assert.deepEqual(problemsOf(good()), []);
});

test('an outcome nobody knows may have come to be or not', () => {
  const unknown = write(3, 'a', 3, { outcome: 'unknown' });
  const { revision: _r, returned: _t, ...open } = unknown;
  assert.deepEqual(problemsOf([...good(), open]), []);
  assert.deepEqual(problemsOf([...good(), open, told(40, { revision: 4, key: 'a', id: 3 })], 4), []);
});

test('each thing a store may not do is found', () => {
  const lostWrite = good().filter((entry) => !(entry.type === 'told' && entry.at === 22));
  const repeated = [...good(), told(40, { revision: 3, key: 'a', id: 2 })];
  const outOfOrder = [
    watching,
    write(1, 'a', 0),
    write(2, 'a', 2),
    told(22, { revision: 3, key: 'a', id: 2 }),
    told(23, { revision: 2, key: 'a', id: 1 }),
  ];
  const stale = [...good(), read(50, 2, [{ key: 'a', id: 1, createRevision: 2, modRevision: 2, version: 1 }])];
  const wrongValue = [...good(), read(50, 3, [{ key: 'a', id: 1, createRevision: 2, modRevision: 3, version: 2 }])];
  const bothWon = good().map((entry) =>
    entry.type === 'write' && entry.id === 2 ? { ...entry, expected: [0] } : entry,
  );
  const refusedButDone = good().map((entry): Entry =>
    entry.type === 'write' && entry.id === 2 ? { ...entry, outcome: 'refused' } : entry,
  );
  for (const [what, entries, end] of [
    ['an acknowledged write that is gone', lostWrite, 2],
    ['an event nobody was told of', lostWrite, 3],
    ['an event told twice', repeated, 3],
    ['events out of order', outOfOrder, 3],
    ['a read that is behind an acknowledged write', stale, 3],
    ['a read of another value', wrongValue, 3],
    ['a comparison that did not hold', bothWon, 3],
    ['a refused write that was done', refusedButDone, 3],
  ] as const)
    assert.notDeepEqual(problemsOf(entries, end), [], what);
  const checker = new Checker(1);
  assert.deepEqual(checker.check(good(), 3), []);
  assert.notDeepEqual(checker.check([], 2), [], 'a revision that goes back');
});
