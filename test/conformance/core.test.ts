/** What the conformance suite of Kubernetes v1.36 asks of the API of core kinds, where no container needs to run. Its file is named above each test. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../../src/apiserver/testdata/https.ts';
import { type Session, startSession } from './support.ts';

const CORE = '/api/v1/namespaces/default';
const MAPS = `${CORE}/configmaps`;
const SECRETS = `${CORE}/secrets`;
const SERVICES = `${CORE}/services`;
const selected = (text: string): string => `?labelSelector=${encodeURIComponent(text)}`;

// test/e2e/common/node/configmap.go and secrets.go
test('maps and secrets have no empty key', async () => {
  await using session = await startSession();
  for (const [path, value] of [
    [MAPS, 'value-1'],
    [SECRETS, 'dmFsdWUtMQ=='],
  ] as const) {
    const status = await session.refused(422, 'POST', path, { metadata: { name: 'empty' }, data: { '': value } });
    assert.equal(status.reason, 'Invalid');
    assert.equal(status.details.causes[0].field, 'data[]');
  }
});

// test/e2e/common/node/configmap.go and secrets.go
test('maps and secrets are found by label in all namespaces after a patch, and go with their collection', async () => {
  await using session = await startSession();
  for (const plural of ['configmaps', 'secrets']) {
    const collection = `${CORE}/${plural}`;
    const labels = { 'test-static': 'true' };
    const made = await session.post(collection, { metadata: { name: 'test', labels }, data: { key: 'dmFsdWU=' } });
    const since = `${collection}${selected('test-static=true')}&watch=1&resourceVersion=${made.metadata.resourceVersion}`;
    const change = { metadata: { labels: { test: 'patched' } }, data: { key: 'cGF0Y2hlZA==' } };
    await session.patch(`${collection}/test`, change, 'strategic');
    assert.equal((await session.get(`${collection}/test`)).metadata.labels.test, 'patched');
    const { items } = await session.get(`/api/v1/${plural}${selected('test-static=true')}`);
    assert.deepEqual(
      items.map(({ metadata, data }: Json) => [metadata.name, metadata.labels.test, data.key]),
      [['test', 'patched', 'cGF0Y2hlZA==']],
    );
    await session.delete(`${collection}${selected('test-static=true')}`);
    assert.deepEqual(await session.names(`/api/v1/${plural}${selected('test-static=true')}`), []);
    const seen = await session.events(since, 2);
    assert.deepEqual(
      seen.map(({ type }) => type),
      ['MODIFIED', 'DELETED'],
    );
  }
});

// test/e2e/common/storage/configmap_volume.go and secrets_volume.go
test('what is immutable keeps its data, and stays immutable', async () => {
  await using session = await startSession();
  for (const path of [MAPS, SECRETS]) {
    const made = await session.post(path, { metadata: { name: 'frozen' }, data: { 'data-1': 'dmFsdWUtMQ==' } });
    const changed = { ...made, data: { 'data-2': 'dmFsdWUtMg==' } };
    const current = await session.put(`${path}/frozen`, changed);
    const frozen = await session.put(`${path}/frozen`, { ...current, immutable: true });
    for (const wrong of [
      { ...frozen, data: { 'data-3': 'dmFsdWUtMw==' } },
      { ...frozen, immutable: false },
    ])
      assert.equal((await session.refused(422, 'PUT', `${path}/frozen`, wrong)).reason, 'Invalid');
    assert.deepEqual((await session.get(`${path}/frozen`)).data, { 'data-2': 'dmFsdWUtMg==' });
    const labelled = { ...frozen, metadata: { ...frozen.metadata, labels: { still: 'changes' } } };
    assert.deepEqual((await session.put(`${path}/frozen`, labelled)).metadata.labels, { still: 'changes' });
    await session.delete(`${path}/frozen`);
  }
});

// test/e2e/common/node/podtemplates.go
test('a pod template is replaced', async () => {
  await using session = await startSession();
  const path = `${CORE}/podtemplates`;
  const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'nginx', image: 'nginx' }] } };
  await session.post(path, { metadata: { name: 'template', labels: { 'podtemplate-static': 'true' } }, template });
  const found = await session.get(`${path}/template`);
  found.metadata.annotations = { updated: 'yes' };
  const replaced = await session.put(`${path}/template`, found);
  assert.deepEqual(replaced.metadata.annotations, { updated: 'yes' });
  assert.equal((await session.get(`/api/v1/podtemplates`)).items[0].metadata.annotations.updated, 'yes');
});

// test/e2e/instrumentation/core_events.go
test('an event is patched and updated, and deleted as one of those with its reason', async () => {
  await using session = await startSession();
  const event = (name: string): object => ({
    metadata: { name, namespace: 'default', labels: { 'testevent-set': 'true' } },
    involvedObject: { namespace: 'default', kind: 'Pod', name: 'p' },
    message: 'This is a test event',
    reason: 'Test',
    type: 'Normal',
    count: 1,
  });
  for (const name of ['one', 'two', 'three']) await session.post(`${CORE}/events`, event(name));
  await session.patch(`${CORE}/events/one`, { message: 'This is a test event - patched' }, 'strategic');
  const one = await session.get(`${CORE}/events/one`);
  assert.equal(one.message, 'This is a test event - patched');
  one.series = { count: 100, lastObservedTime: '2020-01-01T00:00:00.000000Z' };
  await session.put(`${CORE}/events/one`, one);
  assert.deepEqual((await session.get(`${CORE}/events/one`)).series, one.series);
  const same = await session.get('/apis/events.k8s.io/v1/namespaces/default/events/one');
  assert.deepEqual([same.note, same.series], ['This is a test event - patched', one.series]);
  const byReason = '?fieldSelector=reason%3DTest';
  assert.equal((await session.names(`/api/v1/events${byReason}`)).length, 3);
  await session.delete(`${CORE}/events/one`);
  assert.equal((await session.names(`${CORE}/events${selected('testevent-set=true')}`)).length, 2);
  await session.delete(`${CORE}/events${selected('testevent-set=true')}`);
  assert.deepEqual(await session.names('/api/v1/events'), []);
});

// test/e2e/scheduling/limit_range.go
test('limits are listed everywhere, patched, and deleted with the collection of their namespace only', async () => {
  await using session = await startSession();
  await session.post('/api/v1/namespaces', { metadata: { name: 'other' } });
  const limits = { min: { cpu: '50m' }, max: { cpu: '1' }, default: { cpu: '500m' }, defaultRequest: { cpu: '100m' } };
  const range = {
    metadata: { name: 'limits', labels: { e2e: 'x' } },
    spec: { limits: [{ type: 'Container', ...limits }] },
  };
  for (const namespace of ['default', 'other'])
    await session.post(`/api/v1/namespaces/${namespace}/limitranges`, range);
  const everywhere = `/api/v1/limitranges${selected('e2e=x')}`;
  assert.equal((await session.names(everywhere)).length, 2);
  const change = {
    metadata: { labels: { patched: 'yes' } },
    spec: { limits: [{ type: 'Container', ...limits, min: { cpu: '40m' } }] },
  };
  const patched = await session.patch(`${CORE}/limitranges/limits`, change, 'strategic');
  assert.deepEqual([patched.metadata.labels.patched, patched.spec.limits[0].min], ['yes', { cpu: '40m' }]);
  await session.delete(`${CORE}/limitranges${selected('patched=yes')}`);
  const { items } = await session.get(everywhere);
  assert.deepEqual(
    items.map(({ metadata }: Json) => metadata.namespace),
    ['other'],
  );
});

// test/e2e/scheduling/preemption.go
test('a priority class keeps its value, whatever else of it changes', async () => {
  await using session = await startSession();
  const path = '/apis/scheduling.k8s.io/v1/priorityclasses';
  for (const [name, value] of [
    ['p1', 1],
    ['p2', 10],
  ] as const)
    await session.post(path, { metadata: { name, labels: { test: 'x' } }, value });
  assert.deepEqual(await session.names(`${path}${selected('test=x')}`), ['p1', 'p2']);
  const p1 = await session.get(`${path}/p1`);
  const updated = await session.put(`${path}/p1`, { ...p1, description: 'updated' });
  assert.equal(updated.description, 'updated');
  assert.equal((await session.patch(`${path}/p1`, { description: 'patched' })).description, 'patched');
  const refused = await session.refused(422, 'PATCH', `${path}/p1`, { value: 42 });
  assert.match(refused.message, /may not be changed in an update/);
  assert.equal((await session.refused(422, 'PATCH', `${path}/p2`, { value: 42 })).details.causes[0].field, 'value');
  await session.delete(`${path}/p1`);
  await session.delete(`${path}${selected('test=x')}`);
  assert.deepEqual(await session.names(`${path}${selected('test=x')}`), []);
});

const service = (name: string, spec: object = {}): object => ({
  metadata: { name, labels: { 'test-service': 'x' } },
  spec: { ports: [{ name: 'http', port: 80, targetPort: 80 }], ...spec },
});

// test/e2e/network/service.go
test('a service is found in all namespaces, and its collection is deleted by label', async () => {
  await using session = await startSession();
  assert.ok((await session.names('/api/v1/services')).includes('kubernetes'));
  for (const name of ['a', 'b', 'c']) await session.post(SERVICES, service(name));
  await session.post(SERVICES, { ...service('d'), metadata: { name: 'd' } });
  assert.deepEqual(await session.names(`/api/v1/services${selected('test-service=x')}`), ['a', 'b', 'c']);
  await session.delete(`${SERVICES}${selected('test-service=x')}`);
  assert.deepEqual((await session.names(SERVICES)).toSorted(), ['d', 'kubernetes']);
});

// test/e2e/network/service.go
test('the status of a service is patched and updated, and the service itself after it', async () => {
  await using session = await startSession();
  await session.post(SERVICES, service('lb', { type: 'LoadBalancer' }));
  const path = `${SERVICES}/lb/status`;
  const ingress = [{ ip: '203.0.113.1' }];
  const body = { metadata: { annotations: { patchedstatus: 'true' } }, status: { loadBalancer: { ingress } } };
  const patched = await session.patch(path, body);
  assert.equal(patched.metadata.annotations.patchedstatus, 'true');
  assert.equal(patched.status.loadBalancer.ingress[0].ip, '203.0.113.1');
  const condition = { type: 'StatusUpdate', status: 'True', reason: 'E2E', message: 'Set from e2e test' };
  patched.status.conditions = [condition];
  const updated = await session.put(path, patched);
  assert.equal(updated.status.conditions[0].reason, 'E2E');
  const labelled = await session.patch(`${SERVICES}/lb`, { metadata: { labels: { extra: 'yes' } } }, 'strategic');
  assert.deepEqual([labelled.metadata.labels.extra, labelled.status], ['yes', updated.status]);
  await session.delete(`${SERVICES}/lb`);
  await session.refused(404, 'GET', `${SERVICES}/lb`);
});

// test/e2e/network/apiserver.go
test('the server is found by its service, its endpoints and its slice', async () => {
  await using session = await startSession();
  const { spec } = await session.get(`${SERVICES}/kubernetes`);
  assert.deepEqual(
    spec.ports.map(({ name, port, protocol }: Json) => [name, port, protocol]),
    [['https', 443, 'TCP']],
  );
  const { subsets } = await session.get(`${CORE}/endpoints/kubernetes`);
  assert.equal(subsets.length, 1);
  const { items } = await session.get(
    `/apis/discovery.k8s.io/v1/namespaces/default/endpointslices${selected('kubernetes.io/service-name=kubernetes')}`,
  );
  const [slice] = items;
  assert.equal(items.length, 1);
  assert.deepEqual(
    slice.endpoints.flatMap(({ addresses }: Json) => addresses),
    subsets[0].addresses.map(({ ip }: Json) => ip),
  );
  assert.deepEqual(
    slice.ports.map(({ name, port }: Json) => [name, port]),
    subsets[0].ports.map(({ name, port }: Json) => [name, port]),
  );
});

// test/e2e/storage/persistent_volumes.go
test('a volume and a claim live, and their statuses are told, each by its own path', async () => {
  await using session = await startSession();
  const labels = { e2e: 'x' };
  const spec = { accessModes: ['ReadWriteOnce'], storageClassName: 'e2e' };
  const volumes = '/api/v1/persistentvolumes';
  const claims = `${CORE}/persistentvolumeclaims`;
  const source = { hostPath: { path: '/tmp' }, persistentVolumeReclaimPolicy: 'Retain' };
  await session.post(volumes, {
    metadata: { name: 'pv', labels },
    spec: { ...spec, ...source, capacity: { storage: '1Gi' } },
  });
  await session.post(claims, {
    metadata: { name: 'pvc', labels },
    spec: { ...spec, resources: { requests: { storage: '1Gi' } } },
  });
  for (const [plural, path] of [
    ['persistentvolumes', `${volumes}/pv`],
    ['persistentvolumeclaims', `${claims}/pvc`],
  ] as const) {
    assert.equal((await session.names(`/api/v1/${plural}${selected('e2e=x')}`)).length, 1);
    const patched = await session.patch(path, { metadata: { labels: { patched: 'yes' } } });
    assert.equal(patched.metadata.labels.patched, 'yes');
    patched.metadata.labels.updated = 'yes';
    assert.equal((await session.put(path, patched)).metadata.labels.updated, 'yes');
  }
  await volumeStatus(session, `${volumes}/pv/status`);
  await claimStatus(session, `${claims}/pvc/status`);
  await session.delete(`${claims}${selected('updated=yes')}`);
  await session.delete(`${volumes}${selected('updated=yes')}`);
  assert.deepEqual(await session.names(claims), []);
  assert.deepEqual(await session.names(volumes), []);
});

async function volumeStatus(session: Session, path: string): Promise<void> {
  assert.equal((await session.get(path)).status.phase, 'Pending');
  const status = { message: 'StatusPatched', reason: 'E2E patchStatus' };
  const patched = await session.patch(path, { status });
  assert.equal(patched.status.message, 'StatusPatched');
  const updated = await session.put(path, { ...patched, status: { ...patched.status, reason: 'E2E updateStatus' } });
  assert.equal(updated.status.reason, 'E2E updateStatus');
}

async function claimStatus(session: Session, path: string): Promise<void> {
  const condition = (type: string): object => ({ type, status: 'True', reason: 'E2E', message: `set by ${type}` });
  const patched = await session.patch(path, { status: { conditions: [condition('StatusPatched')] } });
  assert.equal(patched.status.conditions[0].type, 'StatusPatched');
  patched.status.conditions.push(condition('StatusUpdate'));
  const updated = await session.put(path, patched);
  assert.deepEqual(
    updated.status.conditions.map(({ type }: Json) => type),
    ['StatusPatched', 'StatusUpdate'],
  );
}
