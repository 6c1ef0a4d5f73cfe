import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pod } from '#api';
import { startHttpsServer } from '../testdata/https.ts';
import { podDraft } from '../testdata/objects.ts';

test('a pod is bound by a binding of its name', async () => {
  await using server = await startHttpsServer();
  const { client } = server.test;
  await client.create(Pod, podDraft('a'));
  const bindings = '/api/v1/namespaces/default/bindings';
  const bind = (name: string, target: object = { kind: 'Node', name: 'n' }): ReturnType<typeof server.ask> =>
    server.ask(bindings, { method: 'POST', body: { apiVersion: 'v1', kind: 'Binding', metadata: { name }, target } });
  assert.deepEqual([(await bind('none')).status, (await bind('a', {})).status], [404, 422]);
  const done = await bind('a');
  const { kind, status, code } = done.json();
  assert.deepEqual([done.status, kind, status, code], [201, 'Status', 'Success', 201]);
  assert.equal((await client.get(Pod, { namespace: 'default', name: 'a' })).spec.nodeName, 'n');
  assert.equal((await bind('a')).status, 409);
  assert.equal((await server.ask(bindings)).status, 405);
});

test('a binding without a name, or with one that is no part of a path, is refused in words', async () => {
  await using server = await startHttpsServer();
  const bind = async (body: object): Promise<[number, string]> => {
    const { status, json } = await server.ask('/api/v1/namespaces/default/bindings', { method: 'POST', body });
    return [status, json().message];
  };
  const target = { name: 'n' };
  assert.deepEqual(await bind({ target }), [400, 'Name parameter required.']);
  assert.deepEqual(await bind({}), [422, 'Binding "" is invalid: target.name: Required value']);
  assert.deepEqual(await bind({ metadata: { name: 'a/b' }, target }), [
    400,
    `Name parameter invalid: "a/b": may not contain '/'`,
  ]);
});

test('components tell how they are', async () => {
  await using server = await startHttpsServer();
  server.test.server.addComponent('scheduler', () => {
    throw new Error('it sleeps');
  });
  const list = await server.ask('/api/v1/componentstatuses');
  assert.match(String(list.headers['warning']), /v1 ComponentStatus is deprecated in v1\.19\+/);
  const { kind, items } = list.json();
  assert.equal(kind, 'ComponentStatusList');
  const etcd = { metadata: { name: 'etcd-0' }, conditions: [{ type: 'Healthy', status: 'True', message: 'ok' }] };
  const scheduler = {
    metadata: { name: 'scheduler' },
    conditions: [{ type: 'Healthy', status: 'False', message: '', error: 'it sleeps' }],
  };
  for (const [i, wanted] of [etcd, scheduler].entries()) {
    const { metadata, conditions } = items[i];
    assert.deepEqual({ metadata: { name: metadata.name }, conditions }, wanted);
  }
  const one = (await server.ask('/api/v1/componentstatuses/etcd-0')).json();
  assert.deepEqual([one.kind, one.apiVersion, one.conditions], ['ComponentStatus', 'v1', etcd.conditions]);
  assert.equal((await server.ask('/api/v1/componentstatuses/none')).status, 404);
  const accept = 'application/json;as=Table;g=meta.k8s.io;v=v1';
  const table = (await server.ask('/api/v1/componentstatuses', { headers: { accept } })).json();
  assert.deepEqual(
    table.rows.map(({ cells }: { cells: unknown[] }) => cells),
    [
      ['etcd-0', 'Healthy', 'ok', ''],
      ['scheduler', 'Unhealthy', '', 'it sleeps'],
    ],
  );
  const chosen = await server.ask('/api/v1/componentstatuses?fieldSelector=metadata.name%3Detcd-0');
  assert.equal(chosen.json().items.length, 1);
});
