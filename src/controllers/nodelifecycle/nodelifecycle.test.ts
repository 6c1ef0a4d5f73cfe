import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { formatMicroTime, Lease, Node, Pod, StatusError, type Toleration } from '#api';
import { podDraft, startCluster, type TestCluster } from '../testdata/cluster.ts';
import { toleratedSeconds } from './taints.ts';

const only = (name: string): boolean => ['nodelifecycle', 'taint-eviction-controller', 'podgc'].includes(name);
const lease = { namespace: 'kube-node-lease', name: 'node1' };

async function withNodes(cluster: TestCluster): Promise<void> {
  for (const name of ['node1', 'node2']) {
    await cluster.addNode(name);
    await cluster.client.create(Lease, {
      metadata: { ...lease, name },
      spec: { holderIdentity: name, renewTime: formatMicroTime(cluster.clock.now()) },
    });
  }
  await cluster.settled();
}

/** Time passes while only the named nodes renew their lease. */
async function pass(cluster: TestCluster, seconds: number, ...alive: string[]): Promise<void> {
  for (let i = 0; i < seconds; i += 10) {
    cluster.clock.advance(10_000);
    for (const name of alive) {
      await cluster.client.patch(
        Lease,
        { ...lease, name },
        { spec: { renewTime: formatMicroTime(cluster.clock.now()) } },
      );
    }
    await cluster.settled();
  }
}

const taintsOf = async ({ client }: TestCluster, name: string): Promise<string[]> =>
  ((await client.get(Node, { name })).spec.taints ?? []).map(({ key, effect }) => `${key}:${effect}`).toSorted();
const ready = async ({ client }: TestCluster, name: string) =>
  (await client.get(Node, { name })).status.conditions?.find(({ type }) => type === 'Ready');

const TOLERATES_5_MINUTES: Toleration[] = ['not-ready', 'unreachable'].map((key) => ({
  key: `node.kubernetes.io/${key}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 300,
}));

suite('node controllers', () => {
  test('a node that renews its lease is left alone', async (t) => {
    const cluster = await startCluster(t, only);
    await withNodes(cluster);
    await pass(cluster, 300, 'node1', 'node2');
    assert.equal((await ready(cluster, 'node1'))?.status, 'True');
    assert.deepEqual(await taintsOf(cluster, 'node1'), []);
  });

  test('a silent node becomes Unknown, is tainted, its pods are not ready, and go when they tolerate it no longer', async (t) => {
    const cluster = await startCluster(t, only);
    await withNodes(cluster);
    await cluster.client.create(Pod, podDraft('short', {}, { tolerations: TOLERATES_5_MINUTES }));
    await cluster.client.create(Pod, podDraft('ever', {}, { tolerations: [{ operator: 'Exists' }] }));
    await cluster.runPods();
    await pass(cluster, 60, 'node2');
    const condition = await ready(cluster, 'node1');
    assert.deepEqual(
      [condition?.status, condition?.reason, condition?.message],
      ['Unknown', 'NodeStatusUnknown', 'Kubelet stopped posting node status.'],
    );
    assert.deepEqual(await taintsOf(cluster, 'node1'), [
      'node.kubernetes.io/unreachable:NoExecute',
      'node.kubernetes.io/unreachable:NoSchedule',
    ]);
    const pods = await cluster.pods();
    assert.ok(pods.every(({ status }) => status.conditions?.find(({ type }) => type === 'Ready')?.status === 'False'));
    assert.ok(pods.every(({ metadata }) => metadata.deletionTimestamp === undefined));
    await pass(cluster, 310, 'node2');
    const leaving = (await cluster.pods()).filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
    assert.deepEqual(
      leaving.map(({ metadata }) => metadata.name),
      ['short'],
    );
    assert.equal(
      leaving[0]?.status.conditions?.find(({ type }) => type === 'DisruptionTarget')?.reason,
      'DeletionByTaintManager',
    );
    assert.deepEqual(await taintsOf(cluster, 'node2'), []);
  });

  test('a node that comes back loses its taints, and its pods stay', async (t) => {
    const cluster = await startCluster(t, only);
    await withNodes(cluster);
    await cluster.client.create(Pod, podDraft('short', {}, { tolerations: TOLERATES_5_MINUTES }));
    await cluster.runPods();
    await pass(cluster, 120, 'node2');
    const node = await cluster.client.get(Node, { name: 'node1' });
    const conditions = node.status.conditions?.map((c) => ({
      ...c,
      status: c.type === 'Ready' ? 'True' : 'False',
      lastHeartbeatTime: new Date(cluster.clock.now()).toISOString().replace('.000', ''),
    }));
    await cluster.client.updateStatus(Node, { ...node, status: { ...node.status, conditions } });
    await pass(cluster, 400, 'node1', 'node2');
    assert.deepEqual(await taintsOf(cluster, 'node1'), []);
    assert.ok(!('taints' in (await cluster.client.get(Node, { name: 'node1' })).spec), 'no empty list is left');
    assert.equal((await cluster.pods())[0]?.metadata.deletionTimestamp, undefined);
    assert.ok(cluster.events.some((event) => event.includes('Cancelling deletion of Pod default/short')));
  });

  test('when every node is silent no pod is sent away', async (t) => {
    const cluster = await startCluster(t, only);
    await withNodes(cluster);
    await cluster.client.create(Pod, podDraft('a', {}));
    await cluster.runPods();
    await pass(cluster, 120);
    assert.equal((await ready(cluster, 'node1'))?.status, 'Unknown');
    const noExecute = [...(await taintsOf(cluster, 'node1')), ...(await taintsOf(cluster, 'node2'))].filter((each) =>
      each.endsWith('NoExecute'),
    );
    assert.ok(noExecute.length <= 1, noExecute.join());
  });

  test('taints follow conditions and cordoning', async (t) => {
    const cluster = await startCluster(t, only);
    await withNodes(cluster);
    await cluster.client.patch(Node, { name: 'node1' }, { spec: { unschedulable: true } });
    await cluster.client.patch(
      Node,
      { name: 'node1' },
      { status: { conditions: [{ type: 'DiskPressure', status: 'True' }] } },
      { subresource: 'status' },
    );
    await cluster.until('two taints', async () => (await taintsOf(cluster, 'node1')).length === 2);
    assert.deepEqual(await taintsOf(cluster, 'node1'), [
      'node.kubernetes.io/disk-pressure:NoSchedule',
      'node.kubernetes.io/unschedulable:NoSchedule',
    ]);
    await cluster.client.patch(Node, { name: 'node1' }, { spec: { unschedulable: false } });
    await cluster.until('one taint', async () => (await taintsOf(cluster, 'node1')).length === 1);
  });

  test('pods of a node that was removed are removed after a while', async (t) => {
    const cluster = await startCluster(t, only);
    await withNodes(cluster);
    await cluster.client.create(Pod, podDraft('a', {}));
    await cluster.runPods();
    await cluster.client.delete(Node, { name: 'node1' });
    await cluster.settled();
    assert.equal((await cluster.pods()).length, 1);
    await pass(cluster, 70, 'node2');
    assert.equal((await cluster.pods()).length, 0);
    await assert.rejects(cluster.client.get(Pod, { namespace: 'default', name: 'a' }), (error) =>
      StatusError.is(error, 'NotFound'),
    );
  });
});

test('a pod stays as long as its least patient toleration says', () => {
  const taint = { key: 'k', effect: 'NoExecute', value: 'v' };
  assert.equal(toleratedSeconds([taint], []), 0);
  assert.equal(toleratedSeconds([taint], [{ key: 'k', value: 'v', tolerationSeconds: 30 }]), 30);
  assert.equal(toleratedSeconds([taint], [{ key: 'k', value: 'other', tolerationSeconds: 30 }]), 0);
  assert.equal(
    toleratedSeconds(
      [taint, { ...taint, key: 'l' }],
      [
        { key: 'k', operator: 'Exists' },
        { key: 'l', operator: 'Exists', tolerationSeconds: 5 },
      ],
    ),
    5,
  );
  assert.equal(toleratedSeconds([taint], [{ operator: 'Exists' }]), Number.POSITIVE_INFINITY);
});
