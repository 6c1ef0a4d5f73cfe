import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { type Draft, EventsEvent, IPAddress, Service, StatusError } from '#api';
import type { Client } from '#client';
import { openEmbeddedStore, type Store, StoreError } from '#store';
import { startTestApiServer } from '#testing';
import { FakeClock, silentLogger, systemClock } from '#util';
import { startShared } from '../testdata/shared.ts';

const START = Date.UTC(2026, 0, 1);
const PORTS = '/registry/ranges/servicenodeports';

const draft = (name: string, spec: Partial<Service['spec']> = {}): Draft<Service> => ({
  metadata: { name, namespace: 'default' },
  spec: { ports: [{ port: 80 }], ...spec },
});

const orphan = (name: string, parent: string): Draft<IPAddress> => ({
  metadata: {
    name,
    labels: { 'ipaddress.kubernetes.io/ip-family': 'IPv4', 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' },
  },
  spec: { parentRef: { resource: 'services', namespace: 'default', name: parent } },
});

const erase = (store: Store, key: string): Promise<unknown> =>
  store.txn({ compare: [], success: [{ type: 'delete', key }] });

/** Events as `reason: note`, once so many are there. */
async function eventsOf(client: Client, count: number): Promise<string[]> {
  for (;;) {
    const { items } = await client.list(EventsEvent, { namespace: 'default' });
    if (items.length >= count) return items.map(({ reason, note }) => `${reason}: ${note}`).toSorted();
  }
}

test('services of before there were address objects keep what they have', async (t) => {
  const { start, store } = await startShared(t);
  const { client } = await start();
  const made = await client.create(Service, draft('old', { type: 'NodePort' }));
  const { clusterIP, ports } = made.spec;
  await erase(store, `/registry/ipaddresses/${clusterIP}`);
  await erase(store, PORTS);
  await erase(store, '/registry/servicecidrs/kubernetes');
  const { client: later } = await start();
  const address = await later.get(IPAddress, { name: clusterIP! });
  assert.deepEqual(address.spec.parentRef, { resource: 'services', namespace: 'default', name: 'old' });
  assert.deepEqual(address.metadata.labels, orphan('', '').metadata.labels);
  await assert.rejects(later.create(Service, draft('a', { clusterIP: clusterIP! })), /already allocated/);
  await assert.rejects(later.create(Service, draft('b', { type: 'NodePort', ports: ports! })), /already allocated/);
  assert.deepEqual(await later.get(Service, made.metadata), made);
  assert.deepEqual(await eventsOf(later, 2), [
    `ClusterIPNotAllocated: Cluster IP [IPv4]: ${clusterIP} is not allocated; repairing`,
    `PortNotAllocated: Port ${ports![0]!.nodePort} is not allocated; repairing`,
  ]);
});

test('an address whose service never came is taken away once no request can bring it', async (t) => {
  const { start } = await startShared(t);
  const { client } = await start({ clock: new FakeClock(START) });
  await client.create(IPAddress, orphan('10.96.7.7', 'never'));
  const soon = await start({ clock: new FakeClock(START + 59_000) });
  await soon.client.get(IPAddress, { name: '10.96.7.7' });
  const later = await start({ clock: new FakeClock(START + 61_000) });
  await assert.rejects(later.client.get(IPAddress, { name: '10.96.7.7' }), (error) =>
    StatusError.is(error, 'NotFound'),
  );
  assert.deepEqual(await eventsOf(later.client, 1), [
    'IPAddressNotAllocated: IPAddress: 10.96.7.7 for Service default/never appears to have leaked: cleaning up',
  ]);
});

test('an address that belongs to another service, or to none, is put right', async (t) => {
  const { start, store } = await startShared(t);
  const { client } = await start({ clock: new FakeClock(START) });
  const { spec } = await client.create(Service, draft('a'));
  await client.create(IPAddress, orphan('10.96.7.7', 'a'));
  await client.create(IPAddress, { ...orphan('10.96.7.8', 'a'), metadata: { name: '10.96.7.8' } });
  await erase(store, `/registry/ipaddresses/${spec.clusterIP}`);
  await client.create(IPAddress, orphan(spec.clusterIP!, 'gone'));
  const { client: later } = await start({ clock: new FakeClock(START + 10_000) });
  const names = (await later.list(IPAddress)).items.map(({ metadata, spec: { parentRef } }) => [
    metadata.name,
    parentRef?.name,
  ]);
  assert.deepEqual(
    new Map(names as [string, string][]),
    new Map([
      [spec.clusterIP!, 'a'],
      ['10.96.7.8', 'a'],
    ]),
  );
});

test('a second service with an address is told of it, and the first keeps it', async (t) => {
  const { start, store } = await startShared(t);
  const { client } = await start();
  const first = await client.create(Service, draft('first'));
  await client.create(Service, draft('second'));
  // Nothing but the store itself could bring this about.
  const [kv] = (await store.range({ key: '/registry/services/specs/default/second' })).kvs;
  const { clusterIP } = (await client.get(Service, { namespace: 'default', name: 'second' })).spec;
  const value = Buffer.from(kv!.value.toString().replaceAll(clusterIP!, first.spec.clusterIP!));
  await store.txn({ compare: [], success: [{ type: 'put', key: kv!.key, value }] });
  const { client: later } = await start();
  const why = 'was assigned to multiple services; please recreate service';
  assert.deepEqual(await eventsOf(later, 2), [
    `ClusterIPAlreadyAllocated: Cluster IP [IPv4]:${first.spec.clusterIP} ${why}`,
    `IPAddressWrongReference: IPAddress: ${clusterIP} for Service default/second has a wrong reference; cleaning up`,
  ]);
  await later.delete(Service, { namespace: 'default', name: 'second' });
  assert.equal((await later.get(IPAddress, { name: first.spec.clusterIP! })).spec.parentRef?.name, 'first');
});

type Loss = 'before' | 'after' | 'all' | undefined;

/** A store whose answers to writes of a key get lost, after the write or instead of it. */
async function losing(t: TestContext): Promise<{ store: Store; lose: (mode: Loss) => void }> {
  const inner = await openEmbeddedStore({
    clock: systemClock,
    log: silentLogger,
    onFatal: (error) => assert.fail(error),
  });
  t.after(() => inner.close());
  let mode: Loss;
  const store = new Proxy(inner, {
    get(target, name) {
      if (name === 'close') return async () => undefined;
      const own: unknown = Reflect.get(target, name, target);
      if (typeof own !== 'function') return own;
      if (name !== 'txn') return own.bind(target) as unknown;
      return async (...[request]: Parameters<Store['txn']>) => {
        if (mode === 'all') throw new StoreError('unavailable', 'the connection is lost');
        const isService = request.compare.some(({ key }) => key.startsWith('/registry/services/'));
        const result = isService && mode === 'before' ? undefined : await target.txn(request);
        if (isService && mode !== undefined) throw new StoreError('unavailable', 'the connection is lost');
        return result;
      };
    },
  });
  return { store, lose: (how) => void (mode = how) };
}

test('a service of which nobody knows whether it is stored keeps its address, and loses it when it is not', async (t) => {
  const { store, lose } = await losing(t);
  const { client } = await startTestApiServer({ store, clock: new FakeClock(START) });
  const refused = (name: string, clusterIP: string, nodePort: number): Promise<void> =>
    assert.rejects(
      client.create(Service, draft(name, { clusterIP, type: 'NodePort', ports: [{ port: 80, nodePort }] })),
      (error) => StatusError.is(error, 'ServiceUnavailable'),
    );
  lose('after');
  await refused('stored', '10.96.0.20', 30001);
  lose('before');
  await refused('lost', '10.96.0.21', 30002);
  lose(undefined);
  await client.get(Service, { namespace: 'default', name: 'stored' });
  for (const clusterIP of ['10.96.0.20', '10.96.0.21'])
    await assert.rejects(client.create(Service, draft('other', { clusterIP })), /already allocated/);
  const { client: later } = await startTestApiServer({ store, clock: new FakeClock(START + 61_000) });
  await assert.rejects(later.create(Service, draft('other', { clusterIP: '10.96.0.20' })), /already allocated/);
  await later.create(Service, draft('other', { clusterIP: '10.96.0.21' }));
});

test('a server whose disk is full serves what it can, and gives out nothing before it has taken over what was given out', async (t) => {
  const { store, lose } = await losing(t);
  const clock = new FakeClock(START);
  const { client } = await startTestApiServer({ store, clock });
  const { spec } = await client.create(Service, draft('old'));
  await erase(store, `/registry/ipaddresses/${spec.clusterIP}`);
  lose('all');
  const { client: later } = await startTestApiServer({ store, clock });
  await later.get(Service, { namespace: 'default', name: 'old' });
  await assert.rejects(later.create(Service, draft('a')), (error) => StatusError.is(error, 'ServiceUnavailable'));
  lose(undefined);
  await assert.rejects(later.create(Service, draft('a', { clusterIP: spec.clusterIP! })), /already allocated/);
});
