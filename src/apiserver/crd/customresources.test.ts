import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startTestApiServer } from '#testing';
import type { Json } from '../testdata/https.ts';
import {
  assertStatus,
  startCustomServer,
  type Version,
  version,
  widget,
  WIDGET_PROPS,
  WIDGETS,
  widgets,
} from '../testdata/custom.ts';

const SUBRESOURCES: NonNullable<Version['subresources']> = {
  status: {},
  scale: {
    specReplicasPath: '.spec.size',
    statusReplicasPath: '.status.replicas',
    labelSelectorPath: '.status.selector',
  },
};
const scaled = (): ReturnType<typeof widgets> =>
  widgets({
    versions: [
      version(
        'v1',
        {
          properties: {
            spec: WIDGET_PROPS.properties!['spec']!,
            status: {
              type: 'object',
              properties: { replicas: { type: 'integer' }, selector: { type: 'string' }, phase: { type: 'string' } },
            },
          },
        },
        { subresources: SUBRESOURCES },
      ),
    ],
  });

test('status is written through its own path only, and changes no generation', async () => {
  await using server = await startCustomServer();
  await server.define(scaled());
  const made = (await server.post(WIDGETS, widget('a', { spec: { size: 1 }, status: { phase: 'x' } }))).json();
  assert.equal(made.status, undefined);
  const status = await server.put(`${WIDGETS}/a/status`, {
    ...made,
    metadata: { ...made.metadata, labels: { a: 'b' } },
    spec: { size: 9 },
    status: { phase: 'ready' },
  });
  assert.equal(status.status, 200, status.text);
  const { spec, metadata, status: written } = status.json();
  assert.deepEqual(
    [spec, written, metadata.labels, metadata.generation],
    [{ size: 1 }, { phase: 'ready' }, undefined, 1],
  );
  const changed = (await server.patch(`${WIDGETS}/a`, { spec: { size: 2 }, status: { phase: 'other' } })).json();
  assert.deepEqual([changed.status, changed.metadata.generation], [{ phase: 'ready' }, 2]);
  assertStatus(
    await server.delete(`${WIDGETS}/a/status`),
    405,
    'delete is not supported on resources of kind "widgets.example.com"',
  );
});

test('scale reads and writes where the definition says', async () => {
  await using server = await startCustomServer();
  await server.define(scaled());
  await server.post(WIDGETS, widget('a', { spec: { size: 2 } }));
  await server.patch(`${WIDGETS}/a/status`, { status: { replicas: 1, selector: 'app=a' } });
  const scale = (await server.get(`${WIDGETS}/a/scale`)).json();
  assert.deepEqual(
    [scale.kind, scale.spec, scale.status],
    ['Scale', { replicas: 2 }, { replicas: 1, selector: 'app=a' }],
  );
  assert.deepEqual((await server.patch(`${WIDGETS}/a/scale`, { spec: { replicas: 5 } })).json().spec, { replicas: 5 });
  assert.equal((await server.get(`${WIDGETS}/a`)).json().spec.size, 5);
  assertStatus(
    await server.patch(`${WIDGETS}/a/scale`, { spec: { replicas: -1 } }),
    422,
    'Widget.example.com "a" is invalid: .spec.size: Invalid value: -1: should be a non-negative integer',
  );
  await server.post(WIDGETS, widget('none', { spec: {} }));
  assertStatus(
    await server.get(`${WIDGETS}/none/scale`),
    500,
    'Internal error occurred: the spec replicas field ".spec.size" does not exist',
  );
  assertStatus(
    await server.patch(`${WIDGETS}/none/scale`, { metadata: { labels: { a: 'b' } } }),
    400,
    'the spec replicas field ".spec.size" cannot be empty',
  );
});

test('what an object is not is told as upstream tells it', async () => {
  await using server = await startCustomServer();
  await server.define(widgets());
  const post = (change: object): ReturnType<typeof server.post> => server.post(WIDGETS, { ...widget('a'), ...change });
  assertStatus(
    await post({ kind: 'Gadget' }),
    422,
    'Gadget.example.com "a" is invalid: kind: Invalid value: "Gadget": must be Widget',
  );
  assertStatus(
    await post({ apiVersion: 'example.com/v2' }),
    400,
    'the API version in the data (example.com/v2) does not match the expected API version (example.com/v1)',
  );
  assertStatus(
    await server.post(WIDGETS, '{"apiVersion":"example.com/v1"}'),
    400,
    `Widget in version "v1" cannot be handled as a Widget: Object 'Kind' is missing in '{"apiVersion":"example.com/v1"}'`,
  );
  assertStatus(
    await post({ spec: { size: 'big' } }),
    422,
    'Widget.example.com "a" is invalid: spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"',
  );
  assert.equal((await post({})).status, 201);
  const current = (await server.get(`${WIDGETS}/a`)).json();
  assertStatus(
    await server.put(`${WIDGETS}/a`, { ...current, metadata: { name: 'a' } }),
    422,
    'widgets.example.com "a" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
  );
  assertStatus(
    await server.patch(`${WIDGETS}/a`, { spec: {} }, 'application/strategic-merge-patch+json'),
    415,
    'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
  );
  const added = await server.patch(`${WIDGETS}/a`, { metadata: { finalizers: ['hold'] } });
  assert.equal(
    added.headers['warning'],
    '299 - "metadata.finalizers: \\"hold\\": prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers"',
  );
});

test('custom resources speak JSON and YAML, and protobuf only of their metadata', async () => {
  await using server = await startCustomServer();
  await server.define(widgets());
  await server.post(WIDGETS, widget('a'));
  const protobuf = 'application/vnd.kubernetes.protobuf';
  // The refusal itself has a form in protobuf.
  const refused = await server.get(`${WIDGETS}/a`, { accept: protobuf });
  assert.equal(refused.status, 406);
  assert.match(
    refused.text,
    /only the following media types are accepted: application\/json, application\/yaml, application\/vnd\.kubernetes\.protobuf/,
  );
  const both = await server.get(`${WIDGETS}/a`, { accept: `${protobuf}, */*` });
  assert.equal(both.headers['content-type'], 'application/json');
  const metadata = `${protobuf};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`;
  assert.equal((await server.get(`${WIDGETS}/a`, { accept: metadata })).status, 200);
  assert.match(
    (await server.get(`${WIDGETS}/a`, { accept: 'application/yaml' })).text,
    /^apiVersion: example\.com\/v1/,
  );
});

test('a table has the columns of the definition, and the age of the object where it says nothing', async () => {
  await using server = await startCustomServer();
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  await server.define(widgets());
  await server.post(WIDGETS, widget('a', { spec: { color: 'red' } }));
  const names = (table: Json): string[] => table.columnDefinitions.map((column: Json) => column.name);
  assert.deepEqual(names((await server.get(WIDGETS, { accept })).json()), ['Name', 'Age']);
  const additionalPrinterColumns = [
    { name: 'Color', type: 'string', jsonPath: '.spec.color', description: 'as painted' },
    { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
  ];
  await server.redefine(widgets({ versions: [version('v1', WIDGET_PROPS, { additionalPrinterColumns })] }));
  const table = (await server.get(WIDGETS, { accept })).json();
  assert.deepEqual(names(table), ['Name', 'Color', 'Size']);
  assert.equal(table.columnDefinitions[1].description, 'as painted');
  assert.deepEqual(table.rows[0].cells, ['a', 'red', null]);
});

test('collections are selected, paged and deleted, names are generated, and dry runs leave nothing', async () => {
  await using server = await startCustomServer();
  await server.define(widgets());
  for (const [i, name] of ['a', 'b', 'c'].entries())
    await server.post(WIDGETS, widget(name, {}, { labels: { even: String(i % 2 === 0) } }));
  const list = async (query: string): Promise<Json> => (await server.get(`${WIDGETS}?${query}`)).json();
  const names = ({ items }: Json): string[] => items.map((item: Json) => item.metadata.name);
  assert.deepEqual(names(await list('labelSelector=even%3Dtrue')), ['a', 'c']);
  assert.deepEqual(names(await list('fieldSelector=metadata.name%3Db')), ['b']);
  const page = await list('limit=2');
  assert.equal(page.metadata.remainingItemCount, 1);
  await server.delete(`${WIDGETS}/a`);
  assert.deepEqual(names(await list(`limit=2&continue=${page.metadata.continue}`)), ['c']);
  const { name: _, ...metadata } = { name: '', generateName: 'gen-' };
  const generated = (await server.post(WIDGETS, { ...widget(''), metadata })).json();
  assert.match(generated.metadata.name, /^gen-[a-z0-9]{5}$/);
  assert.equal((await server.post(`${WIDGETS}?dryRun=All`, widget('dry'))).status, 201);
  assert.equal((await server.get(`${WIDGETS}/dry`)).status, 404);
  assert.equal((await server.delete(`${WIDGETS}?labelSelector=even`)).status, 200);
  assert.deepEqual(names(await list('')), [generated.metadata.name]);
});

test('a custom kind may be called like a built-in one', async () => {
  await using server = await startCustomServer();
  await server.define(widgets({ names: { plural: 'services', kind: 'Service' } }));
  const path = '/apis/example.com/v1/namespaces/default/services';
  const made = await server.post(path, { ...widget('a', { spec: { size: 1 } }), kind: 'Service' });
  assert.equal(made.status, 201, made.text);
  assert.deepEqual(made.json().spec, { size: 1 });
  assert.equal((await server.delete(`${path}/a`)).json().status, 'Success');
});

test('watches end when the definition changes, and can be taken up again', async () => {
  await using server = await startCustomServer();
  await server.define(widgets());
  const watched = server.get(`${WIDGETS}?watch=true`);
  await server.post(WIDGETS, widget('a'));
  await server.redefine(widgets({ versions: [version('v1', { ...WIDGET_PROPS, description: 'changed' })] }));
  await server.post(WIDGETS, widget('b'));
  const events = (await watched).text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(events[0].type, 'ADDED');
  const { resourceVersion } = events[0].object.metadata;
  const again = await server.get(`${WIDGETS}?watch=true&timeoutSeconds=1&resourceVersion=${resourceVersion}`);
  assert.equal(again.status, 200);
});

test('after a restart everything is there as soon as the server is', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'crd-restart-'));
  try {
    {
      await using server = await startCustomServer({ directory });
      await server.define(widgets());
      await server.post(WIDGETS, widget('a'));
    }
    await using again = await startTestApiServer({ directory });
    const kind = { group: 'example.com', version: 'v1', kind: 'Widget', plural: 'widgets', namespaced: true };
    const Widget = { ...kind, definition: '', columns: [], row: () => ({ cells: [] }) };
    const read = await again.client.get(Widget, { namespace: 'default', name: 'a' });
    assert.deepEqual((read as Json).spec, { size: 1 });
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('rules of the definition are judged with it, and hold for its objects', async () => {
  await using server = await startCustomServer();
  const ruled = (rule: string): ReturnType<typeof widgets> => {
    const spec = WIDGET_PROPS.properties!['spec']!;
    const validations = [{ rule, message: 'size may only grow' }];
    return widgets({
      versions: [version('v1', { properties: { spec: { ...spec, 'x-kubernetes-validations': validations } } })],
    });
  };
  const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const body = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', ...ruled('self.length > 0') };
  const refused = assertStatus(await server.post(definitions, body), 422);
  assert.match(
    refused.message!,
    /spec\.versions\[0\]\.schema\.openAPIV3Schema\.properties\[spec\]\.x-kubernetes-validations\[0\]\.rule: Invalid value:/,
  );
  await server.define(ruled('self.size >= oldSelf.size'));
  assert.equal((await server.post(WIDGETS, widget('a', { spec: { size: 3 } }))).status, 201);
  const smaller = assertStatus(await server.patch(`${WIDGETS}/a`, { spec: { size: 2 } }), 422);
  assert.match(smaller.message!, /spec: Invalid value: .*size may only grow/);
  const wrong = assertStatus(await server.patch(`${WIDGETS}/a`, { spec: { size: 'x' } }), 422);
  assert.match(wrong.message!, /<nil>: Invalid value: null: some validation rules were not checked/);
});

test('definitions of groups of the community are told whether they are approved', async () => {
  await using server = await startCustomServer();
  const definition = widgets({ group: 'things.k8s.io' });
  const annotations = { 'api-approved.kubernetes.io': 'unapproved, experimental' };
  await server.define({ ...definition, metadata: { ...definition.metadata, annotations } });
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.things.k8s.io';
  const find = ({ status }: Json): Json =>
    status.conditions.find((own: Json) => own.type === 'KubernetesAPIApprovalPolicyConformant');
  const told = find((await server.get(path)).json());
  assert.deepEqual(
    [told.status, told.reason, told.message],
    ['False', 'UnapprovedAnnotation', 'not approved: "unapproved, experimental"'],
  );
});
