import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ClusterState, type ExternalEtcd, statePaths } from '#cluster';
import { newEtcdServer, openEmbeddedStore, openEtcdStore, type Store } from '#store';
import { type Logger, systemClock } from '#util';

export interface Datastore extends AsyncDisposable {
  readonly store: Store;
}

/** The datastore of a cluster: its own, which then listens for etcdctl on loopback, or the etcd servers it was given. Dispose to close. */
export async function openDatastore(state: ClusterState, directory: string, log: Logger): Promise<Datastore> {
  if (state.etcd !== undefined) {
    const store = await openExternal(state.etcd, log);
    return { store, [Symbol.asyncDispose]: () => store.close() };
  }
  const paths = statePaths(directory);
  const store = await openEmbeddedStore({
    directory: paths.data,
    clock: systemClock,
    log,
    onFatal(error) {
      log.error('The datastore failed; ending at once so that nothing is acknowledged that is not on disk', { error });
      process.exit(1);
    },
  });
  const pki = (file: string): Promise<string> => readFile(join(paths.pki, 'etcd', file), 'utf8');
  const etcd = newEtcdServer({
    store,
    clock: systemClock,
    log,
    tls: { certificate: await pki('server.crt'), key: await pki('server.key'), clientCa: await pki('ca.crt') },
    name: 'control-plane',
    clientURLs: [`https://127.0.0.1:${state.etcdPort}`],
    identity: await pki('ca.crt'),
  });
  await etcd.listen('127.0.0.1', state.etcdPort);
  return {
    store,
    async [Symbol.asyncDispose]() {
      await etcd.close();
      await store.close();
    },
  };
}

async function openExternal({ servers, caFile, certFile, keyFile }: ExternalEtcd, log: Logger): Promise<Store> {
  const tls =
    caFile === undefined || certFile === undefined || keyFile === undefined
      ? undefined
      : {
          ca: await readFile(caFile, 'utf8'),
          certificate: await readFile(certFile, 'utf8'),
          key: await readFile(keyFile, 'utf8'),
        };
  return await openEtcdStore({ endpoints: servers, tls, clock: systemClock, log });
}
