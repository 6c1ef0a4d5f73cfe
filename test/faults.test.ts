/** The checker of `npm run faults -- store` sees what must not be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Checker } from './fault/store/check.ts';
import type { Entry, Event, Pair, Read, Told, Write } from './fault/store/history.ts';

const END = 6;

const write = (id: number, keys: readonly string[], expected: readonly number[], more: Partial<Write> = {}): Write => ({
  type: 'write',
  id,
  keys,
  expected,
  deletes: false,
  called: id * 10,
  returned: id * 10 + 1,
  outcome: 'done',
  revision: id + 1,
  ...more,
});
const pair = (key: string, id: number, createRevision: number, modRevision: number, version: number): Pair => ({
  key,
  id,
  createRevision,
  modRevision,
  version,
});
const read = (called: number, revision: number, pairs: readonly Pair[], more: Partial<Read> = {}): Read => ({
  type: 'read',
  called,
  returned: called + 1,
  revision,
  pairs,
  ...more,
});
const told = (watch: number, ...events: readonly Event[]): Told => ({ type: 'told', watch, at: 1000, events });
const event = (revision: number, key: string, id?: number): Event => ({
  revision,
  key,
  ...(id === undefined ? {} : { id }),
});

/** Two keys are made at once, one is written again, one is deleted; one write is refused, one was done but never answered. */
function goodHistory(): Entry[] {
  const { returned: _, revision: __, ...unanswered } = write(5, ['b'], [0], { outcome: 'unknown' });
  const { revision: ___, ...refused } = write(6, ['a'], [2], { outcome: 'refused' });
  return [
    { type: 'watch', watch: 1, start: 2 },
    { type: 'watch', watch: 2, start: 4 },
    write(1, ['a', 'b'], [0, 0]),
    write(2, ['a'], [2]),
    read(25, 3, [pair('a', 2, 2, 3, 2), pair('b', 1, 2, 2, 1)]),
    write(3, ['b'], [2], { deletes: true }),
    write(4, ['a'], [3]),
    unanswered,
    refused,
    read(70, 6, [pair('a', 4, 2, 5, 3)], { key: 'a' }),
    read(72, 6, [pair('a', 2, 2, 3, 2)], { at: 4 }),
    told(1, event(2, 'a', 1), event(2, 'b', 1), event(3, 'a', 2)),
    told(1, event(4, 'b'), event(5, 'a', 4)),
    told(1, event(6, 'b', 5)),
    told(2, event(4, 'b'), event(5, 'a', 4), event(6, 'b', 5)),
  ];
}

const judge = (entries: readonly Entry[]): readonly string[] => new Checker(1).check(entries, END);

test('a history that a store can show is no problem', () => {
  assert.deepEqual(judge(goodHistory()), []);
});

/** Changes the entries of a good history that a test is about; undefined leaves one out. */
function changed(change: (entry: Entry) => Entry | undefined): readonly Entry[] {
  return goodHistory().flatMap((entry) => change(entry) ?? []);
}

const isWrite = (entry: Entry, id: number): entry is Write => entry.type === 'write' && entry.id === id;
const isRead = (entry: Entry, called: number): entry is Read => entry.type === 'read' && entry.called === called;
const withoutEvent = (entry: Entry, revision: number): Entry =>
  entry.type === 'told' ? { ...entry, events: entry.events.filter((e) => e.revision !== revision) } : entry;

/** What was done to a good history, and what the checker must say of it. */
const PLANTED: readonly (readonly [what: string, entries: () => readonly Entry[], says: RegExp])[] = [
  [
    'an acknowledged write is not there',
    () => [...goodHistory(), write(7, ['c'], [0], { revision: 7 })],
    /write 7 was acknowledged at revision 7 and is lost/,
  ],
  [
    'what an acknowledged write wrote is another’s',
    () => changed((entry) => (isWrite(entry, 4) ? { ...entry, id: 8 } : entry)),
    /write 8 was acknowledged at revision 5 and is lost/,
  ],
  ['an event is told to nobody', () => changed((entry) => withoutEvent(entry, 5)), /nobody was told of revision 5/],
  [
    'one watcher misses an event that another one sees',
    () => changed((entry) => (entry.type === 'told' && entry.watch === 2 ? withoutEvent(entry, 5) : entry)),
    /watch 2 was told of revision 6 where 5 should come/,
  ],
  [
    'an event is told twice',
    () => [...goodHistory(), told(2, event(6, 'b', 5))],
    /watch 2 was told of revision 6 where 7 should come/,
  ],
  [
    'events come in the wrong order',
    () =>
      changed((entry) =>
        entry.type === 'told' && entry.watch === 2 ? { ...entry, events: entry.events.toReversed() } : entry,
      ),
    /watch 2 was told of revision 5 after 6/,
  ],
  [
    'a watcher is told half of a transaction',
    () =>
      changed((entry) =>
        entry.type === 'told' ? { ...entry, events: entry.events.filter((e) => e.key !== 'b' || e.id !== 1) } : entry,
      ),
    /write 1 of a,b was told as a=1/,
  ],
  [
    'watchers are told different things',
    () =>
      changed((entry) =>
        entry.type === 'told' && entry.watch === 2
          ? { ...entry, events: [event(4, 'b'), event(5, 'a', 2), event(6, 'b', 5)] }
          : entry,
      ),
    /of revision 5 one watcher was told a=4, watch 2 a=2/,
  ],
  [
    'a write that was refused is there',
    () => changed((entry) => (isWrite(entry, 5) ? { ...entry, outcome: 'refused' } : entry)),
    /write 5 was refused, but is there at revision 6/,
  ],
  [
    'a write without an answer is done twice',
    () => [...changed((entry) => entry), told(1, event(7, 'b', 5)), told(2, event(7, 'b', 5))],
    /write 5 was done twice, at revision 7 too/,
  ],
  [
    'a comparison held that did not',
    () => changed((entry) => (isWrite(entry, 4) ? { ...entry, expected: [2] } : entry)),
    /write 4 compared a with revision 2, but was done on 3/,
  ],
  [
    'something is there that nobody wrote',
    () => changed((entry) => (isWrite(entry, 5) ? undefined : entry)),
    /nobody wrote what was told of revision 6/,
  ],
  [
    'a read finds what is no longer there',
    () => changed((entry) => (isRead(entry, 70) ? { ...entry, pairs: [pair('a', 2, 2, 3, 2)] } : entry)),
    /a read as of revision 6 found a=2 2\/3\/2, it should be a=4 2\/5\/3/,
  ],
  [
    'a read of the past finds the present',
    () => changed((entry) => (isRead(entry, 72) ? { ...entry, pairs: [pair('a', 4, 2, 5, 3)] } : entry)),
    /a read as of revision 4 found a=4/,
  ],
  [
    'a read is behind a write that was acknowledged before it',
    () => changed((entry) => (isRead(entry, 70) ? { ...entry, revision: 4, pairs: [pair('a', 2, 2, 3, 2)] } : entry)),
    /a read is at revision 4, though 5 was known before it began/,
  ],
  [
    'a write comes before one that was acknowledged before it began',
    () => changed((entry) => (isWrite(entry, 3) ? { ...entry, called: 45, returned: 46 } : entry)),
    /write 3 is at revision 4, though 5 was known before it began/,
  ],
  [
    'the revision goes back',
    () => [...goodHistory(), read(2000, 5, [pair('a', 4, 2, 5, 3)])],
    /a read is at revision 5, though 6 was known/,
  ],
];

for (const [what, entries, says] of PLANTED)
  test(`the checker sees that ${what}`, () => {
    const found =
      says.source.includes('revision 7') && says.source.includes('twice')
        ? new Checker(1).check(entries(), 7)
        : judge(entries());
    assert.ok(
      found.some((problem) => says.test(problem)),
      `it says: ${found.join('\n') || 'nothing'}`,
    );
  });

test('a write that vanishes with a server is seen in the next round', () => {
  const checker = new Checker(1);
  assert.deepEqual(
    checker.check([{ type: 'watch', watch: 1, start: 2 }, write(1, ['a'], [0]), told(1, event(2, 'a', 1))], 2),
    [],
  );
  assert.match(
    checker.check([read(50, 1, [])], 1).join('\n'),
    /the store went back from revision 2 to 1\n.*\ba read is at revision 1, though 2 was known/s,
  );
});
