import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { FakeClock, silentLogger } from '#util';
import { put, Recorder, rejects, show, write } from '../suite/helpers.ts';
import { testStore } from '../suite/suite.ts';
import { type Store, StoreError } from '../types.ts';
import { type EmbeddedStoreOptions, openEmbeddedStore } from './embedded.ts';

const all = { key: '\0', rangeEnd: '\0' };

async function open(
  t: TestContext,
  more: Partial<EmbeddedStoreOptions> = {},
): Promise<{ store: Store; clock: FakeClock }> {
  const clock = new FakeClock();
  const onFatal = (error: StoreError): never => assert.fail(error);
  const store = await openEmbeddedStore({ clock, log: silentLogger, onFatal, ...more });
  t.after(() => store.close());
  return { store, clock };
}

function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'store-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Waits for something that follows by itself and that nothing tells of: a thread does it, which on a busy machine takes its time. */
async function until(what: () => boolean): Promise<void> {
  const latest = Date.now() + UNTIL_MS;
  while (!what() && Date.now() < latest) await nextTurn();
  assert.ok(what());
}

const UNTIL_MS = 30_000;

testStore('the embedded store in memory', async (t) => {
  const { store, clock } = await open(t);
  return { store, pass: (seconds) => clock.advance(seconds * 1000) };
});

testStore('the embedded store on disk', async (t) => {
  const { store, clock } = await open(t, { directory: temporaryDirectory(t) });
  return { store, pass: (seconds) => clock.advance(seconds * 1000) };
});

test('a second server on the same directory is refused, and told who has it', async (t) => {
  const directory = temporaryDirectory(t);
  const { store } = await open(t, { directory });
  await assert.rejects(open(t, { directory }), (error) => {
    assert.ok(error instanceof StoreError);
    assert.equal(error.code, 'unavailable');
    assert.match(error.message, new RegExp(`another server \\(process ${process.pid}\\) uses ${directory}`));
    return true;
  });
  await write(store, put('a', '1'));
  await store.close();
  const again = await open(t, { directory });
  assert.deepEqual((await again.store.range(all)).kvs.map(show), ['a=1 2/2/1']);
});

test('a directory that cannot be used is named in the error', async (t) => {
  await assert.rejects(open(t, { directory: '/dev/null/store' }), /cannot open \/dev\/null\/store\/store\.db/);
});

test('a lease has its whole time again after a restart, and its keys', async (t) => {
  const directory = temporaryDirectory(t);
  const first = await open(t, { directory });
  const { id } = await first.store.grantLease(100);
  await first.store.revokeLease((await first.store.grantLease(100)).id);
  await write(first.store, put('a', '1', { lease: id }), put('b', '1'));
  first.clock.advance(90_000);
  await first.store.close();

  const { store, clock } = await open(t, { directory });
  clock.advance(99_000);
  await store.keepLeaseAlive(id);
  clock.advance(99_000);
  assert.equal((await store.range(all)).count, 2);
  using watch = new Recorder(store, all);
  clock.advance(2000);
  await watch.until(1);
  assert.deepEqual(watch.lines(), ['delete a= 0/3/0']);
});

test('everything that waits is gone when the store is closed', async (t) => {
  const { store, clock } = await open(t);
  await store.grantLease(10);
  assert.notEqual(clock.pending, 0);
  await store.close();
  assert.equal(clock.pending, 0);
});

test('writes under way when the store is closed come to their end', async (t) => {
  const directory = temporaryDirectory(t);
  const { store } = await open(t, { directory });
  const writes = Array.from({ length: 50 }, (_, i) => write(store, put(`k${i}`, 'x')));
  await store.close();
  await Promise.all(writes);
  const again = await open(t, { directory });
  assert.equal((await again.store.range(all)).count, 50);
});

test('history is forgotten when it is old enough, and rows nobody needs leave the file', async (t) => {
  const directory = temporaryDirectory(t);
  const { store, clock } = await open(t, { directory, compaction: { maxAgeMs: 60_000 } });
  for (let i = 0; i < 400; i++) await write(store, put(`k${i % 4}`, `${i}`));
  const old = store.revision;
  clock.advance(30_000);
  await write(store, put('k0', 'young'), { type: 'delete', key: 'k1' });
  clock.advance(29_000);
  assert.equal(store.compactRevision, 0);
  clock.advance(8000);
  await until(() => store.compactRevision === old);
  await store.close();
  const again = await open(t, { directory });
  assert.equal((await again.store.range({ ...all, revision: old })).count, 4);
  assert.equal((await again.store.range(all)).count, 3);
  await rejects(again.store.range({ ...all, revision: old - 1 }), 'compacted');
  await again.store.compact(again.store.revision);
  const last = await again.store.range(all);
  await again.store.close();
  const third = await open(t, { directory });
  assert.deepEqual((await third.store.range(all)).kvs.map(show), last.kvs.map(show));
});

test('after a compaction the file soon has one row for each key, and gives space back', async (t) => {
  const directory = temporaryDirectory(t);
  const { store } = await open(t, { directory });
  const value = 'x'.repeat(100_000);
  for (let i = 0; i < 8; i++)
    await Promise.all(Array.from({ length: 50 }, (_, k) => write(store, put(`k${k}`, value))));
  await store.compact(store.revision);
  // Readers and writers go on while the file is cleaned; it is done when it has become small.
  const file = join(directory, 'store.db');
  for (let i = 0; i < 3000 && statSync(file).size > 24e6; i++) await write(store, put('other', `${i}`));
  await store.close();
  assert.ok(statSync(file).size < 30e6, `${statSync(file).size} bytes`);
  const { store: again } = await open(t, { directory });
  await again.compact(again.revision);
  await again.close();
  const { store: third } = await open(t, { directory });
  assert.equal((await third.range(all)).count, 51);
  await third.close();
});

test('history that takes too much memory is cut before its time', async (t) => {
  const { store } = await open(t, { compaction: { maxAgeMs: 0, maxHistoryBytes: 100_000 } });
  for (let i = 0; i < 200; i++) await write(store, put('a', 'x'.repeat(2000)));
  await until(() => store.compactRevision > 100);
  assert.ok(store.compactRevision < store.revision - 10, 'it was cut too far');
});

test('a file in which the same keys are written again and again stays small, by itself', async (t) => {
  const directory = temporaryDirectory(t);
  const maxHistoryBytes = 1 << 20;
  const { store } = await open(t, { directory, compaction: { maxAgeMs: 0, maxHistoryBytes } });
  const value = 'x'.repeat(2000);
  const writer = async (_: unknown, id: number): Promise<void> => {
    for (let i = 0; i < 500; i++) await write(store, put(`k${id}`, value));
  };
  await Promise.all(Array.from({ length: 40 }, writer));
  // Written were 40 MB; history takes 1 MB, and needless rows fewer than the others wait for a quiet moment.
  const { sizeBytes } = await store.status();
  assert.ok(sizeBytes < 35e6, `${sizeBytes} bytes`);
  await until(() => statSync(join(directory, 'store.db')).size < 30e6);
  await store.close();
  const again = await open(t, { directory });
  assert.equal((await again.store.range(all)).kvs.filter(({ version }) => version === 500).length, 40);
});

test('a watch that history runs away from ends with compacted', async (t) => {
  const { store } = await open(t);
  for (let i = 0; i < 100; i++) await write(store, put('a', `${i}`));
  const watch = new Recorder(store, { key: 'a', startRevision: 50 });
  await store.compact(60);
  assert.equal((await watch.ended()).code, 'compacted');
  assert.deepEqual(watch.events, []);
});

test('a watch handler that throws ends its own watch only', async (t) => {
  const { store } = await open(t);
  const errors: string[] = [];
  store.watch(all, {
    onEvents: () => assert.fail('a bug'),
    onError: (error) => errors.push(error.code),
  });
  using other = new Recorder(store, all);
  await write(store, put('a', '1'));
  await write(store, put('a', '2'));
  await other.until(2);
  assert.deepEqual(errors, ['unavailable']);
});

test('a watch that a handler adds gets only what comes after', async (t) => {
  const { store } = await open(t);
  let inner: Recorder | undefined;
  using outer = store.watch(all, {
    onEvents: () => void (inner ??= new Recorder(store, all)),
    onError: (error) => assert.equal(error.code, 'closed'),
  });
  await write(store, put('a', '1'));
  await write(store, put('a', '2'));
  assert.ok(outer !== undefined && inner !== undefined);
  await inner.until(1);
  assert.deepEqual(inner.lines(), ['put a=2 2/3/2']);
});

test('a full store refuses writes with all that were built on them, and takes writes again when there is room', async (t) => {
  const directory = temporaryDirectory(t);
  const { store } = await open(t, { directory, maxBytes: 1 << 20 });
  using watch = new Recorder(store, all);
  const value = 'x'.repeat(3000);
  const attempt = (key: string, version: number): Promise<{ succeeded: boolean }> =>
    store.txn({ compare: [{ key, target: 'version', result: '=', number: version }], success: [put(key, value)] });
  let version = 0;
  for (let full = false; !full;) {
    // Each is evaluated as if the ones before it had been written.
    const outcomes = await Promise.allSettled([0, 1, 2, 3].map((i) => attempt('a', version + i)));
    const done = outcomes.filter((o) => o.status === 'fulfilled' && o.value.succeeded).length;
    version += done;
    for (const outcome of outcomes.slice(done)) {
      assert.ok(outcome.status === 'rejected' && outcome.reason instanceof StoreError);
      assert.equal(outcome.reason.code, 'no-space');
    }
    full = done < 4;
    assert.ok(version < 1000);
  }
  await rejects(write(store, put('b', value.repeat(100))), 'no-space');
  const [pair] = (await store.range({ key: 'a' })).kvs;
  assert.equal(pair?.version, version);
  assert.equal(store.revision, version + 1);
  assert.equal(watch.events.length, version);

  await store.compact(store.revision);
  let written = false;
  for (let i = 0; i < 500 && !written; i++)
    written = await attempt('a', version).then(
      () => true,
      () => false,
    );
  assert.ok(written, 'compaction made no room');
  await store.close();
  const again = await open(t, { directory });
  assert.equal((await again.store.range({ key: 'a' })).kvs[0]?.version, version + 1);
});
