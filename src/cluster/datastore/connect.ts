import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ChannelOptions, type CompactionOptions, openEmbeddedStore, openEtcdStore, type Store } from '#store';
import { type Logger, silentLogger, systemClock } from '#util';
import type { ExternalEtcd, StatePaths, ClusterState } from '../state.ts';

/**
 * How far back one can go: upstream forgets after five minutes, which is enough for watches; here it is what `rewind` has to choose from. Memory is what
 * bounds it in a busy cluster.
 */
export const HISTORY: CompactionOptions = { maxAgeMs: 3_600_000, maxHistoryBytes: 64 << 20 };

/** The datastore of a cluster as its servers speak to it. */
export async function datastoreChannel(state: ClusterState, { pki }: StatePaths): Promise<ChannelOptions> {
  if (state.etcd !== undefined) return await externalChannel(state.etcd);
  const read = (file: string): Promise<string> => readFile(join(pki, file), 'utf8');
  return {
    endpoints: [`https://127.0.0.1:${state.etcdPort}`],
    tls: {
      ca: await read('etcd/ca.crt'),
      certificate: await read('etcd/healthcheck-client.crt'),
      key: await read('etcd/healthcheck-client.key'),
    },
  };
}

export async function externalChannel({ servers, caFile, certFile, keyFile }: ExternalEtcd): Promise<ChannelOptions> {
  if (caFile === undefined || certFile === undefined || keyFile === undefined) return { endpoints: servers };
  return {
    endpoints: servers,
    tls: {
      ca: await readFile(caFile, 'utf8'),
      certificate: await readFile(certFile, 'utf8'),
      key: await readFile(keyFile, 'utf8'),
    },
  };
}

/** A connection to the datastore of a cluster whose control plane runs, or to its etcd. */
export async function connectDatastore(
  state: ClusterState,
  paths: StatePaths,
  log: Logger = silentLogger,
): Promise<Store> {
  return await openEtcdStore({ ...(await datastoreChannel(state, paths)), clock: systemClock, log });
}

/** The embedded datastore's files, for who is alone with them. */
export async function openDatastoreFiles(
  { data }: StatePaths,
  { log = silentLogger, onFatal }: { log?: Logger; onFatal: (error: Error) => void },
): Promise<Store> {
  return await openEmbeddedStore({ directory: data, clock: systemClock, log, onFatal, compaction: HISTORY });
}
