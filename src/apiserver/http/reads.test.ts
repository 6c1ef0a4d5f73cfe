import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { WebSocket } from 'ws';
import { ConfigMap, decodeProtobuf } from '#api';
import { configMapDraft } from '../testdata/objects.ts';
import { type HttpsServer, type Json, startHttpsServer } from '../testdata/https.ts';
import { lengthDelimited, rawOf, unknownHead } from './protobuf.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const PROTOBUF = 'application/vnd.kubernetes.protobuf';

/** Makes `a`, `b` and `c`; tells the revision of each. */
async function fill({ test: { client } }: HttpsServer): Promise<Record<string, string>> {
  const revisions: Record<string, string> = {};
  for (const name of ['a', 'b', 'c'])
    revisions[name] = (await client.create(ConfigMap, configMapDraft(name))).metadata.resourceVersion;
  return revisions;
}

test('which moment a list shows follows from its revision, its match and its limit', async () => {
  await using server = await startHttpsServer();
  const { a, b, c } = await fill(server);
  const future = String(Number(c) + 1000);
  const query = (options: Record<string, string | undefined>): string =>
    new URLSearchParams(Object.entries(options) as [string, string][]).toString();
  /** Names and the revision of the list, or code and the first words of the message. */
  const shows = async (options: Record<string, string | undefined>): Promise<string> => {
    const answer = await server.ask(`${MAPS}?${query(options)}`);
    const { items, metadata, message } = answer.json();
    if (answer.status !== 200) return `${answer.status} ${String(message).split(':').slice(0, 2).join(':')}`;
    const at = metadata.resourceVersion === a ? 'then' : 'now';
    return `${items.map((i: Json) => i.metadata.name).join('')} ${at}${metadata.continue === undefined ? '' : ' more'}`;
  };
  const refused = '422 ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch';
  // Rows and columns of the table in Kubernetes' reference, "Semantics for get and list", v1.36.
  const rows: [Record<string, string | undefined>, string][] = [
    [{}, 'abc now'],
    [{ limit: '2' }, 'ab now more'],
    [{ resourceVersion: '0' }, 'abc now'],
    [{ resourceVersion: '0', limit: '2' }, 'abc now'],
    [{ resourceVersion: a }, 'abc now'],
    [{ resourceVersion: a, limit: '2' }, 'a then'],
    [{ resourceVersionMatch: 'Exact', resourceVersion: a }, 'a then'],
    [{ resourceVersionMatch: 'Exact', resourceVersion: a, limit: '2' }, 'a then'],
    [{ resourceVersionMatch: 'Exact', resourceVersion: b, limit: '1' }, 'a now more'],
    [{ resourceVersionMatch: 'NotOlderThan', resourceVersion: '0' }, 'abc now'],
    [{ resourceVersionMatch: 'NotOlderThan', resourceVersion: '0', limit: '2' }, 'abc now'],
    [{ resourceVersionMatch: 'NotOlderThan', resourceVersion: a }, 'abc now'],
    [{ resourceVersionMatch: 'NotOlderThan', resourceVersion: a, limit: '2' }, 'ab now more'],
    [{ resourceVersionMatch: 'Exact' }, refused],
    [{ resourceVersionMatch: 'NotOlderThan' }, refused],
    [{ resourceVersionMatch: 'Exact', resourceVersion: '0' }, refused],
    [{ resourceVersionMatch: 'Other', resourceVersion: a }, refused],
    [{ resourceVersion: a, limit: '-1' }, 'abc now'],
    [{ resourceVersionMatch: 'Exact', resourceVersion: future }, `504 Timeout: Too large resource version`],
  ];
  for (const [options, wanted] of rows) assert.equal(await shows(options), wanted, query(options));
});

test('a get shows what is not older than its revision', async () => {
  await using server = await startHttpsServer();
  const { c } = await fill(server);
  for (const revision of ['', '0', '1', c!])
    assert.equal((await server.ask(`${MAPS}/a?resourceVersion=${revision}`)).status, 200, revision);
  const late = await server.ask(`${MAPS}/a?resourceVersion=${Number(c) + 1000}`);
  const { code, reason, message, details } = late.json();
  assert.deepEqual([code, reason, details.retryAfterSeconds], [504, 'Timeout', 1]);
  assert.match(message, /^Timeout: Too large resource version: \d+, current: \d+$/);
  assert.deepEqual(details.causes, [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }]);
  assert.equal(late.headers['retry-after'], '1');
});

test("fields nobody can select by are refused with upstream's words", async () => {
  await using server = await startHttpsServer();
  const message = async (path: string): Promise<[number, string]> => {
    const { code, message: text } = (await server.ask(path)).json();
    return [code, text];
  };
  const unknown = '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"';
  for (const query of ['', '&watch=1'])
    for (const path of [MAPS, '/apis/apps/v1/deployments'])
      assert.deepEqual(await message(`${path}?fieldSelector=spec.x%3Dy${query}`), [400, unknown]);
  // Kinds with fields of their own say it in other words.
  assert.deepEqual(await message('/api/v1/pods?fieldSelector=spec.x%3Dy'), [400, 'field label not supported: spec.x']);
  await fill(server);
  const all = (await server.ask('/api/v1/configmaps?fieldSelector=metadata.namespace%3Ddefault')).json();
  assert.equal(all.items.length, 3);
  const none = (await server.ask(`${MAPS}?fieldSelector=metadata.namespace%3Dother`)).json();
  assert.deepEqual(none.items, []);
});

interface Message {
  readonly data: Buffer;
  readonly binary: boolean;
}

/** The first messages of a WebSocket, which then is closed. */
async function messages(
  { port, ca, admin }: HttpsServer,
  path: string,
  count: number,
  headers: Record<string, string> = {},
): Promise<Message[]> {
  const socket = new WebSocket(`wss://127.0.0.1:${port}${path}`, { ca, headers, ...(admin as object) });
  const found: Message[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.on('message', (data, binary) => {
    found.push({ data: data as Buffer, binary });
    if (found.length === count) socket.close();
  });
  socket.on('close', () => resolve());
  socket.on('error', reject);
  await promise;
  return found;
}

test('a watch by WebSocket is one event a message, as JSON or as protobuf', async () => {
  await using server = await startHttpsServer();
  await fill(server);
  for (const path of [`${MAPS}?watch=true`, '/api/v1/watch/namespaces/default/configmaps']) {
    const found = await messages(server, path, 3);
    const events = found.map(({ data }) => JSON.parse(data.toString()));
    assert.deepEqual(
      events.map(({ type, object }) => `${type} ${object.metadata.name}`),
      ['ADDED a', 'ADDED b', 'ADDED c'],
    );
    assert.ok(found.every(({ binary }) => !binary));
  }
  for (const { data, binary } of await messages(server, `${MAPS}?watch=true`, 3, { accept: PROTOBUF })) {
    assert.ok(binary);
    // The event holds a whole body, which begins as each does.
    const body = data.subarray(data.indexOf('k8s\0'));
    assert.match(decodeProtobuf(body, ConfigMap).object.metadata.name, /^[abc]$/);
  }
  await assert.rejects(messages(server, `${MAPS}?watch=true&resourceVersionMatch=Exact`, 1), /response: 422/);
});

test('a WebSocket watcher that leaves leaves nothing behind', async () => {
  await using server = await startHttpsServer();
  await fill(server);
  const watchers = async (): Promise<string> =>
    /apiserver_longrunning_requests\{.*resource="configmaps".*\} (\d+)/.exec(
      (await server.ask('/metrics')).text,
    )?.[1] ?? '0';
  assert.equal((await messages(server, `${MAPS}?watch=true`, 3)).length, 3);
  while ((await watchers()) !== '0') assert.ok(true);
});

/** The first events of a watch, which then is left. */
function watched(server: HttpsServer, path: string, count: number): Promise<string[]> {
  const { promise, resolve, reject } = Promise.withResolvers<string[]>();
  const stream = server.connect().request({ ':path': path });
  let text = '';
  stream.on('error', reject);
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    const lines = text.split('\n').slice(0, count);
    if (lines.length < count || text.split('\n').length <= count) return;
    stream.close();
    resolve(
      lines.map((line) => {
        const { type, object } = JSON.parse(line);
        return `${type} ${object.metadata.name ?? object.reason}`;
      }),
    );
  });
  return promise;
}

test('the old paths of watches are served', async () => {
  await using server = await startHttpsServer();
  await fill(server);
  const all = ['ADDED a', 'ADDED b', 'ADDED c'];
  const cases: Readonly<Record<string, string[]>> = {
    '/api/v1/watch/namespaces/default/configmaps': all,
    '/api/v1/watch/configmaps': all,
    '/api/v1/watch/namespaces/default/configmaps/b': ['ADDED b'],
    '/api/v1/watch/namespaces/kube-public': ['ADDED kube-public'],
    [`${MAPS}/b?watch=1`]: ['ADDED b'],
    [`${MAPS}?watch=1&fieldSelector=metadata.name%3Dc`]: ['ADDED c'],
  };
  for (const [path, events] of Object.entries(cases))
    assert.deepEqual(await watched(server, path, events.length), events, path);
});

/** The items of a list in protobuf, each as a body of its own. */
function itemsOf(body: Buffer): Buffer[] {
  const items: Buffer[] = [];
  const list = rawOf(body);
  for (let at = 0; at < list.length;) {
    const tag = list[at++]!;
    let length = 0;
    for (let scale = 1, more = true; more; scale *= 128) {
      const byte = list[at++]!;
      length += (byte & 127) * scale;
      more = byte >= 128;
    }
    const message = list.subarray(at, (at += length));
    if (tag === ITEMS_TAG)
      items.push(
        Buffer.concat([...unknownHead({ apiVersion: 'v1', kind: 'ConfigMap' }), ...lengthDelimited(2, [message])]),
      );
  }
  return items;
}
const ITEMS_TAG = (2 << 3) | 2;

test('a long list in protobuf is the same as in JSON, whether its items were kept or made again', async () => {
  await using server = await startHttpsServer();
  for (let i = 0; i < 60; i++)
    await server.test.client.create(ConfigMap, { ...configMapDraft(`n${i}`), data: { big: `${i}`.repeat(60_000) } });
  const whole = (await server.ask(MAPS)).json();
  const long = await server.ask(MAPS, { headers: { accept: PROTOBUF } });
  assert.equal(long.headers['content-type'], PROTOBUF);
  const items = itemsOf(long.body).map((body) => decodeProtobuf(body, ConfigMap).object);
  assert.deepEqual(
    items,
    whole.items.map((item: object) => ({ apiVersion: 'v1', kind: 'ConfigMap', ...item })),
  );
  const zipped = await server.ask(MAPS, { headers: { accept: PROTOBUF, 'accept-encoding': 'gzip' } });
  assert.equal(zipped.headers['content-encoding'], 'gzip');
  assert.ok(gunzipSync(zipped.body).equals(long.body));
});
