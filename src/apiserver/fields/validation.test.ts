/**
 * How strictly writes are read, as the request says. Source: test/e2e/apimachinery/field_validation.go and
 * test/integration/apiserver/field_validation_test.go v1.36.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { APPS, said, startWriter } from '../testdata/writer.ts';

const WEB = `${APPS}/deployments/web`;

const deployment = (spec: string, metadata = ''): string =>
  `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web",${metadata}"labels":{"app":"web"}},"spec":{${spec}` +
  '"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}';

const send = (
  w: Awaited<ReturnType<typeof startWriter>>,
  method: string,
  path: string,
  type: string,
  body: string,
  how: string,
) => w.ask(`${path}?fieldManager=m&fieldValidation=${how}`, { method, body, headers: { 'content-type': type } });

test('unknown and repeated fields of a typed object are refused, warned of or passed over', async () => {
  await using w = await startWriter();
  const odd = deployment('"unknownField":"foo","replicas":2,"replicas":3,');
  const post = (body: string, how: string): ReturnType<typeof send> =>
    send(w, 'POST', `${APPS}/deployments`, 'application/json', body, how);
  assert.match(
    said(400, await post(odd, 'Strict')).message,
    /strict decoding error: unknown field "spec\.unknownField", duplicate field "spec\.replicas"$/,
  );
  assert.match(
    said(400, await post(deployment('', '"unknownMeta":"foo",'), 'Strict')).message,
    /strict decoding error: unknown field "metadata\.unknownMeta"$/,
  );
  const warned = await post(odd, 'Warn');
  assert.equal(said(201, warned).spec.replicas, 3);
  assert.match(
    String(warned.headers['warning']),
    /unknown field \\"spec\.unknownField\\".*duplicate field \\"spec\.replicas\\"/,
  );
  said(200, await w.ask(WEB, { method: 'DELETE' }));
  const ignored = await post(odd, 'Ignore');
  said(201, ignored);
  assert.equal(ignored.headers['warning'], undefined);
});

test('patches are read as strictly as what comes of them', async () => {
  await using w = await startWriter();
  said(201, await send(w, 'POST', `${APPS}/deployments`, 'application/json', deployment(''), 'Strict'));
  const patch = (type: string, body: string, how: string): ReturnType<typeof send> =>
    send(w, 'PATCH', WEB, `application/${type}+json`, body, how);
  const twice = '{"spec":{"unknownField":"foo","replicas":2,"replicas":3}}';
  const both = /strict decoding error: duplicate field "spec\.replicas", unknown field "spec\.unknownField"$/;
  assert.match(said(422, await patch('merge-patch', twice, 'Strict')).message, both);
  const strategic = said(422, await patch('strategic-merge-patch', twice, 'Strict')).message as string;
  assert.match(strategic, both);
  assert.match(strategic, /^ "" is invalid: patch: Invalid value: "map\[spec:map\[replicas:3 unknownField:foo\]\]": /);
  const operations =
    '[{"op":"add","path":"/spec/unknownField","value":"foo","foo":"bar"},{"op":"add","path":"/spec/replicas","path":"/spec/replicas","value":4}]';
  assert.match(
    said(422, await patch('json-patch', operations, 'Strict')).message,
    /strict decoding error: json patch unknown field "\[0\]\.foo", json patch duplicate field "\[1\]\.path", unknown field "spec\.unknownField"$/,
  );
  const warned = await patch('json-patch', operations, 'Warn');
  assert.equal(said(200, warned).spec.replicas, 4);
  assert.match(String(warned.headers['warning']), /json patch unknown field \\"\[0\]\.foo\\"/);
  const merged = await patch('merge-patch', twice, 'Warn');
  assert.equal(said(200, merged).spec.replicas, 3);
  assert.match(String(merged.headers['warning']), /duplicate field \\"spec\.replicas\\"/);
  const quiet = await patch('merge-patch', twice, 'Ignore');
  said(200, quiet);
  assert.equal(quiet.headers['warning'], undefined);
});

test('a patch may change neither what the object is nor, unknowingly, another version of it', async () => {
  await using w = await startWriter();
  const made = said(201, await send(w, 'POST', `${APPS}/deployments`, 'application/json', deployment(''), 'Strict'));
  const patch = (body: object): ReturnType<typeof send> =>
    send(w, 'PATCH', WEB, 'application/merge-patch+json', JSON.stringify(body), 'Strict');
  assert.equal(
    said(400, await patch({ metadata: { name: 'other' } })).message,
    'the name of the object (other) does not match the name on the URL (web)',
  );
  assert.equal(
    said(400, await patch({ metadata: { namespace: 'other' } })).message,
    'the namespace of the provided object does not match the namespace sent on the request',
  );
  assert.match(
    said(422, await patch({ metadata: { uid: 'x' } })).message,
    /metadata\.uid: Invalid value: "x": field is immutable$/,
  );
  assert.equal(
    said(409, await patch({ metadata: { resourceVersion: '1' } })).message,
    'Operation cannot be fulfilled on deployments.apps "web": the object has been modified; please apply your changes to the latest version and try again',
  );
  const again = said(200, await patch({ metadata: { resourceVersion: null, uid: null, creationTimestamp: null } }));
  assert.deepEqual(again, made);
});

test('owner references that stand twice are taken for one, with a warning', async () => {
  await using w = await startWriter();
  const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'o', uid: 'u1' };
  const twice = [owner, { ...owner }, { ...owner, uid: 'u2' }];
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', ownerReferences: twice } };
  const path = '/api/v1/namespaces/default/configmaps';
  const made = await w.post(path, body);
  assert.deepEqual(said(201, made).metadata.ownerReferences, [owner, { ...owner, uid: 'u2' }]);
  const text =
    'in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: u1';
  assert.equal(
    made.headers['warning'],
    `299 - ".metadata.ownerReferences contains duplicate entries; API server dedups owner references ${text}"`,
  );
  const patched = await w.patch('merge', `${path}/c`, { metadata: { ownerReferences: twice } });
  assert.equal(said(200, patched).metadata.resourceVersion, made.json().metadata.resourceVersion);
  assert.match(String(patched.headers['warning']), /duplicate entries after mutating admission happens; /);
});
