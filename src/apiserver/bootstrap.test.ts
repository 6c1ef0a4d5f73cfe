import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EndpointSlice, IPAddress, Service } from '#api';
import { startTestApiServer } from '#testing';
import { FakeClock, silentLogger } from '#util';
import { bootstrap, keepBootstrapped } from './bootstrap.ts';
import { ServerEndpoints } from './services/endpoints.ts';

const REF = { namespace: 'default', name: 'kubernetes' };

test('the Service of the API server comes back when it is deleted, and is not written while nothing has changed', async (t) => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1));
  await using api = await startTestApiServer({ clock });
  const transport = api.server.transport({ name: 'system:apiserver', groups: ['system:masters'] });
  const stop = new AbortController();
  const [address, port] = ['172.18.0.1', 6443];
  const endpoints = new ServerEndpoints({ store: api.store, transport, address, port, clock, log: silentLogger });
  const options = { endpoints, port, kubernetesServiceIp: '10.96.0.1' };
  await bootstrap(transport, options);
  const slice = await api.client.get(EndpointSlice, REF);
  const kept = keepBootstrapped(transport, options, { clock, log: silentLogger, signal: stop.signal });
  t.after(() => kept);
  const seen = Promise.withResolvers<Service>();
  const watched = api.client.watch(Service, {
    namespace: 'default',
    signal: stop.signal,
    onEvents: (events) => {
      for (const { type, object } of events) if (type === 'ADDED') seen.resolve(object as Service);
    },
    resourceVersion: (await api.client.get(Service, REF)).metadata.resourceVersion,
  });
  await api.client.delete(Service, REF);
  clock.advance(10_000);
  assert.equal((await seen.promise).spec.clusterIP, '10.96.0.1');
  assert.equal((await api.client.get(EndpointSlice, REF)).metadata.resourceVersion, slice.metadata.resourceVersion);
  stop.abort();
  await kept;
  await watched.catch(() => undefined);
});

test('a server starts with the address of its Service left over from one that was killed, and makes the Service later', async (t) => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1));
  await using api = await startTestApiServer({ clock });
  const transport = api.server.transport({ name: 'system:apiserver', groups: ['system:masters'] });
  const parentRef = { resource: 'services', ...REF };
  await api.client.create(IPAddress, { metadata: { name: '10.96.0.1' }, spec: { parentRef } });
  const [address, port] = ['172.18.0.1', 6443];
  const endpoints = new ServerEndpoints({ store: api.store, transport, address, port, clock, log: silentLogger });
  const options = { endpoints, port, kubernetesServiceIp: '10.96.0.1' };
  await bootstrap(transport, options);
  await api.client.get(EndpointSlice, REF);
  await assert.rejects(api.client.get(Service, REF));
  await api.client.delete(IPAddress, { name: '10.96.0.1' });
  const stop = new AbortController();
  const kept = keepBootstrapped(transport, options, { clock, log: silentLogger, signal: stop.signal });
  t.after(() => kept);
  const made = Promise.withResolvers<void>();
  const watched = api.client.watch(Service, {
    namespace: 'default',
    signal: stop.signal,
    onEvents: () => made.resolve(),
    resourceVersion: (await api.client.list(Service)).resourceVersion,
  });
  clock.advance(10_000);
  await made.promise;
  assert.equal((await api.client.get(Service, REF)).spec.clusterIP, '10.96.0.1');
  stop.abort();
  await watched.catch(() => undefined); // ends with the test
});
