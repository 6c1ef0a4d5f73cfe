/** Writes of large objects let others have their turn between their parts: what the others do then must not be lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCustomServer, version, widget, WIDGET_PROPS, WIDGETS, widgets } from '../testdata/custom.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const LARGE = 'x'.repeat(200 << 10);
const COUNT = 6;
const numbers = Array.from({ length: COUNT }, (_, i) => i);
const configMap = (data: object, metadata: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', ...metadata },
  data,
});

test('patches of a large object that overlap all take effect', async () => {
  await using server = await startCustomServer();
  assert.equal((await server.post(MAPS, configMap({ large: LARGE }))).status, 201);
  const answers = await Promise.all(
    numbers.map((i) => server.patch(`${MAPS}/a`, { data: i % 2 === 0 ? { [`k${i}`]: LARGE } : { [`k${i}`]: '' } })),
  );
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  const { data } = (await server.get(`${MAPS}/a`)).json();
  assert.deepEqual(Object.keys(data).toSorted(), [...numbers.map((i) => `k${i}`), 'large']);
});

test('applies of a large object that overlap all take effect, each with its owner', async () => {
  await using server = await startCustomServer();
  assert.equal((await server.post(MAPS, configMap({ large: LARGE }))).status, 201);
  const answers = await Promise.all(
    numbers.map((i) =>
      server.patch(
        `${MAPS}/a?fieldManager=m${i}`,
        JSON.stringify(configMap({ [`k${i}`]: '', [`l${i}`]: i % 2 === 0 ? LARGE.slice(0, 140 << 10) : '' })),
        'application/apply-patch+yaml',
      ),
    ),
  );
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  const { data, metadata } = (await server.get(`${MAPS}/a`)).json();
  assert.equal(Object.keys(data).length, 1 + 2 * COUNT);
  for (const i of numbers) {
    const { fieldsV1 } = metadata.managedFields.find(({ manager }: { manager: string }) => manager === `m${i}`);
    assert.deepEqual(Object.keys(fieldsV1['f:data']), [`f:k${i}`, `f:l${i}`]);
  }
});

test('of large updates from one version that overlap one succeeds and the others conflict', async () => {
  await using server = await startCustomServer();
  const made = (await server.post(MAPS, configMap({ large: LARGE }))).json();
  const { resourceVersion } = made.metadata;
  const answers = await Promise.all(
    numbers.map((i) => server.put(`${MAPS}/a`, configMap({ large: LARGE, i: String(i) }, { resourceVersion }))),
  );
  const codes = answers.map(({ status }) => status).toSorted((a, b) => a - b);
  assert.deepEqual(codes, [200, ...numbers.slice(1).map(() => 409)]);
  const winner = answers.find(({ status }) => status === 200)!.json();
  assert.deepEqual((await server.get(`${MAPS}/a`)).json(), winner);
});

test('of large creates of one name one succeeds', async () => {
  await using server = await startCustomServer();
  const answers = await Promise.all(numbers.map((i) => server.post(MAPS, configMap({ large: LARGE, i: String(i) }))));
  assert.deepEqual(
    answers.map(({ status }) => status).toSorted((a, b) => a - b),
    [201, ...numbers.slice(1).map(() => 409)],
  );
});

test('large custom objects are seen in every version as they were written last', async () => {
  await using server = await startCustomServer();
  await server.define(
    widgets({ versions: [version('v1', WIDGET_PROPS), version('v2', WIDGET_PROPS, { storage: false })] }),
  );
  const V2 = WIDGETS.replace('/v1/', '/v2/');
  const spec = (size: number): Record<string, unknown> => ({ spec: { size, color: LARGE } });
  assert.equal((await server.post(WIDGETS, widget('a', spec(-1)))).status, 201);
  for (const size of numbers) {
    const patched = await server.patch(`${size % 2 === 0 ? WIDGETS : V2}/a`, spec(size));
    assert.equal(patched.status, 200, patched.text.slice(0, 500));
    assert.equal(patched.json().spec.size, size);
    for (const path of [WIDGETS, V2]) {
      const { spec: seen, metadata } = (await server.get(`${path}/a`)).json();
      assert.deepEqual([seen.size, metadata.resourceVersion], [size, patched.json().metadata.resourceVersion]);
    }
  }
});
