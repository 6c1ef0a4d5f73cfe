/** As much of an API server as kubectl needs to reach the kubelet: discovery, the pod, and a way through. */
import type { IncomingMessage } from 'node:http';
import { createServer, request } from 'node:https';
import { connect } from 'node:tls';
import type { Pod } from '#api';
import type { Kubelet } from './clients.ts';

const RESOURCES = {
  kind: 'APIResourceList',
  groupVersion: 'v1',
  resources: [{ name: 'pods', singularName: 'pod', namespaced: true, kind: 'Pod', verbs: ['get'] }],
};

export interface ApiFront extends AsyncDisposable {
  port: number;
}

export async function startApiFront(
  tls: { cert: string; key: string },
  kubelet: Kubelet,
  pod: (name: string) => Pod | undefined,
): Promise<ApiFront> {
  const server = createServer(tls);
  server.on('request', (incoming, outgoing) => {
    const url = new URL(incoming.url ?? '/', 'https://front');
    const [, name = '', subresource] =
      /^\/api\/v1\/namespaces\/default\/pods\/([^/]+)(?:\/(\w+))?/.exec(url.pathname) ?? [];
    if (subresource === 'log') {
      const { port, credentials } = kubelet;
      const path = `/containerLogs/default/${name}/main${url.search}`;
      const inner = request({ host: '127.0.0.1', port, path, ...credentials, agent: false }, (response) => {
        outgoing.writeHead(response.statusCode ?? 502, { 'content-type': 'text/plain' });
        response.pipe(outgoing);
      });
      inner.end();
      return;
    }
    const body =
      url.pathname === '/api'
        ? { kind: 'APIVersions', versions: ['v1'] }
        : url.pathname === '/apis'
          ? { kind: 'APIGroupList', apiVersion: 'v1', groups: [] }
          : url.pathname === '/api/v1'
            ? RESOURCES
            : pod(name);
    outgoing.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' });
    outgoing.end(JSON.stringify(body ?? { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 404 }));
  });
  server.on('upgrade', (incoming, client, head) => {
    const { port, credentials } = kubelet;
    const upstream = connect({ host: '127.0.0.1', port, ...credentials }, () => {
      upstream.write(`${incoming.method} ${kubeletPath(incoming)} HTTP/1.1\r\n${headerText(incoming.rawHeaders)}\r\n`);
      upstream.write(head);
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on('error', () => client.destroy());
    client.on('error', () => upstream.destroy());
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The names of the API's query are not those of the kubelet's (pkg/registry/core/pod/strategy.go). */
function kubeletPath(incoming: IncomingMessage): string {
  const url = new URL(incoming.url ?? '/', 'https://front');
  const [, name = '', verb = ''] = /\/pods\/([^/]+)\/(\w+)$/.exec(url.pathname) ?? [];
  const query = new URLSearchParams();
  for (const [key, value] of url.searchParams) {
    const renamed = { stdin: 'input', stdout: 'output', stderr: 'error', tty: 'tty' }[key];
    if (renamed === undefined) query.append(key, value);
    else if (value === 'true' || value === '1') query.append(renamed, '1');
  }
  return verb === 'portforward'
    ? `/portForward/default/${name}?${query.toString()}`
    : `/${verb}/default/${name}/main?${query.toString()}`;
}

function headerText(raw: readonly string[]): string {
  let text = '';
  for (let i = 0; i < raw.length; i += 2) text += `${raw[i]}: ${raw[i + 1]}\r\n`;
  return text;
}
