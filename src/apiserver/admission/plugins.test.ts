import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Node, Pod, ServiceAccount } from '#api';
import { startTestApiServer } from '#testing';
import { podDraft, refused, startServer } from '../testdata/objects.ts';

test('a pod runs as an account that exists, by default as default, with its pull secrets', async () => {
  await using t = await startServer();
  const pod = await t.client.create(Pod, podDraft('a'));
  assert.deepEqual([pod.spec.serviceAccountName, pod.spec.serviceAccount], ['default', 'default']);
  await t.client.create(ServiceAccount, {
    metadata: { name: 'puller', namespace: 'default' },
    imagePullSecrets: [{ name: 'registry' }],
  });
  const puller = await t.client.create(Pod, podDraft('b', { serviceAccountName: 'puller' }));
  assert.deepEqual(puller.spec.imagePullSecrets, [{ name: 'registry' }]);
  const own = await t.client.create(
    Pod,
    podDraft('c', { serviceAccountName: 'puller', imagePullSecrets: [{ name: 'mine' }] }),
  );
  assert.deepEqual(own.spec.imagePullSecrets, [{ name: 'mine' }]);
});

test('a pod of an account that is not there is refused', async () => {
  await using t = await startTestApiServer();
  await refused(
    t.client.create(Pod, podDraft('a')),
    'Forbidden',
    'pods "a" is forbidden: error looking up service account default/default: serviceaccount "default" not found',
  );
});

test('pods are given five minutes on a node that is lost, unless they say otherwise', async () => {
  await using t = await startServer();
  const given = (await t.client.create(Pod, podDraft('a'))).spec.tolerations!;
  const lost = (key: string): object => ({
    key: `node.kubernetes.io/${key}`,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: 300,
  });
  assert.deepEqual(given, [lost('not-ready'), lost('unreachable')]);
  const own = { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 2 };
  const kept = (await t.client.create(Pod, podDraft('b', { tolerations: [own] }))).spec.tolerations;
  assert.deepEqual(kept, [own, lost('not-ready')]);
  const all = (await t.client.create(Pod, podDraft('c', { tolerations: [{ operator: 'Exists' }] }))).spec.tolerations;
  assert.deepEqual(all, [{ operator: 'Exists' }]);
});

test('the name of a priority class becomes its number', async () => {
  await using t = await startServer();
  const plain = await t.client.create(Pod, podDraft('a'));
  assert.deepEqual([plain.spec.priority, plain.spec.preemptionPolicy], [0, 'PreemptLowerPriority']);
  const critical = await t.client.create(Pod, podDraft('b', { priorityClassName: 'system-node-critical' }));
  assert.equal(critical.spec.priority, 2_000_001_000);
  await refused(
    t.client.create(Pod, podDraft('c', { priorityClassName: 'none-such' })),
    'Forbidden',
    'pods "c" is forbidden: no PriorityClass with name none-such was found',
  );
  await refused(
    t.client.create(Pod, podDraft('c', { priority: 5 })),
    'Forbidden',
    'pods "c" is forbidden: the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name',
  );
});

test('a new node takes no pods until it has been seen ready', async () => {
  await using t = await startServer();
  const node = await t.client.create(Node, { metadata: { name: 'n' }, spec: {} });
  assert.deepEqual(node.spec.taints, [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
});
