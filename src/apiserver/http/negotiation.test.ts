import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from 'js-yaml';
import { ConfigMap, decodeProtobuf, encodeProtobuf, Pod } from '#api';
import { configMapDraft, podDraft } from '../testdata/objects.ts';
import { type Json, startHttpsServer } from '../testdata/https.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const AS = (kind: string): string => `as=${kind};g=meta.k8s.io;v=v1`;

const configMap = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data: { text: 'one\ntwo\n', quoted: '"ü"' },
});

test('an object is the same in JSON, YAML and protobuf', async () => {
  await using server = await startHttpsServer();
  const made = await server.ask(MAPS, { method: 'POST', body: configMap('a') });
  assert.equal(made.status, 201);
  assert.equal(made.headers['content-type'], 'application/json');
  assert.equal(made.headers['cache-control'], 'no-cache, private');
  const yaml = await server.ask(`${MAPS}/a`, { headers: { accept: 'application/yaml' } });
  assert.equal(yaml.headers['content-type'], 'application/yaml');
  assert.deepEqual(load(yaml.text), made.json());
  const protobuf = await server.ask(`${MAPS}/a`, { headers: { accept: PROTOBUF } });
  assert.equal(protobuf.headers['content-type'], PROTOBUF);
  assert.deepEqual(decodeProtobuf(protobuf.body, ConfigMap).object, made.json());
  const pretty = await server.ask(`${MAPS}/a?pretty=true`);
  assert.deepEqual(pretty.json(), made.json());
  assert.match(pretty.text, /^\{\n {2}"apiVersion": "v1",\n/);
});

test('bodies are read in JSON, YAML and protobuf', async () => {
  await using server = await startHttpsServer();
  const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\ndata:\n  key: "1"\n';
  const viaYaml = await server.ask(MAPS, {
    method: 'POST',
    body: yaml,
    headers: { 'content-type': 'application/yaml' },
  });
  assert.deepEqual([viaYaml.status, viaYaml.json().data], [201, { key: '1' }]);
  const bytes = encodeProtobuf({ apiVersion: 'v1', kind: 'ConfigMap', ...configMap('p') }, ConfigMap.definition);
  const headers = { 'content-type': PROTOBUF, accept: PROTOBUF };
  const viaProtobuf = await server.ask(MAPS, { method: 'POST', body: bytes, headers });
  assert.equal(viaProtobuf.status, 201);
  assert.equal(decodeProtobuf(viaProtobuf.body, ConfigMap).object.metadata.name, 'p');
  const charset = { 'content-type': 'application/json; charset=utf-8' };
  assert.equal((await server.ask(MAPS, { method: 'POST', body: configMap('j'), headers: charset })).status, 201);
});

test('a list is the same in every form, long or short', async () => {
  await using server = await startHttpsServer();
  for (const count of [3, 120]) {
    for (let i = 0; i < count; i++)
      await server.test.client.create(ConfigMap, { ...configMapDraft(`n${count}-${i}`), data: { i: `${i}\n` } });
    const plain = await server.ask(`${MAPS}?labelSelector=`);
    const list = plain.json();
    assert.equal(list.kind, 'ConfigMapList');
    assert.ok(list.items.length >= count);
    assert.deepEqual((await server.ask(`${MAPS}?pretty=1`)).json(), list);
    assert.deepEqual(load((await server.ask(MAPS, { headers: { accept: 'application/yaml' } })).text), list);
    const { body } = await server.ask(MAPS, { headers: { accept: PROTOBUF } });
    const target = { group: '', version: 'v1', kind: 'ConfigMapList', definition: 'core.v1.ConfigMapList' };
    const decoded = decodeProtobuf(body, target).object as Json;
    // Items of a typed list travel without their own kind.
    const bare = list.items.map(({ apiVersion: _a, kind: _k, ...rest }: Json) => rest);
    assert.deepEqual(
      decoded.items.map(({ apiVersion: _a, kind: _k, ...rest }: Json) => rest),
      bare,
    );
    assert.equal(decoded.metadata.resourceVersion, list.metadata.resourceVersion);
  }
});

test('an empty list has items', async () => {
  await using server = await startHttpsServer();
  const { text } = await server.ask('/api/v1/namespaces/kube-public/configmaps');
  assert.match(
    text,
    /^\{"kind":"ConfigMapList","apiVersion":"v1","metadata":\{"resourceVersion":"\d+"\},"items":\[\]\}\n$/,
  );
  const yaml = await server.ask('/api/v1/namespaces/kube-public/configmaps', {
    headers: { accept: 'application/yaml' },
  });
  assert.deepEqual((load(yaml.text) as Json).items ?? [], []);
});

test('a table has columns, cells and as much of the object as was asked for', async () => {
  await using server = await startHttpsServer();
  await server.test.client.create(Pod, podDraft('p'));
  const accept = `application/json;${AS('Table')},application/json`;
  const pods = '/api/v1/namespaces/default/pods';
  const answer = await server.ask(pods, { headers: { accept } });
  assert.equal(answer.headers['content-type'], 'application/json;as=Table;v=v1;g=meta.k8s.io');
  const table = answer.json();
  assert.deepEqual([table.kind, table.apiVersion], ['Table', 'meta.k8s.io/v1']);
  const columns = table.columnDefinitions.map((c: Json) => c.name);
  assert.deepEqual(columns.slice(0, 5), ['Name', 'Ready', 'Status', 'Restarts', 'Age']);
  const [row] = table.rows;
  assert.equal(row.cells.length, columns.length);
  assert.deepEqual(row.cells.slice(0, 4), ['p', '0/1', 'Pending', '0']);
  assert.deepEqual([row.object.kind, row.object.apiVersion], ['PartialObjectMetadata', 'meta.k8s.io/v1']);
  assert.equal((await server.ask(`${pods}?includeObject=None`, { headers: { accept } })).json().rows[0].object, null);
  const whole = (await server.ask(`${pods}/p?includeObject=Object`, { headers: { accept } })).json().rows[0].object;
  assert.equal(whole.spec.containers[0].image, 'busybox');
});

test('metadata alone comes as JSON and as protobuf', async () => {
  await using server = await startHttpsServer();
  const { metadata } = await server.test.client.create(ConfigMap, configMapDraft('a', { labels: { x: 'y' } }));
  const json = await server.ask(`${MAPS}/a`, {
    headers: { accept: `application/json;${AS('PartialObjectMetadata')}` },
  });
  assert.deepEqual(json.json(), { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata });
  const list = await server.ask(MAPS, { headers: { accept: `application/json;${AS('PartialObjectMetadataList')}` } });
  assert.deepEqual(list.json().items, [json.json()]);
  const protobuf = await server.ask(`${MAPS}/a`, { headers: { accept: `${PROTOBUF};${AS('PartialObjectMetadata')}` } });
  const target = { ...ConfigMap, group: 'meta.k8s.io', kind: 'PartialObjectMetadata' };
  assert.deepEqual(decodeProtobuf(protobuf.body, target).object.metadata, metadata);
  const both = await server.ask(MAPS, {
    headers: {
      accept: `${PROTOBUF};${AS('PartialObjectMetadataList')},application/json;${AS('PartialObjectMetadataList')}`,
    },
  });
  assert.equal(both.json().kind, 'PartialObjectMetadataList', 'JSON is preferred where it is as welcome');
  const bytes = await server.ask(MAPS, { headers: { accept: `${PROTOBUF};${AS('PartialObjectMetadataList')}` } });
  const listTarget = {
    group: 'meta.k8s.io',
    version: 'v1',
    kind: 'PartialObjectMetadataList',
    definition: 'core.v1.ConfigMapList',
  };
  assert.deepEqual(
    (decodeProtobuf(bytes.body, listTarget).object as Json).items.map((i: Json) => i.metadata),
    [metadata],
  );
});

test('what cannot be written is 406, what cannot be read is 415', async () => {
  await using server = await startHttpsServer();
  const html = await server.ask(MAPS, { headers: { accept: 'text/html' } });
  assert.equal(html.status, 406);
  assert.equal(
    html.json().message,
    'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf',
  );
  assert.equal(html.json().reason, 'NotAcceptable');
  const watch = await server.ask(`${MAPS}?watch=1`, { headers: { accept: 'application/yaml' } });
  assert.equal(watch.status, 406);
  assert.equal((await server.ask(MAPS, { headers: { accept: 'text/html, */*;q=0.1' } })).status, 200);

  const text = await server.ask(MAPS, {
    method: 'POST',
    body: configMap('a'),
    headers: { 'content-type': 'text/plain' },
  });
  assert.equal(text.status, 415);
  assert.equal(
    text.json().message,
    'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
  );
  await server.ask(MAPS, { method: 'POST', body: configMap('a') });
  const patch = await server.ask(`${MAPS}/a`, {
    method: 'PATCH',
    body: {},
    headers: { 'content-type': 'application/json' },
  });
  assert.equal(patch.status, 415);
  assert.match(
    patch.json().message,
    /accepted media types include: application\/json-patch\+json, application\/merge-patch\+json/,
  );
});
