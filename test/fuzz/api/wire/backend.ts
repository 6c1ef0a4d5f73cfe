/** What stands behind proxied requests: a kubelet, a pod and a service that answer as they like. */
import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { ClusterRole, Endpoints, Node, Pod, Service } from '#api';
import type { Client } from '#client';
import { authority } from '../../../../src/apiserver/testdata/https.ts';
import { podDraft } from '../../../../src/apiserver/testdata/objects.ts';
import type { Random } from '../random.ts';

/** Addresses of documentation stand for pod and node; they are on loopback. */
const POD_IP = '192.0.2.10';
const NODE_IP = '192.0.2.20';

/** By the kubelet's or the pod's hand, in answer to whatever was asked. */
const ANSWERS: readonly ((socket: Duplex, head: string) => void)[] = [
  (socket, head) => {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n${head}\r\n`);
    socket.end(Buffer.from([0x82, 2, 1, 65, 0x88, 2, 3, 232]));
  },
  (socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n'),
  (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'),
  (socket) => socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 5000000000\r\n\r\nx'),
  (socket) => socket.end('HTTP/1.1 500 x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'),
  (socket) => socket.end('garbage'),
  (socket) => socket.destroy(),
  (socket) =>
    socket.end(`HTTP/1.1 101 x\r\nconnection: Upgrade\r\nupgrade: SPDY/3.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n\0\0\0`),
];

const BODIES: readonly RequestListener[] = [
  (_request, response) => response.end('hello'),
  (_request, response) => void response.writeHead(302, { location: 'https://192.0.2.20/x?y' }).end(),
  (_request, response) =>
    void response
      .writeHead(200, { 'content-type': 'text/html', 'content-encoding': 'gzip' })
      .end('<a href="/x">no gzip'),
  (_request, response) =>
    void response.writeHead(200, { 'content-type': 'text/html' }).end('<base href=/><a href="//x/y"><a href=\'/z'),
  (_request, response) => void response.writeHead(204).end(),
  (_request, response) => void response.writeHead(999, { 'set-cookie': ['a=b', 'c'] }).end('x'),
  (_request, response) => void response.write('x', () => response.destroy()),
  (request, response) => void request.pipe(response),
];

export interface Backend extends AsyncDisposable {
  readonly egress: (target: { readonly host: string; readonly port: number }) => { host: string; port: number };
  /** Makes the objects that lead to it, where they are not there. */
  fill(client: Client): Promise<void>;
}

async function listening(server: Pick<Server, 'listen' | 'address'>): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  return (server.address() as AddressInfo).port;
}

export async function startBackend(random: Random): Promise<Backend> {
  const listener: RequestListener = (request, response) => {
    response.on('error', () => undefined);
    random.pick(BODIES)(request, response);
  };
  const { files } = await authority(0);
  const plain = createHttpServer(listener);
  const kubelet = createHttpsServer({ cert: files.get('apiserver.crt')!, key: files.get('apiserver.key')! }, listener);
  for (const server of [plain, kubelet])
    server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
      socket.on('error', () => undefined);
      const protocol = request.headers['sec-websocket-protocol']?.split(',')[0] ?? '';
      random.pick(ANSWERS)(socket, protocol === '' ? '' : `sec-websocket-protocol: ${protocol}\r\n`);
    });
  const ports = { http: await listening(plain), https: await listening(kubelet) };
  return {
    egress: ({ host, port }) => ({
      host: '127.0.0.1',
      port: host === NODE_IP || port === 443 ? ports.https : port === 1 ? 1 : ports.http,
    }),
    fill,
    async [Symbol.asyncDispose]() {
      for (const server of [plain, kubelet]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

async function fill(client: Client): Promise<void> {
  const at = { namespace: 'default', name: 'web' };
  const rules = [
    { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
    { nonResourceURLs: ['*'], verbs: ['*'] },
  ];
  const there = (): undefined => undefined;
  // Requests may have taken it away, and with it the rights of the administrator who sends them.
  await client.create(ClusterRole, { metadata: { name: 'cluster-admin' }, rules }).catch(there);
  await client.create(Node, { metadata: { name: 'node' }, spec: {} }).catch(there);
  const addresses = [{ type: 'InternalIP', address: NODE_IP }];
  await client.patch(Node, { name: 'node' }, { status: { addresses } }, { subresource: 'status' }).catch(there);
  const containers = [{ name: 'main', image: 'busybox', ports: [{ containerPort: 8080 }] }];
  await client.create(Pod, podDraft('web', { containers, nodeName: 'node' })).catch(there);
  const status = { phase: 'Running', podIP: POD_IP, podIPs: [{ ip: POD_IP }] };
  await client.patch(Pod, at, { status }, { subresource: 'status' }).catch(there);
  await client.create(Service, { metadata: at, spec: { ports: [{ name: 'http', port: 80 }] } }).catch(there);
  const subsets = [{ addresses: [{ ip: POD_IP }], ports: [{ name: 'http', port: 8080 }] }];
  await client.create(Endpoints, { metadata: at, subsets }).catch(there);
}
