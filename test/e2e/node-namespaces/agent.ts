/**
 * Stands in for the agent of a node: says again and again that it runs, as real ones do, with the node's own certificate. The control plane's stand-in
 * forgets when it is killed.
 */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import type { AgentConfig } from '#cluster';

const config: AgentConfig = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const { ca, clientCertificate, clientKey } = config.pki;
const tls = { ca: readFileSync(ca), cert: readFileSync(clientCertificate), key: readFileSync(clientKey) };

function register(): void {
  const outgoing = request(new URL('/api/v1/nodes', config.apiServer), { method: 'POST', ...tls }, (response) =>
    response.resume(),
  );
  outgoing.on('error', () => {}); // the control plane may not listen yet
  outgoing.end();
}

register();
setInterval(register, 200);
