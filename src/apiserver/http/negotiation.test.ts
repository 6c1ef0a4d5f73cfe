import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { load } from 'js-yaml';
import { ConfigMap, decodeProtobuf, encodeProtobuf, Pod } from '#api';
import { FakeClock } from '#util';
import { configMapDraft, podDraft } from '../testdata/objects.ts';
import { askH1, askH2, type Json, startHttpsServer } from '../testdata/https.ts';

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

test('metadata in tables and lists is the same taken over as stored and made anew', async () => {
  await using server = await startHttpsServer();
  for (const name of ['a', 'b'])
    await server.ask(`${MAPS}?fieldManager=m`, {
      method: 'POST',
      body: { metadata: { name, annotations: { '"}': '\\{"' }, labels: { a: 'b' } }, data: { metadata: '{}' } },
    });
  for (const as of ['Table', 'PartialObjectMetadataList']) {
    const headers = { accept: `application/json;${AS(as)}` };
    const plain = await server.ask(MAPS, { headers });
    const pretty = await server.ask(`${MAPS}?pretty=true`, { headers });
    assert.deepEqual(plain.json(), pretty.json());
  }
});

test('long lists at once do not mix, slow as their readers may be', async () => {
  await using server = await startHttpsServer();
  const marks = 'abcdef';
  for (const mark of marks) {
    const labels = { mark };
    for (let i = 0; i < 20; i++)
      await server.test.client.create(ConfigMap, {
        ...configMapDraft(`${mark}${i}`, { labels }),
        data: { text: mark.repeat(60_000) },
      });
  }
  const session = server.connect();
  const lists = Array.from({ length: 18 }, async (_, i) => {
    const mark = marks[i % marks.length]!;
    const answer = await askH2(session, `${MAPS}?labelSelector=mark%3D${mark}`);
    const { items } = answer.json();
    assert.equal(items.length, 20);
    for (const { data } of items) assert.equal(data.text, mark.repeat(60_000));
  });
  await Promise.all(lists);
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
  assert.equal(answer.headers['content-type'], 'application/json');
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

test('a human is answered indented, a program in one line that ends', async () => {
  await using server = await startHttpsServer();
  await server.ask(MAPS, { method: 'POST', body: configMap('a') });
  const text = async (query: string, headers: Record<string, string> = {}): Promise<string> =>
    (await server.ask(`${MAPS}/a${query}`, { headers })).text;
  const line = await text('');
  assert.match(line, /^\{"apiVersion".*\}\n$/);
  const indented = await text('?pretty=true');
  assert.deepEqual(JSON.parse(indented), JSON.parse(line));
  assert.match(indented, /^\{\n {2}"apiVersion": [^]*\n\}$/);
  assert.equal(await text('', { 'user-agent': 'curl/8.0' }), indented);
  assert.equal(await text('?pretty=', { 'user-agent': 'Mozilla/5.0 (X11)' }), indented);
  assert.equal(await text('?pretty=false', { 'user-agent': 'curl/8.0' }), line);
  assert.equal(await text('?pretty=yes'), line, 'only what Go reads as a boolean');
  assert.equal(await text('', { accept: 'application/json;pretty=1' }), indented);
  const missing = await server.ask(`${MAPS}/none?pretty=1`);
  assert.match(missing.text, /^\{\n {2}"kind": "Status",\n/);
});

test('errors come in the form that was asked for', async () => {
  await using server = await startHttpsServer();
  const error = (accept: string): ReturnType<typeof server.ask> => server.ask(`${MAPS}/none`, { headers: { accept } });
  const yaml = await error('application/yaml');
  assert.deepEqual([yaml.status, yaml.headers['content-type']], [404, 'application/yaml']);
  assert.equal((load(yaml.text) as Json).reason, 'NotFound');
  const protobuf = await error(PROTOBUF);
  assert.equal(protobuf.headers['content-type'], PROTOBUF);
  const target = { group: '', version: 'v1', kind: 'Status', definition: 'meta.v1.Status' };
  assert.equal((decodeProtobuf(protobuf.body, target).object as Json).message, 'configmaps "none" not found');
  const table = await error(`application/json;${AS('Table')},application/json`);
  assert.equal(table.json().kind, 'Status');
  // Who takes nothing there is gets JSON all the same, indented.
  const html = await server.ask(MAPS, { headers: { accept: 'text/html' } });
  assert.match(html.text, /^\{\n {2}"kind": "Status",\n/);
});

test('tables and metadata come in the old version too', async () => {
  await using server = await startHttpsServer();
  await server.ask(MAPS, { method: 'POST', body: configMap('a') });
  const beta = (as: string): object => ({ headers: { accept: `application/json;as=${as};g=meta.k8s.io;v=v1beta1` } });
  const table = (await server.ask(MAPS, beta('Table'))).json();
  const { apiVersion, rows } = table;
  assert.deepEqual([apiVersion, rows[0].object.apiVersion], ['meta.k8s.io/v1beta1', 'meta.k8s.io/v1beta1']);
  const list = (await server.ask(MAPS, beta('PartialObjectMetadataList'))).json();
  assert.deepEqual([list.apiVersion, list.items[0].apiVersion], ['meta.k8s.io/v1beta1', 'meta.k8s.io/v1beta1']);
  const bytes = await server.ask(MAPS, {
    headers: { accept: `${PROTOBUF};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1beta1` },
  });
  // k8s\0, then the envelope, whose field 2 holds the list: its items are field 1 and come behind the metadata, field 2.
  assert.ok(bytes.body.includes('meta.k8s.io/v1beta1'));
  const raw = bytes.body.subarray(bytes.body.indexOf('PartialObjectMetadataList') + 'PartialObjectMetadataList'.length);
  assert.equal(raw[0], 0x12);
});

test('what an object cannot be shown as is 406, a table of the wrong kind 400', async () => {
  await using server = await startHttpsServer();
  await server.ask(MAPS, { method: 'POST', body: configMap('a') });
  const refused = async (path: string, accept: string): Promise<[number, string]> => {
    const { status, text } = await server.ask(path, { headers: { accept } });
    return [status, (load(text) as Json).message];
  };
  const json = (as: string): string => `application/json;${AS(as)}`;
  assert.deepEqual(await refused(MAPS, json('PartialObjectMetadata')), [
    406,
    'you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)',
  ]);
  assert.deepEqual(await refused(`${MAPS}/a`, json('PartialObjectMetadataList')), [
    406,
    'you requested PartialObjectMetadataList, but the requested object is not a list (*core.ConfigMap)',
  ]);
  assert.deepEqual(await refused(`${MAPS}?includeObject=All`, json('Table')), [
    400,
    "Unable to convert to Table as requested: includeObject: Invalid value: \"All\": must be 'Metadata', 'Object', 'None', or empty",
  ]);
  const names = 'only the following media types are accepted: ';
  const types = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
  for (const accept of [
    `${PROTOBUF};${AS('Table')}`,
    'application/json;as=Table;g=meta.k8s.io;v=v2',
    json('Other'),
    'application/json;stream=other',
    'application/json;sv=v2',
    'application/cbor',
  ])
    assert.deepEqual(await refused(MAPS, accept), [406, names + types], accept);
  assert.deepEqual(await refused(`${MAPS}?watch=1`, 'application/yaml'), [
    406,
    `${names}application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch`,
  ]);
  const cbor = await server.ask(MAPS, { method: 'POST', body: 'x', headers: { 'content-type': 'application/cbor' } });
  assert.equal(cbor.status, 415);
});

test('what is long is compressed for who takes it, and no shorter thing is', async () => {
  // Ages in tables stand still, so that two answers are the same.
  await using server = await startHttpsServer({ clock: new FakeClock(Date.parse('2030-01-01T00:00:00Z')) });
  const big = (name: string, size: number): object => ({ metadata: { name }, data: { text: 'x'.repeat(size) } });
  for (const name of ['a', 'b']) await server.ask(MAPS, { method: 'POST', body: big(name, 100_000) });
  const gzip = { 'accept-encoding': 'br, gzip' };
  for (const accept of ['application/json', 'application/yaml', PROTOBUF, `application/json;${AS('Table')}`]) {
    const query = '?includeObject=Object';
    const plain = await server.ask(`${MAPS}${query}`, { headers: { accept } });
    assert.equal(plain.headers['content-encoding'], undefined);
    const packed = await server.ask(`${MAPS}${query}`, { headers: { accept, ...gzip } });
    assert.deepEqual([packed.headers['content-encoding'], packed.headers['vary']], ['gzip', 'Accept-Encoding']);
    assert.ok(packed.body.length < 10_000);
    assert.deepEqual(gunzipSync(packed.body), plain.body, accept);
  }
  const h1 = await askH1(server, MAPS, { headers: gzip });
  assert.equal(gunzipSync(h1.body).toString(), (await server.ask(MAPS)).text);
  const short = await server.ask(`${MAPS}/a`, { headers: gzip });
  assert.equal(short.headers['content-encoding'], undefined);
  assert.equal((await server.ask(MAPS, { headers: { 'accept-encoding': 'gzip;q=1' } })).headers['vary'], undefined);
  // Many small ones, which are written bit by bit.
  for (let i = 0; i < 60; i++) await server.test.client.create(ConfigMap, configMapDraft(`n${i}`));
  const many = await server.ask(`${MAPS}?pretty=1`, { headers: gzip });
  assert.equal(many.headers['content-encoding'], 'gzip');
  assert.equal(gunzipSync(many.body).toString(), (await server.ask(`${MAPS}?pretty=1`)).text);
});

test('a scale has a table of its own', async () => {
  await using server = await startHttpsServer();
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const path = '/apis/apps/v1/namespaces/default/deployments';
  const spec = { replicas: 2, selector: { matchLabels: { a: 'b' } }, template };
  await server.ask(path, {
    method: 'POST',
    body: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec },
  });
  const headers = { accept: `application/json;${AS('Table')}` };
  const { columnDefinitions, rows } = (await server.ask(`${path}/web/scale`, { headers })).json() as unknown as {
    columnDefinitions: { name: string; format: string }[];
    rows: { cells: unknown[] }[];
  };
  assert.deepEqual(
    columnDefinitions.map(({ name, format }) => name + format),
    ['Name', 'Desired', 'Available', 'Age'],
  );
  assert.deepEqual(rows[0]?.cells.slice(0, 3), ['web', 2, 0]);
});
