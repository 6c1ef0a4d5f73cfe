import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ClusterState,
  connectDatastore,
  openDatastoreFiles,
  readSchedule,
  statePaths,
  takeDueSnapshot,
} from '#cluster';
import { checkWhole, keepMoments, newEtcdServer, type Store } from '#store';
import { type Logger, messageOf, sleep, systemClock } from '#util';

/** Between two looks at whether a snapshot is due, which may be scheduled at any time. */
const SNAPSHOT_CHECK_MS = 10_000;

export interface Datastore extends AsyncDisposable {
  readonly store: Store;
}

/** The datastore of a cluster: its own, which then listens for etcdctl on loopback, or the etcd servers it was given. Dispose to close. */
export async function openDatastore(state: ClusterState, directory: string, log: Logger): Promise<Datastore> {
  const paths = statePaths(directory);
  const stop = new AbortController();
  await using opened = new AsyncDisposableStack();
  const store =
    state.etcd === undefined
      ? await openEmbedded(state, directory, log, opened)
      : await connectDatastore(state, paths, log);
  if (state.etcd !== undefined) {
    opened.defer(() => store.close());
    await checkWhole(store);
  }
  const snapshots = takeSnapshots(state, directory, { log, signal: stop.signal });
  const moments = keepMoments(store, { clock: systemClock, log, signal: stop.signal });
  opened.defer(async () => {
    stop.abort();
    await Promise.all([snapshots, moments]);
  });
  const all = opened.move();
  return { store, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function openEmbedded(
  state: ClusterState,
  directory: string,
  log: Logger,
  opened: AsyncDisposableStack,
): Promise<Store> {
  const paths = statePaths(directory);
  const store = await openDatastoreFiles(paths, {
    log,
    onFatal(error) {
      log.error('The datastore failed; ending at once so that nothing is acknowledged that is not on disk', { error });
      process.exit(1);
    },
  });
  opened.defer(() => store.close());
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
  opened.defer(() => etcd.close());
  return store;
}

/** Takes snapshots as they are scheduled, and tries again later when one fails. */
async function takeSnapshots(
  state: ClusterState,
  directory: string,
  { log, signal }: { log: Logger; signal: AbortSignal },
): Promise<void> {
  const datastore = { state, paths: statePaths(directory) };
  while (!signal.aborted) {
    try {
      const schedule = await readSchedule(datastore);
      if (schedule !== undefined) await takeDueSnapshot(datastore, schedule, systemClock.now());
    } catch (error) {
      log.error('The scheduled snapshot was not taken', { reason: messageOf(error) });
    }
    await sleep(systemClock, SNAPSHOT_CHECK_MS, { signal }).catch(() => {}); // told to end
  }
}
