import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Endpoints, EndpointSlice } from '#api';
import type { Client } from '#client';
import { openEmbeddedStore, type Store } from '#store';
import { startTestApiServer } from '#testing';
import { FakeClock, silentLogger } from '#util';
import { ServerEndpoints } from './endpoints.ts';

const AT = { namespace: 'default', name: 'kubernetes' };

interface Servers {
  readonly client: Client;
  readonly clock: FakeClock;
  readonly store: Store;
  server(address: string, port?: number): ServerEndpoints;
  /** Addresses behind the Service, which must be the same in both kinds. */
  addresses(): Promise<string[]>;
}

async function start(t: TestContext): Promise<Servers> {
  const clock = new FakeClock(Date.UTC(2026, 0, 1));
  const onFatal = (error: unknown): void => assert.fail(String(error));
  const store = await openEmbeddedStore({ clock, log: silentLogger, onFatal });
  const api = await startTestApiServer({ clock, store });
  t.after(() => api[Symbol.asyncDispose]());
  const transport = api.server.transport({ name: 'system:apiserver', groups: ['system:masters'] });
  return {
    client: api.client,
    clock,
    store,
    server: (address, port = 6443) =>
      new ServerEndpoints({ store, transport, address, port, clock, log: silentLogger }),
    async addresses() {
      const { subsets = [] } = await api.client.get(Endpoints, AT);
      const { endpoints } = await api.client.get(EndpointSlice, AT);
      const own = subsets.flatMap((subset) => subset.addresses ?? []).map(({ ip }) => ip);
      assert.deepEqual(
        (endpoints ?? []).flatMap((endpoint) => endpoint.addresses),
        own,
      );
      return own;
    },
  };
}

test('all servers stand behind the Service, in order, and one that ends takes out itself alone', async (t) => {
  const { client, server, addresses } = await start(t);
  const servers = ['192.0.2.10', '192.0.2.9', '192.0.2.100'].map((address) => server(address));
  await Promise.all(servers.map((each) => each.reconcile(true)));
  assert.deepEqual(await addresses(), ['192.0.2.9', '192.0.2.10', '192.0.2.100']);
  const { metadata, subsets } = await client.get(Endpoints, AT);
  assert.deepEqual(metadata.labels, { 'endpointslice.kubernetes.io/skip-mirror': 'true' });
  assert.deepEqual(subsets?.[0]?.ports, [{ name: 'https', port: 6443, protocol: 'TCP' }]);
  const before = (await client.get(Endpoints, AT)).metadata.resourceVersion;
  for (const each of servers) await each.reconcile(false);
  assert.equal((await client.get(Endpoints, AT)).metadata.resourceVersion, before, 'nothing is written for nothing');
  await servers[0]!.leave();
  assert.deepEqual(await addresses(), ['192.0.2.9', '192.0.2.100']);
  await servers[1]!.leave();
  await servers[2]!.leave();
  assert.deepEqual(await addresses(), []);
});

test('a server that died is gone once its lease is, and comes back as if it had never been', async (t) => {
  const { clock, store, server, addresses } = await start(t);
  const [one, dead] = [server('192.0.2.1'), server('192.0.2.2')];
  await one.reconcile(true);
  await dead.reconcile(true);
  const isGone = async (): Promise<boolean> =>
    (await store.range({ key: '/registry/masterleases/192.0.2.2' })).count === 0;
  clock.advance(10_000);
  await one.reconcile(false);
  assert.deepEqual(await addresses(), ['192.0.2.1', '192.0.2.2']);
  clock.advance(6000);
  while (!(await isGone())) await store.txn({ compare: [], success: [] });
  await one.reconcile(false);
  assert.deepEqual(await addresses(), ['192.0.2.1']);
  await dead.reconcile(false);
  assert.deepEqual(await addresses(), ['192.0.2.1', '192.0.2.2']);
});

test('a key that somebody took is put back, and ports are put right at the start only', async (t) => {
  const { client, store, server, addresses } = await start(t);
  const one = server('192.0.2.1');
  await one.reconcile(true);
  await store.txn({ compare: [], success: [{ type: 'delete', key: '/registry/masterleases/192.0.2.1' }] });
  await one.reconcile(false);
  assert.deepEqual(await addresses(), ['192.0.2.1']);
  const port = async (): Promise<unknown> => (await client.get(Endpoints, AT)).subsets?.[0]?.ports?.[0]?.port;
  const moved = server('192.0.2.2', 7443);
  await moved.reconcile(false);
  assert.equal(await port(), 6443);
  await moved.reconcile(true);
  assert.equal(await port(), 7443);
  await client.delete(EndpointSlice, AT);
  await client.patch(Endpoints, AT, { subsets: [] });
  await one.reconcile(false);
  assert.deepEqual(await addresses(), ['192.0.2.1', '192.0.2.2']);
});
