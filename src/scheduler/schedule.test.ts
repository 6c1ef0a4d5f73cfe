import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { EVENT } from './framework.ts';
import { podInfo } from './nodeinfo.ts';
import { type Decision, schedule } from './schedule.ts';
import { testCluster, testNode, testPod } from './testdata/objects.ts';

const decide = (pod: ReturnType<typeof testPod>, cluster: ReturnType<typeof testCluster>, random = 0): Decision =>
  schedule(podInfo(pod), cluster, random);
const messageFor = (pod: ReturnType<typeof testPod>, cluster: ReturnType<typeof testCluster>): string => {
  const decision = decide(pod, cluster);
  assert.equal(decision.nodeName, undefined);
  return decision.nodeName === undefined ? decision.message : '';
};
const cordoned = { unschedulable: true };
const tainted = { taints: [{ key: 'k', effect: 'NoSchedule' }] };

suite('what is said when no node will do', () => {
  test('there is no node', () => {
    assert.deepEqual(decide(testPod('p'), testCluster([])), {
      message: 'no nodes available to schedule pods',
      wakeOn: EVENT.nodeAdd,
    });
  });

  test('the reasons are counted over the nodes and sorted as text, then what preemption found', () => {
    const small = { allocatable: { cpu: '1', memory: '1Gi', pods: '9' } };
    const cluster = testCluster([
      testNode('a', small),
      testNode('b', small),
      testNode('c', { spec: cordoned }),
      testNode('d', { spec: tainted }),
    ]);
    assert.equal(
      messageFor(testPod('p', { requests: { cpu: '2', memory: '2Gi' } }), cluster),
      '0/4 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable, 2 Insufficient cpu, ' +
        '2 Insufficient memory. preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling.',
    );
  });

  test('the first filter that rejects a node gives its reason', () => {
    const cluster = testCluster([testNode('a', { spec: { ...cordoned, ...tainted } })]);
    assert.match(
      messageFor(testPod('p', { spec: { nodeSelector: { a: 'b' } } }), cluster),
      /: 1 node\(s\) were unschedulable\./,
    );
  });

  test('counts sort as text, as upstream’s do', () => {
    const many = Array.from({ length: 10 }, (_, i) => testNode(`c${i}`, { spec: cordoned }));
    const cluster = testCluster([...many, testNode('d', { spec: tainted }), testNode('e', { spec: tainted })]);
    assert.match(
      messageFor(testPod('p'), cluster),
      /: 10 node\(s\) were unschedulable, 2 node\(s\) had untolerated taint\(s\)\./,
    );
  });

  const full = (priority?: number) =>
    testCluster([testNode('a'), testNode('b', { spec: cordoned })], {
      running: [[testPod('r', { requests: { cpu: '4' }, spec: priority === undefined ? {} : { priority } }), 'a']],
    });
  const big = (spec = {}) => testPod('p', { requests: { cpu: '1' }, spec });
  const start = '0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.';

  test('nodes full of pods of the same priority have no victims', () => {
    assert.equal(
      messageFor(big(), full()),
      `${start} preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, ` +
        '1 Preemption is not helpful for scheduling.',
    );
  });

  test('nothing is said of preemption where evicting pods would make room', () => {
    assert.equal(messageFor(big({ priority: 10 }), full(5)), start);
  });

  test('what would stand against the pod on a node without its victims is said', () => {
    const cluster = testCluster([testNode('a')], {
      running: [
        [testPod('low', { requests: { cpu: '2' } }), 'a'],
        [testPod('high', { requests: { cpu: '2' }, spec: { priority: 100 } }), 'a'],
      ],
    });
    assert.equal(
      messageFor(testPod('p', { requests: { cpu: '3' }, spec: { priority: 10 } }), cluster),
      '0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 Insufficient cpu.',
    );
  });

  test('a pod that never preempts says so', () => {
    assert.equal(
      messageFor(big({ priority: 10, preemptionPolicy: 'Never' }), full(5)),
      `${start} preemption: not eligible due to preemptionPolicy=Never.`,
    );
  });

  const pinned = (...names: string[]) => ({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            { matchFields: names.map((name) => ({ key: 'metadata.name', operator: 'In', values: [name] })) },
          ],
        },
      },
    },
  });

  test('nodes a pod of a DaemonSet does not name do not satisfy NodeAffinity', () => {
    assert.equal(
      messageFor(big(pinned('a')), full()),
      "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't satisfy plugin(s) [NodeAffinity]. " +
        'preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, ' +
        '1 Preemption is not helpful for scheduling.',
    );
    assert.match(
      messageFor(big(pinned('gone')), full()),
      /: 2 node\(s\) didn't satisfy plugin\(s\) \[NodeAffinity\]\./,
    );
  });

  test('terms that name different nodes at once conflict, whatever nodes there are', () => {
    assert.equal(
      messageFor(big(pinned('a', 'b')), full()),
      '0/2 nodes are available: pod affinity terms conflict. ' +
        'preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
    );
  });

  test('the pod wakes on the events of the plugins that rejected it, of no others', () => {
    const rejected = decide(big(), testCluster([testNode('b', { spec: cordoned })]));
    assert.deepEqual(rejected.nodeName === undefined && rejected.wakeOn, EVENT.nodeAdd | EVENT.nodeTaints);
    const fit = decide(big(), testCluster([testNode('a', { allocatable: {} })]));
    assert.deepEqual(
      fit.nodeName === undefined && fit.wakeOn,
      EVENT.nodeAdd | EVENT.nodeAllocatable | EVENT.podDelete | EVENT.podScaleDown,
    );
    const byName = decide(big(pinned('gone')), full());
    assert.deepEqual(byName.nodeName === undefined && byName.wakeOn, EVENT.nodeAdd | EVENT.nodeLabels);
  });
});

suite('which node it is', () => {
  test('the only one that will do is taken without scoring', () => {
    const cluster = testCluster([testNode('a', { spec: cordoned }), testNode('b')]);
    assert.deepEqual(decide(testPod('p'), cluster), { nodeName: 'b' });
  });

  test('the emptier one wins', () => {
    const cluster = testCluster([testNode('a'), testNode('b')], {
      running: [[testPod('r', { requests: { cpu: '2', memory: '4Gi' } }), 'a']],
    });
    for (const random of [0, 0.5, 0.99]) assert.deepEqual(decide(testPod('p'), cluster, random), { nodeName: 'b' });
  });

  test('equals are drawn by the random number', () => {
    const cluster = testCluster([testNode('a'), testNode('b'), testNode('c')]);
    const drawn = [0, 0.34, 0.67].map((random) => decide(testPod('p'), cluster, random).nodeName);
    assert.deepEqual(drawn, ['a', 'b', 'c']);
  });

  test('weights decide: avoiding a soft taint (3) outweighs a preferred node (2)', () => {
    const soft = { taints: [{ key: 'k', effect: 'PreferNoSchedule' }] };
    const cluster = testCluster([testNode('a', { spec: soft, labels: { disk: 'ssd' } }), testNode('b')]);
    const preference = { matchExpressions: [{ key: 'disk', operator: 'Exists' }] };
    const affinity = {
      nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, preference }] },
    };
    assert.deepEqual(decide(testPod('p', { spec: { affinity } }), cluster), { nodeName: 'b' });
  });

  test('a node is found if and only if there is one with room (property)', () => {
    const amount = fc.integer({ min: 0, max: 5 });
    fc.assert(
      fc.property(
        fc.array(amount, { minLength: 1, maxLength: 6 }),
        amount,
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (used, wanted, random) => {
          const nodes = used.map((_, i) => testNode(`n${i}`));
          const running = used.map(
            (cpu, i) => [testPod(`r${i}`, { requests: { cpu: String(cpu) } }), `n${i}`] as const,
          );
          const pod = testPod('p', { requests: { cpu: String(wanted) } });
          const decision = decide(pod, testCluster(nodes, { running }), random);
          const fits = used.map((cpu, i) => (wanted === 0 || wanted + cpu <= 4 ? `n${i}` : undefined));
          if (decision.nodeName === undefined) assert.ok(fits.every((name) => name === undefined));
          else assert.ok(fits.includes(decision.nodeName));
        },
      ),
    );
  });
});
