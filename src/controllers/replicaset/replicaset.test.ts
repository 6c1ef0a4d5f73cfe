import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Draft, Pod, ReplicaSet, StatusError } from '#api';
import { podDraft, podSpec, startCluster } from '../testdata/cluster.ts';

const only = (name: string): boolean => name === 'replicaset';

const web = (replicas: number, spec: Partial<ReplicaSet['spec']> = {}): Draft<ReplicaSet> => ({
  metadata: { namespace: 'default', name: 'web' },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: podSpec },
    ...spec,
  },
});
const ref = { namespace: 'default', name: 'web' };

suite('replicaset controller', () => {
  test('makes as many pods as wanted, and says so', async (t) => {
    const { client, until, pods, events } = await startCluster(t, only);
    await client.create(ReplicaSet, web(5));
    await until('status tells of 5 replicas', async () => (await client.get(ReplicaSet, ref)).status.replicas === 5);
    const made = await pods();
    assert.equal(made.length, 5);
    const [owner] = made[0]?.metadata.ownerReferences ?? [];
    assert.deepEqual(
      [owner?.kind, owner?.name, owner?.controller, owner?.blockOwnerDeletion],
      ['ReplicaSet', 'web', true, true],
    );
    assert.match(made[0]?.metadata.name ?? '', /^web-[a-z0-9]{5}$/);
    assert.deepEqual(
      events.toSorted(),
      made
        .map(({ metadata }) => `replicaset-controller web Normal SuccessfulCreate: Created pod: ${metadata.name}`)
        .toSorted(),
    );
    const { status } = await client.get(ReplicaSet, ref);
    assert.deepEqual([status.fullyLabeledReplicas, status.readyReplicas ?? 0, status.observedGeneration], [5, 0, 1]);
  });

  test('replaces a pod that is deleted and counts a failed one no more', async (t) => {
    const { client, until, pods } = await startCluster(t, only);
    await client.create(ReplicaSet, web(2));
    await until('2 pods', async () => (await pods()).length === 2);
    const [a, b] = await pods();
    await client.delete(Pod, a!.metadata, { body: { gracePeriodSeconds: 0 } });
    await client.patch(Pod, b!.metadata, { status: { phase: 'Failed' } }, { subresource: 'status' });
    await until(
      '2 other pods',
      async () =>
        (await pods()).filter((p) => p.status.phase !== 'Failed' && p.metadata.uid !== a!.metadata.uid).length === 2,
    );
  });

  test('when shrinking, deletes what is missed least: first pods without a node, then those not ready', async (t) => {
    const { client, until, pods, runPods, settled } = await startCluster(t, only);
    await client.create(ReplicaSet, web(4));
    await until('4 pods', async () => (await pods()).length === 4);
    const all = (await pods()).map(({ metadata }) => metadata.name);
    await runPods(({ metadata }) => metadata.name !== all[1]);
    await settled();
    await client.patch(ReplicaSet, ref, { spec: { replicas: 3 } });
    await until('3 pods', async () => (await pods()).length === 3);
    assert.deepEqual(
      new Set((await pods()).map(({ metadata }) => metadata.name)),
      new Set(all.filter((name) => name !== all[1])),
    );
  });

  test('adopts orphans it selects, and lets go of pods it selects no more', async (t) => {
    const { client, until, pods } = await startCluster(t, only);
    await client.create(Pod, podDraft('orphan', { app: 'web' }));
    await client.create(ReplicaSet, web(2));
    await until('one pod made for the two', async () => (await pods()).length === 2);
    await until(
      'orphan adopted',
      async () =>
        (await client.get(Pod, { namespace: 'default', name: 'orphan' })).metadata.ownerReferences?.[0]?.name === 'web',
    );
    await client.patch(Pod, { namespace: 'default', name: 'orphan' }, { metadata: { labels: { app: 'other' } } });
    await until('orphan released and replaced', async () => {
      const all = await pods();
      const orphan = all.find(({ metadata }) => metadata.name === 'orphan');
      return all.length === 3 && (orphan?.metadata.ownerReferences ?? []).length === 0;
    });
  });

  test('says why pods cannot be made, tries a little at first, and goes on when they can', async (t) => {
    const cluster = await startCluster(t, only);
    const { client, until, pods, events, clock, settled } = cluster;
    let refused = 0;
    cluster.intercept = (verb, plural) =>
      verb === 'create' && plural === 'pods' && ++refused > 0
        ? new StatusError('Forbidden', 'exceeded quota')
        : undefined;
    await client.create(ReplicaSet, web(10));
    await until(
      'condition',
      async () => (await client.get(ReplicaSet, ref)).status.conditions?.[0]?.reason === 'FailedCreate',
    );
    const [condition] = (await client.get(ReplicaSet, ref)).status.conditions ?? [];
    assert.deepEqual(
      [condition?.type, condition?.status, condition?.message],
      ['ReplicaFailure', 'True', 'exceeded quota'],
    );
    assert.ok(events.includes('replicaset-controller web Warning FailedCreate: Error creating: exceeded quota'));
    assert.ok(refused < 8, `${refused} tries`);
    cluster.intercept = () => undefined;
    clock.advance(60_000);
    await settled();
    await until('10 pods', async () => (await pods()).length === 10);
    await until(
      'no condition',
      async () =>
        (await client.get(ReplicaSet, ref)).status.conditions === undefined ||
        (await client.get(ReplicaSet, ref)).status.conditions?.length === 0,
    );
  });

  test('counts a pod as available only after it was ready for minReadySeconds', async (t) => {
    const { client, until, pods, runPods, clock, settled } = await startCluster(t, only);
    await client.create(ReplicaSet, web(1, { minReadySeconds: 30 }));
    await until('1 pod', async () => (await pods()).length === 1);
    await runPods();
    await until('ready', async () => (await client.get(ReplicaSet, ref)).status.readyReplicas === 1);
    assert.equal((await client.get(ReplicaSet, ref)).status.availableReplicas ?? 0, 0);
    clock.advance(30_000);
    await settled();
    assert.equal((await client.get(ReplicaSet, ref)).status.availableReplicas, 1);
  });

  test('makes no pod twice, however often it is woken before its caches show the first', async (t) => {
    const cluster = await startCluster(t, only);
    const { client, until, pods, writes, settled } = cluster;
    cluster.lag = 5;
    await client.create(ReplicaSet, web(20));
    for (let i = 0; i < 10; i++) {
      await client.patch(ReplicaSet, ref, { metadata: { annotations: { n: String(i) } } });
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until('20 pods', async () => (await pods()).length === 20);
    await settled();
    assert.equal(writes.filter((write) => write.startsWith('create pods')).length, 20);
    assert.equal(writes.filter((write) => write.startsWith('delete')).length, 0);
  });
});
