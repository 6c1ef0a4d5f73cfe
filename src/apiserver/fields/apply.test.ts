/**
 * Apply over HTTP. What is asked here is what test/integration/apiserver/apply/apply_test.go v1.36 asks, and the words are those of
 * apiserver pkg/endpoints/handlers/patch.go v0.36.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { APPS, NAMESPACE, said, startWriter } from '../testdata/writer.ts';

const CM = `${NAMESPACE}/configmaps/cm`;
const WEB = `${APPS}/deployments/web`;

const configMap = (data: object, metadata: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'cm', ...metadata },
  data,
});

const deployment = (spec: object = {}, container: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', labels: { app: 'nginx' } },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'nginx' } },
    template: {
      metadata: { labels: { app: 'nginx' } },
      spec: { containers: [{ name: 'nginx', image: 'nginx:latest', ...container }] },
    },
    ...spec,
  },
});

test('an apply creates what is not there, and updates it the next time', async () => {
  await using w = await startWriter();
  const made = said(201, await w.apply(CM, configMap({ a: '1' }, { labels: { l: 'x' } })));
  assert.deepEqual(made.data, { a: '1' });
  assert.deepEqual(made.metadata.managedFields, [
    {
      manager: 'tester',
      operation: 'Apply',
      apiVersion: 'v1',
      time: '2030-01-01T00:00:00Z',
      fieldsType: 'FieldsV1',
      fieldsV1: { 'f:data': { 'f:a': {} }, 'f:metadata': { 'f:labels': { 'f:l': {} } } },
    },
  ]);
  const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cm\ndata:\n  b: "2"\n';
  const next = said(200, await w.apply(CM, yaml));
  assert.deepEqual([next.data, next.metadata.labels], [{ b: '2' }, undefined]);
  assert.deepEqual(await w.owners(CM), { 'tester Apply v1': 'data/b' });
  for (const [name, body] of [
    ['services', { kind: 'Service', spec: { ports: [{ port: 8080, protocol: 'UDP' }] } }],
    ['pods', { kind: 'Pod', spec: { containers: [{ name: 'c', image: 'i' }] } }],
  ] as const) {
    const object = { apiVersion: 'v1', metadata: { name: 'x' }, ...body };
    said(201, await w.apply(`${NAMESPACE}/${name}/x`, object, { manager: 'one' }));
    said(200, await w.apply(`${NAMESPACE}/${name}/x`, object, { manager: 'two' }));
    said(200, await w.apply(`${NAMESPACE}/${name}/x`, object, { manager: 'one' }));
  }
});

test('an apply that changes nothing writes nothing', async () => {
  await using w = await startWriter();
  const made = said(201, await w.apply(WEB, deployment()));
  w.clock.jump(60_000);
  const same = said(200, await w.apply(WEB, deployment()));
  assert.deepEqual(same, made);
  // A value written otherwise is the same value.
  const resources = (cpu: string): object => deployment({}, { resources: { limits: { cpu } } });
  const first = said(200, await w.apply(WEB, resources('0.1')));
  w.clock.jump(60_000);
  assert.equal(
    said(200, await w.apply(WEB, resources('100m'))).metadata.resourceVersion,
    first.metadata.resourceVersion,
  );
  assert.equal(
    said(200, await w.apply(WEB, resources('0.1'))).metadata.resourceVersion,
    first.metadata.resourceVersion,
  );
  // Whoever says what is so already owns it too, which is a change.
  const other = said(200, await w.apply(WEB, resources('100m'), { manager: 'other' }));
  assert.notEqual(other.metadata.resourceVersion, first.metadata.resourceVersion);
  assert.equal(other.metadata.generation, first.metadata.generation);
});

test('an apply must say whose it is, and no other patch may use force', async () => {
  await using w = await startWriter();
  const refused = said(422, await w.apply(CM, configMap({}), { manager: '' }));
  const invalid = 'PatchOptions.meta.k8s.io "" is invalid:';
  assert.equal(refused.message, `${invalid} fieldManager: Required value: is required for apply patch`);
  said(201, await w.apply(CM, configMap({})));
  const forced = said(422, await w.patch('merge', CM, {}, { query: 'force=true' }));
  assert.equal(forced.message, `${invalid} force: Forbidden: may not be specified for non-apply patch`);
  const value = said(422, await w.apply(CM, configMap({}), { query: 'fieldValidation=no' }));
  assert.match(
    value.message,
    /fieldValidation: Unsupported value: "no": supported values: "", "Ignore", "Strict", "Warn"$/,
  );
});

test('what others own is a conflict, unless it is taken by force', async () => {
  await using w = await startWriter();
  said(201, await w.apply(WEB, deployment()));
  said(200, await w.patch('merge', WEB, { spec: { replicas: 5 } }, { manager: 'kubectl-client-side-apply' }));
  const one = said(409, await w.apply(WEB, deployment()));
  assert.equal(
    one.message,
    'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas',
  );
  assert.deepEqual(
    [one.reason, one.code, one.details],
    [
      'Conflict',
      409,
      {
        causes: [
          {
            reason: 'FieldManagerConflict',
            message: 'conflict with "kubectl-client-side-apply" using apps/v1',
            field: '.spec.replicas',
          },
        ],
      },
    ],
  );
  said(
    200,
    await w.apply(WEB, deployment({ replicas: 5, paused: true }, { image: 'other' }), {
      manager: 'b',
      query: 'force=true',
    }),
  );
  const two = said(409, await w.apply(WEB, deployment({ replicas: 4 })));
  assert.equal(
    two.message,
    'Apply failed with 3 conflicts: conflicts with "b":\n- .spec.replicas\n- .spec.template.spec.containers[name="nginx"].image\nconflicts with "kubectl-client-side-apply" using apps/v1:\n- .spec.replicas',
  );
  const forced = said(200, await w.apply(WEB, deployment({ replicas: 4 }), { query: 'force=true' }));
  assert.equal(forced.spec.replicas, 4);
  const owners = await w.owners(WEB);
  assert.deepEqual(Object.keys(owners), ['b Apply apps/v1', 'tester Apply apps/v1']);
  assert.doesNotMatch(owners['b Apply apps/v1']!, /replicas|image/);
  // What both wrote alike belongs to both, and goes when neither says it.
  said(200, await w.apply(WEB, deployment({ paused: undefined }), { manager: 'b', query: 'force=true' }));
  assert.equal((await w.get(WEB)).spec.paused, undefined);
});

test('what is no longer applied goes, but not what somebody else owns', async () => {
  await using w = await startWriter();
  const ports = { ports: [{ containerPort: 80, protocol: 'TCP' }] };
  said(201, await w.apply(WEB, deployment({}, ports)));
  said(200, await w.apply(WEB, deployment()));
  assert.equal((await w.get(WEB)).spec.template.spec.containers[0].ports, undefined);
  const metadata = { labels: { mine: 'x', shared: 'y' }, annotations: { a: '1' } };
  said(201, await w.apply(CM, configMap({ a: '1' }, metadata)));
  said(200, await w.apply(CM, configMap({}, { labels: { shared: 'y' } }), { manager: 'other' }));
  const left = said(200, await w.apply(CM, configMap({})));
  assert.deepEqual(
    [left.metadata.labels, left.metadata.annotations, left.data],
    [{ shared: 'y' }, undefined, undefined],
  );
});

test('lists are merged by their keys, and applied in the order they are written', async () => {
  await using w = await startWriter();
  const side = (name: string, image: string): object =>
    deployment({ template: { metadata: { labels: { app: 'nginx' } }, spec: { containers: [{ name, image }] } } });
  said(201, await w.apply(WEB, deployment()));
  said(200, await w.apply(WEB, side('side', 'side:1'), { manager: 'injector' }));
  const containers = (await w.get(WEB)).spec.template.spec.containers as { name: string }[];
  assert.deepEqual(
    containers.map(({ name }) => name),
    ['nginx', 'side'],
  );
  said(200, await w.apply(WEB, deployment({}, { image: 'nginx:2' })));
  assert.deepEqual(
    ((await w.get(WEB)).spec.template.spec.containers as { image: string }[]).map(({ image }) => image),
    ['nginx:2', 'side:1'],
  );
  const twice = deployment({
    template: { metadata: { labels: { app: 'nginx' } }, spec: { containers: [{ name: 'a' }, { name: 'a' }] } },
  });
  assert.equal(
    said(500, await w.apply(WEB, twice)).message,
    'failed to create typed patch object (/web; apps/v1, Kind=Deployment): .spec.template.spec.containers: duplicate entries for key [name="a"]',
  );
});

test('who applies may say which object is meant, and must mean the one of the path', async () => {
  await using w = await startWriter();
  const uid = '88e00824-7f0e-11e8-94a1-c8d3ffb15800';
  const unknown = said(409, await w.apply(CM, configMap({}, { uid })));
  assert.equal(
    unknown.message,
    `Operation cannot be fulfilled on configmaps "cm": uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
  );
  // There is no version it could disagree with.
  const made = said(201, await w.apply(CM, configMap({ a: '1' }, { resourceVersion: '12345' })));
  const own = made.metadata;
  assert.equal(
    said(422, await w.apply(CM, configMap({}, { uid }))).message,
    `ConfigMap "cm" is invalid: metadata.uid: Invalid value: "${uid}": field is immutable`,
  );
  said(200, await w.apply(CM, configMap({ a: '2' }, { uid: own.uid, resourceVersion: own.resourceVersion })));
  assert.equal(
    said(409, await w.apply(CM, configMap({ a: '3' }, { resourceVersion: own.resourceVersion }))).message,
    'Operation cannot be fulfilled on configmaps "cm": the object has been modified; please apply your changes to the latest version and try again',
  );
  const bad = async (metadata: object): Promise<string> =>
    said(400, await w.apply(CM, { ...configMap({}), metadata })).message;
  assert.equal(await bad({ name: 'other' }), 'the name of the object (other) does not match the name on the URL (cm)');
  assert.equal(
    await bad({ name: 'cm', namespace: 'kube-system' }),
    'the namespace of the provided object does not match the namespace sent on the request',
  );
  assert.equal(await bad({ name: 'cm', managedFields: [] }), 'metadata.managedFields must be nil');
  const nameless = said(400, await w.apply(`${NAMESPACE}/configmaps/new`, { ...configMap({}), metadata: {} }));
  assert.equal(nameless.message, 'the name of the object (new based on URL) was undeterminable: name must be provided');
  said(200, await w.apply(CM, { ...configMap({}), metadata: {} }));
});

test('what is applied must be of the kind and version of the path, with fields it has', async () => {
  await using w = await startWriter();
  const refused = async (status: number, body: object | string): Promise<string> =>
    said(status, await w.apply(WEB, body)).message;
  assert.equal(
    await refused(400, { ...deployment(), apiVersion: 'extensions/v1beta1' }),
    'invalid object type: extensions/v1beta1, Kind=Deployment',
  );
  assert.equal(await refused(400, '{}'), 'invalid object type: /, Kind=');
  assert.match(await refused(400, 'a: b: c'), /^error decoding YAML: error converting YAML to JSON: yaml: /);
  assert.match(await refused(400, '[]'), /^error decoding YAML: error unmarshaling JSON: /);
  assert.equal(
    await refused(500, deployment({ unknown: 1 })),
    'failed to create typed patch object (/web; apps/v1, Kind=Deployment): .spec.unknown: field not declared in schema',
  );
  assert.equal(
    await refused(422, deployment({ replicas: -1 })),
    'Deployment.apps "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  );
  const types = 'application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json';
  const odd = await w.ask(WEB, { method: 'PATCH', body: {}, headers: { 'content-type': 'application/json' } });
  assert.equal(
    said(415, odd).message,
    `the body of the request was in an unknown format - accepted media types include: ${types}, application/apply-patch+yaml`,
  );
});

test('a key that stands twice is warned of, refused or passed over as the request says', async () => {
  await using w = await startWriter();
  const body = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cm\ndata:\n  a: "1"\n  a: "2"\n';
  const strict = said(400, await w.apply(CM, body, { query: 'fieldValidation=Strict' }));
  assert.equal(
    strict.message,
    'error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  line 7: key "a" already set in map',
  );
  const warned = await w.apply(CM, body);
  assert.equal(said(201, warned).data.a, '2');
  assert.equal(warned.headers['warning'], '299 - "line 7: key \\"a\\" already set in map"');
  assert.equal((await w.apply(CM, body, { query: 'fieldValidation=Ignore' })).headers['warning'], undefined);
});

test('a dry run tells what would be, and leaves everything as it is', async () => {
  await using w = await startWriter();
  const would = said(201, await w.apply(CM, configMap({ a: '1' }), { query: 'dryRun=All' }));
  assert.deepEqual([would.data, would.metadata.resourceVersion], [{ a: '1' }, undefined]);
  assert.equal((await w.ask(CM)).status, 404);
  const made = said(201, await w.apply(CM, configMap({ a: '1' })));
  const changed = said(200, await w.apply(CM, configMap({ a: '2' }), { query: 'dryRun=All' }));
  assert.deepEqual(changed.data, { a: '2' });
  said(409, await w.apply(CM, configMap({ a: '2' }), { query: 'dryRun=All', manager: 'other' }));
  assert.deepEqual(await w.get(CM), made);
});

test('status and the rest are applied each through its own path', async () => {
  await using w = await startWriter();
  const status = { conditions: [{ type: 'Available', status: 'True', reason: 'r', message: 'm' }] };
  said(404, await w.apply(`${WEB}/status`, { ...deployment(), status }));
  said(201, await w.apply(WEB, { ...deployment(), status: { replicas: 9 } }));
  assert.deepEqual((await w.get(WEB)).status, {});
  const labelled = { ...deployment({ replicas: 7 }), metadata: { name: 'web', labels: { app: 'b' } }, status };
  const answer = said(200, await w.apply(`${WEB}/status`, labelled, { manager: 'other' }));
  assert.deepEqual([answer.spec.replicas, answer.metadata.labels], [3, { app: 'nginx' }]);
  assert.deepEqual(
    answer.status.conditions.map(({ type }: { type: string }) => type),
    ['Available'],
  );
  const owners = await w.owners(WEB);
  assert.deepEqual(Object.keys(owners), ['other Apply apps/v1 status', 'tester Apply apps/v1']);
  assert.doesNotMatch(owners['tester Apply apps/v1']!, /status/);
  assert.match(owners['other Apply apps/v1 status']!, /^status\/conditions/);
  said(
    409,
    await w.apply(`${WEB}/status`, {
      ...deployment(),
      status: { conditions: [{ type: 'Available', status: 'False' }] },
    }),
  );
});

test('the scale is applied as an object of its own, and its owner owns the replicas', async () => {
  await using w = await startWriter();
  said(201, await w.apply(WEB, deployment()));
  const scale = (replicas: number): object => ({
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name: 'web', namespace: 'default' },
    spec: { replicas },
  });
  const refused = said(409, await w.apply(`${WEB}/scale`, scale(5), { manager: 'scaler' }));
  assert.equal(refused.message, 'Apply failed with 1 conflict: conflict with "tester": .spec.replicas');
  const forced = said(200, await w.apply(`${WEB}/scale`, scale(5), { manager: 'scaler', query: 'force=true' }));
  assert.deepEqual([forced.spec, forced.metadata.managedFields], [{ replicas: 5 }, undefined]);
  const owners = await w.owners(WEB);
  assert.equal(owners['scaler Apply apps/v1 scale'], 'spec/replicas');
  assert.doesNotMatch(owners['tester Apply apps/v1']!, /replicas/);
  assert.equal(
    said(409, await w.apply(WEB, deployment({ replicas: 1 }))).message,
    'Apply failed with 1 conflict: conflict with "scaler" with subresource "scale": .spec.replicas',
  );
  said(200, await w.put(`${WEB}/scale`, scale(6), { manager: 'autoscaler' }));
  said(200, await w.patch('merge', `${WEB}/scale`, { spec: { replicas: 7 } }, { manager: 'patcher' }));
  const after = await w.owners(WEB);
  assert.deepEqual(
    Object.keys(after).filter((id) => id.endsWith(' scale')),
    ['patcher Update apps/v1 scale'],
  );
  said(404, await w.apply(`${APPS}/deployments/none/scale`, scale(1)));
});
