import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Controller, type ControllerContext } from '#runtime';
import { Pod } from '#api';
import { podDraft, startCluster } from '../testdata/cluster.ts';
import { newPodGCController } from './podgc.ts';

const alone = (context: ControllerContext): readonly Controller[] => [
  newPodGCController(context, { terminatedPodThreshold: 2 }),
];

suite('pod garbage collector', () => {
  test('deletes terminated pods beyond the threshold, evicted ones first and then the oldest', async (t) => {
    const cluster = await startCluster(t, () => false, alone);
    await cluster.addNode('node1');
    for (const name of ['a', 'b', 'c', 'd']) {
      await cluster.client.create(Pod, podDraft(name, {}));
      cluster.clock.advance(1000);
    }
    await cluster.client.create(Pod, podDraft('running', {}));
    const end = (name: string, status: object) =>
      cluster.client.patch(Pod, { namespace: 'default', name }, { status }, { subresource: 'status' });
    for (const name of ['a', 'b', 'c']) await end(name, { phase: 'Succeeded' });
    await end('d', { phase: 'Failed', reason: 'Evicted' });
    cluster.clock.advance(20_000);
    await cluster.until('two left', async () => (await cluster.pods()).length === 3);
    assert.deepEqual((await cluster.pods()).map(({ metadata }) => metadata.name).toSorted(), ['b', 'c', 'running']);
  });

  test('a pod deleted before it had a node is gone at once', async (t) => {
    const cluster = await startCluster(t, () => false, alone);
    await cluster.client.create(Pod, {
      ...podDraft('a', {}),
      metadata: { namespace: 'default', name: 'a', finalizers: ['example.com/hold'] },
    });
    await cluster.client.delete(Pod, { namespace: 'default', name: 'a' });
    await cluster.settled();
    assert.equal((await cluster.pods())[0]?.status.phase, 'Failed');
    await cluster.client.patch(
      Pod,
      { namespace: 'default', name: 'a' },
      { metadata: { finalizers: [] } },
      { type: 'application/merge-patch+json' },
    );
    await cluster.until('gone', async () => (await cluster.pods()).length === 0);
  });
});
