/** What the conformance suite of Kubernetes v1.36 asks of pods before any of them runs. Its file is named above each test. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../../src/apiserver/testdata/https.ts';
import { startSession } from './support.ts';

const PODS = '/api/v1/namespaces/default/pods';
const pod = (name: string, spec: object = {}, metadata: object = {}): object => ({
  metadata: { name, labels: { type: 'Testing' }, ...metadata },
  spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'main', image: 'agnhost' }], ...spec },
});

// test/e2e/common/node/pods.go
test('a collection of pods is deleted by label', async () => {
  await using session = await startSession();
  for (const name of ['a', 'b', 'c']) await session.post(PODS, pod(name));
  assert.equal((await session.names(`${PODS}?labelSelector=type%3DTesting`)).length, 3);
  await session.delete(`${PODS}?labelSelector=type%3DTesting`);
  assert.deepEqual(await session.names(`${PODS}?labelSelector=type%3DTesting`), []);
});

// test/e2e/common/node/pods.go
test('the labels of a pod are updated, and its status is patched by its own path', async () => {
  await using session = await startSession();
  const made = await session.post(PODS, pod('a'));
  made.metadata.labels.time = 'later';
  await session.put(`${PODS}/a`, made);
  assert.deepEqual(await session.names(`${PODS}?labelSelector=time%3Dlater`), ['a']);
  const status = { message: 'Patched by e2e test', reason: 'E2E' };
  await session.patch(`${PODS}/a/status`, { metadata: { annotations: { patched: 'yes' } }, status });
  const found = await session.get(`${PODS}/a/status`);
  assert.deepEqual(
    [found.status.message, found.status.reason, found.metadata.annotations.patched],
    ['Patched by e2e test', 'E2E', 'yes'],
  );
  const conditions = [{ type: 'Ready', status: 'False' }];
  const put = await session.put(`${PODS}/a/status`, { ...found, status: { ...found.status, conditions } });
  assert.equal(put.status.conditions.find(({ type }: Json) => type === 'Ready').status, 'False');
});

// test/e2e/node/pods.go
test('the class of service of a pod comes from its requests and limits', async () => {
  await using session = await startSession();
  const resources = { requests: { cpu: '100m', memory: '100Mi' }, limits: { cpu: '100m', memory: '100Mi' } };
  const made = await session.post(PODS, pod('a', { containers: [{ name: 'main', image: 'agnhost', resources }] }));
  assert.equal(made.status.qosClass, 'Guaranteed');
  assert.equal((await session.get(`${PODS}/a`)).status.qosClass, 'Guaranteed');
});

// test/e2e/node/pods.go
test('the server counts the generation of a pod, whatever its maker says', async () => {
  await using session = await startSession();
  const made = await session.post(PODS, pod('a', { nodeName: 'n' }, { generation: 100 }));
  assert.equal(made.metadata.generation, 1);
  const gone = await session.delete(`${PODS}/a`, { gracePeriodSeconds: 30 });
  assert.equal(gone.metadata.generation, 2);
  assert.equal(gone.metadata.deletionGracePeriodSeconds, 30);
});

// test/e2e/common/node/ephemeral_containers.go
test('the ephemeral containers of a pod are patched and updated by their own path', async () => {
  await using session = await startSession();
  await session.post(PODS, pod('a'));
  const path = `${PODS}/a/ephemeralcontainers`;
  const container = (name: string): object => ({ name, image: 'busybox', command: ['sleep', '10000'] });
  const patch = { spec: { ephemeralContainers: [container('debugger')] } };
  const patched = await session.patch(path, patch, 'strategic');
  const names = ({ spec }: Json): string[] => spec.ephemeralContainers.map(({ name }: Json) => name);
  assert.deepEqual(names(patched), ['debugger']);
  patched.spec.ephemeralContainers.push(container('debugger2'));
  assert.deepEqual(names(await session.put(path, patched)), ['debugger', 'debugger2']);
  const found = await session.get(path);
  assert.deepEqual(names(found), ['debugger', 'debugger2']);
  found.metadata.labels = { ignored: 'here' };
  assert.deepEqual((await session.get(`${PODS}/a`)).metadata.labels, { type: 'Testing' });
});

// test/e2e/common/node/sysctl.go
test('a pod with sysctls that are none is refused with each of them', async () => {
  await using session = await startSession();
  const sysctls = ['foo-', 'kernel.shmmax', 'safe-and-unsafe', 'bar..'].map((name) => ({ name, value: 'x' }));
  const { message } = await session.refused(422, 'POST', PODS, pod('a', { securityContext: { sysctls } }));
  assert.match(message, /Invalid value: "foo-"/);
  assert.match(message, /Invalid value: "bar\.\."/);
  assert.doesNotMatch(message, /"safe-and-unsafe"|"kernel\.shmmax"/);
});

// test/e2e/storage/csi_inline.go
test('a pod may ask a driver for a volume of its own', async () => {
  await using session = await startSession();
  const csi = { driver: 'csi.example.com', readOnly: true, volumeAttributes: { a: 'b' } };
  const containers = [{ name: 'main', image: 'agnhost', volumeMounts: [{ name: 'v', mountPath: '/v' }] }];
  await session.post(PODS, pod('a', { containers, volumes: [{ name: 'v', csi }] }));
  assert.deepEqual((await session.get(`${PODS}/a`)).spec.volumes[0].csi, csi);
  const { items } = await session.get('/api/v1/pods?labelSelector=type%3DTesting');
  assert.deepEqual(items[0].spec.volumes[0].csi, csi);
  await session.patch(`${PODS}/a`, { metadata: { labels: { patched: 'yes' } } });
  await session.delete(`${PODS}?labelSelector=patched%3Dyes`);
  await session.refused(404, 'GET', `${PODS}/a`);
});
