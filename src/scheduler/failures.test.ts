import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Pod, StatusError, type Transport } from '#api';
import { isBound, isTurnedAway, nodeOf, scheduled, startScheduler } from './testdata/running.ts';

/** Answers requests to bind pods, or leaves them to the server. */
const onBinding =
  (answer: (name: string, go: () => Promise<unknown>) => Promise<unknown>) =>
  (inner: Transport): Transport => ({
    ...inner,
    watch: (request, options) => inner.watch(request, options),
    request: (request, options) => {
      const go = (): Promise<unknown> => inner.request(request, options);
      return request.subresource === 'binding' ? answer(request.name ?? '', go) : go();
    },
  });

suite('bindings that fail', () => {
  test('are told, free the room and are tried again', async (t) => {
    let failures = 1;
    const wrap = onBinding(async (_, go) => {
      if (failures-- > 0) throw new StatusError('InternalError', 'the datastore is on fire');
      return await go();
    });
    const scheduler = await startScheduler(t, { wrap });
    await scheduler.addNode('a');
    await scheduler.addPod('p', { requests: { cpu: '4' } });
    const message = 'running Bind plugin "DefaultBinder": the datastore is on fire';
    await scheduler.until('told', () => scheduled(scheduler, 'p')?.message === message);
    assert.equal(scheduled(scheduler, 'p')?.reason, 'SchedulerError');
    assert.deepEqual(scheduler.eventsOf('p'), [`Warning FailedScheduling: ${message}`]);
    assert.deepEqual(scheduler.complaints, ['Binding failed StatusError: the datastore is on fire']);
    scheduler.clock.advance(999);
    await scheduler.settle();
    assert.equal(nodeOf(scheduler, 'p'), undefined);
    scheduler.clock.advance(1);
    await scheduler.until('bound', isBound(scheduler, 'p'));
    assert.equal(scheduled(scheduler, 'p')?.status, 'True');
  });

  test('let pods in that had found no room because of them', async (t) => {
    let fail = (): void => undefined;
    const held = new Promise<void>((resolve) => (fail = resolve));
    const wrap = onBinding(async (name, go) => {
      if (name !== 'first') return await go();
      await held;
      throw new StatusError('InternalError', 'no');
    });
    const scheduler = await startScheduler(t, { wrap });
    await scheduler.addNode('a');
    await scheduler.addPod('first', { requests: { cpu: '4' } });
    await scheduler.addPod('second', { requests: { cpu: '4' } });
    await scheduler.until('second turned away', isTurnedAway(scheduler, 'second'));
    fail();
    await scheduler.until('second bound', isBound(scheduler, 'second'));
  });

  test('because another scheduler was quicker leave the pod where that one put it, and counted there', async (t) => {
    const other = { go: async (): Promise<void> => undefined };
    const wrap = onBinding(async (name, go) => {
      if (name === 'p') await other.go();
      return await go();
    });
    const scheduler = await startScheduler(t, { wrap });
    const { client } = scheduler;
    await scheduler.addNode('a');
    await scheduler.addNode('b', { room: { cpu: '2', memory: '8Gi', pods: '110' } });
    other.go = async () => {
      const target = { kind: 'Node', name: 'b' };
      const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'p' }, target };
      await client.createSubresource(Pod, { namespace: 'default', name: 'p' }, 'binding', binding);
      await scheduler.until('seen on b', () => nodeOf(scheduler, 'p') === 'b');
      await scheduler.settle();
    };
    await scheduler.addPod('p', { requests: { cpu: '2' } });
    await scheduler.until('conflict', () => scheduler.complaints.length > 0);
    assert.match(scheduler.complaints[0]!, /pod p is already assigned to node "b"/);
    await scheduler.settle();
    assert.equal(scheduled(scheduler, 'p')?.status, 'True', 'nothing is written over what stands');
    // b is full, a is free.
    await scheduler.addPod('on-b', {
      requests: { cpu: '1' },
      spec: { nodeSelector: { 'kubernetes.io/hostname': 'b' } },
    });
    await scheduler.until('b is full', isTurnedAway(scheduler, 'on-b'));
    await scheduler.addPod('on-a', { requests: { cpu: '4' } });
    await scheduler.until('a is free', isBound(scheduler, 'on-a'));
  });

  test('of a pod that is deleted meanwhile free the room and say nothing', async (t) => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const wrap = onBinding(async (name, go) => {
      if (name === 'p') await held;
      return await go();
    });
    const scheduler = await startScheduler(t, { wrap });
    await scheduler.addNode('a');
    await scheduler.addPod('p', { requests: { cpu: '4' } });
    await scheduler.addPod('q', { requests: { cpu: '4' } });
    await scheduler.until('q turned away', isTurnedAway(scheduler, 'q'));
    await scheduler.client.delete(Pod, { namespace: 'default', name: 'p' });
    await scheduler.until('q bound before the binding of p failed', isBound(scheduler, 'q'));
    release();
    await scheduler.settle();
    assert.deepEqual(scheduler.complaints, []);
    assert.deepEqual(scheduler.eventsOf('p'), []);
  });

  test('whose answer was lost are not repeated once the API shows them', async (t) => {
    let bindings = 0;
    const wrap = onBinding(async (_, go) => {
      bindings++;
      await go();
      throw new StatusError('ServiceUnavailable', 'connection lost');
    });
    const scheduler = await startScheduler(t, { wrap });
    await scheduler.addNode('a');
    await scheduler.addPod('p');
    await scheduler.until('bound', isBound(scheduler, 'p'));
    await scheduler.settle();
    scheduler.clock.advance(60_000);
    await scheduler.settle();
    assert.equal(bindings, 1);
    assert.equal(scheduled(scheduler, 'p')?.status, 'True');
  });
});

suite('stopping', () => {
  test('ends writes under way and leaves nothing on the clock', async (t) => {
    const wrap = onBinding((_, go) => go());
    const scheduler = await startScheduler(t, { wrap });
    await scheduler.addPod('stuck', { spec: { nodeSelector: { no: 'where' } } });
    await scheduler.addNode('a');
    for (let i = 0; i < 50; i++) await scheduler.addPod(`p-${i}`);
    await scheduler.until('some bound', isBound(scheduler, 'p-0'));
    await scheduler.stop();
    await scheduler.settle();
    assert.equal(scheduler.clock.pending, 0);
    const bound = scheduler.pods().filter(({ spec }) => spec.nodeName !== undefined).length;
    await scheduler.addPod('late');
    await scheduler.settle();
    assert.equal(scheduler.pods().filter(({ spec }) => spec.nodeName !== undefined).length, bound);
    assert.deepEqual(scheduler.complaints, []);
  });

  test('before the first list has arrived is no failure', async (t) => {
    const never = (inner: Transport): Transport => ({
      request: (request, options) => inner.request(request, options),
      watch: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          if (signal.aborted) reject(signal.reason);
          else signal.addEventListener('abort', () => reject(signal.reason));
        }),
    });
    const scheduler = await startScheduler(t, { wrap: never });
    await scheduler.stop();
    assert.deepEqual(scheduler.complaints, []);
  });
});
