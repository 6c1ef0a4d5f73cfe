import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { NodeSelectorTerm } from '#api';
import { normalizeByMax } from '../framework.ts';
import { filterAll, scoreAll, testCluster, testNode, testPod } from '../testdata/objects.ts';
import { imageLocality } from './imagelocality.ts';
import { nodeAffinity } from './nodeaffinity.ts';
import { nodeName } from './nodename.ts';
import { nodePorts } from './nodeports.ts';
import { nodeResourcesBalancedAllocation, nodeResourcesFit } from './noderesources.ts';
import { nodeUnschedulable } from './nodeunschedulable.ts';
import { taintToleration } from './tainttoleration.ts';

const MISMATCH = "node(s) didn't match Pod's node affinity/selector!";

test('scores are scaled to the best, and turned round where less is better', () => {
  assert.deepEqual(normalizeByMax([0, 1, 3], false), [0, 33, 100]);
  assert.deepEqual(normalizeByMax([0, 1, 3], true), [100, 67, 0]);
  assert.deepEqual(normalizeByMax([0, 0], false), [0, 0]);
  assert.deepEqual(normalizeByMax([0, 0], true), [100, 100]);
});

suite('NodeUnschedulable', () => {
  const cluster = testCluster([testNode('cordoned', { spec: { unschedulable: true } }), testNode('open')]);

  test('turns pods away from cordoned nodes', () => {
    assert.deepEqual(filterAll(nodeUnschedulable, testPod('p'), cluster), {
      cordoned: 'node(s) were unschedulable!',
      open: 'ok',
    });
  });

  test('lets pods in that tolerate the taint of cordoned nodes', () => {
    const tolerations = [{ key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' }];
    assert.deepEqual(filterAll(nodeUnschedulable, testPod('p', { spec: { tolerations } }), cluster), {
      cordoned: 'ok',
      open: 'ok',
    });
  });
});

test('NodeName keeps a pod to the node it names', () => {
  const cluster = testCluster([testNode('a'), testNode('b')]);
  assert.deepEqual(filterAll(nodeName, testPod('p'), cluster), { a: 'ok', b: 'ok' });
  assert.deepEqual(filterAll(nodeName, testPod('p', { spec: { nodeName: 'b' } }), cluster), {
    a: "node(s) didn't match the requested node name!",
    b: 'ok',
  });
});

suite('TaintToleration', () => {
  const taint = (effect: string) => ({ key: 'dedicated', value: 'gpu', effect });
  const cluster = testCluster([
    testNode('free'),
    testNode('soft', { spec: { taints: [taint('PreferNoSchedule')] } }),
    testNode('hard', { spec: { taints: [taint('NoSchedule')] } }),
    testNode('evicts', { spec: { taints: [taint('NoExecute')] } }),
  ]);
  const text = 'node(s) had untolerated taint(s)!';

  test('turns pods away that do not tolerate NoSchedule and NoExecute', () => {
    assert.deepEqual(filterAll(taintToleration, testPod('p'), cluster), {
      free: 'ok',
      soft: 'ok',
      hard: text,
      evicts: text,
    });
  });

  test('looks at key, value and effect of tolerations', () => {
    const tolerating = (toleration: object) =>
      filterAll(taintToleration, testPod('p', { spec: { tolerations: [toleration] } }), cluster);
    const exact = { key: 'dedicated', operator: 'Equal', value: 'gpu', effect: 'NoSchedule' };
    assert.deepEqual(tolerating(exact), { free: 'ok', soft: 'ok', hard: 'ok', evicts: text });
    assert.deepEqual(tolerating({ ...exact, value: 'cpu' }), { free: 'ok', soft: 'ok', hard: text, evicts: text });
    assert.deepEqual(tolerating({ operator: 'Exists' }), { free: 'ok', soft: 'ok', hard: 'ok', evicts: 'ok' });
  });

  test('prefers nodes without PreferNoSchedule taints that are not tolerated', () => {
    assert.deepEqual(scoreAll(taintToleration, testPod('p'), cluster), [100, 0, 100, 100]);
    const tolerations = [{ key: 'dedicated', operator: 'Exists' }];
    assert.deepEqual(scoreAll(taintToleration, testPod('p', { spec: { tolerations } }), cluster), [100, 100, 100, 100]);
    const noHelp = [{ key: 'dedicated', operator: 'Exists', effect: 'NoSchedule' }];
    assert.deepEqual(scoreAll(taintToleration, testPod('p', { spec: { tolerations: noHelp } }), cluster)?.[1], 0);
  });
});

suite('NodeAffinity', () => {
  const cluster = testCluster([
    testNode('a', { labels: { disk: 'ssd', size: '8', big: '9007199254740993' } }),
    testNode('b', { labels: { disk: 'hdd', size: '16' } }),
    testNode('c'),
  ]);
  const requiring = (...nodeSelectorTerms: NodeSelectorTerm[]) => ({
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
  });
  const accepted = (spec: object): string[] => {
    const verdicts = filterAll(nodeAffinity, testPod('p', { spec }), cluster);
    assert.ok(typeof verdicts !== 'string');
    for (const verdict of Object.values(verdicts)) assert.match(verdict, /^ok$|^node\(s\) didn't match Pod's/);
    return Object.keys(verdicts).filter((name) => verdicts[name] === 'ok');
  };
  const by = (key: string, operator: string, ...values: string[]): string[] =>
    accepted(requiring({ matchExpressions: [{ key, operator, values }] }));

  test('gives the reason upstream gives', () => {
    assert.deepEqual(filterAll(nodeAffinity, testPod('p', { spec: { nodeSelector: { disk: 'ssd' } } }), cluster), {
      a: 'ok',
      b: MISMATCH,
      c: MISMATCH,
    });
  });

  test('knows all operators; a missing label is not in, and satisfies neither Gt nor Lt', () => {
    assert.deepEqual(by('disk', 'In', 'ssd', 'nvme'), ['a']);
    assert.deepEqual(by('disk', 'NotIn', 'ssd'), ['b', 'c']);
    assert.deepEqual(by('disk', 'Exists'), ['a', 'b']);
    assert.deepEqual(by('disk', 'DoesNotExist'), ['c']);
    assert.deepEqual(by('size', 'Gt', '8'), ['b']);
    assert.deepEqual(by('size', 'Lt', '16'), ['a']);
    assert.deepEqual(by('disk', 'Gt', '1'), []);
    assert.deepEqual(by('big', 'Gt', '9007199254740992'), ['a'], 'beyond what a double can tell apart');
  });

  test('needs nodeSelector and one term, and all of that term; an empty term matches nothing', () => {
    const term = (key: string, value: string) => ({ key, operator: 'In', values: [value] });
    const ssd = { matchExpressions: [term('disk', 'ssd')] };
    const large = { matchExpressions: [term('size', '16')] };
    assert.deepEqual(accepted(requiring(ssd, large)), ['a', 'b']);
    assert.deepEqual(accepted({ ...requiring(ssd, large), nodeSelector: { disk: 'hdd' } }), ['b']);
    assert.deepEqual(accepted(requiring({ matchExpressions: [term('disk', 'ssd'), term('size', '16')] })), []);
    assert.deepEqual(accepted(requiring({})), []);
    assert.deepEqual(accepted(requiring()), []);
  });

  test('takes the nodes a pod of a DaemonSet names, and says so when the names contradict each other', () => {
    const field = (...names: string[]) => ({
      matchFields: names.map((name) => ({ key: 'metadata.name', operator: 'In', values: [name] })),
    });
    assert.deepEqual(accepted(requiring(field('b'))), ['b']);
    assert.deepEqual(accepted(requiring(field('a'), field('b'))), ['a', 'b']);
    assert.equal(
      filterAll(nodeAffinity, testPod('p', { spec: requiring(field('a', 'b')) }), cluster),
      'pod affinity terms conflict',
    );
    const others = { matchFields: [{ key: 'metadata.name', operator: 'NotIn', values: ['a'] }] };
    assert.deepEqual(accepted(requiring(others)), ['b', 'c']);
  });

  test('scores by the weights of the preferences a node meets', () => {
    const prefer = (weight: number, key: string) => ({
      weight,
      preference: { matchExpressions: [{ key, operator: 'Exists' }] },
    });
    const preferred = [prefer(10, 'disk'), prefer(30, 'big'), { weight: 5, preference: {} }];
    const affinity = { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } };
    assert.deepEqual(scoreAll(nodeAffinity, testPod('p', { spec: { affinity } }), cluster), [100, 25, 0]);
    assert.equal(scoreAll(nodeAffinity, testPod('p'), cluster), undefined);
  });
});

suite('NodePorts', () => {
  const wants = (hostPort: number, hostIP?: string, protocol?: string, sidecar = false) => {
    const container = { name: 'c', image: 'i', ports: [{ containerPort: 80, hostPort, hostIP, protocol }] };
    return testPod('p', {
      spec: sidecar
        ? { containers: [{ name: 'm', image: 'i' }], initContainers: [{ ...container, restartPolicy: 'Always' }] }
        : { containers: [container] },
    });
  };
  const verdict = (used: ReturnType<typeof testPod>, wanted: ReturnType<typeof testPod>): string => {
    const running = [[{ ...used, metadata: { ...used.metadata, uid: 'used' } }, 'n']] as const;
    const verdicts = filterAll(nodePorts, wanted, testCluster([testNode('n')], { running }));
    return typeof verdicts === 'string' ? verdicts : verdicts['n']!;
  };
  const taken = "node(s) didn't have free ports for the requested pod ports";

  test('gives a port of the host to one pod only', () => {
    assert.equal(verdict(wants(80), wants(80)), taken);
    assert.equal(verdict(wants(80), wants(81)), 'ok');
    assert.equal(verdict(wants(80), testPod('q')), 'ok');
  });

  test('tells protocols and addresses apart; the unspecified address is all of them', () => {
    assert.equal(verdict(wants(80, '', 'UDP'), wants(80, '', 'TCP')), 'ok');
    assert.equal(verdict(wants(80, '10.0.0.1'), wants(80, '10.0.0.2')), 'ok');
    assert.equal(verdict(wants(80, '10.0.0.1'), wants(80, '10.0.0.1')), taken);
    assert.equal(verdict(wants(80, '10.0.0.1'), wants(80)), taken);
    assert.equal(verdict(wants(80, '0.0.0.0'), wants(80, '10.0.0.1')), taken);
  });

  test('counts the ports of sidecars', () => {
    assert.equal(verdict(wants(80, '', 'TCP', true), wants(80)), taken);
    assert.equal(verdict(wants(80), wants(80, '', 'TCP', true)), taken);
  });
});

suite('NodeResourcesFit', () => {
  const verdict = (requests: Record<string, string>, allocatable?: Record<string, string>): string => {
    const node = testNode('n', allocatable === undefined ? {} : { allocatable });
    const running = [[testPod('used', { requests: { cpu: '3', memory: '1Gi' } }), 'n']] as const;
    const verdicts = filterAll(nodeResourcesFit, testPod('p', { requests }), testCluster([node], { running }));
    return typeof verdicts === 'string' ? verdicts : verdicts['n']!;
  };

  test('names every resource there is too little of, and whether there could be enough', () => {
    assert.equal(verdict({ cpu: '1' }), 'ok');
    assert.equal(verdict({ cpu: '1001m' }), 'Insufficient cpu');
    assert.equal(verdict({ cpu: '2', memory: '8Gi' }), 'Insufficient cpu, Insufficient memory');
    assert.equal(verdict({ cpu: '2', memory: '9Gi' }), 'Insufficient cpu, Insufficient memory!');
    assert.equal(verdict({ 'example.com/gpu': '1' }), 'Insufficient example.com/gpu!');
    assert.equal(verdict({ 'example.com/gpu': '0' }), 'ok');
    assert.equal(verdict({ 'ephemeral-storage': '1Gi' }), 'Insufficient ephemeral-storage!');
  });

  test('counts pods; a node that does not say how many it takes, takes none', () => {
    assert.equal(verdict({}, { cpu: '4', memory: '8Gi', pods: '2' }), 'ok');
    assert.equal(verdict({}, { cpu: '4', memory: '8Gi', pods: '1' }), 'Too many pods');
    assert.equal(verdict({}, { cpu: '4', memory: '8Gi' }), 'Too many pods');
  });

  test('needs room for the largest init container and for the overhead of the runtime class', () => {
    const heavy = { name: 'i', image: 'i', resources: { requests: { cpu: '5' } } };
    const cluster = testCluster([testNode('n')]);
    assert.deepEqual(filterAll(nodeResourcesFit, testPod('p', { spec: { initContainers: [heavy] } }), cluster), {
      n: 'Insufficient cpu!',
    });
    const spec = { overhead: { cpu: '1' } };
    assert.deepEqual(filterAll(nodeResourcesFit, testPod('p', { requests: { cpu: '3500m' }, spec }), cluster), {
      n: 'Insufficient cpu!',
    });
  });

  test('scores what stays free, as the mean of cpu and memory, in whole numbers', () => {
    const cluster = testCluster([testNode('empty'), testNode('half')], {
      running: [[testPod('used', { requests: { cpu: '2', memory: '4Gi' } }), 'half']],
    });
    assert.deepEqual(
      scoreAll(nodeResourcesFit, testPod('p', { requests: { cpu: '1', memory: '2Gi' } }), cluster),
      [75, 25],
    );
    // 1 - 0.9 is a little less than 0.1 in binary.
    const ten = testCluster([testNode('n', { allocatable: { cpu: '10', memory: '10', pods: '9' } })]);
    assert.deepEqual(scoreAll(nodeResourcesFit, testPod('p', { requests: { cpu: '9', memory: '9' } }), ten), [10]);
  });

  test('takes containers that ask for nothing to use 100m and 200Mi, each of them', () => {
    const allocatable = { cpu: '1', memory: '1000Mi', pods: '9' };
    const cluster = testCluster([testNode('n', { allocatable })]);
    assert.deepEqual(scoreAll(nodeResourcesFit, testPod('p'), cluster), [85], '90 and 80');
    const two = [
      { name: 'a', image: 'i' },
      { name: 'b', image: 'i', resources: { requests: { cpu: '300m' } } },
    ];
    assert.deepEqual(
      scoreAll(nodeResourcesFit, testPod('p', { spec: { containers: two } }), cluster),
      [60],
      '60 and 60',
    );
    const init = [{ name: 'i', image: 'i', resources: { requests: { cpu: '500m' } } }];
    assert.deepEqual(
      scoreAll(nodeResourcesFit, testPod('p', { spec: { initContainers: init } }), cluster),
      [65],
      '50 and 80',
    );
  });

  test('scores by what a node has: memory alone where it has no cpu, 0 where it has neither or too little', () => {
    const cluster = testCluster([
      testNode('memory', { allocatable: { memory: '1000Mi', pods: '9' } }),
      testNode('nothing', { allocatable: { pods: '9' } }),
      testNode('small', { allocatable: { cpu: '50m', memory: '100Mi', pods: '9' } }),
    ]);
    assert.deepEqual(scoreAll(nodeResourcesFit, testPod('p'), cluster), [80, 0, 0]);
  });
});

suite('NodeResourcesBalancedAllocation', () => {
  const nodes = ['even', 'cpu', 'memory'].map((name) =>
    testNode(name, { allocatable: { cpu: '10', memory: '10Gi', pods: '9' } }),
  );
  const cluster = testCluster(nodes, {
    running: [
      [testPod('a', { requests: { cpu: '5' } }), 'cpu'],
      [testPod('b', { requests: { memory: '5Gi' } }), 'memory'],
    ],
  });

  test('favours nodes that the pod makes more balanced', () => {
    const scores = scoreAll(nodeResourcesBalancedAllocation, testPod('p', { requests: { cpu: '5' } }), cluster);
    // Balance before and after: 100 → 75, 75 → 50, 75 → 100.
    assert.deepEqual(scores, [62, 62, 87]);
  });

  test('counts what is requested, not the defaults of pods that request nothing, and has no opinion on those', () => {
    assert.equal(scoreAll(nodeResourcesBalancedAllocation, testPod('p'), cluster), undefined);
    const running = [[testPod('silent'), 'n']] as const;
    const one = testCluster([testNode('n')], { running });
    assert.deepEqual(
      scoreAll(nodeResourcesBalancedAllocation, testPod('p', { requests: { cpu: '1', memory: '2Gi' } }), one),
      [75],
    );
  });

  test('finds nodes balanced that have only one of the resources', () => {
    const one = testCluster([testNode('n', { allocatable: { cpu: '4', pods: '9' } })]);
    assert.deepEqual(scoreAll(nodeResourcesBalancedAllocation, testPod('p', { requests: { cpu: '3' } }), one), [75]);
  });
});

suite('ImageLocality', () => {
  const MiB = 1024 * 1024;
  const app = (name: string, size: number) =>
    testNode(name, { images: { 'registry/app:1': size, 'registry/web:latest': size } });

  test('favours nodes that have the image, less so the fewer they are', () => {
    const half = testCluster([app('a', 500 * MiB), testNode('b')]);
    assert.deepEqual(scoreAll(imageLocality, testPod('p'), half), [Math.floor((100 * (250 - 23)) / (1000 - 23)), 0]);
    const both = testCluster([app('a', 500 * MiB), app('b', 500 * MiB)]);
    assert.deepEqual(scoreAll(imageLocality, testPod('p'), both), [48, 48]);
  });

  test('does not care for small images, and for no more than 1000 MiB per container', () => {
    assert.deepEqual(scoreAll(imageLocality, testPod('p'), testCluster([app('a', 22 * MiB)])), [0]);
    assert.deepEqual(scoreAll(imageLocality, testPod('p'), testCluster([app('a', 5000 * MiB)])), [100]);
    const spec = { initContainers: [{ name: 'i', image: 'other' }] };
    assert.deepEqual(scoreAll(imageLocality, testPod('p', { spec }), testCluster([app('a', 1000 * MiB)])), [49]);
  });

  test('takes no tag for latest, and has no opinion where no node has any of the images', () => {
    const image = (name: string) => testPod('p', { spec: { containers: [{ name: 'c', image: name }] } });
    assert.deepEqual(scoreAll(imageLocality, image('registry/web'), testCluster([app('a', 1000 * MiB)])), [100]);
    assert.equal(scoreAll(imageLocality, image('registry:5000/web'), testCluster([app('a', 1000 * MiB)])), undefined);
  });
});
