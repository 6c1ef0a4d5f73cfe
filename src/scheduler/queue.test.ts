import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { FakeClock } from '#util';
import { EVENT } from './framework.ts';
import { SchedulingQueue } from './queue.ts';
import { testPod } from './testdata/objects.ts';

const NODE = EVENT.nodeAdd | EVENT.nodeLabels;

/** A queue whose taker is busy: pods come out only when asked for. */
function newQueue() {
  const clock = new FakeClock(1_000_000);
  const queue = new SchedulingQueue(clock);
  let pending: Promise<unknown> | undefined;
  /** Name of the next pod, if there is one now. */
  const next = async (): Promise<string | undefined> => {
    const none = Symbol('none');
    pending ??= queue.take();
    const first = await Promise.race([pending, Promise.resolve(none).then((value) => value)]);
    if (first === none) return undefined;
    pending = undefined;
    return (first as ReturnType<typeof testPod> | undefined)?.metadata.name;
  };
  return { clock, queue, next };
}

const withPriority = (name: string, priority: number) => testPod(name, { spec: { priority } });

suite('the order of pods', () => {
  test('higher priority first, then the order they came in, also within one millisecond', async () => {
    const { clock, queue, next } = newQueue();
    for (const name of ['a', 'b', 'c', 'd', 'e']) queue.set(testPod(name));
    clock.advance(1);
    queue.set(withPriority('urgent', 10));
    queue.set(withPriority('late', 0));
    assert.deepEqual(
      [await next(), await next(), await next(), await next(), await next(), await next(), await next()],
      ['urgent', 'a', 'b', 'c', 'd', 'e', 'late'],
    );
  });

  test('a pod that comes back stands behind those that came before its try failed', async () => {
    const { clock, queue, next } = newQueue();
    queue.set(testPod('old'));
    assert.equal(await next(), 'old');
    clock.advance(1);
    queue.set(testPod('new'));
    clock.advance(1);
    queue.failed('old', { wakeOn: NODE });
    clock.advance(1000);
    queue.moveAll(EVENT.nodeAdd);
    assert.deepEqual([await next(), await next()], ['new', 'old']);
  });
});

suite('pods that failed', () => {
  test('after an error they come back by themselves: after 1 s, 2, 4, 8, then 10', async () => {
    const { clock, queue, next } = newQueue();
    queue.set(testPod('p'));
    assert.equal(await next(), 'p');
    for (const delay of [1000, 2000, 4000, 8000, 10_000, 10_000]) {
      queue.failed('p', 'error');
      queue.moveAll(~0 >>> 1);
      clock.advance(delay - 1);
      assert.equal(await next(), undefined, `not before ${delay}`);
      clock.advance(1);
      assert.equal(await next(), 'p', `after ${delay}`);
    }
  });

  test('without a node they wait for an event they wake on, and for no other', async () => {
    const { clock, queue, next } = newQueue();
    queue.set(testPod('p'));
    await next();
    queue.failed('p', { wakeOn: NODE });
    clock.advance(60_000);
    queue.moveAll(EVENT.podDelete);
    assert.equal(await next(), undefined);
    queue.moveAll(EVENT.podDelete | EVENT.nodeLabels);
    assert.equal(await next(), 'p');
  });

  test('they are tried after five minutes even when nothing happened', async () => {
    const { clock, queue, next } = newQueue();
    queue.set(testPod('p'));
    await next();
    queue.failed('p', { wakeOn: NODE });
    clock.advance(5 * 60_000 - 1);
    assert.equal(await next(), undefined);
    clock.advance(1);
    assert.equal(await next(), 'p');
  });

  test('those that still back off are taken when nothing else is ready, and only then', async () => {
    const { queue, next } = newQueue();
    for (const name of ['p', 'q']) queue.set(testPod(name));
    await next();
    await next();
    queue.failed('p', { wakeOn: NODE });
    queue.failed('q', { wakeOn: NODE });
    queue.set(testPod('fresh'));
    queue.moveAll(EVENT.nodeAdd);
    assert.deepEqual([await next(), await next(), await next()], ['fresh', 'p', 'q']);
  });

  test('a back-off that ends makes a pod ready, beside those of lower priority', async () => {
    const { clock, queue, next } = newQueue();
    queue.set(withPriority('p', 10));
    await next();
    queue.failed('p', { wakeOn: NODE });
    for (const name of ['a', 'b']) queue.set(testPod(name));
    queue.moveAll(EVENT.nodeAdd);
    assert.equal(await next(), 'a');
    clock.advance(1000);
    assert.deepEqual([await next(), await next()], ['p', 'b']);
  });

  test('an event during the try brings them back at once; one before it does not', async () => {
    const { queue, next } = newQueue();
    queue.set(testPod('p'));
    queue.moveAll(EVENT.nodeAdd);
    await next();
    queue.failed('p', { wakeOn: NODE });
    assert.equal(await next(), undefined, 'the event was before');
    queue.moveAll(EVENT.nodeAdd);
    assert.equal(await next(), 'p');
    queue.moveAll(EVENT.podAdd);
    queue.moveAll(EVENT.nodeLabels);
    queue.failed('p', { wakeOn: NODE });
    assert.equal(await next(), 'p', 'the event was during the try');
    queue.moveAll(EVENT.podAdd);
    queue.failed('p', { wakeOn: NODE });
    assert.equal(await next(), undefined, 'it was none it wakes on');
  });

  test('a change of the pod itself brings it back, a change of its status does not', async () => {
    const { queue, next } = newQueue();
    const pod = testPod('p');
    queue.set(pod);
    await next();
    queue.failed('p', { wakeOn: NODE });
    queue.set({ ...pod, status: { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False' }] } });
    assert.equal(await next(), undefined);
    const tolerating = { ...pod, spec: { ...pod.spec, tolerations: [{ operator: 'Exists' }] } };
    queue.set(tolerating);
    assert.equal(await next(), 'p');
    assert.equal(queue.taken('p'), tolerating);
    queue.set({ ...tolerating, metadata: { ...pod.metadata, labels: { app: 'web' } } });
    queue.failed('p', { wakeOn: NODE });
    assert.equal(await next(), 'p', 'changed during the try');
  });

  test('one rejection after errors backs off as the first rejection', async () => {
    const { clock, queue, next } = newQueue();
    queue.set(testPod('p'));
    await next();
    for (const delay of [1000, 2000]) {
      queue.failed('p', 'error');
      clock.advance(delay);
      await next();
    }
    queue.failed('p', { wakeOn: NODE });
    for (const name of ['a', 'b']) queue.set(withPriority(name, -1));
    queue.moveAll(EVENT.nodeAdd);
    clock.advance(999);
    assert.equal(await next(), 'a', 'p still backs off');
    clock.advance(1);
    assert.deepEqual([await next(), await next()], ['p', 'b']);
  });
});

suite('pods that go', () => {
  test('one that is deleted while it waits does not come out, wherever it waits', async () => {
    const { clock, queue, next } = newQueue();
    for (const name of ['ready', 'error', 'unschedulable', 'backoff']) queue.set(testPod(name));
    for (let i = 0; i < 4; i++) await next();
    queue.failed('error', 'error');
    queue.failed('backoff', { wakeOn: EVENT.podAdd });
    queue.failed('unschedulable', { wakeOn: NODE });
    queue.delete('ready');
    queue.set(testPod('ready'));
    queue.moveAll(EVENT.podAdd);
    for (const name of ['ready', 'error', 'unschedulable', 'backoff']) queue.delete(name);
    assert.equal(clock.pending, 0);
    queue.moveAll(~0 >>> 1);
    assert.equal(await next(), undefined);
  });

  test('one that is deleted during its try does not come back', async () => {
    const { clock, queue, next } = newQueue();
    queue.set(testPod('p'));
    await next();
    assert.ok(queue.taken('p'));
    queue.delete('p');
    assert.equal(queue.taken('p'), undefined);
    queue.failed('p', 'error');
    clock.advance(60_000);
    assert.equal(await next(), undefined);
  });

  test('one that is taken away and given back comes out once', async () => {
    const { queue, next } = newQueue();
    queue.set(testPod('p'));
    queue.delete('p');
    queue.set(testPod('p'));
    assert.deepEqual([await next(), await next()], ['p', undefined]);
  });
});

suite('closing', () => {
  test('ends the wait, hands nothing more out and leaves nothing on the clock', async () => {
    const { clock, queue, next } = newQueue();
    for (const name of ['a', 'b', 'c', 'd']) queue.set(testPod(name));
    for (let i = 0; i < 3; i++) await next();
    queue.failed('a', 'error');
    queue.failed('b', { wakeOn: NODE });
    queue.close();
    assert.equal(await queue.take(), undefined, 'though d is ready');
    queue.failed('c', 'error');
    queue.set(testPod('e'));
    queue.moveAll(~0 >>> 1);
    assert.equal(clock.pending, 0);
    assert.equal(await queue.take(), undefined);
  });

  test('wakes whoever waits', async () => {
    const { queue } = newQueue();
    const waiting = queue.take();
    queue.close();
    assert.equal(await waiting, undefined);
  });
});

test('no pod is lost, and none is handed out twice (property)', async () => {
  const uid = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const step = fc.oneof(
    fc.record({ do: fc.constant('set' as const), uid, version: fc.nat(2) }),
    fc.record({ do: fc.constant('delete' as const), uid }),
    fc.record({ do: fc.constant('take' as const) }),
    fc.record({ do: fc.constant('fail' as const), uid, wakeOn: fc.constantFrom(1, 2, 3), error: fc.boolean() }),
    fc.record({ do: fc.constant('event' as const), event: fc.constantFrom(1, 2, 4) }),
    fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(10, 1000, 400_000) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const clock = new FakeClock();
      const queue = new SchedulingQueue(clock);
      const waiting = new Set<string>();
      const out = new Set<string>();
      const takes: Promise<void>[] = [];
      const takeOne = async (): Promise<void> => {
        const pod = await queue.take();
        // Deleted between being handed out and now: whoever takes asks.
        if (pod === undefined || queue.taken(pod.metadata.uid) === undefined) return;
        const { uid: id } = pod.metadata;
        assert.ok(!out.has(id), `${id} was handed out twice`);
        assert.ok(waiting.delete(id), `${id} did not wait`);
        out.add(id);
      };
      const take = (): void => {
        takes.push(takeOne());
      };
      for (const s of steps) {
        switch (s.do) {
          case 'set':
            if (!waiting.has(s.uid) && !out.has(s.uid)) waiting.add(s.uid);
            queue.set(testPod(s.uid, { labels: { version: String(s.version) } }));
            break;
          case 'delete':
            waiting.delete(s.uid);
            out.delete(s.uid);
            queue.delete(s.uid);
            break;
          case 'take':
            take();
            break;
          case 'fail':
            if (out.delete(s.uid)) waiting.add(s.uid);
            else break;
            queue.failed(s.uid, s.error ? 'error' : { wakeOn: s.wakeOn });
            break;
          case 'event':
            queue.moveAll(s.event);
            break;
          case 'advance':
            clock.advance(s.ms);
            break;
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
      // In the end all that wait come out, each once.
      for (let i = 0; i < 5; i++) take();
      for (let i = 0; i < 3; i++) {
        clock.advance(400_000);
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.deepEqual([...waiting], []);
      queue.close();
      await Promise.all(takes);
      assert.equal(clock.pending, 0);
    }),
    { numRuns: 200 },
  );
});
