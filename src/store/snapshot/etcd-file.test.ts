import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { FakeClock, silentLogger } from '#util';
import { openEmbeddedStore } from '../embedded/embedded.ts';
import { put, rejects, show, write } from '../suite/helpers.ts';
import type { Store, StoreDump } from '../types.ts';
import { etcdDatabase, readSnapshot, snapshotBytes, snapshotSize } from './etcd-file.ts';

async function filled(t: TestContext): Promise<Store> {
  const store = await openEmbeddedStore({
    clock: new FakeClock(),
    log: silentLogger,
    onFatal: (error) => assert.fail(error),
  });
  t.after(() => store.close());
  const { id } = await store.grantLease(60);
  for (let i = 0; i < 300; i++) await write(store, put(`k${i % 100}`, `${i}`.repeat(i)), put(`l${i}`, 'x'));
  await write(store, put('leased', '1', { lease: id }), { type: 'delete', key: 'k7' });
  await store.compact(200);
  await write(store, { type: 'delete', key: 'k8' }, put('k7', 'again'));
  return store;
}

const saved = (dump: StoreDump): Buffer => {
  const file = etcdDatabase(dump);
  const bytes = Buffer.concat([...snapshotBytes(file)]);
  assert.equal(bytes.length, snapshotSize(file));
  return bytes;
};

test('a snapshot holds all versions, tombstones and leases', async (t) => {
  const store = await filled(t);
  const dump = await store.dump();
  const read = readSnapshot(saved(dump));
  assert.deepEqual(
    [read.revision, read.compactRevision, read.leases],
    [dump.revision, dump.compactRevision, dump.leases],
  );
  assert.deepEqual(read.versions.map(show), dump.versions.map(show));
  assert.ok(read.versions.some(({ version }) => version === 0));
});

test('a snapshot that was changed or cut is refused', async (t) => {
  const store = await filled(t);
  const bytes = saved(await store.dump());
  const refused = (damaged: Buffer): Promise<void> => rejects((async () => readSnapshot(damaged))(), 'corrupt');
  for (const at of [100, 5000, bytes.length - 40, bytes.length - 1]) {
    const changed = Buffer.from(bytes);
    changed[at] = changed[at]! ^ 1;
    await refused(changed);
  }
  await refused(bytes.subarray(0, 8192));
  await refused(Buffer.from('not a database'));
  await refused(Buffer.alloc(0));
});
