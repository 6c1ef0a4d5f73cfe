import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Draft, IPAddress, Service } from '#api';
import { startTestApiServer, type TestApiServer } from '#testing';
import { refused, startServer } from '../testdata/objects.ts';
import { PortSet } from './port-set.ts';

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

test('node ports come from the upper part of their range first, and a full range is told', async () => {
  await using t = await startServer();
  const ports = (count: number, from = 1): NonNullable<Service['spec']['ports']> =>
    Array.from({ length: count }, (_, i) => ({ name: `p${from + i}`, port: from + i }));
  const nodePorts = ({ spec }: Service): number[] => spec.ports!.map((port) => port.nodePort!);
  const upper = await create(t, 'upper', { type: 'NodePort', ports: ports(2682) });
  assert.equal(Math.min(...nodePorts(upper)), 30086);
  assert.equal(new Set(nodePorts(upper)).size, 2682);
  const lower = await create(t, 'lower', { type: 'NodePort', ports: ports(86) });
  assert.equal(Math.max(...nodePorts(lower)), 30085);
  const full = 'Internal error occurred: failed to allocate a nodePort: range is full';
  await refused(create(t, 'full', { type: 'NodePort' }), 'InternalError', full);
  const { items } = await t.client.list(IPAddress);
  assert.equal(items.length, 2, 'the address of what failed is given back');
  await t.client.delete(Service, { namespace: 'default', name: 'lower' });
  await create(t, 'again', { type: 'NodePort' });
});

test('a dry run takes nothing and shows what nobody has', async () => {
  await using t = await startServer();
  const dry = (spec: Partial<Service['spec']>): Promise<Service> =>
    t.client.create(Service, serviceDraft('dry', spec), { query: { dryRun: 'All' } });
  const { revision } = t.store;
  const { spec } = await dry({
    type: 'NodePort',
    ports: [
      { name: 'a', port: 1 },
      { name: 'b', port: 2 },
    ],
  });
  assert.equal(spec.clusterIP, '10.96.0.0');
  assert.deepEqual(
    spec.ports?.map((port) => port.nodePort),
    [32769, 32770],
  );
  await refused(
    dry({ clusterIP: '10.0.0.1' }),
    'Invalid',
    'Service "dry" is invalid: spec.clusterIPs: Invalid value: ["10.0.0.1"]: failed to allocate IP 10.0.0.1: the provided IP (10.0.0.1) is not in the valid range. The range of valid IPs is 10.96.0.0/12',
  );
  assert.equal(t.store.revision, revision);
});

test('families are filled in as the cluster has them', async () => {
  await using t = await startServer();
  const families = async (name: string, spec: Partial<Service['spec']>): Promise<unknown[]> => {
    const { ipFamilyPolicy, ipFamilies } = (await create(t, name, spec)).spec;
    return [ipFamilyPolicy, ipFamilies];
  };
  assert.deepEqual(await families('plain', { selector: { a: 'b' } }), ['SingleStack', ['IPv4']]);
  assert.deepEqual(await families('prefer', { ipFamilyPolicy: 'PreferDualStack' }), ['PreferDualStack', ['IPv4']]);
  // Its endpoints may be of any family.
  assert.deepEqual(await families('open', { clusterIP: 'None' }), ['RequireDualStack', ['IPv4', 'IPv6']]);
  await refused(
    create(t, 'dual', { ipFamilyPolicy: 'RequireDualStack' }),
    'Invalid',
    'Service "dual" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
  );
  await refused(
    create(t, 'six', { clusterIP: 'fd00::1' }),
    'Invalid',
    'Service "six" is invalid: spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster',
  );
});

test('a cluster of two families gives an address of each, and lets go of the second', async () => {
  await using t = await startServer({ serviceCidr: '10.96.0.0/16,fd00:10:96::/112' });
  const made = await create(t, 'a', { ipFamilyPolicy: 'PreferDualStack' });
  assert.equal(made.spec.clusterIPs?.length, 2);
  assert.match(made.spec.clusterIPs[1]!, /^fd00:10:96::[0-9a-f]+$/);
  const names = async (): Promise<string[]> =>
    (await t.client.list(IPAddress)).items.map(({ metadata }) => metadata.name);
  assert.deepEqual(new Set(await names()), new Set(made.spec.clusterIPs));
  const single = await patch(t, 'a', { ipFamilyPolicy: 'SingleStack' });
  assert.deepEqual([single.spec.clusterIPs, single.spec.ipFamilies], [[made.spec.clusterIP], ['IPv4']]);
  assert.deepEqual(await names(), [made.spec.clusterIP]);
  const again = await patch(t, 'a', { ipFamilyPolicy: 'RequireDualStack' });
  assert.deepEqual(new Set(await names()), new Set(again.spec.clusterIPs));
  await t.client.delete(Service, { namespace: 'default', name: 'a' });
  assert.deepEqual(await names(), []);
});

test('a port for health checks that is taken is told as upstream tells it', async () => {
  await using t = await startServer();
  await create(t, 'a', { type: 'NodePort', ports: [{ port: 1, nodePort: 30001 }] });
  await refused(
    create(t, 'b', { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30001 }),
    'InternalError',
    'Internal error occurred: failed to allocate requested HealthCheck NodePort 30001: provided port is already allocated',
  );
});

test('which ports are taken is stored as upstream stores it', () => {
  const ports = new PortSet();
  for (const port of [30000, 30009]) ports.add(port);
  assert.equal(ports.text(), Buffer.from([2, 1]).toString('base64'));
  assert.deepEqual([...PortSet.read(ports.text()).ports()], [30000, 30009]);
  ports.delete(30009);
  assert.equal(ports.text(), Buffer.from([1]).toString('base64'));
});
