import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CustomResourceDefinition } from '#api';
import {
  assertStatus,
  isTrue,
  startCustomServer,
  untilDefinition,
  widget,
  WIDGETS,
  widgets,
} from '../testdata/custom.ts';

const conditions = ({ status }: CustomResourceDefinition): readonly string[] =>
  (status.conditions ?? []).map(({ type, status: own, reason, message }) => `${type}=${own} ${reason}: ${message}`);

test('a definition is established, and its objects can be made, read, listed, changed and deleted', async () => {
  await using server = await startCustomServer();
  await server.define(widgets());
  const definition = await server.test.client.get(CustomResourceDefinition, { name: 'widgets.example.com' });
  assert.deepEqual(conditions(definition), [
    'NamesAccepted=True NoConflicts: no conflicts found',
    'Established=True InitialNamesAccepted: the initial names have been accepted',
  ]);
  assert.deepEqual(definition.status.acceptedNames, {
    plural: 'widgets',
    singular: 'widget',
    kind: 'Widget',
    listKind: 'WidgetList',
  });
  assert.deepEqual(definition.status.storedVersions, ['v1']);

  const made = await server.post(WIDGETS, widget('a', { spec: { size: 3, unknown: true } }));
  assert.equal(made.status, 201, made.text);
  const object = made.json() as { spec: object; metadata: { generation: number; uid: string } };
  assert.deepEqual(object.spec, { size: 3 });
  assert.equal(object.metadata.generation, 1);
  const read = await server.get(`${WIDGETS}/a`);
  assert.equal(read.text, made.text);
  const list = (await server.get('/apis/example.com/v1/widgets')).json() as { kind: string; items: object[] };
  assert.equal(list.kind, 'WidgetList');
  assert.deepEqual(list.items, [object]);
  const patched = await server.patch(`${WIDGETS}/a`, { spec: { color: 'red' } });
  assert.equal(patched.status, 200, patched.text);
  assert.equal((patched.json() as typeof object).metadata.generation, 2);
  assert.equal((await server.delete(`${WIDGETS}/a`)).status, 200);
  assertStatus(await server.get(`${WIDGETS}/a`), 404, 'widgets.example.com "a" not found');
});

test('names another definition of the group has are refused until they are free', async () => {
  await using server = await startCustomServer();
  const { client } = server.test;
  await server.define(widgets({ names: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'] } }));
  await client.create(
    CustomResourceDefinition,
    widgets({ names: { plural: 'others', kind: 'Widget', shortNames: ['wd', 'ot'] } }),
  );
  const known = (own: CustomResourceDefinition | undefined): boolean => own?.status.conditions !== undefined;
  await untilDefinition(server.test, 'others.example.com', known);
  const other = await client.get(CustomResourceDefinition, { name: 'others.example.com' });
  assert.deepEqual(conditions(other), [
    'NamesAccepted=False ListKindConflict: "WidgetList" is already in use',
    'Established=False NotAccepted: not all names are accepted',
  ]);
  assert.equal((await server.get('/apis/example.com/v1/others')).status, 404);
  await client.delete(CustomResourceDefinition, { name: 'widgets.example.com' });
  await untilDefinition(server.test, 'others.example.com', (own) => own !== undefined && isTrue(own, 'Established'));
  assert.equal((await server.get('/apis/example.com/v1/others')).status, 200);
});

test('a definition that is deleted takes all its objects with it, and can be made again', async () => {
  await using server = await startCustomServer();
  const { client } = server.test;
  await server.define(widgets());
  for (const name of ['a', 'b']) await server.post(WIDGETS, widget(name));
  await server.post(WIDGETS, widget('held', {}, { finalizers: ['example.com/hold'] }));
  const reasons: string[] = [];
  const gone = untilDefinition(server.test, 'widgets.example.com', (own) => {
    const reason = own?.status.conditions?.find(({ type }) => type === 'Terminating')?.reason;
    if (reason !== undefined && reasons.at(-1) !== reason) reasons.push(reason);
    return own === undefined && reasons.length > 0;
  });
  await client.delete(CustomResourceDefinition, { name: 'widgets.example.com' });
  await untilDefinition(server.test, 'widgets.example.com', (own) => isTrue(own!, 'Terminating'));
  const going = await client.get(CustomResourceDefinition, { name: 'widgets.example.com' });
  assert.deepEqual(going.metadata.finalizers, ['customresourcecleanup.apiextensions.k8s.io']);
  assertStatus(
    await server.post(WIDGETS, widget('late')),
    403,
    'widgets.example.com "late" is forbidden: create not allowed while custom resource definition is terminating',
  );
  const { resources } = (await server.get('/apis/example.com/v1')).json() as { resources: { verbs: string[] }[] };
  assert.deepEqual(resources[0]!.verbs, ['delete', 'deletecollection', 'get', 'list', 'watch']);
  assert.equal((await server.patch(`${WIDGETS}/held`, { metadata: { finalizers: null } })).status, 200);
  await gone;
  assert.deepEqual(reasons, ['InstanceDeletionPending', 'InstanceDeletionInProgress']);
  assert.equal((await server.get(WIDGETS)).status, 404);

  await server.define(widgets());
  assert.deepEqual(((await server.get(WIDGETS)).json() as { items: object[] }).items, []);
});
