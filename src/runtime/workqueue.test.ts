import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { FakeClock } from '#util';
import { Workqueue } from './workqueue.ts';

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

suite('work queue', () => {
  test('hands out keys in the order they came, each once', async () => {
    const queue = new Workqueue(new FakeClock());
    for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
    assert.deepEqual([await queue.take(), await queue.take(), await queue.take()], ['a', 'b', 'c']);
    assert.equal(queue.depth, 0);
  });

  test('a key added while it is worked on comes again after it is done, and not before', async () => {
    const queue = new Workqueue(new FakeClock());
    queue.add('a');
    await queue.take();
    queue.add('a');
    queue.add('a');
    assert.equal(queue.depth, 0);
    queue.done('a');
    assert.equal(queue.depth, 1);
    assert.equal(await queue.take(), 'a');
    queue.done('a');
    assert.equal(queue.depth, 0);
  });

  test('of several delays of a key the shortest wins, and one timer serves all', async () => {
    const clock = new FakeClock();
    const queue = new Workqueue(clock);
    queue.addAfter('a', 500);
    queue.addAfter('a', 100);
    queue.addAfter('a', 300);
    queue.addAfter('b', 200);
    assert.equal(clock.pending, 1);
    clock.advance(99);
    assert.equal(queue.depth, 0);
    clock.advance(1);
    assert.equal(await queue.take(), 'a');
    queue.done('a');
    clock.advance(1000);
    assert.equal(await queue.take(), 'b');
    assert.deepEqual([queue.depth, queue.delayed, clock.pending], [0, 0, 0]);
  });

  test('failures double the delay up to 1000 s, and forget starts over', async () => {
    const clock = new FakeClock();
    const queue = new Workqueue(clock);
    const delay = async (): Promise<number> => {
      const from = clock.now();
      queue.addRateLimited('a');
      while (queue.depth === 0) clock.advance(1);
      await queue.take();
      queue.done('a');
      return clock.now() - from;
    };
    assert.ok((await delay()) <= 5);
    const delays = [await delay(), await delay(), await delay(), await delay()];
    for (const [i, ms] of delays.entries()) assert.ok(Math.abs(ms - 10 * 2 ** i) <= 1, `${i}: ${ms}`);
    assert.equal(queue.failuresOf('a'), 5);
    queue.forget('a');
    assert.ok((await delay()) <= 5);
  });

  test('when very much fails at once, retries are spread to ten a second', () => {
    const clock = new FakeClock();
    const queue = new Workqueue(clock);
    for (let i = 0; i < 200; i++) queue.addRateLimited(`k${i}`);
    clock.advance(10);
    assert.ok(Math.abs(queue.depth - 100) <= 1, String(queue.depth));
    clock.advance(5000);
    assert.ok(Math.abs(queue.depth - 150) <= 1, String(queue.depth));
    clock.advance(5010);
    assert.equal(queue.depth, 200);
  });

  test('closing sends waiting workers home and leaves no timer', async () => {
    const clock = new FakeClock();
    const queue = new Workqueue(clock);
    const waiting = queue.take();
    queue.addAfter('a', 1000);
    queue.close();
    queue.add('b');
    assert.equal(await waiting, undefined);
    assert.equal(await queue.take(), undefined);
    assert.equal(clock.pending, 0);
  });

  test('a hundred thousand keys pass in the order they came', async () => {
    const queue = new Workqueue(new FakeClock());
    // With a queue that moves all keys for each it hands out this would take minutes.
    for (let i = 0; i < 100_000; i++) queue.add(`ns/pod-${i}`);
    for (let i = 0; i < 100_000; i++) {
      const key = await queue.take();
      if (key !== `ns/pod-${i}`) assert.fail(`${key} instead of ns/pod-${i}`);
      queue.done(key);
    }
  });

  test('whatever is added, no key is worked on twice at a time and none is left undone', async () => {
    const key = fc.constantFrom('a', 'b', 'c');
    const op = fc.oneof(
      fc.record({ do: fc.constant('add' as const), key }),
      fc.record({ do: fc.constant('after' as const), key, ms: fc.nat(500) }),
      fc.record({ do: fc.constant('fail' as const), key }),
      fc.record({ do: fc.constant('advance' as const), ms: fc.nat(300) }),
      fc.record({ do: fc.constant('finish' as const), key }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(op, { maxLength: 60 }), fc.integer({ min: 1, max: 3 }), async (ops, workers) => {
        const clock = new FakeClock();
        const queue = new Workqueue(clock);
        const finish = new Map<string, () => void>();
        /** Keys with an add that no worker has begun to serve. */
        const owed = new Set<string>();
        const wrong: string[] = [];
        let finishAll = false;
        const work = async (): Promise<void> => {
          for (let k = await queue.take(); k !== undefined; k = await queue.take()) {
            const taken = k;
            if (finish.has(taken)) wrong.push(`${taken} is worked on twice`);
            owed.delete(taken);
            if (!finishAll) await new Promise<void>((resolve) => finish.set(taken, resolve));
            finish.delete(taken);
            queue.done(taken);
          }
        };
        const all = Promise.all(Array.from({ length: workers }, work));
        for (const step of ops) {
          if (step.do === 'advance') clock.advance(step.ms);
          else if (step.do === 'finish') finish.get(step.key)?.();
          else {
            owed.add(step.key);
            if (step.do === 'add') queue.add(step.key);
            else if (step.do === 'after') queue.addAfter(step.key, step.ms);
            else queue.addRateLimited(step.key);
          }
          await tick();
        }
        finishAll = true;
        for (let i = 0; i < 10; i++) {
          for (const end of finish.values()) end();
          clock.advance(2_000_000);
          await tick();
        }
        assert.deepEqual(wrong, []);
        assert.deepEqual([...owed], []);
        assert.deepEqual([queue.depth, queue.processing, queue.delayed, clock.pending], [0, 0, 0, 0]);
        queue.close();
        await all;
      }),
      { numRuns: 80 },
    );
  });
});
