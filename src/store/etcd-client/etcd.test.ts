import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { FakeClock, silentLogger, systemClock } from '#util';
import { openEmbeddedStore } from '../embedded/embedded.ts';
import { newEtcdServer } from '../etcd-server/server.ts';
import { put, Recorder, rejects, write } from '../suite/helpers.ts';
import { testStore } from '../suite/suite.ts';
import type { Store } from '../types.ts';
import { openEtcdStore, tellsProgressInOrder } from './etcd.ts';

/** A store in memory, served as etcd is, and a client of it. */
async function open(
  t: TestContext,
): Promise<{ store: Store; inner: Store; clock: FakeClock; port: number; restart(): Promise<void> }> {
  const clock = new FakeClock();
  const inner = await openEmbeddedStore({ clock, log: silentLogger, onFatal: (error) => assert.fail(error) });
  const serve = async (port: number): Promise<{ port: number; close(): Promise<void> }> => {
    const server = newEtcdServer({
      store: inner,
      clock,
      log: silentLogger,
      name: 'test',
      clientURLs: [],
      identity: 'test',
    });
    return { port: await server.listen('127.0.0.1', port), close: () => server.close() };
  };
  let server = await serve(0);
  const store = await openEtcdStore({
    endpoints: [`http://127.0.0.1:${server.port}`],
    clock: systemClock,
    log: silentLogger,
  });
  t.after(async () => {
    await store.close();
    await server.close();
    await inner.close();
  });
  return {
    store,
    inner,
    clock,
    port: server.port,
    async restart() {
      await server.close();
      server = await serve(server.port);
    },
  };
}

testStore('the etcd API, served and spoken,', async (t) => {
  const { store, clock } = await open(t);
  return { store, pass: (seconds) => clock.advance(seconds * 1000) };
});

test('a watch goes on where it was when the connection breaks, with nothing lost or told twice', async (t) => {
  const { store, inner, restart } = await open(t);
  using watch = new Recorder(store, { key: 'a', rangeEnd: 'b' });
  await write(store, put('a1', '1'));
  await watch.until(1);
  await restart();
  await write(inner, put('a2', '2'));
  await write(inner, put('a3', '3'));
  await watch.until(3);
  assert.deepEqual(
    watch.events.map(({ kv }) => kv.key),
    ['a1', 'a2', 'a3'],
  );
});

test('after a sync watchers have been told what others wrote before it', async (t) => {
  const { store, inner } = await open(t);
  using watch = new Recorder(store, { key: 'a', rangeEnd: 'b' });
  for (let i = 0; i < 50; i++) {
    const { revision } = await write(inner, put(`a${i}`, 'x'));
    await store.sync();
    assert.ok(store.revision >= revision);
    assert.equal(watch.events.length, i + 1);
  }
  const { revision } = await write(inner, put('elsewhere', 'x'));
  await store.sync();
  assert.ok(store.revision >= revision, 'also when none of them was told anything');
});

test('without a server every call says so, and works again when there is one', async (t) => {
  const { store, inner, restart } = await open(t);
  await write(store, put('a', '1'));
  await restart();
  await write(inner, put('a', '2'));
  for (;;) {
    const found = await store.range({ key: 'a' }).catch((error: unknown) => error as Error);
    if (found instanceof Error) continue; // the connection that broke has not been noticed yet
    assert.equal(found.kvs[0]?.value.toString(), '2');
    break;
  }
});

test('a cluster that is not there is an error, not a wait', async () => {
  await rejects(
    openEtcdStore({ endpoints: ['http://127.0.0.1:1'], clock: systemClock, log: silentLogger }),
    'unavailable',
  );
});

test('a member that takes connections and never answers is passed over', async (t) => {
  const { port } = await open(t);
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => void sockets.add(socket));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const endpoints = [(silent.address() as AddressInfo).port, port].map((own) => `http://127.0.0.1:${own}`);
  const store = await openEtcdStore({ endpoints, clock: systemClock, log: silentLogger });
  t.after(async () => {
    await store.close();
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  using watch = new Recorder(store, { key: 'a', rangeEnd: 'b' });
  const { revision } = await write(store, put('a', '1'));
  await store.sync();
  assert.ok(store.revision >= revision);
  assert.deepEqual(watch.lines(), [`put a=1 ${revision}/${revision}/1`]);
});

test('versions of etcd from which upstream believes progress notifications are believed', () => {
  for (const version of ['3.4.31', '3.5.13', '3.5.21', '3.6.0', '3.6.0-rc.1', '3.10.1', '4.0.0'])
    assert.ok(tellsProgressInOrder(version), version);
  for (const version of ['3.3.27', '3.4.23', '3.5.12', '2.3.8', '']) assert.ok(!tellsProgressInOrder(version), version);
});
