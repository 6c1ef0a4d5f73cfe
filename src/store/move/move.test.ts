import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { FakeClock, silentLogger } from '#util';
import { openEmbeddedStore } from '../embedded/embedded.ts';
import { openEtcdStore } from '../etcd-client/etcd.ts';
import { newEtcdServer } from '../etcd-server/server.ts';
import { put, Recorder, rejects, under, write } from '../suite/helpers.ts';
import { type Store, StoreError } from '../types.ts';
import { type Contents, contentsOf, differenceOf, fingerprint } from './contents.ts';
import { writeStoreFiles } from './files.ts';
import { claim, complete, countOn, fill } from './fill.ts';
import { checkWhole } from './mark.ts';

const clock = new FakeClock(1_000_000);

async function open(t: TestContext, directory?: string): Promise<Store> {
  const store = await openEmbeddedStore({
    clock,
    log: silentLogger,
    onFatal: (error) => assert.fail(error),
    ...(directory === undefined ? {} : { directory }),
  });
  t.after(() => store.close());
  return store;
}

const LEASE = 4711;

/** Objects, some of them written often, changed, deleted, large, bound to a lease; and what a store tells of itself. */
async function filled(t: TestContext, pods = 20): Promise<Contents> {
  const store = await open(t);
  await store.grantLease(3600, LEASE);
  await write(store, put('pirogue/moment', '1'), put('mine', 'own'));
  for (let i = 0; i < pods; i++) await write(store, put(`/registry/pods/${i}`, `pod ${i}`));
  for (let i = 0; i < 5; i++) await write(store, put(`/registry/big/${i}`, `${i}`.repeat(400_000)));
  for (let i = 0; i < 3; i++) await write(store, put(`/registry/events/${i}`, 'event', { lease: LEASE }));
  for (let i = 0; i < 10; i++) await write(store, put('/registry/pods/7', `again ${i}`));
  await write(store, { type: 'delete', key: '/registry/pods/8' });
  return contentsOf(await store.dump());
}

const OWNER = 'cluster pirogue';

async function moveTo(
  store: Store,
  contents: Contents,
  options: { force?: boolean; owner?: string } = {},
): Promise<void> {
  const { owner = OWNER, force = false } = options;
  const resumes = await claim({ store, owner, force });
  await countOn({ store, owner }, contents.revision);
  await fill({ store, owner, resumes }, contents);
  await complete({ store, owner });
}

/** A connection that breaks for good at the nth call: before it is made, or after it was carried out. */
function breaking(store: Store, at: number, when: 'before' | 'after'): { store: Store; broke: () => boolean } {
  let calls = 0;
  const guard =
    <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const call = ++calls;
      if (call > at || (call === at && when === 'before')) throw new Error('the connection broke');
      const result = await work(...args);
      if (call === at) throw new Error('the connection broke');
      return result;
    };
  const broken: Store = {
    get revision() {
      return store.revision;
    },
    get compactRevision() {
      return store.compactRevision;
    },
    sync: () => store.sync(),
    watch: (...args) => store.watch(...args),
    range: guard((...args: Parameters<Store['range']>) => store.range(...args)),
    txn: guard((...args: Parameters<Store['txn']>) => store.txn(...args)),
    compact: guard((revision: number) => store.compact(revision)),
    grantLease: guard((...args: Parameters<Store['grantLease']>) => store.grantLease(...args)),
    keepLeaseAlive: guard((id: number) => store.keepLeaseAlive(id)),
    revokeLease: guard((id: number) => store.revokeLease(id)),
    leases: guard(() => store.leases()),
    leaseStatus: guard((id: number) => store.leaseStatus(id)),
    status: guard(() => store.status()),
    dump: guard(() => store.dump()),
    defragment: guard(() => store.defragment()),
    close: () => Promise.resolve(),
  };
  return { store: broken, broke: () => calls >= at };
}

test('a store that was filled has the same keys, values and leases, and only revisions that nobody has seen', async (t) => {
  const contents = await filled(t);
  const store = await open(t);
  await moveTo(store, contents);
  const there = contentsOf(await store.dump());
  assert.deepEqual(fingerprint(there.kvs), fingerprint(contents.kvs));
  assert.equal(there.kvs.length, 19 + 5 + 3 + 1);
  for (const { key, modRevision } of there.kvs) assert.ok(modRevision > contents.revision, key);
  assert.deepEqual(await store.leaseStatus(LEASE), {
    id: LEASE,
    ttlSeconds: 3600,
    remainingSeconds: 3600,
    keys: [0, 1, 2].map((i) => `/registry/events/${i}`),
  });
  // Whoever has read the other store is told so, whatever it has read.
  for (const revision of [2, 30, contents.revision]) {
    await rejects(store.range({ key: 'mine', revision }), 'compacted');
    using watch = new Recorder(store, { ...under('/registry/'), startRevision: revision + 1 });
    assert.equal((await watch.ended()).code, 'compacted');
  }
});

test('a move that breaks at any call is recognised as half done, and goes on to the same end', async (t) => {
  const contents = await filled(t);
  let points = 0;
  for (const when of ['before', 'after'] as const)
    for (let at = 1; ; at++) {
      const store = await open(t);
      const one = breaking(store, at, when);
      const outcome = await moveTo(one.store, contents).then(
        () => 'done',
        (error: unknown) => (error as Error).message,
      );
      if (!one.broke()) {
        assert.equal(outcome, 'done');
        break;
      }
      points++;
      assert.match(outcome, /the connection broke/);
      const found = contentsOf(await store.dump()).kvs;
      const marked = (await store.range({ key: 'pirogue/move' })).count === 1;
      assert.ok(marked || found.length === 0, `half filled, and it does not say so, after call ${at}`);
      if (marked)
        await assert.rejects(moveTo(store, contents, { owner: 'another' }), /half filled by a move of cluster pirogue/);
      if (differenceOf(contents.kvs, found) !== undefined && marked) await rejects(checkWhole(store), 'unavailable');
      await moveTo(store, contents);
      assert.equal(differenceOf(contents.kvs, contentsOf(await store.dump()).kvs), undefined);
      assert.deepEqual(fingerprint(contentsOf(await store.dump()).kvs), fingerprint(contents.kvs));
      for (const { key, modRevision } of contentsOf(await store.dump()).kvs)
        assert.ok(modRevision > contents.revision, `${key} after call ${at}`);
      assert.equal((await store.leaseStatus(LEASE)).keys.length, 3);
      await checkWhole(store);
      assert.equal((await store.range({ key: 'pirogue/move' })).count, 0);
      await store.close();
    }
  assert.ok(points > 20, `${points} points`);
});

test('a store that holds something is refused with what it holds, and taken by force', async (t) => {
  const contents = await filled(t);
  const store = await open(t);
  await write(store, put('/registry/pods/other', 'x'), put('/calico/a', 'x'), put('pirogue/moment', '1'));
  await assert.rejects(
    moveTo(store, contents),
    /is not empty: it holds 1 key under \/registry\/ and 1 key elsewhere: \/calico\/a, \/registry\/pods\/other, pirogue\/moment; --force/,
  );
  assert.equal((await store.range({ key: 'pirogue/move' })).count, 0);
  await moveTo(store, contents, { force: true });
  assert.equal((await store.range({ key: '/registry/pods/other' })).count, 0);
  assert.equal((await store.range({ key: '/calico/a' })).count, 1);
  assert.equal((await store.range(under('/registry/'))).count, contents.kvs.length - 1);
});

test('two moves to the same store at the same time are told of each other', async (t) => {
  const contents = await filled(t);
  const store = await open(t);
  await claim({ store, owner: 'one', force: false });
  await claim({ store, owner: 'two', force: true });
  await assert.rejects(
    fill({ store, owner: 'one', resumes: false }, contents),
    /another move took the datastore that this one was filling/,
  );
});

test('a lease whose number somebody else has gets another', async (t) => {
  const contents = await filled(t);
  const store = await open(t);
  await store.grantLease(60, LEASE);
  await moveTo(store, contents);
  assert.deepEqual((await store.leaseStatus(LEASE)).keys, []);
  const { lease } = (await store.range({ key: '/registry/events/0' })).kvs[0]!;
  assert.deepEqual([(await store.leaseStatus(lease)).ttlSeconds, lease === LEASE], [3600, false]);
});

test('what differs by a key, a value or a lease is found, and what ran out is none', async (t) => {
  const { kvs } = await filled(t);
  const without = (key: string): typeof kvs => kvs.filter((kv) => kv.key !== key);
  assert.equal(differenceOf(kvs, kvs), undefined);
  assert.equal(differenceOf(kvs, without('/registry/events/1')), undefined);
  assert.equal(differenceOf(kvs, without('/registry/pods/1')), '/registry/pods/1 is missing');
  assert.equal(differenceOf(without('/registry/pods/1'), kvs), '/registry/pods/1 is there, too');
  const other = kvs.map((kv) => (kv.key === 'mine' ? { ...kv, value: Buffer.from('x') } : kv));
  assert.equal(differenceOf(kvs, other), 'mine has another value');
});

test('limits of etcd are kept, and a value that is too large for it is named', async (t) => {
  const contents = await filled(t, 300);
  const served = await open(t);
  const server = newEtcdServer({
    store: served,
    clock,
    log: silentLogger,
    name: 'test',
    clientURLs: [],
    identity: 'x',
  });
  const port = await server.listen('127.0.0.1', 0);
  const store = await openEtcdStore({ endpoints: [`http://127.0.0.1:${port}`], clock, log: silentLogger });
  t.after(async () => {
    await store.close();
    await server.close();
  });
  await moveTo(store, contents); // its server refuses more than 128 operations
  assert.equal(differenceOf(contents.kvs, contentsOf(await served.dump()).kvs), undefined);
  const refusing: Store = {
    ...breaking(served, Infinity, 'before').store,
    txn: async (request) => {
      const bytes = request.success.reduce((sum, op) => sum + (op.type === 'put' ? op.value.length : 0), 0);
      if (bytes > 1.5 * 2 ** 20) throw new StoreError('unavailable', 'etcdserver: request is too large');
      return await served.txn(request);
    },
  };
  const large = await open(t);
  await write(large, put('/registry/configmaps/a/large', 'x'.repeat(2_000_000)));
  await assert.rejects(
    moveTo(refusing, contentsOf(await large.dump()), { force: true }),
    /^StoreError: \/registry\/configmaps\/a\/large of 2000000 bytes is refused: etcdserver: request is too large/,
  );
});

test('files that are made of contents have every revision and version, and go on behind them', async (t) => {
  const contents = await filled(t);
  const directory = mkdtempSync(join(tmpdir(), 'move-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  await writeStoreFiles(contents, { directory, nowMs: 5 });
  const store = await open(t, directory);
  assert.equal(store.revision, contents.revision + 1);
  assert.deepEqual(
    contentsOf(await store.dump()).kvs.map((kv) => ({ ...kv, value: String(kv.value) })),
    contents.kvs.map((kv) => ({ ...kv, value: String(kv.value) })),
  );
  assert.equal((await store.leaseStatus(LEASE)).keys.length, 3);
  await rejects(store.range({ key: 'mine', revision: contents.revision }), 'compacted');
  // Who has read all of it misses nothing.
  using watch = new Recorder(store, { key: '\0', rangeEnd: '\0', startRevision: contents.revision + 1 });
  await write(store, put('/registry/pods/7', 'new'));
  assert.equal((await watch.until(2)).at(-1)?.kv.version, 12);
  await store.close();
  const again = await open(t, directory);
  assert.equal((await again.range(under('/registry/'))).count, contents.kvs.length - 1);
  await again.close();
});
