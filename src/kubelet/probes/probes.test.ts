import assert from 'node:assert/strict';
import { createServer as createHttp2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { after, describe, it } from 'node:test';
import { systemClock } from '#util';
import { container } from '../testing/node.ts';
import { probeGrpc } from './grpc.ts';
import { probeHttp } from './http.ts';
import { probeUrl, resolvePort } from './prober.ts';
import { probeTcp } from './tcp.ts';

const { signal } = new AbortController();
const closing: (() => void)[] = [];
after(() => {
  for (const close of closing) close();
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function closedPort(): Promise<number> {
  const server = createTcpServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('an HTTP probe', () => {
  const get = async (
    handler: RequestListener,
    { path = '/healthz', timeoutMs = 1000, headers = [] as { name: string; value: string }[] } = {},
  ) => {
    const port = await listen(createServer(handler));
    return {
      port,
      result: await probeHttp({ url: probeUrl('HTTP', '127.0.0.1', port, path), headers, timeoutMs }, { signal }),
    };
  };

  it('succeeds from 200 to 399 and names the status otherwise', async () => {
    const answer =
      (status: number): RequestListener =>
      (_request, response) =>
        void response.writeHead(status).end('body');
    assert.deepEqual((await get(answer(200))).result, { result: 'success', output: 'body' });
    assert.equal((await get(answer(399))).result.result, 'success');
    assert.deepEqual((await get(answer(500))).result, {
      result: 'failure',
      output: 'HTTP probe failed with statuscode: 500',
    });
  });

  it('says who asks, and what it was told to say', async () => {
    const seen: Record<string, unknown>[] = [];
    const record: RequestListener = ({ headers, url }, response) => {
      seen.push({ ...headers, url });
      response.end();
    };
    await get(record, {
      path: 'x?y=1',
      headers: [
        { name: 'Host', value: 'me.example' },
        { name: 'X-A', value: '1' },
        { name: 'Accept', value: '' },
      ],
    });
    const { host, accept, url } = seen[0] ?? {};
    assert.deepEqual(
      [host, accept, url, seen[0]?.['x-a'], seen[0]?.['user-agent']],
      ['me.example', undefined, '/x?y=1', '1', 'kube-probe/1.36'],
    );
  });

  it('follows redirects on its own host only', async () => {
    const own = await get(
      ({ url }, response) =>
        void (url === '/ok' ? response.end('yes') : response.writeHead(302, { location: '/ok' }).end()),
    );
    assert.deepEqual(own.result, { result: 'success', output: 'yes' });
    const other = await get(
      (_request, response) => void response.writeHead(302, { location: 'http://other.example/' }).end('x'),
    );
    assert.deepEqual(other.result, { result: 'warning', output: 'Probe terminated redirects, Response body: x' });
  });

  it('words its errors as Go does', async () => {
    const slow = await get(() => {}, { timeoutMs: 50 });
    assert.deepEqual(slow.result, {
      result: 'failure',
      output: `Get "http://127.0.0.1:${slow.port}/healthz": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
    });
    const cut = await get(({ socket }) => void socket.destroy());
    assert.deepEqual(cut.result, { result: 'failure', output: `Get "http://127.0.0.1:${cut.port}/healthz": EOF` });
    const port = await closedPort();
    const refused = await probeHttp(
      { url: probeUrl('HTTP', '127.0.0.1', port, '/'), headers: [], timeoutMs: 1000 },
      { signal },
    );
    assert.deepEqual(refused, {
      result: 'failure',
      output: `Get "http://127.0.0.1:${port}/": dial tcp 127.0.0.1:${port}: connect: connection refused`,
    });
  });
});

describe('a TCP probe', () => {
  it('succeeds with a connection', async () => {
    const port = await listen(createTcpServer());
    assert.equal(
      (await probeTcp({ host: '127.0.0.1', port, timeoutMs: 1000 }, { signal, clock: systemClock })).result,
      'success',
    );
    const closed = await closedPort();
    assert.deepEqual(
      await probeTcp({ host: '127.0.0.1', port: closed, timeoutMs: 1000 }, { signal, clock: systemClock }),
      {
        result: 'failure',
        output: `dial tcp 127.0.0.1:${closed}: connect: connection refused`,
      },
    );
  });
});

describe('a gRPC probe', () => {
  it('asks the health service', async () => {
    const frame = (bytes: number[]) => Buffer.from([0, 0, 0, 0, bytes.length, ...bytes]);
    const server = createHttp2Server();
    const asked: string[] = [];
    server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      stream.on('data', (chunk: Buffer) => {
        const service = chunk.subarray(7).toString();
        asked.push(`${headers[':path']} ${service}`);
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': service === 'none' ? '12' : '0' }));
        stream.end(service === 'none' ? undefined : frame([0x08, service === 'up' ? 1 : 2]));
      });
    });
    const port = await listen(server);
    const probe = (service: string) => probeGrpc({ host: '127.0.0.1', port, service, timeoutMs: 1000 }, { signal });
    assert.equal((await probe('up')).result, 'success');
    assert.deepEqual(await probe('down'), {
      result: 'failure',
      output: 'service unhealthy (responded with "NOT_SERVING")',
    });
    const none = await probe('none');
    assert.match(
      'output' in none ? none.output : '',
      /^error: this server does not implement the grpc health protocol/,
    );
    assert.equal(asked[0], '/grpc.health.v1.Health/Check up');
    const refused = await probeGrpc(
      { host: '127.0.0.1', port: await closedPort(), service: '', timeoutMs: 200 },
      { signal },
    );
    assert.match(
      'output' in refused ? refused.output : '',
      /^timeout: failed to connect service "127\.0\.0\.1:\d+" within 200ms: context deadline exceeded$/,
    );
  });
});

it('a port of a probe is a number or a name', () => {
  const web = container('web', { ports: [{ name: 'http', containerPort: 8080 }] });
  assert.equal(resolvePort('http', web), 8080);
  assert.equal(resolvePort('81', web), 81);
  assert.throws(() => resolvePort('no', web), { message: 'port no not found' });
  assert.throws(() => resolvePort(70_000, web), { message: 'invalid port number: 70000' });
});
