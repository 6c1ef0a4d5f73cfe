import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { newEtcdServer, openEmbeddedStore } from '#store';
import { silentLogger, systemClock } from '#util';
import { ensurePki } from '../pki/pki.ts';
import { type ClusterState, type StatePaths, statePaths } from '../state.ts';
import {
  listSnapshots,
  readSchedule,
  readSnapshotFile,
  saveSnapshot,
  takeDueSnapshot,
  writeSchedule,
} from './snapshots.ts';

const MINUTE_MS = 60_000;

/** A datastore that listens as a cluster's does, with one key in it. */
async function start(t: TestContext): Promise<{ state: ClusterState; paths: StatePaths }> {
  const directory = await mkdtemp(join(tmpdir(), 'snapshots-'));
  const paths = statePaths(directory);
  const names = ['localhost', '127.0.0.1'];
  await ensurePki({ directory: paths.pki, apiServerNames: names, clock: systemClock });
  const pki = (file: string): Promise<string> => readFile(join(paths.pki, 'etcd', file), 'utf8');
  const store = await openEmbeddedStore({ clock: systemClock, log: silentLogger, onFatal: (e) => assert.fail(e) });
  const etcd = newEtcdServer({
    store,
    clock: systemClock,
    log: silentLogger,
    tls: { certificate: await pki('server.crt'), key: await pki('server.key'), clientCa: await pki('ca.crt') },
    name: 'test',
    clientURLs: [],
    identity: 'test',
  });
  const etcdPort = await etcd.listen('127.0.0.1', 0);
  await store.txn({ compare: [], success: [{ type: 'put', key: '/registry/a', value: Buffer.from('1') }] });
  t.after(async () => {
    await etcd.close();
    await store.close();
    await rm(directory, { recursive: true });
  });
  return { state: { etcdPort } as ClusterState, paths };
}

test('a snapshot goes to a file that is whole, is listed, and can be read', async (t) => {
  const datastore = await start(t);
  assert.deepEqual(await listSnapshots(datastore), []);
  const saved = await saveSnapshot(datastore, { nowMs: Date.now() });
  const [listed, ...more] = await listSnapshots(datastore);
  assert.deepEqual(more, []);
  assert.deepEqual([listed?.file, listed?.revision, listed?.bytes], [saved.file, saved.revision, saved.bytes]);
  const { versions } = await readSnapshotFile(saved.file);
  assert.deepEqual(
    versions.map(({ key }) => key),
    ['/registry/a'],
  );
  const own = join(datastore.paths.directory, 'own.db');
  assert.equal((await saveSnapshot(datastore, { file: own, nowMs: Date.now() })).file, own);
  await assert.rejects(
    saveSnapshot(datastore, { file: '/nowhere/at/all.db', nowMs: Date.now() }),
    /no such file or directory/,
  );
});

test('a schedule says when the next is due, and keeps as many as it says', async (t) => {
  const datastore = await start(t);
  assert.equal(await readSchedule(datastore), undefined);
  const schedule = { everyMs: 10 * MINUTE_MS, keep: 2 };
  await writeSchedule(datastore, schedule);
  assert.deepEqual(await readSchedule(datastore), schedule);
  const now = Date.now();
  const take = (atMs: number): Promise<number> => takeDueSnapshot(datastore, schedule, atMs);
  assert.equal(await take(now), schedule.everyMs);
  const [first] = await listSnapshots(datastore);
  await utimes(first!.file, new Date(now), new Date(now));
  assert.equal(await take(now + 4 * MINUTE_MS), 6 * MINUTE_MS);
  assert.equal((await listSnapshots(datastore)).length, 1);
  for (const minutes of [10, 20, 30]) {
    const old = (await listSnapshots(datastore)).at(-1)!.file;
    const taken = new Date(now + (minutes - 10) * MINUTE_MS);
    await utimes(old, taken, taken);
    assert.equal(await take(now + minutes * MINUTE_MS), schedule.everyMs);
  }
  const left = await listSnapshots(datastore);
  assert.equal(left.length, 2);
  assert.ok(left.every(({ file }) => file !== first!.file));
  await writeSchedule(datastore, undefined);
  assert.equal(await readSchedule(datastore), undefined);
});

test('what is in the directory beside snapshots is left alone', async (t) => {
  const datastore = await start(t);
  const { file } = await saveSnapshot(datastore, { nowMs: Date.now() });
  const directory = join(file, '..');
  await writeFile(join(directory, 'notes.txt'), 'x');
  await takeDueSnapshot(datastore, { everyMs: 1, keep: 1 }, Date.now() + 1000);
  assert.ok((await readdir(directory)).includes('notes.txt'));
});
