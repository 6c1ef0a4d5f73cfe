/** What the conformance suite of Kubernetes v1.36 asks of ReplicationControllers, where pods need only be said to run. Its file is named above each test. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DeleteOptions, type Draft, type OwnerReference, Pod, ReplicationController } from '#api';
import { startCluster, type TestCluster } from '../../src/controllers/testdata/cluster.ts';

const labels = { name: 'simpletest' };
const spec = { containers: [{ name: 'nginx', image: 'nginx' }] };
const at = (name: string): { namespace: string; name: string } => ({ namespace: 'default', name });
const controller = (name: string, replicas: number, selector = labels): Draft<ReplicationController> => ({
  metadata: { ...at(name), labels: selector },
  spec: { replicas, selector, template: { metadata: { labels: selector }, spec } },
});
const owners = ({ metadata }: Pod): string[] => (metadata.ownerReferences ?? []).map(({ name }) => name);
const exists = async ({ client }: TestCluster, name: string): Promise<boolean> =>
  (await client.list(ReplicationController, { namespace: 'default' })).items.some((rc) => rc.metadata.name === name);

/** A cluster with the controllers under test, and one ReplicationController whose pods wait for a node, so that nobody must stop them. */
async function startWith(
  t: Parameters<typeof startCluster>[0],
  replicas: number,
): Promise<{ cluster: TestCluster; rc: ReplicationController }> {
  const cluster = await startCluster(t, (name) => ['garbagecollector', 'replicationcontroller'].includes(name));
  await cluster.client.create(ReplicationController, controller('rc', replicas));
  await cluster.until('pods', async () => (await cluster.pods()).length === replicas);
  await cluster.settled();
  return { cluster, rc: await cluster.client.get(ReplicationController, at('rc')) };
}

const remove = ({ client }: TestCluster, rc: ReplicationController, propagationPolicy: string): Promise<unknown> => {
  const body: DeleteOptions = { propagationPolicy, preconditions: { uid: rc.metadata.uid } };
  return client.delete(ReplicationController, rc.metadata, { body });
};

// test/e2e/apimachinery/garbage_collector.go
test('pods go with their replication controller', async (t) => {
  const { cluster, rc } = await startWith(t, 2);
  await remove(cluster, rc, 'Background');
  await cluster.until('no pods', async () => (await cluster.pods()).length === 0);
  assert.equal(await exists(cluster, 'rc'), false);
});

// test/e2e/apimachinery/garbage_collector.go
test('pods outlive their replication controller when told so', async (t) => {
  const { cluster, rc } = await startWith(t, 10);
  await remove(cluster, rc, 'Orphan');
  await cluster.until('no controller', async () => !(await exists(cluster, 'rc')));
  await cluster.settled();
  assert.deepEqual(
    (await cluster.pods()).map(owners),
    Array.from({ length: 10 }, () => []),
  );
});

// test/e2e/apimachinery/garbage_collector.go
test('a replication controller deleted in the foreground stays until its last pod has gone', async (t) => {
  const { cluster, rc } = await startWith(t, 3);
  const { client } = cluster;
  const [held] = await cluster.pods();
  await client.patch(Pod, held!.metadata, { metadata: { finalizers: ['example.com/hold'] } });
  await remove(cluster, rc, 'Foreground');
  await cluster.until('all but one pod gone', async () => (await cluster.pods()).length === 1);
  await cluster.settled();
  const waiting = await client.get(ReplicationController, at('rc'));
  assert.deepEqual(waiting.metadata.finalizers, ['foregroundDeletion']);
  await client.patch(Pod, held!.metadata, { metadata: { finalizers: null } });
  await cluster.until('both gone', async () => (await cluster.pods()).length === 0 && !(await exists(cluster, 'rc')));
});

// test/e2e/apimachinery/garbage_collector.go
test('pods with another owner stay when one that waits for its dependents goes', async (t) => {
  const { cluster, rc } = await startWith(t, 4);
  const { client } = cluster;
  const staying = await client.create(ReplicationController, controller('stay', 0, { name: 'stay' }));
  const second: OwnerReference = {
    apiVersion: 'v1',
    kind: 'ReplicationController',
    name: 'stay',
    uid: staying.metadata.uid,
  };
  const shared = (await cluster.pods()).slice(0, 2);
  for (const pod of shared)
    await client.patch(Pod, pod.metadata, {
      metadata: { ownerReferences: [...pod.metadata.ownerReferences!, second] },
    });
  await cluster.settled();
  await remove(cluster, rc, 'Foreground');
  await cluster.until('the first gone', async () => !(await exists(cluster, 'rc')));
  await cluster.settled();
  const left = await cluster.pods();
  assert.deepEqual(
    left.map(({ metadata }) => metadata.name).toSorted(),
    shared.map(({ metadata }) => metadata.name).toSorted(),
  );
  assert.deepEqual(left.map(owners), [['stay'], ['stay']]);
  assert.ok(left.every(({ metadata }) => metadata.deletionTimestamp === undefined));
});

// test/e2e/apps/rc.go
test('a replication controller adopts an orphan that it selects, and lets go of a pod that it no longer selects', async (t) => {
  const cluster = await startCluster(t, (name) => name === 'replicationcontroller');
  const { client } = cluster;
  await client.create(Pod, { metadata: { ...at('pod-adoption'), labels }, spec });
  await client.create(ReplicationController, controller('rc', 1));
  const adopted = async (): Promise<Pod> => await client.get(Pod, at('pod-adoption'));
  await cluster.until('adopted', async () => owners(await adopted())[0] === 'rc');
  assert.equal((await cluster.pods()).length, 1);
  await client.patch(Pod, at('pod-adoption'), { metadata: { labels: { name: 'not-matching' } } });
  await cluster.until('let go and replaced', async () => (await cluster.pods()).length === 2);
  assert.deepEqual(owners(await adopted()), []);
});

// test/e2e/apps/rc.go
test('a replication controller lives: created, patched, its status and scale written, listed everywhere, deleted', async (t) => {
  const { cluster } = await startWith(t, 1);
  const { client } = cluster;
  await cluster.runPods();
  const merge = { type: 'application/merge-patch+json' } as const;
  const status = { readyReplicas: 0, availableReplicas: 0 };
  await client.patch(ReplicationController, at('rc'), { metadata: { labels: { own: 'true' } } }, merge);
  const reset = await client.patch(ReplicationController, at('rc'), { status }, { ...merge, subresource: 'status' });
  assert.equal(reset.status.readyReplicas ?? 0, 0);
  await cluster.settled();
  assert.equal((await client.get(ReplicationController, at('rc'))).status.availableReplicas, 1, 'counted again');
  await client.patch(ReplicationController, at('rc'), { spec: { replicas: 2 } }, { ...merge, subresource: 'scale' });
  await cluster.until('scaled', async () => (await cluster.pods()).length === 2);
  const everywhere = await client.list(ReplicationController, { labelSelector: 'own=true' });
  assert.deepEqual(
    everywhere.items.map(({ metadata, spec: { replicas } }) => [metadata.name, replicas]),
    [['rc', 2]],
  );
  await client.deleteCollection(ReplicationController, { namespace: 'default', labelSelector: 'own=true' });
  await cluster.until('gone', async () => !(await exists(cluster, 'rc')));
});
