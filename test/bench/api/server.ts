/**
 * The API server as a process of its own, over a store on disk, for test/bench/api.ts. Argument: a directory with `pki`. Tells its port, and when asked
 * what it has used so far.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestApiServer } from '#testing';
import { tellUsage } from './usage.ts';

const [directory = ''] = process.argv.slice(2);
const pki = (name: string): string => readFileSync(join(directory, 'pki', name), 'utf8');
const { server } = await startTestApiServer({ directory: join(directory, 'store') });
const port = await server.listen({
  addresses: ['127.0.0.1'],
  port: 0,
  advertiseAddress: '192.0.2.1',
  certificate: pki('apiserver.crt'),
  key: pki('apiserver.key'),
  ca: pki('ca.crt'),
  kubeletClient: { certificate: pki('apiserver-kubelet-client.crt'), key: pki('apiserver-kubelet-client.key') },
});
tellUsage();
process.send!({ port });
