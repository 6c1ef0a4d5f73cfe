import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Deployment, type DeploymentCondition, type Draft, Pod, ReplicaSet } from '#api';
import { podSpec, startCluster, type TestCluster } from '../testdata/cluster.ts';

const only = (name: string): boolean => name === 'deployment' || name === 'replicaset';
const ref = { namespace: 'default', name: 'web' };

const web = (replicas: number, spec: Partial<Deployment['spec']> = {}): Draft<Deployment> => ({
  metadata: { namespace: 'default', name: 'web', annotations: { team: 'a' } },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: podSpec },
    ...spec,
  },
});

const setImage = (cluster: TestCluster, image: string): Promise<unknown> =>
  cluster.client.patch(Deployment, ref, { spec: { template: { spec: { containers: [{ name: 'web', image }] } } } });

const get = (cluster: TestCluster): Promise<Deployment> => cluster.client.get(Deployment, ref);
const sets = async (cluster: TestCluster): Promise<readonly ReplicaSet[]> =>
  (await cluster.client.list(ReplicaSet, { namespace: 'default' })).items;
const condition = async (cluster: TestCluster, type: string): Promise<DeploymentCondition | undefined> =>
  (await get(cluster)).status.conditions?.find((c) => c.type === type);

/** Plays kubelet until the rollout is complete; calls `check` after each step. */
async function rollOut(
  cluster: TestCluster,
  image: string,
  check: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  await cluster.until(`rollout of ${image}`, async () => {
    await check();
    await cluster.runPods();
    const { status, spec, metadata } = await get(cluster);
    return (
      spec.template.spec?.containers[0]?.image === image &&
      status.observedGeneration === metadata.generation &&
      status.updatedReplicas === spec.replicas &&
      status.replicas === spec.replicas &&
      status.availableReplicas === spec.replicas
    );
  });
  await cluster.settled();
}

suite('deployment controller', () => {
  test('makes a ReplicaSet named by its template, and tells when it is available', async (t) => {
    const cluster = await startCluster(t, only);
    await cluster.client.create(Deployment, web(3));
    await cluster.until('pods', async () => (await cluster.pods()).length === 3);
    await cluster.settled();
    assert.equal((await condition(cluster, 'Available'))?.status, 'False');
    assert.equal((await condition(cluster, 'Progressing'))?.reason, 'ReplicaSetUpdated');
    const [rs] = await sets(cluster);
    const hash = rs?.metadata.labels?.['pod-template-hash'] ?? '';
    assert.match(hash, /^[a-z0-9]{6,10}$/);
    assert.equal(rs?.metadata.name, `web-${hash}`);
    assert.deepEqual(rs?.spec.selector.matchLabels, { app: 'web', 'pod-template-hash': hash });
    assert.deepEqual(rs?.metadata.annotations, {
      team: 'a',
      'deployment.kubernetes.io/desired-replicas': '3',
      'deployment.kubernetes.io/max-replicas': '4',
      'deployment.kubernetes.io/revision': '1',
    });
    assert.equal((await get(cluster)).metadata.annotations?.['deployment.kubernetes.io/revision'], '1');
    assert.ok(
      cluster.events.includes(
        `deployment-controller web Normal ScalingReplicaSet: Scaled up replica set web-${hash} from 0 to 3`,
      ),
    );

    await rollOut(cluster, 'nginx:1');
    const progressing = await condition(cluster, 'Progressing');
    assert.deepEqual(
      [progressing?.status, progressing?.reason, progressing?.message],
      ['True', 'NewReplicaSetAvailable', `ReplicaSet "web-${hash}" has successfully progressed.`],
    );
    const available = await condition(cluster, 'Available');
    assert.deepEqual(
      [available?.status, available?.reason, available?.message],
      ['True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.'],
    );
  });

  test('rolls a new template out within maxSurge and maxUnavailable, and keeps the old one for a way back', async (t) => {
    const cluster = await startCluster(t, only);
    await cluster.client.create(
      Deployment,
      web(8, { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 2, maxUnavailable: 1 } } }),
    );
    await rollOut(cluster, 'nginx:1');
    await setImage(cluster, 'nginx:2');
    let most = 0;
    let leastReady = 8;
    await rollOut(cluster, 'nginx:2', async () => {
      const pods = (await cluster.pods()).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      most = Math.max(most, pods.length);
      leastReady = Math.min(leastReady, pods.filter(({ status }) => status.phase === 'Running').length);
    });
    assert.ok(most <= 10, `${most} pods at once`);
    assert.ok(leastReady >= 7, `only ${leastReady} ready`);
    assert.deepEqual(new Set((await sets(cluster)).map(({ spec }) => spec.replicas)), new Set([0, 8]));
    assert.equal((await get(cluster)).metadata.annotations?.['deployment.kubernetes.io/revision'], '2');

    await setImage(cluster, 'nginx:1');
    await rollOut(cluster, 'nginx:1');
    const all = await sets(cluster);
    assert.equal(all.length, 2);
    const back = all.find(({ spec }) => spec.replicas === 8);
    assert.equal(back?.metadata.annotations?.['deployment.kubernetes.io/revision'], '3');
    assert.equal(back?.metadata.annotations?.['deployment.kubernetes.io/revision-history'], '1');
  });

  test('stops while new pods do not become ready, and says so after the deadline', async (t) => {
    const cluster = await startCluster(t, only);
    await cluster.client.create(Deployment, web(4, { progressDeadlineSeconds: 60 }));
    await rollOut(cluster, 'nginx:1');
    await setImage(cluster, 'broken');
    await cluster.until(
      'two new pods',
      async () => (await cluster.pods()).filter(({ spec }) => spec.containers[0]?.image === 'broken').length === 2,
    );
    await cluster.settled();
    const running = (await cluster.pods()).filter(
      ({ spec, metadata }) => spec.containers[0]?.image === 'nginx:1' && metadata.deletionTimestamp === undefined,
    );
    assert.equal(running.length, 3);
    assert.equal((await condition(cluster, 'Progressing'))?.reason, 'ReplicaSetUpdated');
    cluster.clock.advance(62_000);
    await cluster.settled();
    const stuck = await condition(cluster, 'Progressing');
    assert.deepEqual([stuck?.status, stuck?.reason], ['False', 'ProgressDeadlineExceeded']);
    assert.match(stuck?.message ?? '', /^ReplicaSet "web-[a-z0-9]+" has timed out progressing\.$/);
  });

  test('Recreate starts new pods only when the last old one is gone', async (t) => {
    const cluster = await startCluster(t, only);
    await cluster.client.create(Deployment, web(2, { strategy: { type: 'Recreate' } }));
    await rollOut(cluster, 'nginx:1');
    await setImage(cluster, 'nginx:2');
    await cluster.until('old pods asked to stop', async () =>
      (await cluster.pods()).every(({ metadata }) => metadata.deletionTimestamp !== undefined),
    );
    await cluster.settled();
    const old = await cluster.pods();
    assert.equal(old.length, 2);
    await cluster.client.delete(Pod, old[0]!.metadata, { body: { gracePeriodSeconds: 0 } });
    await cluster.settled();
    assert.equal((await cluster.pods()).length, 1);
    await cluster.client.delete(Pod, old[1]!.metadata, { body: { gracePeriodSeconds: 0 } });
    await rollOut(cluster, 'nginx:2');
    assert.equal((await cluster.pods()).length, 2);
  });

  test('scales in proportion amid a rollout', async (t) => {
    const cluster = await startCluster(t, only);
    await cluster.client.create(
      Deployment,
      web(10, { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } }),
    );
    await rollOut(cluster, 'nginx:1');
    await setImage(cluster, 'broken');
    const sizes = async (): Promise<Record<string, number>> =>
      Object.fromEntries(
        (await sets(cluster)).map(({ spec }) => [spec.template?.spec?.containers[0]?.image ?? '', spec.replicas ?? 0]),
      );
    await cluster.until('stuck rollout', async () => {
      const { 'nginx:1': old, broken } = await sizes();
      return old === 8 && broken === 5;
    });
    await cluster.client.patch(Deployment, ref, { spec: { replicas: 20 } });
    await cluster.until('both grow', async () => {
      const { 'nginx:1': old = 0, broken = 0 } = await sizes();
      return old + broken === 23;
    });
    assert.deepEqual(await sizes(), { 'nginx:1': 14, broken: 9 });
  });

  test('a paused deployment scales and does not roll out', async (t) => {
    const cluster = await startCluster(t, only);
    await cluster.client.create(Deployment, web(2));
    await rollOut(cluster, 'nginx:1');
    await cluster.client.patch(Deployment, ref, { spec: { paused: true } });
    await setImage(cluster, 'nginx:2');
    await cluster.client.patch(Deployment, ref, { spec: { replicas: 4 } });
    await cluster.until('4 pods', async () => (await cluster.pods()).length === 4);
    await cluster.settled();
    assert.equal((await sets(cluster)).length, 1);
    assert.equal((await condition(cluster, 'Progressing'))?.reason, 'DeploymentPaused');
    await cluster.client.patch(Deployment, ref, { spec: { paused: false } });
    await rollOut(cluster, 'nginx:2');
    assert.equal((await sets(cluster)).length, 2);
  });

  test('keeps no more old ReplicaSets than the history limit', async (t) => {
    const cluster = await startCluster(t, only);
    await cluster.client.create(Deployment, web(1, { revisionHistoryLimit: 2 }));
    for (let i = 1; i <= 5; i++) {
      if (i > 1) await setImage(cluster, `nginx:${i}`);
      await rollOut(cluster, `nginx:${i}`);
    }
    await cluster.until('two old ones', async () => (await sets(cluster)).length === 3);
    const images = (await sets(cluster)).map(({ spec }) => spec.template?.spec?.containers[0]?.image);
    assert.deepEqual(new Set(images), new Set(['nginx:3', 'nginx:4', 'nginx:5']));
  });

  test('settles: when all is done nothing more is written', async (t) => {
    const cluster = await startCluster(t, only);
    await cluster.client.create(Deployment, web(3));
    await rollOut(cluster, 'nginx:1');
    const before = cluster.writes.length;
    await cluster.client.patch(Deployment, ref, { metadata: { labels: { touched: 'yes' } } });
    await cluster.settled();
    assert.deepEqual(cluster.writes.slice(before), []);
  });
});
