import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMap, type Status } from '#api';
import { configMapDraft } from '../testdata/objects.ts';
import { type Ask, askH1, askH2, authority, type HttpsServer, startHttpsServer } from '../testdata/https.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const MERGE = { 'content-type': 'application/merge-patch+json' };

/** The Status of a refused request, checked to be one that travels under its own code. */
async function status(server: HttpsServer, path: string, ask?: Ask): Promise<Status> {
  const answer = await server.ask(path, ask);
  const found = answer.json() as Status;
  assert.equal(found.kind, 'Status', answer.text);
  assert.deepEqual([found.apiVersion, found.metadata, found.status, found.code], ['v1', {}, 'Failure', answer.status]);
  return found;
}

const post = (
  server: HttpsServer,
  body: Ask['body'],
  headers: Record<string, string> = {},
  query = '',
): Promise<Status> => status(server, `${MAPS}${query}`, { method: 'POST', body, headers });

test('a body that cannot be read is 400 with a text that says why', async () => {
  await using server = await startHttpsServer();
  const malformed = await post(server, '{"apiVersion":');
  assert.equal(malformed.code, 400);
  assert.match(
    malformed.message!,
    /^the object provided is unrecognized \(must be of type ConfigMap\): couldn't get version\/kind; json parse error: unexpected end of JSON input/,
  );
  const yaml = await post(server, 'a: [', { 'content-type': 'application/yaml' });
  assert.equal(yaml.code, 400);
  const types = await post(server, '{"apiVersion":"v1","kind":"ConfigMap","data":{"a":1}}');
  assert.equal(
    types.message,
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
  );
  const other = await post(server, '{"apiVersion":"v1","kind":"Pod"}');
  assert.equal(other.code, 400);
  const version = await post(server, '{"apiVersion":"v2","kind":"ConfigMap"}');
  assert.equal(version.message, 'the API version in the data (v2) does not match the expected API version (v1)');
  const protobuf = await post(server, 'k8s\0\xff\xff', { 'content-type': 'application/vnd.kubernetes.protobuf' });
  assert.equal(protobuf.code, 400);
  const empty = await post(server, '');
  assert.equal(empty.code, 400);
  const patch = await status(server, `${MAPS}/a`, { method: 'PATCH', body: '{', headers: MERGE });
  assert.equal(patch.code, 400);
});

test('unknown and doubled fields are warned of, refused or passed over, as asked', async () => {
  await using server = await startHttpsServer();
  const body = (name: string): string => `{"metadata":{"name":"${name}"},"date":{},"data":{"a":"1","a":"2"}}`;
  const warn = await server.ask(MAPS, { method: 'POST', body: body('warn') });
  assert.equal(warn.status, 201);
  assert.equal(warn.headers['warning'], '299 - "unknown field \\"date\\"", 299 - "duplicate field \\"data.a\\""');
  const ignore = await server.ask(`${MAPS}?fieldValidation=Ignore`, { method: 'POST', body: body('ignore') });
  assert.deepEqual([ignore.status, ignore.headers['warning']], [201, undefined]);
  const strict = await post(server, body('strict'), {}, '?fieldValidation=Strict');
  assert.equal(
    strict.message,
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "date", duplicate field "data.a"',
  );
  const bad = await post(server, body('bad'), {}, '?fieldValidation=Lax');
  assert.equal(bad.code, 422);
});

test('a body beyond 3 MiB is 413, whether or not it says so first', async () => {
  await using server = await startHttpsServer();
  const big = Buffer.alloc(3 * 1024 * 1024 + 1, 'x');
  const announced = await askH1(server, MAPS, { method: 'POST', body: big });
  assert.equal(announced.status, 413);
  assert.deepEqual(
    [announced.json().message, announced.json().reason],
    ['Request entity too large: limit is 3145728', 'RequestEntityTooLarge'],
  );
  const streamed = await status(server, MAPS, { method: 'POST', body: big });
  assert.equal(streamed.code, 413);
  assert.equal((await server.ask(MAPS)).status, 200, 'the connection is as good as before');
});

test('names and namespaces of body and path must agree', async () => {
  await using server = await startHttpsServer();
  const named = await post(server, { metadata: { name: 'a', namespace: 'other' } });
  assert.equal(named.message, 'the namespace of the provided object does not match the namespace sent on the request');
  await server.test.client.create(ConfigMap, configMapDraft('a'));
  const put = await status(server, `${MAPS}/a`, { method: 'PUT', body: { metadata: { name: 'b' } } });
  assert.equal(put.message, 'the name of the object (b) does not match the name on the URL (a)');
  const none = await status(server, `${MAPS}/a`, { method: 'PUT', body: { data: {} } });
  assert.equal(none.code, 400);
});

test('only certificates of our own authority count', async () => {
  await using server = await startHttpsServer();
  const { admin: stranger } = await authority(1);
  for (const session of [server.connect(stranger), server.connect(stranger)]) {
    const answer = await askH2(session, '/api/v1/pods');
    assert.equal(answer.status, 401);
    assert.deepEqual([answer.json().message, answer.json().reason], ['Unauthorized', 'Unauthorized']);
  }
  // A certificate that is good is enough, whatever else was sent.
  const token = await server.ask('/api/v1/pods', { headers: { authorization: 'Bearer secret' } });
  assert.equal(token.status, 200);
});

test('a token nobody knows is 401, not anonymous', async () => {
  await using server = await startHttpsServer();
  const anonymous = server.connect({});
  const answer = await askH2(anonymous, '/version', { headers: { authorization: 'Bearer x' } });
  assert.equal(answer.status, 401);
});

test('a resumed TLS session is worth no more than the first', async () => {
  await using server = await startHttpsServer();
  const { admin: stranger } = await authority(1);
  const first = server.connect(stranger);
  const ticket = Promise.withResolvers<Buffer>();
  first.on('connect', (_session, socket) => socket.once('session', (s: Buffer) => ticket.resolve(s)));
  assert.equal((await askH2(first, '/api/v1/pods')).status, 401);
  const resumed = server.connect({ ...stranger, session: await ticket.promise } as never);
  assert.equal((await askH2(resumed, '/api/v1/pods')).status, 401);
});

test('the anonymous see that the server is well, and nothing else', async () => {
  await using server = await startHttpsServer();
  const anonymous = server.connect({});
  for (const path of ['/healthz', '/livez', '/readyz', '/version'])
    assert.equal((await askH2(anonymous, path)).status, 200, path);
  const pods = await askH2(anonymous, '/api/v1/namespaces/default/pods/p');
  assert.equal(pods.status, 403);
  assert.equal(
    pods.json().message,
    'pods "p" is forbidden: User "system:anonymous" cannot get resource "pods" in API group "" in the namespace "default"',
  );
  assert.deepEqual(pods.json().details, { name: 'p', kind: 'pods' });
  const deployments = await askH2(anonymous, '/apis/apps/v1/deployments');
  assert.equal(
    deployments.json().message,
    'deployments.apps is forbidden: User "system:anonymous" cannot list resource "deployments" in API group "apps" at the cluster scope',
  );
  const root = await askH2(anonymous, '/');
  assert.equal(root.json().message, 'forbidden: User "system:anonymous" cannot get path "/"');
  assert.equal((await askH2(anonymous, '/healthz/..%2fmetrics')).status, 403);
  assert.equal((await askH2(anonymous, '/version/../metrics')).status, 403);
});

test('paths that are not served are 404, methods that are not are 405', async () => {
  await using server = await startHttpsServer();
  const answers = async (paths: readonly string[], method?: string): Promise<number[]> =>
    await Promise.all(
      paths.map(async (path) => (await server.ask(path, method === undefined ? {} : { method })).status),
    );
  const missing = [
    '/api/v2',
    '/api/v1/things',
    '/apis/apps/v2',
    '/apis/apps/v1beta1/deployments',
    '/api/v1/pods/p',
    '/api/v1/namespaces/default/nodes',
    '/api/v1/namespaces/default/nodes/n',
    '/api/v1/namespaces/a/namespaces/b',
    '/api/v1/namespaces/default/configmaps/a%2Fb',
    '/api/v1/namespaces/default/pods/a/nothing',
  ];
  for (const path of missing) {
    const { code, reason, message, details } = await status(server, path);
    assert.deepEqual([code, reason, details], [404, 'NotFound', {}], path);
    assert.equal(message, 'the server could not find the requested resource');
  }
  // Of a group nobody serves there is not even somebody to say so: extensions and its kind are long gone.
  const nowhere = ['/nothing', '/apis/nobody.example.com/v1/things', '/apis/extensions/v1beta1/namespaces/n/ingresses'];
  for (const path of nowhere) {
    const unknown = await server.ask(path);
    assert.deepEqual(
      [unknown.status, unknown.text, unknown.headers['content-type']],
      [404, '404 page not found\n', 'text/plain; charset=utf-8'],
    );
  }
  assert.deepEqual(await answers([MAPS, '/api/v1/nodes'], 'HEAD'), [405, 405]);
  assert.deepEqual(await answers(['/healthz', '/version', '/api', '/apis/apps/v1'], 'HEAD'), [200, 405, 405, 405]);
  assert.deepEqual(await answers(['/api/v1/configmaps', '/api/v1/namespaces'], 'DELETE'), [405, 405]);
  assert.deepEqual(await answers([MAPS, `${MAPS}/a`], 'OPTIONS'), [405, 405]);
  assert.deepEqual(await answers(['/api/v1/configmaps'], 'POST'), [405]);
  assert.deepEqual(await answers([MAPS], 'PUT'), [405]);
  const { message, reason, details } = await status(server, '/api/v1/configmaps', { method: 'DELETE' });
  assert.equal(message, 'the server does not allow this method on the requested resource');
  assert.deepEqual([reason, details], ['MethodNotAllowed', {}]);
});

test('nothing was deleted by the refused deletions', async () => {
  await using server = await startHttpsServer();
  await server.test.client.create(ConfigMap, configMapDraft('a'));
  assert.equal((await server.ask('/api/v1/configmaps', { method: 'DELETE' })).status, 405);
  assert.equal((await server.ask(`${MAPS}/a`)).status, 200);
});

test('percent signs that mean nothing are 400', async () => {
  await using server = await startHttpsServer();
  for (const path of ['/api/v1/namespaces/%zz/pods', '/api/v1/pods/%ff', '/%'])
    assert.equal((await status(server, path)).code, 400, path);
  assert.equal((await server.ask(`${MAPS}?labelSelector=%zz`)).status, 400);
  assert.equal((await server.ask('/api/v1/namespaces/%00/pods/%00')).status, 404);
});
