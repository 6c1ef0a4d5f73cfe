/**
 * Stands in for a control plane where only nodes are under test: TLS with the cluster's own certificates, `/readyz`, and a list of the
 * nodes whose stand-in agents said that they run.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';

const directory = process.argv[2] ?? '';
const state: { apiPort: number; gateway: string } = JSON.parse(readFileSync(join(directory, 'cluster.json'), 'utf8'));
const pki = (name: string): Buffer => readFileSync(join(directory, 'pki', name));
const nodes = new Map<string, object>();

const options = {
  ca: pki('ca.crt'),
  cert: pki('apiserver.crt'),
  key: pki('apiserver.key'),
  requestCert: true,
  rejectUnauthorized: true,
};
for (const host of ['127.0.0.1', state.gateway]) {
  createServer(options, (request, response) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server made by node:https has TLS sockets
    const { subject } = (request.socket as TLSSocket).getPeerCertificate();
    if (request.method === 'POST') {
      const name = String(subject.CN).replace('system:node:', '');
      nodes.set(name, { metadata: { name }, status: { conditions: [{ type: 'Ready', status: 'True' }] } });
      response.end('{}');
    } else if (request.url === '/readyz') response.end('ok');
    else response.end(JSON.stringify({ items: [...nodes.values()] }));
  }).listen(state.apiPort, host);
}
process.on('SIGTERM', () => process.exit(0));
