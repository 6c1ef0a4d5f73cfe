/** What the conformance suite asks of custom resources, by the names of its tests. Source: test/e2e/apimachinery v1.36. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { CustomResourceDefinition } from '#api';
import type { Json } from '../testdata/https.ts';
import {
  assertStatus,
  type CustomServer,
  isTrue,
  type Props,
  startCustomServer,
  untilDefinition,
  version,
  widget,
  WIDGET_PROPS,
  WIDGETS,
  widgets,
} from '../testdata/custom.ts';

const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const V2 = WIDGETS.replace('/v1/', '/v2/');
const APPLY = 'application/apply-patch+yaml';

const openApiV2 = async (server: CustomServer): Promise<Record<string, Json>> =>
  (await server.get('/openapi/v2', { accept: 'application/json' })).json().definitions;

const named = (plural: string, kind: string, group = 'example.com', name = 'v1'): ReturnType<typeof widgets> =>
  widgets({ group, names: { plural, kind }, versions: [version(name, WIDGET_PROPS)] });

suite('CustomResourceDefinition resources', () => {
  test('creating/deleting custom resource definition objects works', async () => {
    await using server = await startCustomServer();
    await server.define(widgets({ scope: 'Cluster' }));
    const gone = untilDefinition(server.test, 'widgets.example.com', (own) => own === undefined);
    assert.equal((await server.delete(`${DEFINITIONS}/widgets.example.com`)).status, 200);
    await gone;
    assertStatus(await server.get(`${DEFINITIONS}/widgets.example.com`), 404);
  });

  test('listing custom resource definition objects works', async () => {
    await using server = await startCustomServer();
    for (let i = 0; i < 3; i++) {
      const { metadata, ...rest } = named(`labelled${i}`, `Labelled${i}`);
      await server.define({ ...rest, metadata: { ...metadata, labels: { list: 'yes' } } });
    }
    await server.define(widgets());
    const labelled = `${DEFINITIONS}?labelSelector=list%3Dyes`;
    assert.equal((await server.get(labelled)).json().items.length, 3);
    const left = ['labelled0', 'labelled1', 'labelled2'].map((plural) =>
      untilDefinition(server.test, `${plural}.example.com`, (own) => own === undefined),
    );
    assert.equal((await server.delete(labelled)).status, 200);
    await Promise.all(left);
    assert.equal((await server.get(`${DEFINITIONS}/widgets.example.com`)).status, 200);
  });

  test('getting/updating/patching custom resource definition status sub-resource works', async () => {
    await using server = await startCustomServer();
    await server.define(widgets({ scope: 'Cluster' }));
    const path = `${DEFINITIONS}/widgets.example.com/status`;
    const current = (await server.get(path)).json();
    current.status.conditions.push({ message: 'updated' });
    const updated = await server.put(path, current);
    assert.equal(updated.status, 200, updated.text);
    assert.ok(updated.json().status.conditions.some((own: Json) => own.message === 'updated'));
    const operations = [{ op: 'add', path: '/status/conditions', value: [{ message: 'patched' }] }];
    const patched = await server.patch(path, operations, 'application/json-patch+json');
    assert.equal(patched.status, 200, patched.text);
    assert.equal(patched.json().status.conditions[0].message, 'patched');
  });

  test('should include custom resource definition resources in discovery documents', async () => {
    await using server = await startCustomServer();
    const { groups } = (await server.get('/apis')).json();
    assert.ok(groups.some((own: Json) => own.name === 'apiextensions.k8s.io'));
    const { resources } = (await server.get('/apis/apiextensions.k8s.io/v1')).json();
    assert.ok(resources.some((own: Json) => own.name === 'customresourcedefinitions'));
  });

  test('custom resource defaulting for requests and from storage works', async () => {
    await using server = await startCustomServer();
    const fields = (a: object, b: object): ReturnType<typeof widgets> =>
      widgets({
        versions: [version('v1', { properties: { a: { type: 'string', ...a }, b: { type: 'string', ...b } } })],
      });
    await server.define(fields({}, {}));
    await server.post(WIDGETS, widget('one', {}));
    await server.redefine(fields({ default: 'A' }, {}));
    assert.equal((await server.get(`${WIDGETS}/one`)).json().a, 'A');
    assert.equal((await server.post(WIDGETS, widget('two', {}))).json().a, 'A');
    await server.redefine(fields({}, { default: 'B' }));
    const one = (await server.get(`${WIDGETS}/one`)).json();
    assert.deepEqual([one.a, one.b], [undefined, 'B']);
    const two = (await server.get(`${WIDGETS}/two`)).json();
    assert.deepEqual([two.a, two.b], ['A', 'B']);
  });
});

test('CustomResourceDefinition Watch watch on custom resource definition objects', async () => {
  await using server = await startCustomServer();
  await server.define(widgets());
  const stop = new AbortController();
  const seen: string[] = [];
  const enough = Promise.withResolvers<void>();
  const { client } = server.test;
  const { resourceVersion } = (await server.get(WIDGETS)).json().metadata;
  const kind = { group: 'example.com', version: 'v1', kind: 'Widget', plural: 'widgets', namespaced: true };
  const watch = client.watch(
    { ...kind, definition: '', columns: [], row: () => ({ cells: [] }) },
    {
      resourceVersion,
      signal: stop.signal,
      onEvents(events) {
        for (const { type, object } of events) seen.push(`${type} ${object.metadata.name}`);
        if (seen.length >= 6) enough.resolve();
      },
    },
  );
  watch.catch(enough.reject);
  for (const name of ['a', 'b']) await server.post(WIDGETS, widget(name));
  for (const name of ['a', 'b']) await server.patch(`${WIDGETS}/${name}`, { spec: { size: 2 } });
  for (const name of ['a', 'b']) await server.delete(`${WIDGETS}/${name}`);
  await enough.promise;
  stop.abort(new Error('seen'));
  await watch.catch(() => undefined); // as it was told
  assert.deepEqual(seen, ['ADDED a', 'ADDED b', 'MODIFIED a', 'MODIFIED b', 'DELETED a', 'DELETED b']);
});

test('CustomResourceFieldSelectors MUST list and watch custom resources matching the field selector', async () => {
  await using server = await startCustomServer();
  const hostPort: Props = {
    properties: { hostPort: { type: 'string' }, spec: { type: 'object', properties: { port: { type: 'integer' } } } },
  };
  const selectableFields = [{ jsonPath: '.hostPort' }, { jsonPath: '.spec.port' }];
  await server.define(widgets({ versions: [version('v1', hostPort, { selectableFields })] }));
  for (const [name, host, port] of [
    ['a', 'host1', 80],
    ['b', 'host1', 81],
    ['c', 'host2', 80],
  ] as const)
    await server.post(WIDGETS, widget(name, { hostPort: host, spec: { port } }));
  const select = async (selector: string): Promise<string[]> =>
    (await server.get(`${WIDGETS}?fieldSelector=${encodeURIComponent(selector)}`))
      .json()
      .items.map((item: Json) => item.metadata.name);
  assert.deepEqual(await select('hostPort=host1'), ['a', 'b']);
  assert.deepEqual(await select('hostPort=host1,spec.port=80'), ['a']);
  assert.deepEqual(await select('spec.port!=80,metadata.namespace=default'), ['b']);
  const refused = await server.get(`${WIDGETS}?fieldSelector=spec.color%3Dred`);
  assertStatus(refused, 400, 'field label not supported: spec.color');
  const published = (await openApiV2(server))['com.example.v1.Widget'];
  assert.deepEqual(published['x-kubernetes-selectable-fields'], [
    { fieldPath: 'hostPort' },
    { fieldPath: 'spec.port' },
  ]);
});

suite('CustomResourcePublishOpenAPI', () => {
  test('works for CRD with validation schema', async () => {
    await using server = await startCustomServer();
    const bars: Props = {
      description: 'Foo CRD for Testing',
      properties: {
        spec: {
          type: 'object',
          description: 'Specification of Foo',
          properties: {
            bars: {
              type: 'array',
              items: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
            },
            port: { 'x-kubernetes-int-or-string': true },
            maybe: { type: 'string', nullable: true, default: 'x' },
          },
        },
      },
    };
    await server.define(widgets({ versions: [version('v1', bars)] }));
    const own = (await openApiV2(server))['com.example.v1.Widget'];
    assert.equal(own.description, 'Foo CRD for Testing');
    assert.deepEqual(own['x-kubernetes-group-version-kind'], [{ group: 'example.com', kind: 'Widget', version: 'v1' }]);
    assert.deepEqual(Object.keys(own.properties).toSorted(), ['apiVersion', 'kind', 'metadata', 'spec']);
    assert.equal(own.properties.metadata.$ref, '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');
    assert.deepEqual(own.properties.spec.properties.port, { 'x-kubernetes-int-or-string': true });
    assert.deepEqual(own.properties.spec.properties.maybe, {});
    const { paths, components } = (await server.get('/openapi/v3/apis/example.com/v1')).json();
    const third = components.schemas['com.example.v1.Widget'].properties.spec.properties;
    assert.deepEqual(third.maybe, { type: 'string', nullable: true, default: 'x' });
    assert.deepEqual(third.port.anyOf, [{ type: 'integer' }, { type: 'string' }]);
    const item = paths[`${WIDGETS.replace('default', '{namespace}')}/{name}`];
    assert.deepEqual(Object.keys(item.patch.requestBody.content), [
      'application/json-patch+json',
      'application/merge-patch+json',
      'application/apply-patch+yaml',
    ]);
    assert.ok(item.patch.parameters.some((parameter: Json) => parameter.name === 'fieldValidation'));
    const refused = await server.post(WIDGETS, widget('a', { spec: { bars: [{}] } }));
    assertStatus(refused, 422, 'Widget.example.com "a" is invalid: spec.bars[0].name: Required value');
    // What kubectl asks for.
    const proto = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
    assert.equal((await server.get('/openapi/v2', { accept: proto })).status, 200);
  });

  test('works for CRD without validation schema, and preserving unknown fields at the schema root', async () => {
    await using server = await startCustomServer();
    await server.define(widgets({ versions: [version('v1', { 'x-kubernetes-preserve-unknown-fields': true })] }));
    const own = (await openApiV2(server))['com.example.v1.Widget'];
    assert.deepEqual(Object.keys(own).toSorted(), ['type', 'x-kubernetes-group-version-kind']);
    const made = await server.post(`${WIDGETS}?fieldValidation=Strict`, widget('a', { a: { b: [{ c: 'd' }] } }));
    assert.deepEqual(made.json().a, { b: [{ c: 'd' }] });
  });

  test('works for CRD preserving unknown fields in an embedded object', async () => {
    await using server = await startCustomServer();
    const spec = {
      type: 'object',
      'x-kubernetes-preserve-unknown-fields': true,
      'x-kubernetes-embedded-resource': true,
    };
    await server.define(widgets({ versions: [version('v1', { properties: { spec } })] }));
    const own = (await openApiV2(server))['com.example.v1.Widget'];
    assert.equal(own.properties.spec.properties, undefined);
    assert.equal(own.properties.spec.type, undefined);
    const { schemas } = (await server.get('/openapi/v3/apis/example.com/v1')).json().components;
    assert.deepEqual(schemas['com.example.v1.Widget'].properties.spec.required, ['kind', 'apiVersion']);
  });

  test('works for multiple CRDs of different groups, versions and kinds', async () => {
    await using server = await startCustomServer();
    const definitions = [
      named('foos', 'Foo', 'a.example.com'),
      named('waldos', 'Waldo', 'b.example.com', 'v1beta1'),
      named('bars', 'Bar', 'a.example.com'),
      named('quxes', 'Qux', 'a.example.com', 'v2'),
    ];
    for (const definition of definitions) await server.define(definition);
    const known = await openApiV2(server);
    for (const name of ['a.v1.Foo', 'b.v1beta1.Waldo', 'a.v1.Bar', 'a.v2.Qux', 'a.v1.FooList'])
      assert.ok(known[`com.example.${name}`] !== undefined, name);
    const { paths } = (await server.get('/openapi/v3')).json();
    for (const path of ['a.example.com/v1', 'a.example.com/v2', 'b.example.com/v1beta1'])
      assert.ok(paths[`apis/${path}`] !== undefined, path);
  });

  test('updates the published spec when one version gets renamed', async () => {
    await using server = await startCustomServer();
    const two = (name: string): ReturnType<typeof widgets> =>
      widgets({ versions: [version('v1', WIDGET_PROPS), version(name, WIDGET_PROPS, { storage: false })] });
    await server.define(two('v2'));
    const address = async (name: string): Promise<string | undefined> =>
      (await server.get('/openapi/v3')).json().paths[`apis/example.com/${name}`]?.serverRelativeURL;
    const before = await address('v1');
    const other = (await server.get('/openapi/v2')).headers['etag'];
    await server.redefine(two('v4'));
    const known = await openApiV2(server);
    assert.ok(known['com.example.v4.Widget'] !== undefined);
    assert.equal(known['com.example.v2.Widget'], undefined);
    assert.equal(await address('v1'), before);
    assert.equal(await address('v2'), undefined);
    assert.notEqual((await server.get('/openapi/v2')).headers['etag'], other);
    assert.equal((await server.get('/openapi/v3/apis/example.com/v2')).status, 404);
  });

  test('removes definition from spec when one version gets changed to not be served', async () => {
    await using server = await startCustomServer();
    const two = (served: boolean): ReturnType<typeof widgets> =>
      widgets({ versions: [version('v1', WIDGET_PROPS), version('v2', WIDGET_PROPS, { storage: false, served })] });
    await server.define(two(true));
    assert.ok((await openApiV2(server))['com.example.v2.Widget'] !== undefined);
    await server.redefine(two(false));
    const known = await openApiV2(server);
    assert.equal(known['com.example.v2.Widget'], undefined);
    assert.ok(known['com.example.v1.Widget'] !== undefined);
    assert.equal((await server.get(V2)).status, 404);
  });
});

suite('AggregatedDiscovery', () => {
  test('should support raw aggregated discovery request for CRDs', async () => {
    await using server = await startCustomServer();
    const subresources = { status: {}, scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size' } };
    const names = { plural: 'widgets', kind: 'Widget', shortNames: ['wd'], categories: ['all'] };
    await server.define(widgets({ names, versions: [version('v1', WIDGET_PROPS, { subresources })] }));
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
    const { items } = (await server.get('/apis', { accept })).json();
    const group = items.find((own: Json) => own.metadata.name === 'example.com');
    assert.equal(items.at(-1), group);
    const [resource] = group.versions[0].resources;
    assert.deepEqual(
      [resource.resource, resource.singularResource, resource.scope, resource.shortNames, resource.categories],
      ['widgets', 'widget', 'Namespaced', ['wd'], ['all']],
    );
    assert.deepEqual(
      resource.subresources.map((own: Json) => [own.subresource, own.responseKind.kind]),
      [
        ['scale', 'Scale'],
        ['status', 'Widget'],
      ],
    );
    await server.test.client.delete(CustomResourceDefinition, { name: 'widgets.example.com' });
    await untilDefinition(
      server.test,
      'widgets.example.com',
      (own) => own === undefined || !isTrue(own, 'Established'),
    );
    const after = (await server.get('/apis', { accept })).json().items;
    assert.equal(
      after.find((own: Json) => own.metadata.name === 'example.com'),
      undefined,
    );
  });
});

suite('FieldValidation', () => {
  const strict = (path: string): string => `${path}?fieldManager=m&fieldValidation=Strict`;
  const applied = (server: CustomServer, yaml: string): ReturnType<CustomServer['patch']> =>
    server.patch(strict(`${WIDGETS}/mytest`), `apiVersion: example.com/v1\nkind: Widget\n${yaml}`, APPLY);

  test('should create/apply a CR with unknown fields for CRD with no validation schema', async () => {
    await using server = await startCustomServer();
    await server.define(widgets({ versions: [version('v1', { 'x-kubernetes-preserve-unknown-fields': true })] }));
    const answer = await applied(
      server,
      'metadata: {name: mytest, finalizers: [test-finalizer]}\nspec: {unknown: uk1}\n',
    );
    assert.equal(answer.status, 201, answer.text);
    assert.equal(answer.json().spec.unknown, 'uk1');
  });

  test('should create/apply a valid CR for CRD with validation schema', async () => {
    await using server = await startCustomServer();
    await server.define(widgets());
    const answer = await applied(server, 'metadata: {name: mytest}\nspec: {size: 1}\n');
    assert.equal(answer.status, 201, answer.text);
    assert.equal(answer.json().metadata.managedFields[0].operation, 'Apply');
  });

  test('should create/apply an invalid CR with extra properties for CRD with validation schema', async () => {
    await using server = await startCustomServer();
    await server.define(widgets());
    const answer = await applied(server, 'metadata: {name: mytest}\nunknownField: unknown\nspec: {size: 1}\n');
    assert.match(answer.text, /\.unknownField: field not declared in schema/);
    const made = await server.post(strict(WIDGETS), widget('a', { unknownField: 1, spec: { colour: 2 } }));
    assertStatus(
      made,
      400,
      'Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "spec.colour", unknown field "unknownField"',
    );
    const warned = await server.post(WIDGETS, widget('a', { unknownField: 1 }));
    assert.equal(warned.headers['warning'], '299 - "unknown field \\"unknownField\\""');
  });

  test('should detect unknown metadata fields in both the root and embedded object of a CR', async () => {
    await using server = await startCustomServer();
    const template = {
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      properties: { spec: { type: 'object' } },
    };
    const spec = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { template } };
    await server.define(widgets({ versions: [version('v1', { properties: { spec } })] }));
    const embedded = { apiVersion: 'foo/v1', kind: 'Sub', metadata: { unknownSubMeta: 1, name: 'sub' } };
    const made = await server.post(strict(WIDGETS), widget('a', { spec: { template: embedded } }, { unknownMeta: 1 }));
    assertStatus(
      made,
      400,
      'Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "metadata.unknownMeta", unknown field "spec.template.metadata.unknownSubMeta"',
    );
    const answer = await applied(server, 'metadata: {name: mytest, unknownMeta: unknown}\n');
    assert.match(answer.text, /\.metadata\.unknownMeta: field not declared in schema/);
  });

  test('should detect duplicates in a CR when preserving unknown fields', async () => {
    await using server = await startCustomServer();
    await server.define(widgets({ versions: [version('v1', { 'x-kubernetes-preserve-unknown-fields': true })] }));
    const answer = await applied(server, 'metadata:\n  name: mytest\nspec:\n  foo: foo1\n  foo: foo2\n');
    assert.match(answer.text, /key \\"foo\\" already set in map/);
    const twice = JSON.stringify(widget('a')).replace('"size":1', '"size":1,"size":2');
    assertStatus(
      await server.post(strict(WIDGETS), twice),
      400,
      'Widget in version "v1" cannot be handled as a Widget: strict decoding error: duplicate field "spec.size"',
    );
  });
});
