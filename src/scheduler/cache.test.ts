import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { Node, Pod } from '#api';
import { selectorFromSet } from '#api';
import { SchedulerCache } from './cache.ts';
import { NodeInfo, podInfo } from './nodeinfo.ts';
import { onNode, testNode, testPod } from './testdata/objects.ts';

const cpuOf = (cache: SchedulerCache, name: string): number | undefined =>
  cache.nodes.find(({ node }) => node.metadata.name === name)?.requested['cpu'];
const pod = (name: string, cpu: number, nodeName = ''): Pod =>
  onNode(testPod(name, { requests: { cpu: String(cpu) } }), nodeName);

suite('the scheduler’s cache', () => {
  test('counts a pod on its node, and its new state instead of the old', () => {
    const cache = new SchedulerCache();
    cache.setNode(testNode('a'));
    cache.setPod(pod('p', 1, 'a'));
    assert.equal(cpuOf(cache, 'a'), 1000);
    cache.setPod(pod('p', 2, 'a'));
    assert.equal(cpuOf(cache, 'a'), 2000);
    cache.removePod('p');
    assert.equal(cpuOf(cache, 'a'), 0);
    assert.equal(cache.nodes[0]!.nonZero.memory, 0);
  });

  test('counts an assumed pod at once; the API confirms it where it was assumed', () => {
    const cache = new SchedulerCache();
    cache.setNode(testNode('a'));
    cache.assume(podInfo(pod('p', 1)), 'a');
    assert.ok(cache.isPlaced('p') && cache.isAssumed('p'));
    cache.setPod(pod('p', 1, 'a'));
    assert.equal(cpuOf(cache, 'a'), 1000);
    assert.ok(cache.isPlaced('p') && !cache.isAssumed('p'));
    assert.equal(cache.forget('p'), false, 'nothing is assumed any more');
    assert.equal(cpuOf(cache, 'a'), 1000);
  });

  test('gives the room back when an assumed pod is forgotten', () => {
    const cache = new SchedulerCache();
    cache.setNode(testNode('a'));
    cache.assume(podInfo(pod('p', 1)), 'a');
    assert.equal(cache.forget('p'), true);
    assert.equal(cpuOf(cache, 'a'), 0);
    assert.ok(!cache.isPlaced('p'));
  });

  test('keeps a pod that another scheduler has put elsewhere when the own binding fails', () => {
    const cache = new SchedulerCache();
    for (const name of ['a', 'b']) cache.setNode(testNode(name));
    cache.assume(podInfo(pod('p', 1)), 'a');
    cache.setPod(pod('p', 1, 'b'));
    assert.deepEqual([cpuOf(cache, 'a'), cpuOf(cache, 'b')], [0, 1000]);
    cache.forget('p');
    assert.deepEqual([cpuOf(cache, 'a'), cpuOf(cache, 'b')], [0, 1000]);
    cache.assume(podInfo(pod('p', 1)), 'a');
    assert.deepEqual([cpuOf(cache, 'a'), cpuOf(cache, 'b')], [0, 1000], 'what the API says stands');
  });

  test('keeps the pods of a node that is away, and of one that is not there yet', () => {
    const cache = new SchedulerCache();
    cache.setPod(pod('early', 1, 'a'));
    cache.setNode(testNode('a'));
    cache.setPod(pod('p', 1, 'a'));
    cache.removeNode('a');
    assert.deepEqual(cache.nodes, []);
    cache.setPod(pod('late', 1, 'a'));
    cache.removePod('p');
    cache.setNode(testNode('a'));
    assert.equal(cpuOf(cache, 'a'), 2000);
  });

  test('takes over new allocatable and labels of a node and keeps its pods', () => {
    const cache = new SchedulerCache();
    cache.setNode(testNode('a'));
    cache.setPod(pod('p', 1, 'a'));
    cache.setNode(testNode('a', { allocatable: { cpu: '8' }, labels: { disk: 'ssd' } }));
    assert.equal(cache.nodes[0]!.allocatable['cpu'], 8000);
    assert.equal(cache.nodes[0]!.node.metadata.labels?.['disk'], 'ssd');
    assert.equal(cpuOf(cache, 'a'), 1000);
  });

  test('knows how many nodes have an image', () => {
    const cache = new SchedulerCache();
    cache.setNode(testNode('a', { images: { x: 1, y: 1 } }));
    cache.setNode(testNode('b', { images: { x: 1 } }));
    const counts = (): number[] => ['x', 'y', 'z'].map((name) => cache.nodesWithImage(name));
    assert.deepEqual(counts(), [2, 1, 0]);
    cache.setNode(testNode('a', { images: { z: 1 } }));
    assert.deepEqual(counts(), [1, 0, 1]);
    cache.removeNode('b');
    assert.deepEqual(counts(), [0, 0, 1]);
  });

  test('takes a new status over without counting again', () => {
    const cache = new SchedulerCache();
    cache.setNode(testNode('a'));
    cache.setPod(pod('p', 1, 'a'));
    const running = { ...pod('p', 1, 'a'), status: { phase: 'Running' } };
    cache.refreshPod(running);
    assert.equal(cache.nodes[0]!.pods.get('p')?.pod, running);
    assert.equal(cpuOf(cache, 'a'), 1000);
    cache.refreshPod(pod('unknown', 1, 'a'));
    assert.equal(cache.nodes[0]!.pods.size, 1);
  });
});

test('a node remembers counts of matching pods only until its pods change', () => {
  const info = new NodeInfo(testNode('a'));
  const selector = selectorFromSet({ app: 'web' });
  const count = (): number => info.countMatching('web', ({ metadata }) => selector.matches(metadata.labels));
  assert.equal(count(), 0);
  info.add(podInfo(testPod('p', { labels: { app: 'web' } })));
  assert.equal(count(), 1);
  info.add(podInfo(testPod('p', { labels: { app: 'other' } })));
  assert.equal(count(), 0);
  info.remove('p');
  assert.equal(count(), 0);
  assert.equal(info.lowestPriority, Infinity);
});

test('a node sums up the affinity terms of its pods, and forgets those of pods that went', () => {
  const info = new NodeInfo(testNode('a'));
  const podAffinityTerm = { topologyKey: 'zone', labelSelector: { matchLabels: { app: 'web' } } };
  const near = (name: string, weight: number): Pod =>
    testPod(name, {
      spec: {
        affinity: {
          podAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [podAffinityTerm],
            preferredDuringSchedulingIgnoredDuringExecution: [{ weight, podAffinityTerm }],
          },
        },
      },
    });
  const sums = (): unknown[] =>
    [...info.terms.values()].map(({ anti, required, preference }) => ({ anti, required, preference }));
  info.add(podInfo(near('p', 5)));
  info.add(podInfo(near('q', 7)));
  assert.deepEqual(sums(), [{ anti: 0, required: 2, preference: 12 }]);
  info.remove('p');
  assert.deepEqual(sums(), [{ anti: 0, required: 1, preference: 7 }]);
  info.remove('q');
  assert.deepEqual(sums(), []);
});

/** The same history, counted anew each time. */
class SlowCache {
  readonly nodes = new Map<string, Node>();
  readonly pods = new Map<string, { pod: Pod; nodeName: string; assumed: boolean }>();

  sums(): Record<string, { cpu: number; pods: string[] }> {
    return Object.fromEntries(
      [...this.nodes.keys()].toSorted().map((name) => {
        const own = [...this.pods.values()].filter(({ nodeName }) => nodeName === name);
        const cpu = own.reduce((sum, { pod: p }) => sum + (podInfo(p).requests['cpu'] ?? 0), 0);
        return [name, { cpu, pods: own.map(({ pod: p }) => p.metadata.uid).toSorted() }];
      }),
    );
  }
}

test('whatever comes in whatever order, the sums are those of a slow recount (property)', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const uid = fc.constantFrom('p', 'q', 'r', 's');
  const cpu = fc.integer({ min: 0, max: 3 });
  const step = fc.oneof(
    fc.record({ do: fc.constant('setNode' as const), name }),
    fc.record({ do: fc.constant('removeNode' as const), name }),
    fc.record({ do: fc.constant('setPod' as const), uid, name, cpu }),
    fc.record({ do: fc.constant('assume' as const), uid, name, cpu }),
    fc.record({ do: fc.constant('forget' as const), uid }),
    fc.record({ do: fc.constant('removePod' as const), uid }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const cache = new SchedulerCache();
      const slow = new SlowCache();
      for (const s of steps) {
        const known = 'uid' in s ? slow.pods.get(s.uid) : undefined;
        switch (s.do) {
          case 'setNode':
            cache.setNode(testNode(s.name));
            slow.nodes.set(s.name, testNode(s.name));
            break;
          case 'removeNode':
            cache.removeNode(s.name);
            slow.nodes.delete(s.name);
            break;
          case 'setPod':
            cache.setPod(pod(s.uid, s.cpu, s.name));
            slow.pods.set(s.uid, { pod: pod(s.uid, s.cpu), nodeName: s.name, assumed: false });
            break;
          case 'assume':
            cache.assume(podInfo(pod(s.uid, s.cpu)), s.name);
            if (known === undefined || known.assumed)
              slow.pods.set(s.uid, { pod: pod(s.uid, s.cpu), nodeName: s.name, assumed: true });
            break;
          case 'forget':
            assert.equal(cache.forget(s.uid), known?.assumed === true);
            if (known?.assumed === true) slow.pods.delete(s.uid);
            break;
          case 'removePod':
            cache.removePod(s.uid);
            slow.pods.delete(s.uid);
            break;
        }
        const sums = cache.nodes
          .map(({ node, requested, pods }) => ({
            name: node.metadata.name,
            cpu: requested['cpu'] ?? 0,
            pods: [...pods.keys()].toSorted(),
          }))
          .toSorted((x, y) => (x.name < y.name ? -1 : 1));
        assert.deepEqual(Object.fromEntries(sums.map(({ name: n, ...rest }) => [n, rest])), slow.sums());
        for (const id of ['p', 'q', 'r', 's']) assert.equal(cache.isPlaced(id), slow.pods.has(id));
      }
    }),
  );
});
