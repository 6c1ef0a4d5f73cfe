/**
 * The server process that tests kill and benches load: listens on loopback over a store on disk, with the certificates of `DIRECTORY/pki`, and says the
 * port. Arguments: DIRECTORY.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestApiServer } from '#testing';

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
process.stdout.write(`${port}\n`);
