import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allKinds, ConfigMap, DaemonSet, Deployment, type KubeObject, Lease, Namespace, Pod } from '#api';
import { configMapDraft, deploymentDraft, podDraft, refused, startServer } from '../testdata/objects.ts';

const AT = { namespace: 'default', name: 'a' };
const MODIFIED = 'the object has been modified; please apply your changes to the latest version and try again';

test('an update with an old resourceVersion is a conflict, one without overwrites', async () => {
  await using t = await startServer();
  const first = await t.client.create(ConfigMap, configMapDraft('a'));
  const second = await t.client.update(ConfigMap, { ...first, data: { key: 'two' } });
  await refused(
    t.client.update(ConfigMap, { ...first, data: { key: 'three' } }),
    'Conflict',
    `Operation cannot be fulfilled on configmaps "a": ${MODIFIED}`,
  );
  const { resourceVersion: _, ...metadata } = second.metadata;
  const third = await t.client.update(ConfigMap, { ...second, metadata: metadata as never, data: { key: 'four' } });
  assert.equal(third.data?.['key'], 'four');
});

test('kinds that must not be overwritten blindly say so', async () => {
  await using t = await startServer();
  const made = await t.client.create(Lease, { metadata: { name: 'a', namespace: 'default' }, spec: {} });
  const { resourceVersion: _, ...metadata } = made.metadata;
  await refused(
    t.client.update(Lease, { ...made, metadata: metadata as never }),
    'Invalid',
    'leases.coordination.k8s.io "a" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
  );
});

test('the uid of another object is a conflict', async () => {
  await using t = await startServer();
  const made = await t.client.create(ConfigMap, configMapDraft('a'));
  const other = { ...made, metadata: { ...made.metadata, uid: 'other' } };
  const { message } = await refused(t.client.update(ConfigMap, other), 'Conflict');
  assert.match(message, new RegExp(`UID in precondition: other, UID in object meta: ${made.metadata.uid}$`));
});

test('an update that changes nothing writes nothing', async () => {
  await using t = await startServer();
  const made = await t.client.create(Deployment, deploymentDraft('a'));
  const before = t.store.revision;
  const same = await t.client.update(Deployment, made);
  assert.equal(same.metadata.resourceVersion, made.metadata.resourceVersion);
  await t.client.patch(Deployment, AT, { spec: { replicas: 1 } });
  assert.equal(t.store.revision, before);
});

test('what changes nothing in a version that is not stored writes nothing, though its defaults come with the conversion', async () => {
  await using t = await startServer();
  const one = allKinds.find(({ kind, version }) => kind === 'HorizontalPodAutoscaler' && version === 'v1')!;
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
  const draft = { metadata: AT, spec: { scaleTargetRef, maxReplicas: 3 } } as object as KubeObject;
  await t.client.create(one, draft);
  const put = async (): Promise<string> => (await t.client.update(one, draft)).metadata.resourceVersion;
  assert.equal(await put(), await put());
});

test('a status leaves the generation of a daemon set’s template as it was', async () => {
  await using t = await startServer();
  const { spec } = deploymentDraft('a');
  const { selector, template } = spec as DaemonSet['spec'];
  const made = await t.client.create(DaemonSet, { metadata: AT, spec: { selector, template } });
  const bare = { ...made, metadata: { ...made.metadata, annotations: {} } };
  const { metadata } = await t.client.updateStatus(DaemonSet, bare);
  assert.deepEqual(metadata.annotations, { 'deprecated.daemonset.template.generation': '1' });
});

test('generation counts changes of the spec, not of labels or status', async () => {
  await using t = await startServer();
  const made = await t.client.create(Deployment, deploymentDraft('a'));
  assert.equal(made.metadata.generation, 1);
  const labelled = await t.client.patch(Deployment, AT, { metadata: { labels: { x: 'y' }, generation: 40 } });
  assert.equal(labelled.metadata.generation, 1);
  const reported = await t.client.updateStatus(Deployment, { ...labelled, status: { observedGeneration: 1 } });
  assert.equal(reported.metadata.generation, 1);
  const scaled = await t.client.update(Deployment, { ...reported, spec: { ...reported.spec, replicas: 2 } });
  assert.equal(scaled.metadata.generation, 2);
  const annotated = await t.client.patch(Deployment, AT, { metadata: { annotations: { a: 'b' } } });
  assert.equal(annotated.metadata.generation, 3, 'annotations of a deployment count too');
});

test('status and spec are written through their own paths only', async () => {
  await using t = await startServer();
  const made = await t.client.create(Deployment, deploymentDraft('a'));
  const both = { ...made, spec: { ...made.spec, replicas: 9 }, status: { replicas: 5 } };
  const viaSpec = await t.client.update(Deployment, both);
  assert.deepEqual([viaSpec.spec.replicas, viaSpec.status.replicas ?? 0], [9, 0]);
  const viaStatus = await t.client.updateStatus(Deployment, {
    ...viaSpec,
    spec: { ...viaSpec.spec, replicas: 1 },
    status: { replicas: 5, observedGeneration: 1 },
  });
  assert.deepEqual([viaStatus.spec.replicas, viaStatus.status.replicas], [9, 5]);
});

test('what the server gave cannot be taken away', async () => {
  await using t = await startServer();
  const made = await t.client.create(ConfigMap, configMapDraft('a'));
  const changed = await t.client.patch(
    ConfigMap,
    AT,
    { metadata: { creationTimestamp: null, uid: null, deletionTimestamp: '2020-01-01T00:00:00Z' }, data: { n: '1' } },
    { type: 'application/merge-patch+json' },
  );
  assert.equal(changed.metadata.uid, made.metadata.uid);
  assert.equal(changed.metadata.creationTimestamp, made.metadata.creationTimestamp);
  assert.equal(changed.metadata.deletionTimestamp, undefined);
});

test('the three kinds of patch do what they say', async () => {
  await using t = await startServer();
  await t.client.create(
    Pod,
    podDraft('a', {
      containers: [
        { name: 'one', image: 'x' },
        { name: 'two', image: 'y' },
      ],
    }),
  );
  const strategic = await t.client.patch(Pod, AT, { spec: { containers: [{ name: 'two', image: 'z' }] } });
  assert.deepEqual(
    strategic.spec.containers.map((c) => c.image),
    ['x', 'z'],
  );
  const json = await t.client.patch(Pod, AT, [{ op: 'replace', path: '/spec/containers/0/image', value: 'w' }], {
    type: 'application/json-patch+json',
  });
  assert.deepEqual(
    json.spec.containers.map((c) => c.image),
    ['w', 'z'],
  );
  const merge = await t.client.patch(
    Pod,
    AT,
    { metadata: { labels: { a: 'b' } } },
    {
      type: 'application/merge-patch+json',
    },
  );
  assert.deepEqual(merge.metadata.labels, { a: 'b' });
});

test('patches of many at once are all there in the end', async () => {
  await using t = await startServer();
  await t.client.create(ConfigMap, configMapDraft('a'));
  await Promise.all(Array.from({ length: 50 }, (_, i) => t.client.patch(ConfigMap, AT, { data: { [`k${i}`]: 'v' } })));
  const { data = {} } = await t.client.get(ConfigMap, AT);
  assert.equal(Object.keys(data).length, 51);
});

test('a patch that names a resourceVersion holds only for that version', async () => {
  await using t = await startServer();
  const made = await t.client.create(ConfigMap, configMapDraft('a'));
  await t.client.patch(ConfigMap, AT, { data: { x: '1' } });
  const stale = { metadata: { resourceVersion: made.metadata.resourceVersion }, data: { y: '1' } };
  await refused(t.client.patch(ConfigMap, AT, stale), 'Conflict');
  await refused(t.client.patch(ConfigMap, { ...AT, name: 'b' }, {}), 'NotFound', 'configmaps "b" not found');
});

test('a dry run of an update, a patch or a status writes nothing', async () => {
  await using t = await startServer();
  const made = await t.client.create(Deployment, deploymentDraft('a'));
  const before = t.store.revision;
  const query = { dryRun: 'All' };
  const changed = { ...made, spec: { ...made.spec, replicas: 4 } };
  assert.equal((await t.client.update(Deployment, changed, { query })).spec.replicas, 4);
  assert.equal((await t.client.patch(Deployment, AT, { spec: { replicas: 5 } }, { query })).spec.replicas, 5);
  const status = { ...made, status: { replicas: 6 } };
  assert.equal((await t.client.updateStatus(Deployment, status, { query })).status.replicas, 6);
  assert.equal(t.store.revision, before);
  assert.deepEqual(await t.client.get(Deployment, AT), made);
});

test('the name in the body is the one in the path', async () => {
  await using t = await startServer();
  const made = await t.client.create(ConfigMap, configMapDraft('a'));
  const transport = t.server.transport({ name: 'admin', groups: ['system:masters'] });
  const put = (name: string, body: unknown): Promise<unknown> =>
    transport.request({ verb: 'update', kind: ConfigMap, namespace: 'default', name, body });
  await t.client.create(ConfigMap, configMapDraft('b'));
  await refused(put('b', made), 'BadRequest', 'the name of the object (a) does not match the name on the URL (b)');
});

test('PUT creates only where the kind allows it', async () => {
  await using t = await startServer();
  const draft = { apiVersion: 'v1', kind: 'ConfigMap', ...configMapDraft('new') } as ConfigMap;
  await refused(t.client.update(ConfigMap, draft), 'NotFound', 'configmaps "new" not found');
  const lease = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'new', namespace: 'default' },
    spec: { holderIdentity: 'me' },
  } as unknown as Lease;
  assert.equal((await t.client.update(Lease, lease)).spec?.holderIdentity, 'me');
});

test('the last finalizer taken from an object that is being deleted lets it go', async () => {
  await using t = await startServer();
  await t.client.create(ConfigMap, configMapDraft('a', { finalizers: ['example.com/one', 'example.com/two'] }));
  await t.client.delete(ConfigMap, AT);
  const marked = await t.client.get(ConfigMap, AT);
  assert.ok(marked.metadata.deletionTimestamp);
  const finalizers = (left: string[]): Promise<ConfigMap> =>
    t.client.update(ConfigMap, { ...marked, metadata: { ...marked.metadata, resourceVersion: '', finalizers: left } });
  await refused(finalizers(['example.com/one', 'example.com/two', 'example.com/new']), 'Invalid');
  await finalizers(['example.com/two']);
  await t.client.get(ConfigMap, AT);
  await finalizers([]);
  await refused(t.client.get(ConfigMap, AT), 'NotFound');
});

test('a namespace stays until its own finalizers are gone', async () => {
  await using t = await startServer();
  await t.client.create(Namespace, { metadata: { name: 'n' }, spec: {} });
  await t.client.delete(Namespace, { name: 'n' });
  const ending = await t.client.get(Namespace, { name: 'n' });
  assert.equal(ending.status.phase, 'Terminating');
  assert.deepEqual(ending.spec.finalizers, ['kubernetes']);
  await t.client.update(Namespace, { ...ending, spec: { finalizers: [] } });
  assert.deepEqual((await t.client.get(Namespace, { name: 'n' })).spec.finalizers, ['kubernetes']);
  await t.client.updateSubresource(Namespace, { ...ending, spec: {} }, 'finalize');
  await refused(t.client.get(Namespace, { name: 'n' }), 'NotFound');
});
