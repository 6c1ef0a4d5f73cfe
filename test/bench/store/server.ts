/**
 * The embedded store as a process of its own that speaks etcd's API, for test/bench/store/beside-etcd.ts. Arguments: the store's directory, a directory
 * with `server.crt`, `server.key` and `ca.crt`. Tells its port; ends with its parent.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newEtcdServer, openEmbeddedStore } from '#store';
import { silentLogger, systemClock } from '#util';

const [directory = '', pki = ''] = process.argv.slice(2);
const pem = (name: string): string => readFileSync(join(pki, name), 'utf8');
const store = await openEmbeddedStore({
  directory,
  clock: systemClock,
  log: silentLogger,
  onFatal(error) {
    throw error;
  },
});
const server = newEtcdServer({
  store,
  clock: systemClock,
  log: silentLogger,
  tls: { certificate: pem('server.crt'), key: pem('server.key'), clientCa: pem('ca.crt') },
  name: 'bench',
  clientURLs: [],
  identity: 'bench',
});
process.on('disconnect', () => process.exit(0));
process.send!({ port: await server.listen('127.0.0.1', 0) });
