/** What the conformance suite of Kubernetes v1.36 asks of the API's machinery (test/e2e/apimachinery), asked of the server itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigMap, WatchEvent } from '#api';
import { type Answer, type HttpsServer, type Json, startHttpsServer } from '../../src/apiserver/testdata/https.ts';

const MERGE = { 'content-type': 'application/merge-patch+json' };
const MAPS = '/api/v1/namespaces/default/configmaps';

/** The answer's body; the answer must be a good one. */
async function good(answer: Promise<Answer>): Promise<Json> {
  const { status, text, json } = await answer;
  assert.ok(status < 300, text);
  return json();
}

test('every group has a preferred version, which is one of its own', async () => {
  await using server = await startHttpsServer();
  const { groups } = await good(server.ask('/apis'));
  assert.ok(groups.length > 0);
  for (const { name } of groups) {
    const group = await good(server.ask(`/apis/${name}`));
    assert.equal(group.name, name);
    assert.ok(group.preferredVersion.groupVersion.startsWith(`${name}/`));
    const same = group.versions.filter((v: Json) => v.version === group.preferredVersion.version);
    assert.deepEqual(same, [group.preferredVersion]);
  }
});

test('the server says which version it is', async () => {
  await using server = await startHttpsServer();
  const { major, minor, gitVersion, platform } = await good(server.ask('/version'));
  assert.match(major, /^\d+$/);
  assert.match(minor, /^\d+\+?$/);
  assert.match(gitVersion, /^v1\.\d+\.\d+/);
  assert.equal(typeof platform, 'string');
});

test('what has no metadata cannot be shown as a table', async () => {
  await using server = await startHttpsServer();
  const review = { spec: { resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'default' } } };
  const answer = await server.ask('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
    method: 'POST',
    body: review,
    headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
  });
  assert.deepEqual([answer.status, answer.json().reason], [406, 'NotAcceptable']);
});

test('unknown and duplicate fields of a typed object are refused where it is asked for', async () => {
  await using server = await startHttpsServer();
  const template = '{"metadata":{"labels":{"app":"a"}},"spec":{"containers":[{"name":"c","image":"i"}]}}';
  const deployment = (metadata: string, spec: string): string =>
    `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"${metadata}},"spec":{${spec}"selector":{"matchLabels":{"app":"a"}},"template":${template}}}`;
  const refused = async (body: string): Promise<string> => {
    const path = '/apis/apps/v1/namespaces/default/deployments?fieldManager=m&fieldValidation=Strict';
    const answer = await server.ask(path, { method: 'POST', body });
    assert.equal(answer.status, 400);
    return answer.json().message;
  };
  assert.match(
    await refused(deployment('', '"unknownField":"foo","replicas":2,"replicas":3,')),
    /strict decoding error: unknown field "spec\.unknownField", duplicate field "spec\.replicas"/,
  );
  assert.match(
    await refused(deployment(',"unknownMeta":"foo"', '')),
    /strict decoding error: unknown field "metadata\.unknownMeta"/,
  );
});

interface Watch extends Disposable {
  /** The next event. */
  next(): Promise<string>;
}

/** A watch by HTTP; an event is its type and the name of the object, with the value of `mutation`. */
function watch(server: HttpsServer, query: string): Watch {
  const stream = server.connect().request({ ':path': `${MAPS}?watch=1&${query}` });
  const events: string[] = [];
  const waiting: ((event: string) => void)[] = [];
  let text = '';
  stream.on('error', () => undefined); // it is cut in the end
  stream.on('data', (chunk: Buffer) => {
    const lines = (text + chunk.toString()).split('\n');
    text = lines.pop()!;
    for (const line of lines) {
      const { type, object } = JSON.parse(line) as WatchEvent;
      const event = `${type} ${object.metadata.name} ${(object as ConfigMap).data?.['mutation'] ?? ''}`.trimEnd();
      const resolve = waiting.shift();
      if (resolve === undefined) events.push(event);
      else resolve(event);
    }
  });
  return {
    next: async () => events.shift() ?? (await new Promise((resolve) => waiting.push(resolve))),
    [Symbol.dispose]: () => stream.close(),
  };
}

const create = async (server: HttpsServer, name: string, label: string): Promise<ConfigMap> =>
  await good(server.ask(MAPS, { method: 'POST', body: { metadata: { name, labels: { watch: label } } } }));
const change = async (server: HttpsServer, name: string, patch: object): Promise<ConfigMap> =>
  await good(server.ask(`${MAPS}/${name}`, { method: 'PATCH', headers: MERGE, body: patch }));
const remove = async (server: HttpsServer, name: string): Promise<Json> =>
  await good(server.ask(`${MAPS}/${name}`, { method: 'DELETE' }));
const selector = (text: string): string => `labelSelector=${encodeURIComponent(text)}`;

test('watchers see the additions, changes and deletions of what they select', async () => {
  await using server = await startHttpsServer();
  using a = watch(server, selector('watch=A'));
  using b = watch(server, selector('watch=B'));
  using both = watch(server, selector('watch in (A,B)'));
  const seen = async (watches: Watch[], event: string): Promise<void> => {
    for (const one of watches) assert.equal(await one.next(), event);
  };
  await create(server, 'a', 'A');
  await seen([a, both], 'ADDED a');
  for (const n of ['1', '2']) {
    await change(server, 'a', { data: { mutation: n } });
    await seen([a, both], `MODIFIED a ${n}`);
  }
  await remove(server, 'a');
  await seen([a, both], 'DELETED a 2');
  await create(server, 'b', 'B');
  await seen([b, both], 'ADDED b');
  await remove(server, 'b');
  await seen([b, both], 'DELETED b');
});

test('a watch begins behind the version it is given, and is taken up again behind the last one seen', async () => {
  await using server = await startHttpsServer();
  await create(server, 'a', 'A');
  const first = await change(server, 'a', { data: { mutation: '1' } });
  const second = await change(server, 'a', { data: { mutation: '2' } });
  await remove(server, 'a');
  using whole = watch(server, `${selector('watch=A')}&resourceVersion=${first.metadata.resourceVersion}`);
  assert.deepEqual([await whole.next(), await whole.next()], ['MODIFIED a 2', 'DELETED a 2']);
  using rest = watch(server, `${selector('watch=A')}&resourceVersion=${second.metadata.resourceVersion}`);
  assert.equal(await rest.next(), 'DELETED a 2');
});

test('what no longer meets the selector is deleted for the watcher, and added when it does again', async () => {
  await using server = await startHttpsServer();
  using one = watch(server, selector('watch=A'));
  await create(server, 'a', 'A');
  await change(server, 'a', { data: { mutation: '1' } });
  await change(server, 'a', { metadata: { labels: { watch: 'other' } } });
  await change(server, 'a', { data: { mutation: '2' } });
  await change(server, 'a', { metadata: { labels: { watch: 'A' } } });
  await change(server, 'a', { data: { mutation: '3' } });
  await remove(server, 'a');
  const events = [];
  for (let i = 0; i < 6; i++) events.push(await one.next());
  assert.deepEqual(events, ['ADDED a', 'MODIFIED a 1', 'DELETED a 1', 'ADDED a 2', 'MODIFIED a 3', 'DELETED a 3']);
});

test('watchers that begin at different versions see the same events in the same order', async () => {
  await using server = await startHttpsServer();
  const { metadata } = await good(server.ask(MAPS));
  const names = ['a', 'b', 'c'];
  let from = metadata.resourceVersion as string;
  const watches: { watch: Watch; left: number }[] = [];
  const order: string[] = [];
  for (let i = 0; i < 12; i++) {
    watches.push({ watch: watch(server, `resourceVersion=${from}`), left: 12 - i });
    const name = names[i % 3]!;
    const made =
      i < 3 ? await create(server, name, 'A') : await change(server, name, { data: { mutation: String(i) } });
    order.push(i < 3 ? `ADDED ${name}` : `MODIFIED ${name} ${i}`);
    from = made.metadata.resourceVersion;
  }
  for (const { watch: one, left } of watches) {
    using closing = one;
    const seen = [];
    for (let i = 0; i < left; i++) seen.push(await closing.next());
    assert.deepEqual(seen, order.slice(-left));
  }
});
