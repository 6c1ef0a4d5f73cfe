/**
 * Custom resources: applied, owned and validated like any other. Among them what the conformance tests of FieldValidation ask of them.
 * Source: test/e2e/apimachinery/field_validation.go and test/integration/apiserver/apply/apply_crd_test.go v1.36.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer } from '../testdata/https.ts';
import {
  assertStatus,
  type CustomServer,
  type Props,
  startCustomServer,
  version,
  widget,
  WIDGET_PROPS,
  WIDGETS,
  widgets,
} from '../testdata/custom.ts';
import { ownersOf, said } from '../testdata/writer.ts';

const APPLY = 'application/apply-patch+yaml';

const apply = (server: CustomServer, path: string, body: unknown, query = 'fieldManager=m'): Promise<Answer> =>
  server.patch(`${path}?${query}`, body, APPLY);

const owners = async (server: CustomServer, path: string): Promise<Record<string, string>> =>
  ownersOf((await server.get(path)).json().metadata.managedFields);

const PORTS: Props = {
  properties: {
    spec: {
      type: 'object',
      properties: {
        foo: { type: 'string' },
        cronSpec: { type: 'string', pattern: '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$' },
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
          items: {
            type: 'object',
            required: ['containerPort', 'protocol'],
            properties: {
              containerPort: { type: 'integer', format: 'int32' },
              protocol: { type: 'string' },
              name: { type: 'string' },
            },
          },
        },
      },
    },
  },
};

const yaml = (metadata: string, spec: string): string =>
  `apiVersion: example.com/v1\nkind: Widget\nmetadata:\n  name: w\n${metadata}spec:\n${spec}`;
const SPEC =
  '  foo: foo1\n  cronSpec: "* * * * */5"\n  ports:\n  - name: x\n    containerPort: 80\n    protocol: TCP\n';

test('a valid custom resource is applied strictly, and its ports are owned one by one', async () => {
  await using server = await startCustomServer();
  await server.define(widgets({ versions: [version('v1', PORTS)] }));
  const path = `${WIDGETS}/w`;
  const strict = 'fieldManager=m&fieldValidation=Strict';
  said(201, await apply(server, path, yaml('  finalizers:\n  - example.com/f\n', SPEC), strict));
  assert.deepEqual(await owners(server, path), {
    'm Apply example.com/v1': [
      'metadata/finalizers/v:"example.com/f"',
      'spec/cronSpec',
      'spec/foo',
      'spec/ports/k:{"containerPort":80,"protocol":"TCP"}.',
      'spec/ports/k:{"containerPort":80,"protocol":"TCP"}/containerPort',
      'spec/ports/k:{"containerPort":80,"protocol":"TCP"}/name',
      'spec/ports/k:{"containerPort":80,"protocol":"TCP"}/protocol',
    ].join('\n'),
  });
  const more = yaml('', '  ports:\n  - containerPort: 90\n    protocol: TCP\n');
  const ports = said(200, await apply(server, path, more, 'fieldManager=n')).spec.ports as { containerPort: number }[];
  assert.deepEqual(
    ports.map(({ containerPort }) => containerPort),
    [80, 90],
  );
  const unknown = `${yaml('', SPEC)}unknownField: unknown\n`;
  assert.match((await apply(server, path, unknown, strict)).text, /\.unknownField: field not declared in schema/);
  const meta = yaml('  unknownMeta: unknown\n', SPEC);
  assert.match((await apply(server, path, meta, strict)).text, /\.metadata\.unknownMeta: field not declared in schema/);
  const twice = yaml('', '  foo: foo1\n  foo: foo2\n');
  assert.equal(
    said(400, await apply(server, path, twice, `${strict}&force=true`)).message,
    'error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  line 7: key "foo" already set in map',
  );
  const cron = yaml('', '  cronSpec: "* *"\n');
  assert.match(
    said(422, await apply(server, path, cron, `${strict}&force=true`)).message,
    /spec\.cronSpec: Invalid value: /,
  );
});

test('without a schema anything may be applied, and is owned by what it looks like', async () => {
  await using server = await startCustomServer();
  const free: Props = { 'x-kubernetes-preserve-unknown-fields': true };
  await server.define(widgets({ versions: [version('v1', free)] }));
  const path = `${WIDGETS}/w`;
  const body = yaml('', '  unknown: uk1\n  list:\n  - 1\n  map:\n    a: 1\n');
  said(201, await apply(server, path, body, 'fieldManager=m&fieldValidation=Strict'));
  assert.equal(
    (await owners(server, path))['m Apply example.com/v1'],
    'spec.\nspec/list\nspec/map.\nspec/map/a\nspec/unknown',
  );
  const conflict = assertStatus(await apply(server, path, yaml('', '  list:\n  - 2\n'), 'fieldManager=n'), 409);
  assert.equal(conflict.message, 'Apply failed with 1 conflict: conflict with "m": .spec.list');
});

test('custom resources take three types of patch, and all writes of them are tracked', async () => {
  await using server = await startCustomServer();
  const statusAndScale = {
    subresources: { status: {}, scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size' } },
  };
  const props: Props = {
    properties: {
      ...WIDGET_PROPS.properties,
      status: { type: 'object', properties: { phase: { type: 'string' }, size: { type: 'integer' } } },
    },
  };
  await server.define(widgets({ versions: [version('v1', props, statusAndScale)] }));
  const path = `${WIDGETS}/w`;
  const types = 'application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml';
  said(201, await server.post(`${WIDGETS}?fieldManager=creator`, widget('w', { spec: { size: 1, color: 'red' } })));
  assertStatus(
    await server.patch(path, {}, 'application/strategic-merge-patch+json'),
    415,
    `the body of the request was in an unknown format - accepted media types include: ${types}`,
  );
  const status = widget('w', { spec: { size: 9 }, status: { phase: 'On' } }, { labels: { l: 'x' } });
  said(200, await apply(server, `${path}/status`, status, 'fieldManager=controller'));
  said(200, await server.patch(`${path}?fieldManager=patcher`, { spec: { color: 'blue' } }));
  const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'w' }, spec: { replicas: 4 } };
  said(200, await apply(server, `${path}/scale`, scale, 'fieldManager=scaler&force=true'));
  assert.deepEqual(await owners(server, path), {
    'controller Apply example.com/v1 status': 'status/phase',
    'scaler Apply example.com/v1 scale': 'spec/size',
    'creator Update example.com/v1': 'spec',
    'patcher Update example.com/v1': 'spec/color',
  });
  const object = (await server.get(path)).json();
  assert.deepEqual([object.spec, object.metadata.labels], [{ size: 4, color: 'blue' }, undefined]);
});

test('owners in one version of a custom resource are owners in the other', async () => {
  await using server = await startCustomServer();
  const versions = [version('v1', WIDGET_PROPS), version('v2', WIDGET_PROPS, { storage: false })];
  await server.define(widgets({ versions }));
  const path = `${WIDGETS}/w`;
  const second = path.replace('/v1/', '/v2/');
  const two = { ...widget('w', { spec: { size: 2 } }), apiVersion: 'example.com/v2' };
  said(201, await apply(server, path, widget('w', { spec: { size: 1 } }), 'fieldManager=old'));
  assertStatus(
    await apply(server, second, two, 'fieldManager=new'),
    409,
    'Apply failed with 1 conflict: conflict with "old": .spec.size',
  );
  said(200, await apply(server, second, two, 'fieldManager=new&force=true'));
  assert.deepEqual(await owners(server, path), { 'new Apply example.com/v2': 'spec/size' });
  said(200, await apply(server, path, widget('w', { spec: {} }), 'fieldManager=new'));
  assert.equal((await server.get(second)).json().spec?.size, undefined);
});
