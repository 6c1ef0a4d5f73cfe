import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { labelSelectorAsSelector, type Pod, type PodAffinityTerm, type TopologySpreadConstraint } from '#api';
import { filterAll, scoreAll, testCluster, testNode, testPod } from '../testdata/objects.ts';
import { interPodAffinity } from './interpodaffinity.ts';
import { podTopologySpread } from './podtopologyspread.ts';

const HOST = 'kubernetes.io/hostname';
const ZONE = 'topology.kubernetes.io/zone';
const web = { app: 'web' };
const node = (name: string, zone?: string, spec = {}) =>
  testNode(name, { labels: zone === undefined ? {} : { [ZONE]: zone }, spec });
let serial = 0;
/** Pods of the app web on nodes of those names. */
const webOn = (...names: string[]): [Pod, string][] =>
  names.map((name) => [testPod(`web-${serial++}`, { labels: web }), name]);

suite('PodTopologySpread', () => {
  const spread = (parts: Partial<TopologySpreadConstraint> = {}, more: TopologySpreadConstraint[] = []): Pod =>
    testPod('p', {
      labels: web,
      spec: {
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: ZONE,
            whenUnsatisfiable: 'DoNotSchedule',
            labelSelector: { matchLabels: web },
            ...parts,
          },
          ...more,
        ],
      },
    });
  const uneven = "node(s) didn't match pod topology spread constraints";
  const nodes = [node('a1', 'a'), node('a2', 'a'), node('b1', 'b')];

  test('turns the pod away where it would make one zone exceed another by more than maxSkew', () => {
    const cluster = testCluster(nodes, { running: webOn('a1', 'b1', 'a2') });
    assert.deepEqual(filterAll(podTopologySpread, spread(), cluster), { a1: uneven, a2: uneven, b1: 'ok' });
    assert.deepEqual(filterAll(podTopologySpread, spread({ maxSkew: 2 }), cluster), { a1: 'ok', a2: 'ok', b1: 'ok' });
  });

  test('does not take nodes without the label, which taking pods off would not change', () => {
    const cluster = testCluster([...nodes, node('lost')], { running: webOn('lost', 'lost', 'lost') });
    assert.deepEqual(filterAll(podTopologySpread, spread(), cluster), {
      a1: 'ok',
      a2: 'ok',
      b1: 'ok',
      lost: `${uneven} (missing required label)!`,
    });
  });

  test('counts a topology as empty while there are fewer than minDomains', () => {
    const cluster = testCluster(nodes, { running: webOn('a1', 'b1') });
    assert.deepEqual(filterAll(podTopologySpread, spread({ minDomains: 2 }), cluster), {
      a1: 'ok',
      a2: 'ok',
      b1: 'ok',
    });
    assert.deepEqual(filterAll(podTopologySpread, spread({ minDomains: 3 }), cluster), {
      a1: uneven,
      a2: uneven,
      b1: uneven,
    });
  });

  test('counts only pods of the namespace that are not being deleted', () => {
    const gone = testPod('gone', { labels: web, metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } });
    const other = testPod('other', { labels: web, namespace: 'other' });
    const cluster = testCluster(nodes, { running: [[gone, 'a1'], [other, 'a1'], ...webOn('b1')] });
    assert.deepEqual(filterAll(podTopologySpread, spread(), cluster), { a1: 'ok', a2: 'ok', b1: uneven });
  });

  test('leaves out nodes the pod cannot go to anyway, tainted ones only if asked', () => {
    const tainted = { taints: [{ key: 'k', effect: 'NoSchedule' }] };
    const cluster = testCluster([node('a', 'a'), node('b', 'b', tainted)], { running: webOn('a') });
    assert.deepEqual(filterAll(podTopologySpread, spread(), cluster), { a: uneven, b: 'ok' });
    assert.deepEqual(filterAll(podTopologySpread, spread({ nodeTaintsPolicy: 'Honor' }), cluster), {
      a: 'ok',
      b: 'ok',
    });
    const chosen = spread();
    const pod = { ...chosen, spec: { ...chosen.spec, nodeSelector: { [ZONE]: 'a' } } };
    assert.deepEqual(filterAll(podTopologySpread, pod, cluster), { a: 'ok', b: 'ok' });
    const ignoring = spread({ nodeAffinityPolicy: 'Ignore' });
    assert.deepEqual(
      filterAll(podTopologySpread, { ...ignoring, spec: { ...ignoring.spec, nodeSelector: { [ZONE]: 'a' } } }, cluster),
      { a: uneven, b: 'ok' },
    );
  });

  test('says nothing about soft constraints when filtering, and prefers emptier zones when scoring', () => {
    const cluster = testCluster(nodes, { running: webOn('a1', 'a1', 'a2') });
    const soft = spread({ whenUnsatisfiable: 'ScheduleAnyway' });
    assert.deepEqual(filterAll(podTopologySpread, soft, cluster), { a1: 'ok', a2: 'ok', b1: 'ok' });
    assert.deepEqual(scoreAll(podTopologySpread, soft, cluster), [0, 0, 100]);
  });

  test('gives no points to nodes without one of the topologies of the pod’s own constraints', () => {
    const cluster = testCluster([...nodes, node('lost')], { running: webOn('a1') });
    assert.deepEqual(
      scoreAll(podTopologySpread, spread({ whenUnsatisfiable: 'ScheduleAnyway' }), cluster),
      [0, 0, 100, 0],
    );
  });

  test('spreads pods of a Service over hosts and zones by default, zones or not', () => {
    const cluster = testCluster([...nodes, node('lost')], { running: webOn('a1', 'a1', 'a2'), service: web });
    // Hosts weigh ln 6 with 2 to spare, zones (a, b, none) ln 5 with 4 to spare: 14, 13, 6, 2.
    const expected = [14, 13, 6, 2].map((score) => Math.floor((100 * (14 + 2 - score)) / 14));
    assert.deepEqual(scoreAll(podTopologySpread, testPod('p', { labels: web }), cluster), expected);
  });

  test('has no opinion on a pod that belongs to nothing', () => {
    assert.equal(scoreAll(podTopologySpread, testPod('p', { labels: web }), testCluster(nodes)), undefined);
  });

  test('never lets a pod break a hard constraint, and always finds a node when one keeps it (property)', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 6 }),
        fc.array(fc.nat(5), { maxLength: 12 }),
        fc.integer({ min: 1, max: 3 }),
        (zones, places, maxSkew) => {
          const all = zones.map((zone, i) => node(`n${i}`, zone));
          const running = places.map((place, i): [Pod, string] => [
            testPod(`r${i}`, { labels: web }),
            `n${place % zones.length}`,
          ]);
          const counts = new Map(zones.map((zone) => [zone, 0]));
          for (const [, name] of running) {
            const zone = zones[Number(name.slice(1))]!;
            counts.set(zone, counts.get(zone)! + 1);
          }
          const verdicts = filterAll(podTopologySpread, spread({ maxSkew }), testCluster(all, { running }));
          const least = Math.min(...counts.values());
          const expected = zones.map((zone, i) => [`n${i}`, counts.get(zone)! + 1 - least <= maxSkew ? 'ok' : uneven]);
          assert.deepEqual(verdicts, Object.fromEntries(expected));
        },
      ),
    );
  });
});

suite('InterPodAffinity', () => {
  const term = (parts: Partial<PodAffinityTerm> = {}): PodAffinityTerm => ({
    topologyKey: ZONE,
    labelSelector: { matchLabels: web },
    ...parts,
  });
  const required = (kind: 'podAffinity' | 'podAntiAffinity', ...terms: PodAffinityTerm[]) => ({
    affinity: { [kind]: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
  });
  const nodes = [node('a1', 'a'), node('a2', 'a'), node('b1', 'b'), node('lost')];
  const near = "node(s) didn't match pod affinity rules!";
  const away = "node(s) didn't match pod anti-affinity rules";

  test('lets a pod only near the pods it wants to be near', () => {
    const cluster = testCluster(nodes, { running: webOn('a1') });
    const pod = testPod('p', { spec: required('podAffinity', term()) });
    assert.deepEqual(filterAll(interPodAffinity, pod, cluster), { a1: 'ok', a2: 'ok', b1: near, lost: near });
  });

  test('lets the first of pods that want to be together go anywhere that has the topology', () => {
    const spec = required('podAffinity', term());
    const alone = testCluster(nodes);
    assert.deepEqual(filterAll(interPodAffinity, testPod('p', { labels: web, spec }), alone), {
      a1: 'ok',
      a2: 'ok',
      b1: 'ok',
      lost: near,
    });
    assert.deepEqual(filterAll(interPodAffinity, testPod('p', { spec }), alone), {
      a1: near,
      a2: near,
      b1: near,
      lost: near,
    });
  });

  test('keeps a pod away from the pods it does not want near', () => {
    const cluster = testCluster(nodes, { running: webOn('a1', 'lost') });
    const pod = testPod('p', { spec: required('podAntiAffinity', term()) });
    assert.deepEqual(filterAll(interPodAffinity, pod, cluster), { a1: away, a2: away, b1: 'ok', lost: 'ok' });
    const perHost = testPod('p', { spec: required('podAntiAffinity', term({ topologyKey: HOST })) });
    assert.deepEqual(filterAll(interPodAffinity, perHost, cluster), { a1: away, a2: 'ok', b1: 'ok', lost: away });
  });

  test('keeps a pod away from pods that do not want it near', () => {
    const hermit = testPod('hermit', { spec: required('podAntiAffinity', term()) });
    const cluster = testCluster(nodes, { running: [[hermit, 'b1']] });
    const kept = "node(s) didn't satisfy existing pods anti-affinity rules";
    assert.deepEqual(filterAll(interPodAffinity, testPod('p', { labels: web }), cluster), {
      a1: 'ok',
      a2: 'ok',
      b1: kept,
      lost: 'ok',
    });
    assert.deepEqual(filterAll(interPodAffinity, testPod('p'), cluster), { a1: 'ok', a2: 'ok', b1: 'ok', lost: 'ok' });
  });

  test('means pods of its own namespace, of those it lists, or of those with certain labels', () => {
    const running = [[testPod('web', { labels: web, namespace: 'shop' }), 'a1']] as const;
    const cluster = testCluster(nodes, { running, namespaces: { shop: { team: 'x' } } });
    const accepted = (parts: Partial<PodAffinityTerm>): unknown => {
      const verdicts = filterAll(
        interPodAffinity,
        testPod('p', { spec: required('podAntiAffinity', term(parts)) }),
        cluster,
      );
      return typeof verdicts === 'string' ? verdicts : verdicts['a1'];
    };
    assert.equal(accepted({}), 'ok');
    assert.equal(accepted({ namespaces: ['shop'] }), away);
    assert.equal(accepted({ namespaceSelector: {} }), away);
    assert.equal(accepted({ namespaceSelector: { matchLabels: { team: 'x' } } }), away);
    assert.equal(accepted({ namespaceSelector: { matchLabels: { team: 'y' } } }), 'ok');
  });

  test('scores by preferences of the pod and of those that run, from worst to best', () => {
    const prefers = (kind: 'podAffinity' | 'podAntiAffinity', weight: number) => ({
      affinity: { [kind]: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight, podAffinityTerm: term() }] } },
    });
    const cluster = testCluster(nodes, { running: webOn('a1') });
    const score = (pod: Pod, on = cluster) => scoreAll(interPodAffinity, pod, on);
    assert.deepEqual(score(testPod('p', { spec: prefers('podAffinity', 10) })), [100, 100, 0, 0]);
    assert.deepEqual(score(testPod('p', { spec: prefers('podAntiAffinity', 10) })), [0, 0, 100, 100]);
    assert.equal(score(testPod('p')), undefined);
    const hosts = testCluster(nodes, {
      running: [
        [testPod('likes', { spec: prefers('podAffinity', 4) }), 'a1'],
        [testPod('needs', { labels: web, spec: required('podAffinity', term()) }), 'b1'],
      ],
    });
    assert.deepEqual(score(testPod('p', { labels: web }), hosts), [100, 100, 25, 0], '4, 4, 1 and 0');
  });
});

test('an absent selector means no pod, an empty one all', () => {
  assert.equal(labelSelectorAsSelector(undefined).matches(web), false);
  assert.equal(labelSelectorAsSelector({}).matches(web), true);
});
