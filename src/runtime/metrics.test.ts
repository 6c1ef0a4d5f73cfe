import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#util';
import { workqueueLines } from './metrics.ts';
import { Workqueue } from './workqueue.ts';

test('a queue tells how long keys waited, how long work took, and what is under way', async () => {
  const clock = new FakeClock();
  const queue = new Workqueue(clock);
  queue.add('a');
  queue.add('b');
  queue.add('a');
  clock.advance(2000);
  await queue.take();
  clock.advance(500);
  queue.done('a');
  queue.addAfter('a', 60_000);
  await queue.take();
  clock.advance(3000);
  const lines = workqueueLines([{ name: 'replicaset', queue }]);
  const value = (name: string, more = ''): string | undefined => {
    const start = `workqueue_${name}{${more === '' ? 'name="replicaset"' : more}} `;
    return lines.find((line) => line.startsWith(start))?.slice(start.length);
  };
  assert.deepEqual(
    {
      adds: value('adds_total'),
      depth: value('depth'),
      retries: value('retries_total'),
      waited: value('queue_duration_seconds_sum'),
      worked: value('work_duration_seconds_sum'),
      short: value('work_duration_seconds_bucket', 'name="replicaset",le="0.1"'),
      long: value('work_duration_seconds_bucket', 'name="replicaset",le="1"'),
      unfinished: value('unfinished_work_seconds'),
      longest: value('longest_running_processor_seconds'),
    },
    {
      adds: '2',
      depth: '0',
      retries: '1',
      waited: '4.5',
      worked: '0.5',
      short: '0',
      long: '1',
      unfinished: '3',
      longest: '3',
    },
  );
});
