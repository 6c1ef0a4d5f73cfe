import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Draft, Service } from '#api';
import { startTestApiServer, type TestApiServer } from '#testing';
import { refused, startServer } from '../testdata/objects.ts';

const serviceDraft = (name: string, spec: Partial<Service['spec']> = {}): Draft<Service> => ({
  metadata: { name, namespace: 'default' },
  spec: { ports: [{ port: 80 }], ...spec },
});

const create = (t: TestApiServer, name: string, spec?: Partial<Service['spec']>): Promise<Service> =>
  t.client.create(Service, serviceDraft(name, spec));
const patch = (t: TestApiServer, name: string, spec: object): Promise<Service> =>
  t.client.patch(Service, { namespace: 'default', name }, { spec });
const nodePort = (service: Service): number | undefined => service.spec.ports?.[0]?.nodePort;

test('services created at once have addresses and ports of their own', async () => {
  await using t = await startServer();
  const services = await Promise.all(Array.from({ length: 200 }, (_, i) => create(t, `s${i}`, { type: 'NodePort' })));
  assert.equal(new Set(services.map((s) => s.spec.clusterIP)).size, 200);
  assert.equal(new Set(services.map(nodePort)).size, 200);
  for (const { spec } of services) {
    assert.match(spec.clusterIP!, /^10\.(?:9[6-9]|1\d\d)\.\d+\.\d+$/);
    assert.deepEqual(spec.clusterIPs, [spec.clusterIP]);
    assert.deepEqual([spec.ipFamilies, spec.ipFamilyPolicy], [['IPv4'], 'SingleStack']);
    assert.ok(spec.ports![0]!.nodePort! >= 30000 && spec.ports![0]!.nodePort! <= 32767);
  }
});

test('an address or port that was chosen is given, once', async () => {
  await using t = await startServer();
  const chosen = { type: 'NodePort', clusterIP: '10.96.0.10', ports: [{ port: 53, nodePort: 30053 }] };
  await create(t, 'a', chosen);
  await refused(
    create(t, 'b', { clusterIP: '10.96.0.10' }),
    'Invalid',
    'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is already allocated',
  );
  await refused(
    create(t, 'b', { type: 'NodePort', ports: [{ port: 53, nodePort: 30053 }] }),
    'Invalid',
    'Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30053: provided port is already allocated',
  );
  await refused(
    create(t, 'b', { clusterIP: '10.0.0.1' }),
    'Invalid',
    'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.0.0.1"]: failed to allocate IP 10.0.0.1: the provided network does not match the current range',
  );
  await refused(
    create(t, 'b', { type: 'NodePort', ports: [{ port: 53, nodePort: 80 }] }),
    'Invalid',
    'Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
  );
  // A number is one Service's, for whatever protocol; there it may stand for several.
  await refused(
    create(t, 'udp', { type: 'NodePort', ports: [{ port: 53, protocol: 'UDP', nodePort: 30053 }] }),
    'Invalid',
  );
  const dns = [
    { name: 'udp', port: 53, protocol: 'UDP' },
    { name: 'tcp', port: 53, protocol: 'TCP' },
  ];
  const both = await create(t, 'both', { type: 'NodePort', ports: dns });
  assert.equal(new Set(both.spec.ports?.map((port) => port.nodePort)).size, 1);
});

test('what a failed or dry run took is free again', async () => {
  await using t = await startServer();
  const spec = { type: 'NodePort', clusterIP: '10.96.0.10', ports: [{ port: 53, nodePort: 30053 }] };
  await refused(create(t, 'Bad_Name', spec), 'Invalid');
  await t.client.create(Service, serviceDraft('dry', spec), { query: { dryRun: 'All' } });
  await create(t, 'a', spec);
  await t.client.delete(Service, { namespace: 'default', name: 'a' });
  await create(t, 'b', spec);
});

test('a headless service and an external name have no address', async () => {
  await using t = await startServer();
  const headless = await create(t, 'headless', { clusterIP: 'None' });
  assert.deepEqual([headless.spec.clusterIP, headless.spec.clusterIPs], ['None', ['None']]);
  const external = await create(t, 'external', { type: 'ExternalName', externalName: 'example.com', ports: [] });
  assert.equal(external.spec.clusterIP, undefined);
});

test('a change of type gives back what the new type has not', async () => {
  await using t = await startServer();
  const made = await create(t, 'a', { type: 'NodePort' });
  const port = nodePort(made)!;
  const plain = await patch(t, 'a', { type: 'ClusterIP' });
  assert.equal(nodePort(plain), undefined);
  assert.equal(plain.spec.clusterIP, made.spec.clusterIP);
  await create(t, 'b', { type: 'NodePort', ports: [{ port: 1, nodePort: port }] });
  const again = await patch(t, 'a', { type: 'LoadBalancer' });
  assert.notEqual(nodePort(again), undefined);
  assert.notEqual(nodePort(again), port);
  const same = await patch(t, 'a', { sessionAffinity: 'ClientIP' });
  assert.equal(nodePort(same), nodePort(again), 'other changes leave it alone');
});

test('an update that leaves out address and ports keeps them', async () => {
  await using t = await startServer();
  const made = await create(t, 'a', { type: 'NodePort' });
  const put = await t.client.update(Service, {
    ...made,
    spec: { type: 'NodePort', ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }] },
  });
  assert.equal(put.spec.clusterIP, made.spec.clusterIP);
  assert.equal(nodePort(put), nodePort(made));
});

test('a load balancer that keeps to local endpoints has a port to ask for them', async () => {
  await using t = await startServer();
  const local = { type: 'LoadBalancer', externalTrafficPolicy: 'Local' };
  const made = await create(t, 'a', local);
  const health = made.spec.healthCheckNodePort!;
  assert.ok(health >= 30000 && health <= 32767 && health !== nodePort(made));
  await refused(create(t, 'b', { type: 'NodePort', ports: [{ port: 1, nodePort: health }] }), 'Invalid');
  assert.equal((await patch(t, 'a', { sessionAffinity: 'ClientIP' })).spec.healthCheckNodePort, health);
  assert.equal((await patch(t, 'a', { externalTrafficPolicy: 'Cluster' })).spec.healthCheckNodePort, undefined);
});

test('an external name that becomes a service gets an address, and loses it when it turns back', async () => {
  await using t = await startServer();
  await create(t, 'a', { type: 'ExternalName', externalName: 'example.com' });
  const service = await patch(t, 'a', { type: 'ClusterIP', externalName: null });
  assert.match(service.spec.clusterIP!, /^10\./);
  const back = await patch(t, 'a', {
    type: 'ExternalName',
    externalName: 'example.com',
    clusterIP: null,
    clusterIPs: null,
  });
  assert.equal(back.spec.clusterIP, undefined);
  await create(t, 'b', { clusterIP: service.spec.clusterIP! });
});

test('a restart knows what is taken', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'allocator-'));
  try {
    let taken: Service;
    {
      await using t = await startServer({ directory });
      taken = await create(t, 'a', { type: 'NodePort' });
    }
    await using t = await startTestApiServer({ directory });
    await refused(create(t, 'b', { clusterIP: taken.spec.clusterIP! }), 'Invalid');
    await refused(create(t, 'b', { type: 'NodePort', ports: [{ port: 1, nodePort: nodePort(taken)! }] }), 'Invalid');
    assert.deepEqual(await t.client.get(Service, { namespace: 'default', name: 'a' }), taken);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
