import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Deployment, EndpointSlice, keyOf, Namespace, Pod, ReplicaSet, Service, StatusError } from '#api';
import { podSpec, startCluster, type TestCluster } from './testdata/cluster.ts';

/** A repeatable sequence of numbers in [0,1). Source of the constants: Numerical Recipes. */
function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** From now on writes of the controllers fail before or after they are done, and watches break, by chance. */
function makeTrouble(cluster: TestCluster, random: () => number): () => void {
  let faults = 0;
  const strike = (odds: number): boolean => random() < odds && ++faults > 0;
  cluster.intercept = () => {
    if (strike(0.1)) return new StatusError('Conflict', 'the object has been modified');
    return strike(0.1) ? new StatusError('ServiceUnavailable', 'connection refused') : undefined;
  };
  cluster.loseAnswer = () => strike(0.1);
  return () => {
    cluster.intercept = () => undefined;
    cluster.loseAnswer = () => false;
    assert.ok(faults > 3, `only ${faults} faults`);
  };
}

const web = { namespace: 'default', name: 'web' };
const template = (image: string) => ({
  metadata: { labels: { app: 'web' } },
  spec: { ...podSpec, containers: [{ ...podSpec.containers[0]!, image }] },
});

suite('controllers under faults', () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    test(`writes that fail, answers that get lost and watches that break delay a rollout and do no more (seed ${seed})`, async (t) => {
      const cluster = await startCluster(t, (name) => name !== 'nodelifecycle');
      const { client, clock } = cluster;
      const random = sequence(seed);
      await cluster.addNode('node1');
      cluster.lag = seed % 3;
      const calm = makeTrouble(cluster, random);
      await client.create(Deployment, {
        metadata: web,
        spec: { replicas: 6, selector: { matchLabels: { app: 'web' } }, template: template('nginx:1') },
      });
      await client.create(Service, { metadata: web, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } });
      for (let step = 0; step < 60; step++) {
        if (step === 20) await client.patch(Deployment, web, { spec: { template: template('nginx:2') } });
        if (step === 30) await client.patch(Deployment, web, { spec: { replicas: 9 } });
        if (random() < 0.2) cluster.dropWatches();
        await cluster.runPods();
        for (const pod of await cluster.pods()) {
          if (pod.metadata.deletionTimestamp !== undefined)
            await client.delete(Pod, pod.metadata, { body: { gracePeriodSeconds: 0 } });
        }
        clock.advance(500);
        await cluster.settled();
      }
      calm();
      // Longer than expectations are believed: an answer that got lost may have left one that nothing fulfils.
      clock.advance(301_000);
      await cluster.until('the rollout is complete', async () => {
        await cluster.runPods();
        for (const pod of await cluster.pods()) {
          if (pod.metadata.deletionTimestamp !== undefined)
            await client.delete(Pod, pod.metadata, { body: { gracePeriodSeconds: 0 } });
        }
        const { status } = await client.get(Deployment, web);
        return status.availableReplicas === 9 && status.updatedReplicas === 9 && status.replicas === 9;
      });
      await cluster.settled();
      const pods = await cluster.pods();
      assert.equal(pods.length, 9);
      assert.ok(pods.every(({ spec }) => spec.containers[0]?.image === 'nginx:2'));
      const sets = (await client.list(ReplicaSet)).items;
      assert.deepEqual(new Set(sets.map(({ spec }) => spec.replicas)), new Set([0, 9]));
      const slices = (
        await client.list(EndpointSlice, { namespace: 'default', labelSelector: 'kubernetes.io/service-name=web' })
      ).items;
      const targets = slices
        .flatMap(({ endpoints }) => endpoints ?? [])
        .map(({ targetRef }) => `default/${targetRef?.name ?? ''}`);
      assert.deepEqual(targets.toSorted(), pods.map(keyOf).toSorted());
    });
  }

  test('a namespace with everything in it goes, whatever fails meanwhile', async (t) => {
    const cluster = await startCluster(t);
    const { client, clock } = cluster;
    await client.create(Namespace, { metadata: { name: 'dev' }, spec: {} });
    await cluster.settled();
    const dev = { namespace: 'dev', name: 'web' };
    await client.create(Deployment, {
      metadata: dev,
      spec: { replicas: 4, selector: { matchLabels: { app: 'web' } }, template: template('nginx:1') },
    });
    await client.create(Service, { metadata: dev, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } });
    await cluster.until('pods', async () => (await cluster.pods('dev')).length === 4);
    const calm = makeTrouble(cluster, sequence(7));
    await client.delete(Namespace, { name: 'dev' });
    for (let step = 0; step < 20; step++) {
      clock.advance(1000);
      await cluster.settled();
    }
    calm();
    clock.advance(1_000_000);
    await cluster.until('namespace gone', async () => {
      clock.advance(20_000);
      return !(await client.list(Namespace)).items.some(({ metadata }) => metadata.name === 'dev');
    });
    assert.equal((await client.list(Pod, { namespace: 'dev' })).items.length, 0);
    assert.equal((await client.list(EndpointSlice, { namespace: 'dev' })).items.length, 0);
  });
});
