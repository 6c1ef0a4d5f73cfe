import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMap, Deployment, Namespace, Node, Pod, type Status } from '#api';
import { FakeClock } from '#util';
import type { TestApiServer } from '#testing';
import { configMapDraft, deploymentDraft, podDraft, refused, startServer } from '../testdata/objects.ts';

const AT = { namespace: 'default', name: 'a' };
const START = Date.parse('2030-01-01T00:00:00Z');

const admin = (t: TestApiServer): ReturnType<TestApiServer['server']['transport']> =>
  t.server.transport({ name: 'admin', groups: ['system:masters'] });

/** A pod that runs somewhere, so that its deletion takes time. */
async function boundPod(t: TestApiServer, spec: Partial<Pod['spec']> = {}): Promise<Pod> {
  await t.client.create(Pod, podDraft('a', spec));
  await t.client.createSubresource(Pod, AT, 'binding', { target: { kind: 'Node', name: 'n' } });
  return await t.client.get(Pod, AT);
}

test('most kinds go at once and are answered with a Status', async () => {
  await using t = await startServer();
  const { metadata } = await t.client.create(Deployment, deploymentDraft('a'));
  const answer = (await admin(t).request({ verb: 'delete', kind: Deployment, ...AT })) as Status;
  assert.deepEqual(answer, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name: 'a', group: 'apps', kind: 'deployments', uid: metadata.uid },
  });
  await refused(t.client.delete(Deployment, AT), 'NotFound', 'deployments.apps "a" not found');
});

test('a pod on a node is left its grace period, which may be shortened but not lengthened', async () => {
  const clock = new FakeClock(START);
  await using t = await startServer({ clock });
  const { metadata } = await boundPod(t);
  const remove = async (gracePeriodSeconds?: number): Promise<(string | number | undefined)[]> => {
    await t.client.delete(Pod, AT, { body: gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds } });
    const after = (await t.client.get(Pod, AT)).metadata;
    return [after.deletionTimestamp, after.deletionGracePeriodSeconds, after.generation! - metadata.generation!];
  };
  assert.deepEqual(await remove(), ['2030-01-01T00:00:30Z', 30, 1]);
  clock.advance(5000);
  const before = t.store.revision;
  assert.deepEqual(await remove(60), ['2030-01-01T00:00:30Z', 30, 1]);
  assert.deepEqual(await remove(), ['2030-01-01T00:00:30Z', 30, 1]);
  assert.equal(t.store.revision, before, 'asking again writes nothing');
  assert.deepEqual(await remove(10), ['2030-01-01T00:00:10Z', 10, 1]);
  assert.deepEqual(await remove(-3), ['2030-01-01T00:00:01Z', 1, 1], 'a negative period is one second');
  await t.client.delete(Pod, AT, { body: { gracePeriodSeconds: 0 } });
  await refused(t.client.get(Pod, AT), 'NotFound');
});

test('a grace period beyond what nanoseconds hold wraps around as in Go', async () => {
  const years: Readonly<Record<number, string>> = {
    9_000_000_000: '2315-03-15T16:00:00Z',
    // 2^53 * 10^9 in 64 bits is 4611686018427387904: 146 years.
    9_007_199_254_740_992: '2176-02-20T23:53:38Z',
  };
  for (const [seconds, wanted] of Object.entries(years)) {
    await using t = await startServer({ clock: new FakeClock(START) });
    await boundPod(t);
    await t.client.delete(Pod, AT, { body: { gracePeriodSeconds: Number(seconds) } });
    assert.equal((await t.client.get(Pod, AT)).metadata.deletionTimestamp, wanted);
  }
});

test('a pod without a node goes at once, and is answered with itself', async () => {
  await using t = await startServer();
  const { metadata } = await t.client.create(Pod, podDraft('a'));
  const answer = (await admin(t).request({ verb: 'delete', kind: Pod, ...AT })) as Pod;
  assert.equal(answer.metadata.uid, metadata.uid);
  await refused(t.client.get(Pod, AT), 'NotFound');
});

test('preconditions must hold', async () => {
  await using t = await startServer();
  const { metadata } = await t.client.create(ConfigMap, configMapDraft('a'));
  await refused(
    t.client.delete(ConfigMap, AT, { body: { preconditions: { uid: 'x' } } }),
    'Conflict',
    `Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition (x) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
  );
  await refused(
    t.client.delete(ConfigMap, AT, { body: { preconditions: { resourceVersion: '1' } } }),
    'Conflict',
    `Operation cannot be fulfilled on ConfigMap "a": the ResourceVersion in the precondition (1) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`,
  );
  const { uid, resourceVersion } = metadata;
  await t.client.delete(ConfigMap, AT, { body: { preconditions: { uid, resourceVersion } } });
  await refused(t.client.get(ConfigMap, AT), 'NotFound');
});

test('propagation leaves its finalizer for the garbage collector', async () => {
  await using t = await startServer();
  const finalizersAfter = async (name: string, body: object): Promise<string[] | undefined> => {
    await t.client.create(Deployment, deploymentDraft(name));
    await t.client.delete(Deployment, { ...AT, name }, { body });
    const [found] = (await t.client.list(Deployment, { fieldSelector: `metadata.name=${name}` })).items;
    return found === undefined ? undefined : found.metadata.finalizers;
  };
  assert.deepEqual(await finalizersAfter('f', { propagationPolicy: 'Foreground' }), ['foregroundDeletion']);
  assert.deepEqual(await finalizersAfter('o', { propagationPolicy: 'Orphan' }), ['orphan']);
  assert.deepEqual(await finalizersAfter('oo', { orphanDependents: true }), ['orphan']);
  assert.equal(await finalizersAfter('b', { propagationPolicy: 'Background' }), undefined);
  await t.client.delete(Deployment, { ...AT, name: 'f' }, { body: { propagationPolicy: 'Background' } });
  await refused(t.client.get(Deployment, { ...AT, name: 'f' }), 'NotFound');
});

test('options of a deletion are checked with the texts of upstream', async () => {
  await using t = await startServer();
  await t.client.create(ConfigMap, configMapDraft('a'));
  await refused(
    t.client.delete(ConfigMap, AT, { body: { propagationPolicy: 'Foreground', orphanDependents: true } }),
    'Invalid',
    'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Invalid value: "Foreground": orphanDependents and deletionPropagation cannot be both set',
  );
  await refused(
    t.client.delete(ConfigMap, AT, { body: { propagationPolicy: 'Sideways' } }),
    'Invalid',
    'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Sideways": supported values: "Foreground", "Background", "Orphan", "nil"',
  );
  await refused(
    t.client.delete(ConfigMap, AT, { query: { gracePeriodSeconds: 'soon' } }),
    'BadRequest',
    'strconv.ParseInt: parsing "soon": invalid syntax',
  );
  await t.client.get(ConfigMap, AT);
});

test('a dry run deletes nothing, however it is asked for', async () => {
  await using t = await startServer();
  await boundPod(t);
  await t.client.create(ConfigMap, configMapDraft('a'));
  const before = t.store.revision;
  await t.client.delete(Pod, AT, { query: { dryRun: 'All' } });
  await t.client.delete(ConfigMap, AT, { body: { dryRun: ['All'] } });
  await t.client.deleteCollection(ConfigMap, { namespace: 'default', body: { dryRun: ['All'] } });
  await t.client.createSubresource(Pod, AT, 'eviction', { deleteOptions: { dryRun: ['All'] } });
  await refused(t.client.delete(ConfigMap, AT, { body: { dryRun: ['Maybe'] } }), 'Invalid');
  assert.equal(t.store.revision, before);
});

test('a collection is deleted by its selectors', async () => {
  await using t = await startServer();
  await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      t.client.create(ConfigMap, configMapDraft(`c${i}`, { labels: { odd: String(i % 2) } })),
    ),
  );
  await t.client.deleteCollection(ConfigMap, { namespace: 'default', labelSelector: 'odd=1' });
  const left = (await t.client.list(ConfigMap, { namespace: 'default' })).items;
  assert.equal(left.length, 50);
  assert.ok(left.every((c) => c.metadata.labels!['odd'] === '0'));
  await t.client.deleteCollection(ConfigMap, { namespace: 'default', fieldSelector: 'metadata.name=c0' });
  await refused(t.client.get(ConfigMap, { ...AT, name: 'c0' }), 'NotFound');
  assert.equal((await t.client.list(ConfigMap, { namespace: 'default' })).items.length, 49);
});

test('some namespaces are for ever', async () => {
  await using t = await startServer();
  for (const name of ['default', 'kube-system', 'kube-public'])
    await refused(
      t.client.delete(Namespace, { name }),
      'Forbidden',
      `namespaces "${name}" is forbidden: this namespace may not be deleted`,
    );
  await t.client.delete(Namespace, { name: 'kube-node-lease' });
});

test('a namespace with nothing to wait for still goes in two steps', async () => {
  await using t = await startServer();
  await t.client.create(Namespace, { metadata: { name: 'n' }, spec: {} });
  await t.client.delete(Namespace, { name: 'n' });
  const ending = await t.client.get(Namespace, { name: 'n' });
  await t.client.updateSubresource(Namespace, { ...ending, spec: { finalizers: ['example.com/mine'] } }, 'finalize');
  await t.client.get(Namespace, { name: 'n' });
  await t.client.delete(Namespace, { name: 'n' });
  const still = await t.client.get(Namespace, { name: 'n' });
  await t.client.updateSubresource(Namespace, { ...still, spec: {} }, 'finalize');
  await refused(t.client.get(Namespace, { name: 'n' }), 'NotFound');
});

test('what is deleted by many at once is deleted once', async () => {
  await using t = await startServer();
  await t.client.create(Node, { metadata: { name: 'n' }, spec: {} });
  const before = t.store.revision;
  const results = await Promise.allSettled(Array.from({ length: 10 }, () => t.client.delete(Node, { name: 'n' })));
  assert.equal(results.filter((r) => r.status === 'fulfilled').length, 1);
  assert.equal(t.store.revision, before + 1);
});
