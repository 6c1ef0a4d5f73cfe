import assert from 'node:assert/strict';
import { once, EventEmitter } from 'node:events';
import { test, type TestContext } from 'node:test';
import { EndpointSlice, Node, Service } from '#api';
import { newEventRecorder, newInformers } from '#client';
import { runControllers } from '#runtime';
import { startTestApiServer } from '#testing';
import { silentLogger, systemClock } from '#util';
import { newDnsServiceController } from './controller.ts';

async function started(t: TestContext) {
  const api = await startTestApiServer();
  const { client } = api;
  const stop = new AbortController();
  const common = { client, clock: systemClock, random: () => 0, log: silentLogger };
  const informers = newInformers(common);
  const recorder = newEventRecorder({ ...common, component: 'test', signal: stop.signal });
  const run = async () => {
    const controller = newDnsServiceController({ ...common, informers, recorder }, { clusterDNS: '10.96.0.10' });
    const manager = runControllers([controller], { ...common, informers }, { signal: stop.signal });
    await manager.synced;
    return manager;
  };
  t.after(async () => {
    stop.abort(new Error('the test is over'));
    await api[Symbol.asyncDispose]();
  });
  const changes = new EventEmitter();
  const slices = informers.informer(EndpointSlice, { namespace: 'kube-system' });
  slices.addHandler(() => changes.emit('slice'));
  const listed = async (expected: readonly string[]): Promise<EndpointSlice> => {
    for (;;) {
      const slice = slices.get('kube-system/kube-dns-nodes-0');
      const endpoints = slice?.endpoints?.map(({ nodeName, addresses }) => `${nodeName} ${addresses.join()}`);
      if (slice !== undefined && endpoints?.join(';') === expected.join(';')) return slice;
      await once(changes, 'slice');
    }
  };
  const setNode = async (name: string, ready: string, address = '172.18.0.2'): Promise<void> => {
    const node =
      (await client.list(Node)).items.find(({ metadata }) => metadata.name === name) ??
      (await client.create(Node, { metadata: { name }, spec: {} }));
    const conditions = [{ type: 'Ready', status: ready }];
    await client.updateStatus(Node, { ...node, status: { conditions, addresses: [{ type: 'InternalIP', address }] } });
  };
  return { client, run, listed, setNode, informers, stop };
}

test('the service kube-dns leads to the servers of nodes that are ready', async (t) => {
  const { client, run, listed, setNode } = await started(t);
  await setNode('n1', 'True');
  await run();
  const slice = await listed(['n1 172.18.0.2']);
  const service = await client.get(Service, { namespace: 'kube-system', name: 'kube-dns' });
  assert.equal(service.spec.clusterIP, '10.96.0.10');
  assert.equal(service.spec.internalTrafficPolicy, 'Local');
  assert.equal(service.spec.selector, undefined);
  assert.deepEqual(
    service.spec.ports?.map(({ name, port, protocol }) => `${name} ${port} ${protocol}`),
    ['dns 53 UDP', 'dns-tcp 53 TCP'],
  );
  assert.equal(service.metadata.labels?.['k8s-app'], 'kube-dns');
  assert.equal(slice.metadata.labels?.['kubernetes.io/service-name'], 'kube-dns');
  assert.equal(slice.metadata.ownerReferences?.[0]?.uid, service.metadata.uid);
  await setNode('n2', 'False', '172.18.0.3');
  await setNode('n2', 'True', '172.18.0.3');
  await listed(['n1 172.18.0.2', 'n2 172.18.0.3']);
  await setNode('n1', 'Unknown');
  await listed(['n2 172.18.0.3']);
});

test('what somebody takes away or changes is put back', async (t) => {
  const { client, run, listed, setNode } = await started(t);
  await setNode('n1', 'True');
  await run();
  const slice = await listed(['n1 172.18.0.2']);
  await client.update(EndpointSlice, { ...slice, endpoints: [] });
  const { metadata } = await listed(['n1 172.18.0.2']);
  await client.delete(EndpointSlice, { namespace: 'kube-system', name: metadata.name });
  while ((await listed(['n1 172.18.0.2'])).metadata.uid === metadata.uid)
    await new Promise((resolve) => setImmediate(resolve));
});

test("a service of that name with pods behind it is somebody's own, and left alone", async (t) => {
  const { client, run, setNode } = await started(t);
  const own = await client.create(Service, {
    metadata: { name: 'kube-dns', namespace: 'kube-system' },
    spec: { clusterIP: '10.96.0.10', selector: { app: 'coredns' }, ports: [{ port: 53, protocol: 'UDP' }] },
  });
  await setNode('n1', 'True');
  const manager = await run();
  while ((manager.status()[0]?.reconciles ?? 0) === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual((await client.list(EndpointSlice, { namespace: 'kube-system' })).items, []);
  assert.deepEqual(await client.get(Service, { namespace: 'kube-system', name: 'kube-dns' }), own);
});
