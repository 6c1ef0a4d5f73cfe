import assert from 'node:assert/strict';
import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import { Endpoints, Node, Pod, Role, RoleBinding, Service, StatusError } from '#api';
import { askH1, askH2, authority, type HttpsServer, type Json, startHttpsServer } from '../testdata/https.ts';
import { podDraft } from '../testdata/objects.ts';

/** Addresses of documentation stand for the pods; they are on loopback. */
const POD_IP = '192.0.2.10';
const NODE_IP = '192.0.2.20';
const NAMESPACE = '/api/v1/namespaces/default';
const STATUS = { subresource: 'status' } as const;

interface Cluster extends HttpsServer {
  /** What the backend was asked last. */
  seen(): { method: string; url: string; headers: IncomingMessage['headers']; body: string };
}

/** A server with one pod, one service and one node, behind all of which stands `answer`: by HTTP as pod, by TLS as kubelet. */
async function startCluster(
  answer: RequestListener,
  onUpgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void,
): Promise<Cluster> {
  let last: ReturnType<Cluster['seen']> | undefined;
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      last = { method, url, headers, body: Buffer.concat(chunks).toString() };
      answer(request, response);
    });
  };
  const { files } = await authority(0);
  const plain = createHttpServer(listener);
  const kubelet = createHttpsServer(
    {
      cert: files.get('apiserver.crt')!,
      key: files.get('apiserver.key')!,
      ca: files.get('ca.crt')!,
      requestCert: true,
      rejectUnauthorized: false,
    },
    listener,
  );
  for (const server of [plain, kubelet]) if (onUpgrade !== undefined) server.on('upgrade', onUpgrade);
  const ports = { http: await listening(plain), https: await listening(kubelet) };
  const server = await startHttpsServer(undefined, {
    egress({ host, port }) {
      if (host === NODE_IP || port === 443) return { host: '127.0.0.1', port: ports.https };
      // Nobody is there.
      if (port === 1) return { host: '127.0.0.1', port: 1 };
      return { host: '127.0.0.1', port: ports.http };
    },
  });
  await fill(server);
  return {
    ...server,
    seen: () => last!,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      for (const backend of [plain, kubelet]) {
        backend.closeAllConnections();
        backend.close();
      }
    },
  };
}

const textOf = (data: RawData): string => (data as Buffer).toString();

async function listening(server: Pick<Server, 'listen' | 'address'>): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  return (server.address() as AddressInfo).port;
}

async function fill({ test: { client } }: HttpsServer): Promise<void> {
  await client.create(Node, { metadata: { name: 'node' }, spec: {} });
  const addresses = [{ type: 'InternalIP', address: NODE_IP }];
  await client.patch(Node, { name: 'node' }, { status: { addresses } }, STATUS);
  const containers = [{ name: 'main', image: 'busybox', ports: [{ containerPort: 8080 }] }];
  await client.create(Pod, podDraft('web', { containers, nodeName: 'node' }));
  const at = { namespace: 'default', name: 'web' };
  await client.patch(Pod, at, { status: { podIP: POD_IP, podIPs: [{ ip: POD_IP }] } }, STATUS);
  const ports = [
    { name: 'http', port: 80 },
    { name: 'dead', port: 81 },
  ];
  await client.create(Service, { metadata: at, spec: { ports } });
  const targetRef = { kind: 'Pod', namespace: 'default', name: 'web' };
  await client.create(Endpoints, {
    metadata: at,
    subsets: [
      {
        addresses: [{ ip: POD_IP, targetRef }],
        ports: [
          { name: 'http', port: 8080 },
          { name: 'dead', port: 1 },
        ],
      },
    ],
  });
}

const hello: RequestListener = (_request, response) => {
  response.setHeader('access-control-allow-origin', '*');
  response.setHeader('set-cookie', ['a=1', 'b=2']);
  response.end('hello');
};

test('pods, services and nodes answer through the proxy, by every method', async () => {
  await using cluster = await startCluster(hello);
  const paths = [
    'pods/web',
    'pods/web:8080',
    'pods/http:web:8080',
    'services/web:http',
    'services/web:80',
    'services/http:web:80',
  ];
  for (const path of [...paths.map((p) => `${NAMESPACE}/${p}`), '/api/v1/nodes/node', '/api/v1/nodes/node:10250'])
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const body = method === 'GET' ? undefined : 'body';
      const answer = await cluster.ask(`${path}/proxy/some/path?x=1&y=a%20b`, { method, body });
      assert.deepEqual([answer.status, answer.text], [200, 'hello'], `${method} ${path}`);
      const seen = cluster.seen();
      assert.deepEqual([seen.method, seen.url, seen.body], [method, '/some/path?x=1&y=a%20b', body ?? '']);
    }
  const head = await cluster.ask(`${NAMESPACE}/pods/web/proxy/`, { method: 'HEAD' });
  assert.deepEqual([head.status, head.text, cluster.seen().method], [200, '', 'HEAD']);
  const h1 = await askH1(cluster, `${NAMESPACE}/pods/web/proxy/`, { method: 'POST', body: 'one' });
  assert.deepEqual([h1.status, cluster.seen().body], [200, 'one']);
  const secure = await cluster.ask(`${NAMESPACE}/pods/https:web:443/proxy/`);
  assert.equal(secure.status, 200, 'whoever answers is believed');
});

test('the backend sees whom it answers, and nothing of how the client came in', async () => {
  await using cluster = await startCluster(hello);
  const answer = await cluster.ask(`${NAMESPACE}/services/web:http/proxy/a%20b//c/../d/`, {
    headers: {
      'x-own': 'yes',
      'x-forwarded-for': '198.51.100.1',
      authorization: 'Basic x',
      'x-remote-user': 'root',
    },
  });
  const { url, headers } = cluster.seen();
  assert.equal(url, '/a%20b/d/');
  assert.deepEqual(
    [headers['x-own'], headers['x-forwarded-for'], headers['x-forwarded-uri'], headers.host],
    ['yes', '198.51.100.1, 127.0.0.1', `${NAMESPACE}/services/web:http/proxy/a%20b/d/`, `127.0.0.1:${cluster.port}`],
  );
  assert.deepEqual(
    [headers.authorization, headers['x-remote-user'], headers.connection],
    [undefined, undefined, 'close'],
  );
  assert.equal(answer.headers['access-control-allow-origin'], undefined);
  assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2']);
});

test('a proxy without a path is asked again with a slash', async () => {
  await using cluster = await startCluster(hello);
  const bare = await cluster.ask(`${NAMESPACE}/pods/web/proxy?a=b`);
  assert.deepEqual([bare.status, bare.headers['location']], [301, `${NAMESPACE}/pods/web/proxy/?a=b`]);
  const posted = await cluster.ask(`${NAMESPACE}/pods/web/proxy`, { method: 'POST', body: 'x' });
  assert.deepEqual([posted.status, cluster.seen().url], [200, '/']);
});

test('redirects and pages lead through the proxy', async () => {
  const page = '<a href="/next">next</a>';
  await using cluster = await startCluster((request, response) => {
    if (request.url === '/go') {
      response.writeHead(302, { location: `http://${POD_IP}:8080/there/` }).end();
    } else if (request.url === '/packed') {
      response.setHeader('content-encoding', 'gzip');
      response.setHeader('content-type', 'text/html; charset=utf-8');
      response.end(gzipSync(page));
    } else {
      response.setHeader('content-type', request.url === '/text' ? 'text/plain' : 'text/html');
      response.end(page);
    }
  });
  const root = `${NAMESPACE}/pods/web:8080/proxy`;
  const moved = await cluster.ask(`${root}/go`);
  assert.deepEqual([moved.status, moved.headers['location']], [302, `${root}/there/`]);
  const rewritten = `<a href="${root}/next">next</a>`;
  assert.equal((await cluster.ask(`${root}/page`)).text, rewritten);
  assert.equal(gunzipSync((await cluster.ask(`${root}/packed`)).body).toString(), rewritten);
  assert.equal((await cluster.ask(`${root}/text`)).text, page);
});

test('a backend that answers with no status there is has failed', async () => {
  await using cluster = await startCluster((_request, response) => response.writeHead(999).end('x'));
  for (const ask of [cluster.ask, (path: string) => askH1(cluster, path)]) {
    assert.equal((await ask(`${NAMESPACE}/pods/web/proxy/`)).status, 502);
    const log = await ask(`${NAMESPACE}/pods/web/log`);
    assert.deepEqual([log.status, log.json().reason], [502, 'InternalError']);
  }
});

test('where nobody can be reached the client is told why', async () => {
  await using cluster = await startCluster(hello);
  const { client } = cluster.test;
  const refused = async (path: string): Promise<[number, string, string]> => {
    const { code, reason, message } = (await cluster.ask(`${path}/proxy/`)).json();
    return [code, reason, message];
  };
  await client.create(Service, { metadata: { name: 'empty', namespace: 'default' }, spec: { ports: [{ port: 80 }] } });
  await client.create(Endpoints, { metadata: { name: 'empty', namespace: 'default' } });
  await client.create(Pod, podDraft('new'));
  const unavailable = (message: string): [number, string, string] => [503, 'ServiceUnavailable', message];
  const cases: Readonly<Record<string, [number, string, string]>> = {
    [`${NAMESPACE}/services/empty`]: unavailable('no endpoints available for service "empty"'),
    [`${NAMESPACE}/services/web:other`]: unavailable('no endpoints available for service "web:other"'),
    [`${NAMESPACE}/services/web:82`]: unavailable('no service port 82 found for service "web"'),
    [`${NAMESPACE}/services/web:81`]: unavailable(
      `error trying to reach service: dial tcp ${POD_IP}:1: connect: connection refused`,
    ),
    [`${NAMESPACE}/services/none`]: [404, 'NotFound', 'endpoints "none" not found'],
    [`${NAMESPACE}/services/none:80`]: [404, 'NotFound', 'services "none" not found'],
    [`${NAMESPACE}/services/a:b:c:d`]: [400, 'BadRequest', 'invalid service request "a:b:c:d"'],
    [`${NAMESPACE}/services/ftp:web:80`]: [400, 'BadRequest', 'invalid service request "ftp:web:80"'],
    [`${NAMESPACE}/pods/none`]: [404, 'NotFound', 'pods "none" not found'],
    [`${NAMESPACE}/pods/new`]: [400, 'BadRequest', 'address not allowed'],
    [`${NAMESPACE}/pods/web:1`]: unavailable(
      `error trying to reach service: dial tcp ${POD_IP}:1: connect: connection refused`,
    ),
    '/api/v1/nodes/none': [404, 'NotFound', 'nodes "none" not found'],
  };
  for (const [path, wanted] of Object.entries(cases)) assert.deepEqual(await refused(path), wanted, path);
});

test('an endpoint counts only if a pod of the namespace has the address', async () => {
  await using cluster = await startCluster(hello);
  const at = { namespace: 'default', name: 'web' };
  const current = await cluster.test.client.get(Endpoints, at);
  const [subset] = current.subsets!;
  for (const address of [{ ip: POD_IP }, { ip: '192.0.2.99', targetRef: subset!.addresses![0]!.targetRef }]) {
    const latest = await cluster.test.client.get(Endpoints, at);
    const subsets = [{ ...subset, addresses: [address as never] }];
    await cluster.test.client.update(Endpoints, { ...latest, subsets });
    assert.equal((await cluster.ask(`${NAMESPACE}/services/web:http/proxy/`)).status, 503);
  }
});

test('nobody reaches what is on this host or link by a node or a pod that says it is there', async () => {
  await using cluster = await startCluster(hello);
  const { client } = cluster.test;
  await client.create(Node, { metadata: { name: 'odd' }, spec: {} });
  await client.create(Pod, podDraft('odd'));
  const refused = ['127.0.0.1', '169.254.169.254', '::1', 'fe80::1', '::ffff:127.0.0.1', '::ffff:7f00:1', '224.0.0.1'];
  const say = (name: string, type: string, address: string): Promise<unknown> =>
    client.patch(Node, { name }, { status: { addresses: [{ type, address }] } }, STATUS);
  for (const address of refused) {
    await say('odd', 'InternalIP', address);
    for (const id of ['odd', 'odd:8080', 'http:odd:80']) {
      const { code, message } = (await cluster.ask(`/api/v1/nodes/${id}/proxy/`)).json();
      assert.deepEqual([code, message], [400, 'address not allowed'], `${id} at ${address}`);
    }
    const ips = { podIP: address, podIPs: [{ ip: address }] };
    try {
      await client.patch(Pod, { namespace: 'default', name: 'odd' }, { status: ips }, STATUS);
    } catch (error) {
      assert.ok(StatusError.is(error, 'Invalid'), String(error)); // it is not even stored
      continue;
    }
    assert.equal((await cluster.ask(`${NAMESPACE}/pods/odd/proxy/`)).status, 400, address);
  }
  await client.create(Node, { metadata: { name: 'named' }, spec: {} });
  const told = async (): Promise<string> => (await cluster.ask('/api/v1/nodes/named/proxy/')).json().message;
  await say('named', 'Hostname', 'localhost');
  assert.equal(await told(), 'address not allowed');
  await say('named', 'Hostname', 'none.invalid');
  assert.equal(await told(), 'lookup none.invalid: no such host');
});

test('a WebSocket goes through the proxy', async () => {
  const echo = new WebSocketServer({ noServer: true });
  await using cluster = await startCluster(hello, (request, socket, head) => {
    if (request.url === '/no') socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno');
    else
      echo.handleUpgrade(request, socket, head, (ws) =>
        ws.on('message', (data) => ws.send(`${request.url} ${textOf(data)}`)),
      );
  });
  const url = `wss://127.0.0.1:${cluster.port}${NAMESPACE}/pods/web/proxy`;
  const socket = new WebSocket(`${url}/chat?x=1`, { ca: cluster.ca, ...(cluster.admin as object) });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  socket.on('error', reject);
  socket.on('open', () => socket.send('hello'));
  socket.on('message', (data) => resolve(textOf(data)));
  assert.equal(await promise, '/chat?x=1 hello');
  socket.terminate();
  const refused = Promise.withResolvers<number>();
  const other = new WebSocket(`${url}/no`, { ca: cluster.ca, ...(cluster.admin as object) });
  other.on('error', () => undefined);
  other.on('unexpected-response', (_request, response) => refused.resolve(response.statusCode!));
  assert.equal(await refused.promise, 403);
  other.terminate();
});

test("a pod's log is read by HTTP and, in messages, by WebSocket", async () => {
  await using cluster = await startCluster((request, response) => {
    if (request.url!.includes('previous=true')) response.writeHead(400).end('previous terminated container not found');
    else response.end('one\ntwo\n');
  });
  const log = `${NAMESPACE}/pods/web/log`;
  const plain = await cluster.ask(`${log}?tailLines=2&follow=1&timestamps=false`);
  assert.deepEqual([plain.text, plain.headers['content-type']], ['one\ntwo\n', 'text/plain']);
  assert.equal(cluster.seen().url, '/containerLogs/default/web/main?follow=true&tailLines=2');
  assert.deepEqual(await messages(cluster, log, []), ['', 'one\ntwo\n']);
  assert.deepEqual(await messages(cluster, log, ['binary.k8s.io']), ['', 'one\ntwo\n']);
  const encoded = Buffer.from('one\ntwo\n').toString('base64');
  assert.deepEqual(await messages(cluster, log, ['base64.binary.k8s.io']), ['', encoded]);

  const failed = (await cluster.ask(`${log}?previous=true`)).json();
  assert.deepEqual([failed.code, failed.message], [400, 'previous terminated container not found']);
  const wrong = (await cluster.ask(`${log}?tailLines=-1&limitBytes=0&sinceSeconds=0&stream=All`)).json();
  assert.deepEqual(
    [wrong.code, wrong.details.causes.map(({ field, message }: Json) => `${field}: ${message}`)],
    [
      422,
      [
        'tailLines: Invalid value: -1: must be greater than or equal to 0',
        'limitBytes: Invalid value: 0: must be greater than 0',
        'sinceSeconds: Invalid value: 0: must be greater than 0',
        'stream: Forbidden: may not be specified',
      ],
    ],
  );
  const causes = async (query: string): Promise<Json> => {
    const { code, message, details } = (await cluster.ask(`${NAMESPACE}/pods/none/log?${query}`)).json();
    return [code, details?.causes?.map((c: Json) => `${c.field}: ${c.message}`) ?? message];
  };
  // Before the pod is looked for.
  assert.deepEqual(await causes('sinceTime=&sinceSeconds=1&stream='), [
    422,
    [
      '[]: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified',
      'stream: Forbidden: may not be specified',
    ],
  ]);
  assert.deepEqual(await causes('sinceTime=now&tailLines=x'), [
    400,
    'parsing time "now" as "2006-01-02T15:04:05Z07:00": cannot parse "now" as "2006"',
  ]);
  assert.deepEqual(await causes('tailLines='), [400, 'strconv.ParseInt: parsing "": invalid syntax']);
  const long = '9'.repeat(19);
  assert.deepEqual(await causes(`tailLines=${long}`), [400, `strconv.ParseInt: parsing "${long}": value out of range`]);
  await cluster.ask(`${log}?tailLines=%2B2&sinceTime=2026-01-01T01:00:00.5%2B01:00&insecureSkipTLSVerifyBackend=1`);
  assert.equal(cluster.seen().url, '/containerLogs/default/web/main?sinceTime=2026-01-01T00%3A00%3A00Z&tailLines=2');
  const named = (await cluster.ask(`${log}?container=none`)).json();
  assert.equal(named.message, 'container none is not valid for pod web');
  const nowhere = await cluster.test.client.create(Pod, podDraft('waiting'));
  assert.equal((await cluster.ask(`${NAMESPACE}/pods/${nowhere.metadata.name}/log`)).status, 204);
});

async function messages({ port, ca, admin }: HttpsServer, path: string, protocols: string[]): Promise<string[]> {
  const socket = new WebSocket(`wss://127.0.0.1:${port}${path}`, protocols, { ca, ...(admin as object) });
  const found: string[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.on('error', reject);
  socket.on('message', (data) => found.push(textOf(data)));
  socket.on('close', () => resolve());
  await promise;
  assert.equal(socket.protocol, protocols[0] ?? '');
  return found;
}

test('a kubelet that cannot be reached is named', async () => {
  await using cluster = await startCluster(hello);
  const { client } = cluster.test;
  await client.create(Node, { metadata: { name: 'bare' }, spec: {} });
  await client.create(Pod, podDraft('lost', { nodeName: 'bare' }));
  const log = (await cluster.ask(`${NAMESPACE}/pods/lost/log`)).json();
  assert.deepEqual(
    [log.code, log.reason, log.message],
    [500, undefined, 'no preferred addresses found; known addresses: []'],
  );
  const exec = (await cluster.ask(`${NAMESPACE}/pods/web/exec?command=ls&stdout=1`, { method: 'POST' })).json();
  assert.deepEqual([exec.code, exec.message], [400, 'Upgrade request required']);
});

test('who may only read a stream may not open it, whatever the method', async () => {
  await using cluster = await startCluster(hello);
  const { client } = cluster.test;
  const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'reader' }];
  const metadata = { namespace: 'default', name: 'reader' };
  const resources = ['pods/exec', 'pods/attach', 'pods/portforward', 'pods/log'];
  await client.create(Role, { metadata, rules: [{ apiGroups: [''], resources, verbs: ['get'] }] });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' };
  await client.create(RoleBinding, { metadata, roleRef, subjects });
  const asked = async (subresource: string): Promise<Json> => {
    const headers = { 'impersonate-user': 'reader' };
    return await cluster.ask(`${NAMESPACE}/pods/web/${subresource}?command=ls&stdout=1`, { headers });
  };
  for (const subresource of ['exec', 'attach', 'portforward']) {
    const answer = await asked(subresource);
    assert.deepEqual([answer.status, answer.json().message], [403, 'pods "web" is forbidden: ']);
  }
  assert.equal((await asked('log')).status, 200);
});

test('a client that leaves takes its request away from the backend', async () => {
  const gone = Promise.withResolvers<void>();
  const come = Promise.withResolvers<void>();
  await using cluster = await startCluster((request, response) => {
    response.on('close', () => gone.resolve());
    response.write('first');
    come.resolve();
    assert.ok(request.url);
  });
  const session = cluster.connect();
  const stream = session.request({ ':path': `${NAMESPACE}/pods/web/proxy/slow` });
  stream.on('error', () => undefined);
  stream.on('data', () => stream.close());
  await come.promise;
  await gone.promise;
  assert.equal((await askH2(session, '/readyz')).status, 200);
});

test('who sends an Upgrade the backend does not take hears of it', async () => {
  await using cluster = await startCluster(hello);
  const { promise, resolve, reject } = Promise.withResolvers<[number, string]>();
  const outgoing = httpsRequest({
    host: '127.0.0.1',
    port: cluster.port,
    ca: cluster.ca,
    ...cluster.admin,
    path: `${NAMESPACE}/pods/web/proxy/`,
    headers: { connection: 'Upgrade', upgrade: 'other' },
  });
  outgoing.on('error', reject);
  outgoing.on('response', (incoming) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => resolve([incoming.statusCode!, JSON.parse(Buffer.concat(chunks).toString()).message]));
  });
  outgoing.end();
  assert.deepEqual(await promise, [500, 'invalid upgrade response: status code 200']);
});
