/** What the conformance suite of Kubernetes v1.36 asks of controllers, where pods need only be said to run. Its file is named above each test. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Draft, Deployment, Namespace, Pod, ReplicaSet, Service } from '#api';
import { startCluster, type TestCluster } from '../../src/controllers/testdata/cluster.ts';

const labels = { name: 'sample' };
const spec = { containers: [{ name: 'httpd', image: 'httpd' }] };
const at = (name: string): { namespace: string; name: string } => ({ namespace: 'default', name });
const replicaSet = (name: string, replicas: number): Draft<ReplicaSet> => ({
  metadata: { ...at(name), labels },
  spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
});
const deployment = (name: string, replicas: number): Draft<Deployment> => ({
  metadata: { ...at(name), labels },
  spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
});

const ready = async (cluster: TestCluster, count: number): Promise<void> => {
  await cluster.until('pods', async () => (await cluster.pods()).length === count);
  await cluster.runPods();
  await cluster.settled();
};

// test/e2e/apimachinery/namespace.go
test('a namespace made again after its deletion has none of its pods and services', async (t) => {
  const { client, until, settled } = await startCluster(t, (name) => ['namespace', 'serviceaccount'].includes(name));
  const metadata = { namespace: 'gone', name: 'x' };
  const namespaced = { namespace: 'gone' };
  await client.create(Namespace, { metadata: { name: 'gone' }, spec: {} });
  await settled();
  await client.create(Pod, { metadata, spec });
  await client.create(Service, { metadata, spec: { selector: labels, ports: [{ port: 80 }] } });
  await client.delete(Namespace, { name: 'gone' });
  const names = async (): Promise<string[]> => (await client.list(Namespace)).items.map((item) => item.metadata.name);
  await until('the namespace gone', async () => !(await names()).includes('gone'));
  await client.create(Namespace, { metadata: { name: 'gone' }, spec: {} });
  assert.deepEqual((await client.list(Pod, namespaced)).items, []);
  assert.deepEqual((await client.list(Service, namespaced)).items, []);
});

// test/e2e/apimachinery/garbage_collector.go
test('three pods that own each other in a circle all go', async (t) => {
  const { client, until, settled } = await startCluster(t, (name) => name === 'garbagecollector');
  const pods = [];
  for (const name of ['pod1', 'pod2', 'pod3']) pods.push(await client.create(Pod, { metadata: at(name), spec }));
  for (const [i, pod] of pods.entries()) {
    const { name, uid } = pods[(i + 2) % 3]!.metadata;
    const owner = { apiVersion: 'v1', kind: 'Pod', name, uid, controller: true, blockOwnerDeletion: true };
    await client.patch(Pod, pod.metadata, { metadata: { ownerReferences: [owner] } });
  }
  await settled();
  await client.delete(Pod, at('pod1'), { body: { propagationPolicy: 'Foreground' } });
  await until('all gone', async () => (await client.list(Pod)).items.length === 0);
});

// test/e2e/apimachinery/garbage_collector.go
test('what a deployment has made goes with it, or stays when it is to be an orphan', async (t) => {
  const { client, until, settled } = await startCluster(t, (name) =>
    ['garbagecollector', 'deployment', 'replicaset'].includes(name),
  );
  const sets = async (): Promise<readonly ReplicaSet[]> =>
    (await client.list(ReplicaSet, { namespace: 'default' })).items;
  for (const propagationPolicy of ['Background', 'Orphan'] as const) {
    const made = await client.create(Deployment, deployment('simple', 2));
    await until('a set', async () => (await sets()).length === 1);
    await settled();
    await client.delete(Deployment, at('simple'), {
      body: { propagationPolicy, preconditions: { uid: made.metadata.uid } },
    });
    if (propagationPolicy === 'Background') await until('no set', async () => (await sets()).length === 0);
  }
  await until('the deployment gone', async () => (await client.list(Deployment)).items.length === 0);
  await settled();
  assert.deepEqual(
    (await sets()).map(({ metadata }) => metadata.ownerReferences ?? []),
    [[]],
  );
});

const condition = (type: string): { type: string; status: string; reason: string; message: string } => ({
  type,
  status: 'True',
  reason: 'E2E',
  message: 'Set from e2e test',
});

// test/e2e/apps/replica_set.go
test('a replica set is scaled, replaced and patched, and its collection deleted', async (t) => {
  const cluster = await startCluster(t, (name) => name === 'replicaset');
  const { client } = cluster;
  await client.create(ReplicaSet, replicaSet('set', 1));
  await ready(cluster, 1);
  const { spec: found } = await client.get(ReplicaSet, at('set'));
  await client.patch(ReplicaSet, at('set'), { spec: { ...found, replicas: 3 } });
  await ready(cluster, 3);
  assert.equal((await client.get(ReplicaSet, at('set'))).status.availableReplicas, 3);
  const template = { metadata: { labels }, spec: { containers: [{ name: 'httpd', image: 'httpd:2' }] } };
  const patch = { metadata: { labels: { 'test-rs': 'patched' } }, spec: { replicas: 3, template } };
  const patched = await client.patch(ReplicaSet, at('set'), patch, { type: 'application/strategic-merge-patch+json' });
  assert.deepEqual(patched.metadata.labels, { ...labels, 'test-rs': 'patched' });
  assert.equal(patched.spec.template?.spec?.containers[0]?.image, 'httpd:2');
  assert.equal((await client.list(ReplicaSet, { labelSelector: 'name=sample' })).items.length, 1);
  const query = { namespace: 'default', labelSelector: 'test-rs=patched' };
  await client.deleteCollection(ReplicaSet, { ...query, body: { propagationPolicy: 'Background' } });
  assert.deepEqual((await client.list(ReplicaSet, query)).items, []);
});

// test/e2e/apps/replica_set.go and deployment.go
test('the status of replica sets and deployments is patched and updated, and their controllers leave it', async (t) => {
  const cluster = await startCluster(t, (name) => ['deployment', 'replicaset'].includes(name));
  const { client } = cluster;
  await client.create(Deployment, deployment('web', 1));
  await ready(cluster, 1);
  const [set] = (await client.list(ReplicaSet)).items;
  for (const [kind, name] of [
    [Deployment, 'web'],
    [ReplicaSet, set!.metadata.name],
  ] as const) {
    const both = kind as typeof ReplicaSet;
    const status = { conditions: [condition('StatusPatched')] };
    const merge = { type: 'application/merge-patch+json', subresource: 'status' } as const;
    const patched = await client.patch(both, at(name), { status }, merge);
    assert.equal(patched.status.conditions?.[0]?.type, 'StatusPatched');
    await cluster.settled();
    const current = await client.get(both, at(name));
    const conditions = [...(current.status.conditions ?? []), condition('StatusUpdate')];
    const updated = await client.updateStatus(both, { ...current, status: { ...current.status, conditions } });
    assert.ok(updated.status.conditions?.some(({ type, reason }) => type === 'StatusUpdate' && reason === 'E2E'));
    await cluster.settled();
    const after = await client.get(both, at(name));
    assert.ok(after.status.conditions?.some(({ type }) => type === 'StatusUpdate'));
  }
});

// test/e2e/apps/deployment.go
test('a deployment lives: created, patched, updated, its status written, listed everywhere, deleted', async (t) => {
  const cluster = await startCluster(t, (name) => ['deployment', 'replicaset', 'garbagecollector'].includes(name));
  const { client } = cluster;
  const query = { labelSelector: 'test-deployment-static=true' };
  const draft = deployment('test', 1);
  const own = { ...labels, 'test-deployment-static': 'true' };
  const stop = new AbortController();
  const types = new Set<string>();
  const watching = client.watch(Deployment, {
    ...query,
    signal: stop.signal,
    onEvents(events) {
      for (const { type } of events) types.add(type);
    },
  });
  await client.create(Deployment, { ...draft, metadata: { ...draft.metadata, labels: own } });
  await ready(cluster, 1);
  await client.patch(Deployment, at('test'), {
    metadata: { labels: { 'test-deployment': 'patched' } },
    spec: { replicas: 2 },
  });
  await ready(cluster, 2);
  const [found] = (await client.list(Deployment, query)).items;
  assert.deepEqual([found!.status.readyReplicas, found!.metadata.labels?.['test-deployment']], [2, 'patched']);
  await client.update(Deployment, {
    ...found!,
    metadata: { ...found!.metadata, labels: { ...found!.metadata.labels, 'test-deployment': 'updated' } },
  });
  await client.patch(
    Deployment,
    at('test'),
    { metadata: { labels: { 'test-deployment': 'patched-status' } }, status: { readyReplicas: 2 } },
    { subresource: 'status' },
  );
  await cluster.settled();
  await client.deleteCollection(Deployment, { namespace: 'default', ...query });
  await cluster.until('it is gone', async () => (await client.list(Deployment, query)).items.length === 0);
  stop.abort(new Error('the test has seen enough'));
  await watching.catch(() => undefined); // it ends as it was told to
  assert.deepEqual([...types], ['ADDED', 'MODIFIED', 'DELETED']);
});
