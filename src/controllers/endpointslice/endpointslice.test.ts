import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Draft, Endpoints, EndpointSlice, type Endpoint, Pod, Service } from '#api';
import { podDraft, startCluster, type TestCluster } from '../testdata/cluster.ts';

const only = (name: string): boolean => name.startsWith('endpoint');
const ref = { namespace: 'default', name: 'web' };

const web = (spec: Partial<Service['spec']> = {}): Draft<Service> => ({
  metadata: { ...ref, labels: { tier: 'front' } },
  spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }], ...spec },
});

const slices = async ({ client }: TestCluster): Promise<readonly EndpointSlice[]> =>
  (await client.list(EndpointSlice, { namespace: 'default', labelSelector: 'kubernetes.io/service-name=web' })).items;
const endpointsOf = async (cluster: TestCluster): Promise<Endpoint[]> =>
  (await slices(cluster)).flatMap(({ endpoints }) => endpoints ?? []);

async function withPods(cluster: TestCluster, count: number): Promise<void> {
  await cluster.addNode('node1');
  for (let i = 0; i < count; i++) await cluster.client.create(Pod, podDraft(`web-${i}`, { app: 'web' }));
  await cluster.runPods();
}

suite('endpoint controllers', () => {
  test('tell where the ready pods of a service are, in a slice and in Endpoints', async (t) => {
    const cluster = await startCluster(t, only);
    await withPods(cluster, 2);
    await cluster.client.create(Service, web());
    await cluster.until('two endpoints', async () => (await endpointsOf(cluster)).length === 2);
    const [slice] = await slices(cluster);
    assert.match(slice?.metadata.name ?? '', /^web-[a-z0-9]{5}$/);
    assert.deepEqual(slice?.metadata.labels, {
      tier: 'front',
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    });
    assert.equal(slice?.metadata.ownerReferences?.[0]?.kind, 'Service');
    assert.equal(slice?.addressType, 'IPv4');
    assert.deepEqual(slice?.ports, [{ name: 'http', port: 8080, protocol: 'TCP' }]);
    const pods = await cluster.pods();
    const pod = pods.find(({ status }) => status.podIP === slice?.endpoints?.[0]?.addresses[0]);
    assert.deepEqual(slice?.endpoints?.[0], {
      addresses: [pod?.status.podIP],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: 'node1',
      targetRef: { kind: 'Pod', namespace: 'default', name: pod?.metadata.name, uid: pod?.metadata.uid },
    });
    await cluster.until(
      'Endpoints',
      async () => (await cluster.client.get(Endpoints, ref)).subsets?.[0]?.addresses?.length === 2,
    );
    const { subsets, metadata } = await cluster.client.get(Endpoints, ref);
    assert.deepEqual(subsets?.[0]?.ports, [{ name: 'http', port: 8080, protocol: 'TCP' }]);
    assert.equal(metadata.labels?.['endpoints.kubernetes.io/managed-by'], 'endpoint-controller');
  });

  test('a service without pods keeps one empty slice', async (t) => {
    const cluster = await startCluster(t, only);
    await cluster.client.create(Service, web());
    await cluster.until('a slice', async () => (await slices(cluster)).length === 1);
    await cluster.settled();
    const [slice] = await slices(cluster);
    assert.deepEqual([slice?.endpoints ?? [], slice?.ports ?? []], [[], []]);
    await withPods(cluster, 1);
    await cluster.until('an endpoint', async () => (await endpointsOf(cluster)).length === 1);
    assert.deepEqual(
      (await slices(cluster)).map(({ metadata }) => metadata.name),
      [slice?.metadata.name],
    );
  });

  test('a pod that is not ready, or on its way out, is shown as such', async (t) => {
    const cluster = await startCluster(t, only);
    await withPods(cluster, 2);
    await cluster.client.create(Service, web());
    await cluster.until('two endpoints', async () => (await endpointsOf(cluster)).length === 2);
    const notReady = { conditions: [{ type: 'Ready', status: 'False' }] };
    await cluster.client.patch(
      Pod,
      { namespace: 'default', name: 'web-0' },
      { status: notReady },
      { subresource: 'status' },
    );
    await cluster.client.delete(Pod, { namespace: 'default', name: 'web-1' });
    const of = async (name: string): Promise<Endpoint['conditions']> =>
      (await endpointsOf(cluster)).find(({ targetRef }) => targetRef?.name === name)?.conditions;
    await cluster.until(
      'conditions',
      async () => (await of('web-1'))?.terminating === true && (await of('web-0'))?.ready === false,
    );
    assert.deepEqual(await of('web-0'), { ready: false, serving: false, terminating: false });
    assert.deepEqual(await of('web-1'), { ready: false, serving: true, terminating: true });
    await cluster.until(
      'Endpoints without it',
      async () => (await cluster.client.get(Endpoints, ref)).subsets?.[0]?.addresses === undefined,
    );
    assert.equal((await cluster.client.get(Endpoints, ref)).subsets?.[0]?.notReadyAddresses?.length, 1);
  });

  test('puts no more than a hundred endpoints into a slice, and changes only slices it must', async (t) => {
    const cluster = await startCluster(t, only);
    await withPods(cluster, 230);
    await cluster.client.create(Service, web());
    await cluster.until('230 endpoints', async () => (await endpointsOf(cluster)).length === 230);
    assert.deepEqual(new Set((await slices(cluster)).map(({ endpoints }) => endpoints?.length)), new Set([100, 30]));
    await cluster.settled();
    const before = cluster.writes.length;
    await cluster.client.delete(Pod, { namespace: 'default', name: 'web-7' }, { body: { gracePeriodSeconds: 0 } });
    await cluster.until('229 endpoints', async () => (await endpointsOf(cluster)).length === 229);
    await cluster.settled();
    assert.equal(cluster.writes.slice(before).filter((write) => write.includes('endpointslices')).length, 1);
  });

  test('makes no slice twice, however often it is woken before its caches show the first', async (t) => {
    const cluster = await startCluster(t, only);
    await withPods(cluster, 3);
    await cluster.settled();
    cluster.lag = 5;
    await cluster.client.create(Service, web());
    for (let i = 0; i < 10; i++) {
      await cluster.client.patch(Service, ref, { metadata: { annotations: { n: String(i) } } });
      await new Promise((resolve) => setImmediate(resolve));
    }
    await cluster.until('three endpoints', async () => (await endpointsOf(cluster)).length === 3);
    await cluster.settled();
    assert.equal(cluster.writes.filter((write) => write.startsWith('create endpointslices')).length, 1);
  });

  test('headless services name their pods, and publish those not ready when asked to', async (t) => {
    const cluster = await startCluster(t, only);
    await cluster.addNode('node1');
    await cluster.client.create(Pod, podDraft('db-0', { app: 'web' }, { hostname: 'db-0', subdomain: 'web' }));
    await cluster.runPods();
    await cluster.client.patch(
      Pod,
      { namespace: 'default', name: 'db-0' },
      { status: { conditions: [{ type: 'Ready', status: 'False' }] } },
      { subresource: 'status' },
    );
    await cluster.client.create(Service, web({ clusterIP: 'None', publishNotReadyAddresses: true }));
    await cluster.until('an endpoint', async () => (await endpointsOf(cluster)).length === 1);
    const [endpoint] = await endpointsOf(cluster);
    assert.deepEqual(
      [endpoint?.hostname, endpoint?.conditions?.ready, endpoint?.conditions?.serving],
      ['db-0', true, false],
    );
    assert.equal((await slices(cluster))[0]?.metadata.labels?.['service.kubernetes.io/headless'], '');
  });

  test('hand-made Endpoints of a service without selector are mirrored, and vanish from slices with them', async (t) => {
    const cluster = await startCluster(t, only);
    await cluster.client.create(Service, { metadata: ref, spec: { ports: [{ port: 80 }] } });
    await cluster.client.create(Endpoints, {
      metadata: ref,
      subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 9376 }] }],
    });
    await cluster.until('mirrored', async () => (await endpointsOf(cluster)).length === 1);
    const [slice] = await slices(cluster);
    assert.equal(
      slice?.metadata.labels?.['endpointslice.kubernetes.io/managed-by'],
      'endpointslicemirroring-controller.k8s.io',
    );
    assert.deepEqual(slice?.endpoints?.[0], { addresses: ['192.0.2.1'], conditions: { ready: true } });
    await cluster.client.delete(Endpoints, ref);
    await cluster.until('gone', async () => (await slices(cluster)).length === 0);
  });

  test('Endpoints go with their service, and those of others stay', async (t) => {
    const cluster = await startCluster(t, only);
    const other = { namespace: 'default', name: 'other' };
    await cluster.client.create(Endpoints, { metadata: other, subsets: [] });
    await cluster.client.create(Service, web());
    await cluster.until('Endpoints', async () => (await cluster.client.list(Endpoints)).items.length === 2);
    await cluster.client.delete(Service, ref);
    await cluster.until('Endpoints gone', async () => (await cluster.client.list(Endpoints)).items.length === 1);
    assert.equal((await cluster.client.list(Endpoints)).items[0]?.metadata.name, 'other');
  });
});
