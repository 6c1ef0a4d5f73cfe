import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ConfigMap, StatusError } from '#api';
import { openEmbeddedStore, type Store, StoreError, type WatchHandler } from '#store';
import { startTestApiServer } from '#testing';
import { FakeClock, silentLogger, systemClock } from '#util';
import { configMapDraft, refused, startServer } from './testdata/objects.ts';
import { askH2, authority } from './testdata/https.ts';

const AT = { namespace: 'default', name: 'a' };

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'apiserver-fault-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

test('a full disk is told to writers, readers go on, and once there is room again so do writers', async (t) => {
  const directory = temporary(t);
  const store = await openEmbeddedStore({
    directory,
    clock: systemClock,
    log: silentLogger,
    maxBytes: 1 << 20,
    onFatal: (error) => assert.fail(String(error)),
  });
  await using server = await startTestApiServer({ store });
  const { client } = server;
  await client.create(ConfigMap, configMapDraft('a'));
  const fill = (i: number): Promise<ConfigMap> =>
    client.patch(ConfigMap, AT, { data: { big: `${'x'.repeat(50_000)}${i}` } });
  let error: unknown;
  let done = 0;
  for (; done < 100 && error === undefined; done++)
    error = await fill(done).then(
      () => undefined,
      (e: unknown) => e,
    );
  assert.ok(error instanceof StatusError);
  assert.deepEqual([error.reason, error.code], ['InternalError', 500]);
  assert.match(error.message, /^etcdserver: mvcc: database space exceeded: no space left to write /);
  const last = await client.get(ConfigMap, AT);
  assert.ok(last.data!['big']!.endsWith(`x${done - 2}`));
  assert.equal((await client.list(ConfigMap, { namespace: 'default' })).items.length, 1);
  await refused(client.patch(ConfigMap, AT, { data: { big: 'y'.repeat(900_000) } }), 'InternalError');

  await store.compact(store.revision);
  let written = false;
  for (let i = 0; i < 500 && !written; i++)
    written = await fill(i).then(
      () => true,
      () => false,
    );
  assert.ok(written, 'compaction made no room');
});

/** A store whose watches can be cut, as those of a remote one are. */
function cuttable(store: Store): { store: Store; cut: () => void } {
  const handlers = new Set<WatchHandler>();
  const own: Store = {
    get revision() {
      return store.revision;
    },
    get compactRevision() {
      return store.compactRevision;
    },
    sync: () => store.sync(),
    range: (...args) => store.range(...args),
    txn: (...args) => store.txn(...args),
    compact: (revision) => store.compact(revision),
    grantLease: (...args) => store.grantLease(...args),
    keepLeaseAlive: (id) => store.keepLeaseAlive(id),
    revokeLease: (id) => store.revokeLease(id),
    leases: () => store.leases(),
    leaseStatus: (id) => store.leaseStatus(id),
    status: () => store.status(),
    dump: () => store.dump(),
    defragment: () => store.defragment(),
    close: () => store.close(),
    watch(request, handler) {
      handlers.add(handler);
      const inner = store.watch(request, {
        onEvents: (events, revision) => handlers.has(handler) && handler.onEvents(events, revision),
        onError: (error) => handler.onError(error),
      });
      return {
        [Symbol.dispose]() {
          handlers.delete(handler);
          inner[Symbol.dispose]();
        },
      };
    },
  };
  return {
    store: own,
    cut() {
      const ended = [...handlers];
      handlers.clear();
      for (const handler of ended) handler.onError(new StoreError('unavailable', 'the connection is lost'));
    },
  };
}

test('a server that loses the watch on its store answers nothing stale, and loads again', async () => {
  const clock = new FakeClock(Date.now());
  const inner = await openEmbeddedStore({ clock, log: silentLogger, onFatal: (error) => assert.fail(String(error)) });
  const { store, cut } = cuttable(inner);
  await using server = await startServer({ store, clock });
  const { client } = server;
  const made = await client.create(ConfigMap, configMapDraft('a'));
  const watch = client.watch(ConfigMap, { onEvents() {}, signal: new AbortController().signal });
  await nextTurn();
  cut();
  await refused(watch, 'ServiceUnavailable', 'the datastore is not available');
  await refused(client.get(ConfigMap, AT), 'ServiceUnavailable');
  await refused(client.list(ConfigMap), 'ServiceUnavailable');
  await refused(client.create(ConfigMap, configMapDraft('b')), 'ServiceUnavailable');
  // Somebody else writes meanwhile, as another server would.
  const [kv] = (await inner.range({ key: '/registry/configmaps/default/a' })).kvs;
  await inner.txn({ compare: [], success: [{ type: 'put', key: '/registry/configmaps/default/c', value: kv!.value }] });
  clock.advance(1000);
  for (let i = 0; i < 10; i++) await nextTurn();
  assert.deepEqual(await client.get(ConfigMap, AT), made);
  assert.equal((await client.list(ConfigMap)).items.length, 2);
  const changed = await client.patch(ConfigMap, AT, { data: { x: 'y' } });
  assert.deepEqual(await client.get(ConfigMap, AT), changed);
});

test('what was acknowledged before the process was killed is there after it', async (t) => {
  const directory = temporary(t);
  const { ca, admin, files } = await authority(0);
  mkdirSync(join(directory, 'pki'));
  for (const [name, content] of files) writeFileSync(join(directory, 'pki', name), content);
  const entry = join(import.meta.dirname, 'testdata/server.child.ts');
  const child: ChildProcess = spawn(process.execPath, [entry, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const [port] = (await once(child.stdout!, 'data')) as [Buffer];
  const session = connect(`https://127.0.0.1:${String(port).trim()}`, { ca, ...admin });
  session.on('error', () => undefined);

  const acknowledged = new Map<string, string>();
  let next = 0;
  const writer = async (): Promise<void> => {
    for (;;) {
      const name = `c${next++}`;
      const answer = await askH2(session, '/api/v1/namespaces/default/configmaps', {
        method: 'POST',
        body: { metadata: { name }, data: { name } },
      });
      if (answer.status !== 201) throw new Error(answer.text);
      acknowledged.set(name, answer.json().metadata.resourceVersion);
      if (acknowledged.size === 400) child.kill('SIGKILL');
    }
  };
  const results = await Promise.allSettled(Array.from({ length: 16 }, writer));
  assert.ok(results.every((r) => r.status === 'rejected'));
  assert.ok(acknowledged.size >= 400);
  session.destroy();

  await using server = await startTestApiServer({ directory: join(directory, 'store') });
  const { items } = await server.client.list(ConfigMap, { namespace: 'default' });
  const found = new Map(items.map((i) => [i.metadata.name, i.metadata.resourceVersion]));
  for (const [name, revision] of acknowledged) assert.equal(found.get(name), revision, name);
  const { metadata } = await server.client.create(ConfigMap, configMapDraft('after'));
  assert.ok(Number(metadata.resourceVersion) > Math.max(...[...found.values()].map(Number)));
});
