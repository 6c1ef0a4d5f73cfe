import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  assertStatus,
  startCustomServer,
  version,
  widget,
  WIDGET_PROPS,
  WIDGETS,
  widgets,
} from '../testdata/custom.ts';

const V2 = WIDGETS.replace('/v1/', '/v2/');

/** v1 is stored, or v2; v2 knows a field more. */
const twoVersions = (stored: 'v1' | 'v2'): ReturnType<typeof widgets> =>
  widgets({
    versions: [
      version('v1', WIDGET_PROPS, { storage: stored === 'v1' }),
      version(
        'v2',
        {
          properties: {
            ...WIDGET_PROPS.properties,
            spec: {
              type: 'object',
              properties: {
                ...WIDGET_PROPS.properties!['spec']!.properties,
                shape: { type: 'string', default: 'round' },
              },
            },
          },
        },
        { storage: stored === 'v2' },
      ),
    ],
  });

test('an object is read and written in every version that is served, and only fields of both live on', async () => {
  await using server = await startCustomServer();
  await server.define(twoVersions('v1'));
  assert.equal((await server.post(WIDGETS, widget('a', { spec: { size: 1 } }))).status, 201);
  const second = (await server.get(`${V2}/a`)).json();
  assert.equal(second.apiVersion, 'example.com/v2');
  assert.deepEqual(second.spec, { size: 1 });
  const made = await server.post(V2, { ...widget('b', { spec: { size: 2 } }), apiVersion: 'example.com/v2' });
  assert.equal(made.status, 201, made.text);
  // The default of v2 does not outlive the storage in v1, which does not know the field.
  assert.deepEqual(made.json().spec, { size: 2 });
  assert.equal(made.json().apiVersion, 'example.com/v2');
  const first = (await server.get(`${WIDGETS}/b`)).json();
  assert.equal(first.apiVersion, 'example.com/v1');
  assert.deepEqual(
    (await server.get(V2)).json().items.map((item: { apiVersion: string }) => item.apiVersion),
    ['example.com/v2', 'example.com/v2'],
  );
});

test('another storage version is noted, and old objects are read as before until they are written', async () => {
  await using server = await startCustomServer();
  await server.define(twoVersions('v1'));
  await server.post(WIDGETS, widget('old'));
  await server.redefine(twoVersions('v2'));
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com';
  assert.deepEqual((await server.get(path)).json().status.storedVersions, ['v1', 'v2']);
  assert.deepEqual((await server.get(`${V2}/old`)).json().spec, { size: 1 });
  const rewritten = await server.patch(`${V2}/old`, { spec: { shape: 'square' } });
  assert.deepEqual(rewritten.json().spec, { size: 1, shape: 'square' });
  assert.deepEqual((await server.get(`${WIDGETS}/old`)).json().spec, { size: 1 });
  const made = await server.post(V2, { ...widget('new'), apiVersion: 'example.com/v2' });
  assert.deepEqual(made.json().spec, { size: 1, shape: 'round' });
});

test('a name is taken also where what has it is of a version that is no more', async () => {
  await using server = await startCustomServer();
  await server.define(twoVersions('v2'));
  await server.post(V2, { ...widget('old'), apiVersion: 'example.com/v2' });
  await server.redefine(twoVersions('v1'));
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com';
  await server.patch(`${path}/status`, { status: { storedVersions: ['v1'] } });
  await server.redefine(widgets({ versions: [version('v1', WIDGET_PROPS)] }));
  assertStatus(await server.post(WIDGETS, widget('old')), 409, 'widgets.example.com "old" already exists');
  const why = 'request to convert CR from an invalid group/version: example.com/v2';
  assertStatus(await server.get(`${WIDGETS}/old`), 500, why);
});

test('a version that is not served is not there, and a deprecated one says so with every answer', async () => {
  await using server = await startCustomServer();
  await server.define(
    widgets({
      versions: [
        version('v1', WIDGET_PROPS),
        version('v1beta2', WIDGET_PROPS, { storage: false, deprecated: true }),
        version('v1beta1', WIDGET_PROPS, { storage: false, deprecated: true, deprecationWarning: 'too old' }),
        version('v1alpha1', WIDGET_PROPS, { storage: false, served: false }),
      ],
    }),
  );
  const gone = await server.get(WIDGETS.replace('v1', 'v1alpha1'));
  assert.equal(gone.status, 404);
  assert.equal(gone.text, '404 page not found\n');
  const old = await server.get(WIDGETS.replace('v1', 'v1beta2'));
  assert.equal(old.headers['warning'], '299 - "example.com/v1beta2 Widget is deprecated; use example.com/v1 Widget"');
  assert.equal((await server.get(WIDGETS.replace('v1', 'v1beta1'))).headers['warning'], '299 - "too old"');
  const { versions, preferredVersion } = (await server.get('/apis/example.com')).json();
  assert.deepEqual(
    versions.map((own: { version: string }) => own.version),
    ['v1', 'v1beta2', 'v1beta1'],
  );
  assert.equal(preferredVersion.version, 'v1');
});

test('what is no path of a custom resource is refused as nobody would answer it', async () => {
  await using server = await startCustomServer();
  await server.define(widgets());
  await server.post(WIDGETS, widget('a'));
  for (const path of ['/apis/example.com/v1/gadgets', '/apis/example.com/v9', '/apis/example.com/v1/widgets/a']) {
    const answer = await server.get(path);
    assert.equal(answer.status, 404, path);
    assert.equal(answer.text, '404 page not found\n', path);
  }
  assertStatus(await server.get(`${WIDGETS}/a/scale`), 404, 'widgets.example.com "a" not found');
  assertStatus(await server.get(`${WIDGETS}/a/status`), 404, 'widgets.example.com "a" not found');
});
