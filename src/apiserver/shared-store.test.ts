import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { ConfigMap, deepClone, StatusError, type WatchEvent } from '#api';
import type { Client } from '#client';
import { silentLogger, systemClock } from '#util';
import { bootstrap } from './bootstrap.ts';
import { ServerEndpoints } from './services/endpoints.ts';
import { startShared } from './testdata/shared.ts';

/** Two API servers on one store. */
async function startTwo(t: TestContext): Promise<[Client, Client]> {
  const { start } = await startShared(t);
  return [(await start()).client, (await start()).client];
}

const at = { namespace: 'default', name: 'shared' };

test('what one server has written the other shows at once', async (t) => {
  const [one, other] = await startTwo(t);
  for (let i = 0; i < 20; i++) {
    const name = `cm-${i}`;
    const { metadata } = await one.create(ConfigMap, { metadata: { name, namespace: 'default' }, data: { i: `${i}` } });
    const found = await other.get(ConfigMap, { namespace: 'default', name });
    assert.equal(found.metadata.resourceVersion, metadata.resourceVersion);
    const { items } = await other.list(ConfigMap, { namespace: 'default' });
    assert.equal(items.filter((item) => item.metadata.name.startsWith('cm-')).length, i + 1);
  }
  await other.delete(ConfigMap, { namespace: 'default', name: 'cm-3' });
  await assert.rejects(one.get(ConfigMap, { namespace: 'default', name: 'cm-3' }), (error) =>
    StatusError.is(error, 'NotFound'),
  );
});

test('a watch on one server hears of what is written through the other, in order', async (t) => {
  const [one, other] = await startTwo(t);
  const stop = new AbortController();
  t.after(() => stop.abort());
  const seen: string[] = [];
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  const { resourceVersion } = await other.list(ConfigMap, { namespace: 'default' });
  const onEvents = (events: readonly WatchEvent[]): void => {
    for (const { type, object } of events) seen.push(`${type} ${object.metadata.name}`);
    if (seen.at(-1) === 'DELETED last') resolve();
  };
  const watch = one.watch(ConfigMap, {
    namespace: 'default',
    resourceVersion,
    onEvents,
    signal: stop.signal,
  });
  watch.catch(() => {}); // ends with the test
  for (const name of ['first', 'second', 'last'])
    await other.create(ConfigMap, { metadata: { name, namespace: 'default' } });
  await one.delete(ConfigMap, { namespace: 'default', name: 'last' });
  await enough;
  assert.deepEqual(seen, ['ADDED first', 'ADDED second', 'ADDED last', 'DELETED last']);
});

test('servers that write the same object lose nothing', async (t) => {
  const [one, other] = await startTwo(t);
  await one.create(ConfigMap, { metadata: { name: at.name, namespace: at.namespace }, data: { n: '0' } });
  const increment = async (client: Client): Promise<void> => {
    for (;;) {
      const next = deepClone(await client.get(ConfigMap, at));
      next.data = { n: `${Number(next.data?.['n']) + 1}` };
      try {
        await client.update(ConfigMap, next);
        return;
      } catch (error) {
        if (!StatusError.is(error, 'Conflict')) throw error;
      }
    }
  };
  const worker = async (client: Client): Promise<void> => {
    for (let i = 0; i < 15; i++) await increment(client);
  };
  await Promise.all([worker(one), worker(other), worker(one), worker(other)]);
  assert.equal((await one.get(ConfigMap, at)).data?.['n'], '60');
});

test('servers that start at once on a store without anything all come up', async (t) => {
  const { start } = await startShared(t);
  const servers = await Promise.all(
    [1, 2, 3].map(async (i) => {
      const { server, store } = await start();
      const transport = server.transport({ name: 'system:apiserver', groups: ['system:masters'] });
      const [address, port] = [`192.0.2.${i}`, 6443];
      const endpoints = new ServerEndpoints({ store, transport, address, port, clock: systemClock, log: silentLogger });
      return { transport, options: { endpoints, port, kubernetesServiceIp: '10.96.0.1' } };
    }),
  );
  for (let round = 0; round < 3; round++)
    await Promise.all(servers.map(({ transport, options }) => bootstrap(transport, options)));
});
