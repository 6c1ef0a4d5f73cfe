/** Deployments, what keeps them running, and where their pods go, seen with the real kubectl. Tests run side by side, each in a namespace of its own. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Deployment, Pod, ReplicaSet } from '#api';
import { busyboxImage } from '#testing';
import { BUSYBOX, useCluster } from './support/cluster.ts';
import { container, deployment, pod } from './support/manifests.ts';
import { assertRecreated, watchPods } from './support/recreate.ts';

/** The same program under another name, to roll out. */
const BUSYBOX_2 = 'docker.io/library/busybox:1.36';
const cluster = useCluster({ images: [busyboxImage(BUSYBOX), busyboxImage(BUSYBOX_2)] });

const names = (pods: readonly Pod[]): string[] => pods.map(({ metadata }) => metadata.name ?? '').toSorted();

describe('a deployment', { concurrency: 4 }, () => {
  test('is scaled, and gets back what is deleted', async (t) => {
    const kubectl = await cluster.namespace(t);
    await kubectl.apply(deployment('web', 2, { containers: [container()] }));
    await kubectl.rolledOut('deployment/web');
    assert.match(await kubectl.run('get', 'deployment', 'web'), /^web +2\/2 +2 +2 +\d+s$/m);
    await kubectl.run('scale', 'deployment', 'web', '--replicas=5');
    await kubectl.rolledOut('deployment/web');
    const before = names(await kubectl.list<Pod>('pods'));
    assert.equal(before.length, 5);
    const began = performance.now();
    await kubectl.run('delete', 'pod', '--all');
    await kubectl.rolledOut('deployment/web');
    t.diagnostic(`delete pod --all of 5, until 5 others are ready: ${Math.round(performance.now() - began)} ms`);
    const after = names(await kubectl.list<Pod>('pods'));
    assert.equal(after.length, 5);
    assert.deepEqual(
      after.filter((name) => before.includes(name)),
      [],
    );
    await kubectl.run('scale', 'deployment', 'web', '--replicas=0');
    await kubectl.waitFor('delete', 'pod', '-l', 'app=web');
    await kubectl.event('Deployment/web', /ScalingReplicaSet: Scaled down replica set web-\S+ from 5 to 0/);
  });

  test('rolls a new image out without a moment of too few pods, and back', async (t) => {
    const kubectl = await cluster.namespace(t);
    await kubectl.apply(deployment('web', 3, { containers: [container()] }));
    await kubectl.rolledOut('deployment/web');
    await using watch = kubectl.start(
      'get',
      'deployment',
      'web',
      '--watch',
      '-o',
      'jsonpath={.status.availableReplicas} {.status.replicas}{"\\n"}',
    );
    await watch.until(/\n/);
    await kubectl.run('set', 'image', 'deployment/web', `main=${BUSYBOX_2}`);
    const said = await kubectl.run('rollout', 'status', 'deployment/web', '--timeout=60s');
    assert.match(said, /Waiting for deployment "web" rollout to finish: 1 out of 3 new replicas have been updated/);
    assert.match(said, /deployment "web" successfully rolled out\n$/);
    for (const line of watch.stdout.trim().split('\n')) {
      const [available = 0, replicas = 0] = line.split(' ').map(Number);
      assert.ok(available >= 3 && replicas <= 4, watch.stdout);
    }
    const replicaSets = await kubectl.list<ReplicaSet>('replicasets');
    assert.deepEqual(
      replicaSets.map(({ spec }) => spec.replicas).toSorted((a = 0, b = 0) => a - b),
      [0, 3],
    );
    assert.match(await kubectl.run('rollout', 'history', 'deployment/web'), /\n1 +<none>\n2 +<none>\n/);
    await kubectl.run('rollout', 'undo', 'deployment/web');
    await kubectl.rolledOut('deployment/web');
    const { spec } = await kubectl.get<Deployment>('deployment', 'web');
    assert.equal(spec.template.spec?.containers[0]?.image, BUSYBOX);
    assert.match(await kubectl.run('rollout', 'history', 'deployment/web'), /\n2 +<none>\n3 +<none>\n/);
  });

  test('keeps its old pods when the new image does not exist, until that is undone', async (t) => {
    const kubectl = await cluster.namespace(t);
    await kubectl.apply(deployment('web', 3, { containers: [container()] }, { progressDeadlineSeconds: 4 }));
    await kubectl.rolledOut('deployment/web');
    const old = names(await kubectl.list<Pod>('pods'));
    await kubectl.run('set', 'image', 'deployment/web', 'main=registry.invalid/none:1');
    const { code, stderr } = await kubectl.try('rollout', 'status', 'deployment/web', '--timeout=60s');
    assert.equal(code, 1);
    assert.match(stderr, /deployment "web" exceeded its progress deadline/);
    const pods = await kubectl.list<Pod>('pods');
    assert.deepEqual(names(pods.filter(({ status }) => status.phase === 'Running')), old);
    assert.equal(pods.length, 4);
    const bad = pods.find(({ status }) => status.phase === 'Pending')?.metadata.name ?? '';
    await kubectl.waitFor('{.status.containerStatuses[0].state.waiting.reason}=ImagePullBackOff', `pod/${bad}`);
    await kubectl.run('rollout', 'undo', 'deployment/web');
    await kubectl.rolledOut('deployment/web');
    await kubectl.waitFor('delete', `pod/${bad}`);
    assert.deepEqual(names(await kubectl.list<Pod>('pods')), old);
  });

  test('of strategy Recreate ends all old pods before the first new one begins', async (t) => {
    const kubectl = await cluster.namespace(t);
    await kubectl.apply(deployment('web', 3, { containers: [container()] }, { strategy: { type: 'Recreate' } }));
    await kubectl.rolledOut('deployment/web');
    const old = (await kubectl.list<Pod>('pods')).map(({ metadata }) => metadata.uid ?? '');
    await using watch = await watchPods(kubectl, 'app=web', 3);
    await kubectl.run('set', 'image', 'deployment/web', `main=${BUSYBOX_2}`);
    await kubectl.rolledOut('deployment/web');
    assertRecreated(watch.stdout, old);
  });

  test('is restarted, paused and resumed', async (t) => {
    const kubectl = await cluster.namespace(t);
    await kubectl.apply(deployment('web', 1, { containers: [container()] }));
    await kubectl.rolledOut('deployment/web');
    const [first] = names(await kubectl.list<Pod>('pods'));
    await kubectl.run('rollout', 'restart', 'deployment/web');
    await kubectl.rolledOut('deployment/web');
    await kubectl.waitFor('delete', `pod/${first}`);
    await kubectl.run('rollout', 'pause', 'deployment/web');
    await kubectl.run('set', 'image', 'deployment/web', `main=${BUSYBOX_2}`);
    await kubectl.waitFor('{.status.observedGeneration}=4', 'deployment/web');
    assert.equal((await kubectl.list<ReplicaSet>('replicasets')).length, 2);
    await kubectl.run('rollout', 'resume', 'deployment/web');
    await kubectl.rolledOut('deployment/web');
    assert.equal((await kubectl.list<ReplicaSet>('replicasets')).length, 3);
  });

  test('takes its ReplicaSets and pods with it, or leaves them when told to', async (t) => {
    const kubectl = await cluster.namespace(t);
    await kubectl.apply(
      deployment('gone', 2, { containers: [container()] }),
      deployment('left', 1, { containers: [container()] }),
    );
    await kubectl.rolledOut('deployment/gone', 'deployment/left');
    await kubectl.run('delete', 'deployment', 'gone');
    await kubectl.waitFor('delete', 'replicaset,pod', '-l', 'app=gone');
    await kubectl.run('delete', 'deployment', 'left', '--cascade=orphan');
    const [replicaSet] = await kubectl.list<ReplicaSet>('replicasets');
    assert.match(replicaSet?.metadata.name ?? '', /^left-/);
    assert.equal(replicaSet?.metadata.ownerReferences, undefined);
    assert.equal((await kubectl.list<Pod>('pods', '-l', 'app=left')).length, 1);
  });
});

describe('a pod is placed', { concurrency: 4 }, () => {
  test('on a node with the labels it asks for, as soon as there is one', async (t) => {
    const kubectl = await cluster.namespace(t);
    t.after(() => kubectl.run('label', 'node', 'node2', 'disk-'));
    await kubectl.apply(pod('picky', { nodeSelector: { disk: 'ssd' }, containers: [container()] }));
    const event = await kubectl.event('Pod/picky', /FailedScheduling: .*/);
    assert.match(
      event,
      /^FailedScheduling: 0\/3 nodes are available: 1 node\(s\) had untolerated taint\(s\), 2 node\(s\) didn't match Pod's node affinity\/selector\./,
    );
    assert.match(await kubectl.run('get', 'pod', 'picky', '-o', 'wide'), /0\/1 +Pending +0 +\d+s +<none> +<none> /);
    await kubectl.run('label', 'node', 'node2', 'disk=ssd');
    await kubectl.waitReady('pod/picky');
    assert.equal(await kubectl.run('get', 'pod', 'picky', '-o', 'jsonpath={.spec.nodeName}'), 'node2');
  });

  test('where there is room for what it requests', async (t) => {
    const kubectl = await cluster.namespace(t);
    await kubectl.apply(pod('huge', { containers: [container({ resources: { requests: { cpu: '1000' } } })] }));
    assert.match(await kubectl.event('Pod/huge', /FailedScheduling: .*/), /2 Insufficient cpu\./);
    assert.equal(await kubectl.run('get', 'pod', 'huge', '-o', 'jsonpath={.status.phase}'), 'Pending');
  });

  test('on the control plane only when it tolerates its taint', async (t) => {
    const kubectl = await cluster.namespace(t);
    const nodeSelector = { 'node-role.kubernetes.io/control-plane': '' };
    const tolerations = [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }];
    await kubectl.apply(
      pod('stranger', { nodeSelector, containers: [container()] }),
      pod('tolerant', { nodeSelector, tolerations, containers: [container()] }),
    );
    await kubectl.waitReady('pod/tolerant');
    assert.equal(await kubectl.run('get', 'pod', 'tolerant', '-o', 'jsonpath={.spec.nodeName}'), 'control-plane');
    await kubectl.event('Pod/stranger', /FailedScheduling: 0\/3 nodes are available: /);
  });

  test('by spreading the pods of a deployment over the nodes', async (t) => {
    const kubectl = await cluster.namespace(t);
    await kubectl.apply(deployment('wide', 4, { containers: [container()] }));
    await kubectl.rolledOut('deployment/wide');
    const nodes = (await kubectl.list<Pod>('pods')).map(({ spec }) => spec.nodeName);
    assert.deepEqual(new Set(nodes), new Set(['node1', 'node2']));
  });
});

test('a node that is cordoned gets no pods until it is uncordoned', async (t) => {
  const kubectl = await cluster.namespace(t);
  t.after(() => kubectl.run('uncordon', 'node1', 'node2'));
  await kubectl.run('cordon', 'node1');
  await kubectl.apply(deployment('web', 3, { containers: [container()] }));
  await kubectl.rolledOut('deployment/web');
  const nodes = (await kubectl.list<Pod>('pods')).map(({ spec }) => spec.nodeName);
  assert.deepEqual(nodes, ['node2', 'node2', 'node2']);
  assert.match(await kubectl.run('get', 'nodes'), /^node1 +Ready,SchedulingDisabled /m);
});

test('a namespace that is deleted takes all in it along', async (t) => {
  const kubectl = await cluster.namespace(t);
  await kubectl.apply(deployment('web', 2, { containers: [container()] }));
  await kubectl.run('create', 'configmap', 'settings');
  await kubectl.rolledOut('deployment/web');
  const began = performance.now();
  await kubectl.run('delete', 'namespace', kubectl.namespace, '--timeout=60s');
  t.diagnostic(`deleting a namespace with a deployment took ${Math.round(performance.now() - began)} ms`);
  const { stdout, stderr } = await kubectl.try('get', 'all,configmaps');
  assert.equal(stdout, '');
  assert.match(stderr, /No resources found/);
  await kubectl.run('create', 'namespace', kubectl.namespace);
});
