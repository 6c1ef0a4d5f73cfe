import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMap, Namespace, Node, Pod } from '#api';
import { configMapDraft, podDraft, refused, startServer } from '../testdata/objects.ts';

test('a new object gets what only the server gives', async () => {
  await using t = await startServer();
  const made = await t.client.create(ConfigMap, configMapDraft('a', { uid: 'mine', generation: 7, selfLink: '/x' }));
  assert.match(made.metadata.uid, /^[0-9a-f-]{36}$/);
  assert.match(made.metadata.creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.equal(made.metadata.resourceVersion, String(t.store.revision));
  assert.equal(made.metadata.generation, 7);
  assert.equal(made.metadata.selfLink, undefined);
  assert.deepEqual(await t.client.get(ConfigMap, { namespace: 'default', name: 'a' }), made);
});

test('a name is taken once', async () => {
  await using t = await startServer();
  await t.client.create(ConfigMap, configMapDraft('a'));
  const error = await refused(
    t.client.create(ConfigMap, configMapDraft('a')),
    'AlreadyExists',
    'configmaps "a" already exists',
  );
  assert.deepEqual(error.toStatus().details, { name: 'a', kind: 'configmaps' });
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, () => t.client.create(ConfigMap, configMapDraft('raced'))),
  );
  assert.equal(results.filter((r) => r.status === 'fulfilled').length, 1);
});

test('an object to be created has no resourceVersion', async () => {
  await using t = await startServer();
  await refused(
    t.client.create(ConfigMap, configMapDraft('a', { resourceVersion: '1' })),
    'BadRequest',
    'resourceVersion should not be set on objects to be created',
  );
});

test('generateName makes names that are tried again when taken', async () => {
  // Always the same suffix, until the third name.
  let calls = 0;
  await using t = await startServer({ random: () => (calls++ < 10 ? 0 : 0.5) });
  const draft = (): ReturnType<typeof configMapDraft> => configMapDraft('', { generateName: 'web-' });
  const first = await t.client.create(ConfigMap, draft());
  const second = await t.client.create(ConfigMap, draft());
  assert.match(first.metadata.name, /^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  assert.notEqual(second.metadata.name, first.metadata.name);
  assert.equal(second.metadata.generateName, 'web-');
});

test('a generated name that is always taken is given up with 409 and a time to wait', async () => {
  await using t = await startServer({ random: () => 0 });
  const draft = configMapDraft('', { generateName: 'web-' });
  const { metadata } = await t.client.create(ConfigMap, draft);
  const error = await refused(
    t.client.create(ConfigMap, draft),
    'AlreadyExists',
    `configmaps "${metadata.name}" already exists, the server was not able to generate a unique name for the object`,
  );
  assert.equal(error.details?.retryAfterSeconds, 1);
});

test('a dry run answers as if, and writes nothing', async () => {
  await using t = await startServer();
  const before = t.store.revision;
  const made = await t.client.create(ConfigMap, configMapDraft('a'), { query: { dryRun: 'All' } });
  assert.equal(made.metadata.resourceVersion, undefined);
  assert.ok(made.metadata.uid);
  assert.equal(t.store.revision, before);
  await refused(t.client.get(ConfigMap, { namespace: 'default', name: 'a' }), 'NotFound', 'configmaps "a" not found');
  await t.client.create(ConfigMap, configMapDraft('a'));
  await refused(t.client.create(ConfigMap, configMapDraft('a'), { query: { dryRun: 'All' } }), 'AlreadyExists');
});

test('options of a write are checked with the texts of upstream', async () => {
  await using t = await startServer();
  const create = (query: Record<string, string>): Promise<unknown> =>
    t.client.create(ConfigMap, configMapDraft('a'), { query });
  await refused(
    create({ dryRun: 'Some' }),
    'Invalid',
    'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"',
  );
  await refused(
    create({ fieldManager: 'x'.repeat(129) }),
    'Invalid',
    'CreateOptions.meta.k8s.io "" is invalid: fieldManager: Too long: may not be more than 128 bytes',
  );
  await refused(
    create({ fieldValidation: 'Lax' }),
    'Invalid',
    'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Lax": supported values: "", "Ignore", "Strict", "Warn"',
  );
});

test('the namespace of the object is the one of the path', async () => {
  await using t = await startServer();
  const transport = t.server.transport({ name: 'admin', groups: ['system:masters'] });
  const create = (namespace: string): Promise<unknown> =>
    transport.request({ verb: 'create', kind: ConfigMap, namespace, body: configMapDraft('a') });
  await refused(
    create('kube-system'),
    'BadRequest',
    'the namespace of the provided object does not match the namespace sent on the request',
  );
  const node = await t.client.create(Node, { metadata: { name: 'n', namespace: 'x' }, spec: {} });
  assert.equal(node.metadata.namespace, undefined);
});

test('nothing is created where there is no namespace, or one that is ending', async () => {
  await using t = await startServer();
  await refused(
    t.client.create(ConfigMap, configMapDraft('a', { namespace: 'nowhere' })),
    'NotFound',
    'namespaces "nowhere" not found',
  );
  await t.client.create(Namespace, { metadata: { name: 'ending' }, spec: {} });
  await t.client.delete(Namespace, { name: 'ending' });
  const error = await refused(
    t.client.create(ConfigMap, configMapDraft('a', { namespace: 'ending' })),
    'Forbidden',
    'configmaps "a" is forbidden: unable to create new content in namespace ending because it is being terminated',
  );
  assert.deepEqual(error.details?.causes, [
    { reason: 'NamespaceTerminating', message: 'namespace ending is being terminated', field: 'metadata.namespace' },
  ]);
});

test('an invalid object is refused with every cause and nothing is written', async () => {
  await using t = await startServer();
  const before = t.store.revision;
  const error = await refused(t.client.create(Pod, podDraft('Not_A_Name', { containers: [] })), 'Invalid');
  assert.equal(error.code, 422);
  assert.match(error.message, /^Pod "Not_A_Name" is invalid: \[metadata\.name: Invalid value: "Not_A_Name"/);
  assert.ok(error.details!.causes!.some((c) => c.field === 'spec.containers' && c.reason === 'FieldValueRequired'));
  assert.equal(t.store.revision, before);
});

test('what the status says at creation is not believed', async () => {
  await using t = await startServer();
  const pod = await t.client.create(Pod, { ...podDraft('p'), status: { phase: 'Running', podIP: '10.0.0.1' } });
  assert.equal(pod.status.phase, 'Pending');
  assert.equal(pod.status.podIP, undefined);
  assert.equal(pod.metadata.generation, 1);
});
