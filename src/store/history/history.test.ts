import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { FakeClock, silentLogger } from '#util';
import { openEmbeddedStore } from '../embedded/embedded.ts';
import { lines, put, rejects, under, write } from '../suite/helpers.ts';
import type { Store } from '../types.ts';
import { changesBetween, makeChanges, pairsAt } from './changes.ts';
import { keepMoments, revisionAt, timeOf } from './moments.ts';

async function open(t: TestContext): Promise<{ store: Store; clock: FakeClock }> {
  const clock = new FakeClock(1_000_000);
  const store = await openEmbeddedStore({
    clock,
    log: silentLogger,
    onFatal: (error) => assert.fail(error),
    compaction: { maxAgeMs: 0 },
  });
  t.after(() => store.close());
  return { store, clock };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('the revision of a time shows all that was written a second before it, and nothing of what came after', async (t) => {
  const { store, clock } = await open(t);
  const stop = new AbortController();
  const kept = keepMoments(store, { clock, log: silentLogger, signal: stop.signal });
  await turn();
  const written: { revision: number; timeMs: number }[] = [];
  for (let i = 0; i < 40; i++) {
    written.push({ revision: (await write(store, put('a', `${i}`))).revision, timeMs: clock.now() });
    for (let j = 0; j < 6; j++) {
      clock.advance(500);
      await turn();
    }
  }
  const valueAt = async (timeMs: number): Promise<number> => {
    const [kv] = (await store.range({ key: 'a', revision: await revisionAt(store, timeMs) })).kvs;
    return Number(kv?.value.toString() ?? -1);
  };
  for (const [i, { timeMs }] of written.entries()) {
    if (i > 0) assert.equal(await valueAt(timeMs - 1), i - 1, 'what was written later is never seen');
    assert.equal(await valueAt(timeMs + 1500), i);
    assert.equal(await valueAt(timeMs + 2999), i);
  }
  const known = await timeOf(store, written[3]!.revision);
  assert.ok(known !== undefined && known <= written[3]!.timeMs);
  await assert.rejects(
    revisionAt(store, written[0]!.timeMs - 60_000),
    /^StoreError: history begins at 1970-\S+, at revision \d+$/,
  );
  await store.compact(written[10]!.revision);
  await rejects(revisionAt(store, written[5]!.timeMs), 'compacted');
  const { revision } = store;
  for (let i = 0; i < 5; i++) {
    clock.advance(5000);
    await turn();
  }
  assert.ok(store.revision <= revision + 1, 'the time is not written down when nothing changes');
  stop.abort();
  await kept;
});

test('servers that share a store write the time down for each other, and rest when nothing changes', async (t) => {
  const { store, clock } = await open(t);
  const stop = new AbortController();
  const kept = [0, 0, 0].map(() => keepMoments(store, { clock, log: silentLogger, signal: stop.signal }));
  for (let i = 0; i < 10; i++) {
    await write(store, put('a', `${i}`));
    for (let j = 0; j < 10; j++) await turn();
    clock.advance(1000);
  }
  for (let j = 0; j < 10; j++) await turn();
  const { revision } = store;
  assert.ok(revision <= 22, `${revision}: one time for each write`);
  for (let i = 0; i < 10; i++) {
    clock.advance(1000);
    for (let j = 0; j < 10; j++) await turn();
  }
  assert.ok(store.revision <= revision + 1, 'no server takes the times of another for changes');
  stop.abort();
  await Promise.all(kept);
});

test('going back makes of now what was then, in one revision, and can be undone the same way', async (t) => {
  const { store } = await open(t);
  await write(store, put('/r/a', '1'), put('/r/b', '1'), put('/r/gone', '1'), put('/s/other', '1'));
  const then = store.revision;
  await write(store, put('/r/a', '2'), { type: 'delete', key: '/r/gone' }, put('/r/new', '1'), put('/s/other', '2'));
  const now = store.revision;
  const goTo = async (revision: number): Promise<string[]> => {
    const changes = changesBetween(await pairsAt(store, '/r/', 0), await pairsAt(store, '/r/', revision));
    assert.equal(await makeChanges(store, changes, { whole: true }), store.revision);
    return changes.map(({ type, key }) => `${type} ${key}`);
  };
  const values = async (): Promise<string[]> => (await lines(store, under('/'))).map((line) => line.replace(/ .*/, ''));
  assert.deepEqual(await goTo(then), ['update /r/a', 'create /r/gone', 'delete /r/new']);
  assert.deepEqual(await values(), ['/r/a=1', '/r/b=1', '/r/gone=1', '/s/other=2']);
  assert.equal(store.revision, now + 1);
  await goTo(now);
  assert.deepEqual(await values(), ['/r/a=2', '/r/b=1', '/r/new=1', '/s/other=2']);
  assert.deepEqual(await goTo(now), []);
});

test('what was bound to a lease is bound to one again, and many changes go in lots', async (t) => {
  const { store, clock } = await open(t);
  const { id } = await store.grantLease(60);
  await write(store, put('/r/leased', 'x', { lease: id }));
  for (let i = 0; i < 250; i++) await write(store, put(`/r/${i}`, 'x'));
  const then = store.revision;
  await write(store, { type: 'delete', key: '/r/', rangeEnd: '/r0' });
  clock.advance(120_000);
  await turn();
  const before = store.revision;
  const changes = changesBetween(await pairsAt(store, '/r/', 0), await pairsAt(store, '/r/', then));
  await makeChanges(store, changes, { whole: false });
  assert.equal(store.revision, before + 3);
  assert.equal((await store.range(under('/r/'))).count, 251);
  assert.notEqual((await store.range({ key: '/r/leased' })).kvs[0]?.lease, 0);
});
