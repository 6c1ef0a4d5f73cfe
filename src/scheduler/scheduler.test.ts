import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Node, Pod, podRequests, ReplicaSet, Service, type Transport } from '#api';
import { isBound, isTurnedAway, nodeOf, scheduled, startScheduler } from './testdata/running.ts';

suite('pods that can be placed', () => {
  test('are bound and said to be', async (t) => {
    const scheduler = await startScheduler(t);
    await scheduler.addNode('a');
    await scheduler.addPod('p');
    await scheduler.until('bound and told', () => scheduler.eventsOf('p').length > 0);
    assert.equal(nodeOf(scheduler, 'p'), 'a');
    assert.equal(scheduled(scheduler, 'p')?.status, 'True');
    assert.deepEqual(scheduler.eventsOf('p'), ['Normal Scheduled: Successfully assigned default/p to a']);
    assert.deepEqual(scheduler.complaints, []);
  });

  test('are those that were there before the scheduler, too', async (t) => {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const late = (inner: Transport): Transport => ({
      request: (request, options) => inner.request(request, options),
      watch: async (request, options) => {
        await opened;
        return await inner.watch(request, options);
      },
    });
    const scheduler = await startScheduler(t, { wrap: late });
    await scheduler.addPod('p');
    await scheduler.addNode('a');
    open();
    await scheduler.until('bound', isBound(scheduler, 'p'));
    await scheduler.settle();
    assert.deepEqual(scheduler.eventsOf('p'), ['Normal Scheduled: Successfully assigned default/p to a']);
  });

  test('are not those of another scheduler, though theirs count', async (t) => {
    const scheduler = await startScheduler(t);
    await scheduler.addNode('a');
    await scheduler.addPod('theirs', { requests: { cpu: '3' }, spec: { schedulerName: 'other' } });
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'theirs' },
      target: { kind: 'Node', name: 'a' },
    };
    await scheduler.settle();
    assert.equal(nodeOf(scheduler, 'theirs'), undefined);
    await scheduler.client.createSubresource(Pod, { namespace: 'default', name: 'theirs' }, 'binding', binding);
    await scheduler.addPod('mine', { requests: { cpu: '2' } });
    await scheduler.until('turned away', isTurnedAway(scheduler, 'mine'));
    assert.deepEqual(scheduler.eventsOf('theirs'), []);
  });

  test('are spread over nodes with the others of their Service and ReplicaSet', async (t) => {
    const scheduler = await startScheduler(t);
    const labels = { app: 'web' };
    await scheduler.client.create(Service, {
      metadata: { namespace: 'default', name: 'web' },
      spec: { selector: labels, ports: [{ port: 80 }] },
    });
    // More room on the first: without spreading all would go there.
    for (const [name, cpu] of [
      ['large', '40'],
      ['small', '4'],
      ['tiny', '3'],
    ] as const)
      await scheduler.addNode(name, { room: { cpu, memory: '80Gi', pods: '110' } });
    for (let i = 0; i < 9; i++)
      await scheduler.addPod(`web-${i}`, { labels, requests: { cpu: '100m', memory: '10Mi' } });
    await scheduler.until('all bound', () => scheduler.pods().every(({ spec }) => spec.nodeName !== undefined));
    const counts = Map.groupBy(scheduler.pods(), ({ spec }) => spec.nodeName);
    assert.deepEqual(
      ['large', 'small', 'tiny'].map((name) => counts.get(name)?.length),
      [3, 3, 3],
    );
  });

  test('500 of them on 50 nodes are all bound, and no node beyond what it has', async (t) => {
    const scheduler = await startScheduler(t);
    for (let i = 0; i < 50; i++)
      await scheduler.addNode(`node-${i}`, { room: { cpu: '1', memory: '4Gi', pods: '12' } });
    const requests = { cpu: '100m', memory: '64Mi' };
    await Promise.all(Array.from({ length: 500 }, (_, i) => scheduler.addPod(`p-${i}`, { requests })));
    await scheduler.until(
      'all bound',
      () => scheduler.pods().filter(({ spec }) => spec.nodeName !== undefined).length === 500,
    );
    for (const [name, pods] of Map.groupBy(scheduler.pods(), ({ spec }) => spec.nodeName ?? '')) {
      assert.equal(pods.length, 10, name);
      assert.equal(
        pods.reduce((sum, pod) => sum + (podRequests(pod)['cpu'] ?? 0), 0),
        1000,
        name,
      );
    }
    assert.deepEqual(scheduler.complaints, []);
  });
});

suite('pods that no node will take', () => {
  test('get an event and a condition, and a node as soon as one appears', async (t) => {
    const scheduler = await startScheduler(t);
    await scheduler.addPod('p');
    await scheduler.until('turned away', isTurnedAway(scheduler, 'p'));
    const message = 'no nodes available to schedule pods';
    assert.deepEqual(scheduler.eventsOf('p'), [`Warning FailedScheduling: ${message}`]);
    assert.deepEqual(scheduled(scheduler, 'p'), {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      observedGeneration: 1,
      lastTransitionTime: '2026-01-01T00:00:00Z',
    });
    await scheduler.addNode('a');
    await scheduler.until('bound', isBound(scheduler, 'p'));
    assert.equal(scheduled(scheduler, 'p')?.status, 'True');
  });

  test('get one when a node’s label changes, when it is uncordoned, when its taint goes, when it grows', async (t) => {
    const scheduler = await startScheduler(t);
    const { client } = scheduler;
    await scheduler.addNode('a', {
      spec: { unschedulable: true, taints: [{ key: 'k', effect: 'NoSchedule' }] },
      room: { cpu: '1', memory: '1Gi', pods: '10' },
    });
    await scheduler.addPod('p', { requests: { cpu: '2' }, spec: { nodeSelector: { disk: 'ssd' } } });
    const said = async (reason: string): Promise<void> => {
      const message =
        `0/1 nodes are available: 1 ${reason}. ` +
        'preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.';
      await scheduler.until(reason, () => scheduled(scheduler, 'p')?.message === message);
    };
    await said('node(s) were unschedulable');
    await client.patch(Node, { name: 'a' }, { spec: { unschedulable: false } });
    await said('node(s) had untolerated taint(s)');
    await client.patch(Node, { name: 'a' }, { spec: { taints: null } });
    await said("node(s) didn't match Pod's node affinity/selector");
    await client.patch(Node, { name: 'a' }, { metadata: { labels: { disk: 'ssd' } } });
    await said('Insufficient cpu');
    await client.patch(Node, { name: 'a' }, { status: { allocatable: { cpu: '2' } } }, { subresource: 'status' });
    await scheduler.until('bound', isBound(scheduler, 'p'));
    assert.deepEqual(scheduler.complaints, []);
  });

  test('get one when room is made: by a pod that is deleted, and by one that ends', async (t) => {
    const scheduler = await startScheduler(t);
    const { client } = scheduler;
    await scheduler.addNode('a', { room: { cpu: '2', memory: '1Gi', pods: '10' } });
    for (const name of ['first', 'second']) {
      await scheduler.addPod(name, { requests: { cpu: '1' } });
      await scheduler.until('bound', isBound(scheduler, name));
    }
    await scheduler.addPod('third', { requests: { cpu: '1' } });
    await scheduler.until('turned away', isTurnedAway(scheduler, 'third'));
    await client.delete(Pod, { namespace: 'default', name: 'first' }, { body: { gracePeriodSeconds: 0 } });
    await scheduler.until('third bound', isBound(scheduler, 'third'));
    await scheduler.addPod('fourth', { requests: { cpu: '1' } });
    await scheduler.until('turned away', isTurnedAway(scheduler, 'fourth'));
    await client.patch(
      Pod,
      { namespace: 'default', name: 'second' },
      { status: { phase: 'Succeeded' } },
      { subresource: 'status' },
    );
    await scheduler.until('fourth bound', isBound(scheduler, 'fourth'));
  });

  test('get one when they learn to tolerate its taint', async (t) => {
    const scheduler = await startScheduler(t);
    await scheduler.addNode('a', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } });
    const pod = await scheduler.addPod('p');
    await scheduler.until('turned away', isTurnedAway(scheduler, 'p'));
    const tolerations = [...(pod.spec.tolerations ?? []), { key: 'k', operator: 'Exists' }];
    await scheduler.client.patch(Pod, { namespace: 'default', name: 'p' }, { spec: { tolerations } });
    await scheduler.until('bound', isBound(scheduler, 'p'));
  });

  test('write their status once, however often they are tried for the same reason', async (t) => {
    const scheduler = await startScheduler(t);
    await scheduler.addNode('a', { spec: { unschedulable: true } });
    await scheduler.addPod('p');
    await scheduler.until('turned away', isTurnedAway(scheduler, 'p'));
    const { resourceVersion } = scheduler.pod('p')!.metadata;
    for (let i = 0; i < 3; i++) {
      scheduler.clock.advance(5 * 60_000);
      await scheduler.settle();
    }
    assert.equal(scheduler.pod('p')!.metadata.resourceVersion, resourceVersion);
  });

  test('do not keep others waiting', async (t) => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const slowStatus = (inner: Transport): Transport => ({
      watch: (request, options) => inner.watch(request, options),
      request: async (request, options) => {
        if (request.subresource === 'status') await held;
        return await inner.request(request, options);
      },
    });
    const scheduler = await startScheduler(t, { wrap: slowStatus });
    await scheduler.addNode('a');
    await scheduler.addPod('large', { requests: { cpu: '9' } });
    await scheduler.addPod('small');
    await scheduler.until('small bound', isBound(scheduler, 'small'));
    assert.equal(scheduled(scheduler, 'large'), undefined);
    // Room for it comes before the word that there was none is written: the last word must be that it is bound.
    await scheduler.addNode('b', { room: { cpu: '10', memory: '8Gi', pods: '10' } });
    await scheduler.settle();
    release();
    await scheduler.until('large bound', isBound(scheduler, 'large'));
    await scheduler.settle();
    assert.equal(scheduled(scheduler, 'large')?.status, 'True');
  });
});

suite('pods that are not to be placed', () => {
  test('wait for their gates to be lifted, without a word', async (t) => {
    const scheduler = await startScheduler(t);
    await scheduler.addNode('a');
    await scheduler.addPod('p', { spec: { schedulingGates: [{ name: 'example.com/quota' }] } });
    await scheduler.settle();
    assert.equal(scheduled(scheduler, 'p')?.reason, 'SchedulingGated');
    assert.deepEqual(scheduler.eventsOf('p'), []);
    await scheduler.client.patch(
      Pod,
      { namespace: 'default', name: 'p' },
      { spec: { schedulingGates: [] } },
      { type: 'application/merge-patch+json' },
    );
    await scheduler.until('bound', isBound(scheduler, 'p'));
  });

  test('stay where they are when they have ended or are being deleted', async (t) => {
    const scheduler = await startScheduler(t);
    const { client } = scheduler;
    const ref = (name: string) => ({ namespace: 'default', name });
    await scheduler.addPod('ended');
    await client.create(Pod, {
      metadata: { ...ref('going'), finalizers: ['example.com/hold'] },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });
    await scheduler.until(
      'both turned away',
      () => isTurnedAway(scheduler, 'ended')() && isTurnedAway(scheduler, 'going')(),
    );
    await client.patch(Pod, ref('ended'), { status: { phase: 'Failed' } }, { subresource: 'status' });
    await client.delete(Pod, ref('going'));
    await scheduler.addNode('a');
    await scheduler.addPod('next');
    await scheduler.until('next bound', isBound(scheduler, 'next'));
    scheduler.clock.advance(5 * 60_000);
    await scheduler.settle();
    assert.deepEqual([nodeOf(scheduler, 'ended'), nodeOf(scheduler, 'going')], [undefined, undefined]);
    await client.patch(Pod, ref('going'), { metadata: { finalizers: null } });
  });
});

test('pods of a ReplicaSet belong together even without a Service', async (t) => {
  const scheduler = await startScheduler(t);
  const labels = { app: 'rs' };
  const set = await scheduler.client.create(ReplicaSet, {
    metadata: { namespace: 'default', name: 'rs' },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    },
  });
  for (const [name, cpu] of [
    ['large', '40'],
    ['small', '4'],
  ] as const)
    await scheduler.addNode(name, { room: { cpu, memory: '80Gi', pods: '110' } });
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: set.metadata.uid, controller: true };
  for (let i = 0; i < 6; i++)
    await scheduler.client.create(Pod, {
      metadata: { namespace: 'default', name: `rs-${i}`, labels, ownerReferences: [owner] },
      spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '100m', memory: '10Mi' } } }] },
    });
  await scheduler.until(
    'all bound',
    () => scheduler.pods().length === 6 && scheduler.pods().every(({ spec }) => spec.nodeName !== undefined),
  );
  const counts = Map.groupBy(scheduler.pods(), ({ spec }) => spec.nodeName);
  assert.deepEqual(
    ['large', 'small'].map((name) => counts.get(name)?.length),
    [3, 3],
  );
});
