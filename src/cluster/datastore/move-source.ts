import { type Contents, contentsOf, prefixEnd, type Store } from '#store';
import type { ClusterState, StatePaths } from '../state.ts';
import { connectDatastore, openDatastoreFiles } from './connect.ts';

const KUBERNETES = '/registry/';

/** Where data is moved from. It is only read. */
export interface MoveSource {
  /** How far it has counted, while its control plane runs. */
  revision(): Promise<number>;
  /** All it holds, when its control plane is stopped. */
  read(): Promise<Contents>;
  /** Throws when somebody has written to it since. */
  checkUnchanged(contents: Contents): Promise<void>;
}

interface Datastore {
  readonly state: ClusterState;
  readonly paths: StatePaths;
}

async function withStore<T>(open: () => Promise<Store>, work: (store: Store) => Promise<T>): Promise<T> {
  const store = await open();
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

const revisionOf = async (store: Store): Promise<number> =>
  (await store.range({ key: '\0', countOnly: true })).revision;

/** The files of the embedded datastore, which nobody else can open meanwhile. */
export function embeddedSource({ state, paths }: Datastore): MoveSource {
  return {
    revision: () => withStore(() => connectDatastore(state, paths), revisionOf),
    async read() {
      const { promise: failed, reject } = Promise.withResolvers<never>();
      failed.catch(() => {}); // heard below
      const open = (): Promise<Store> => openDatastoreFiles(paths, { onFatal: reject });
      return await withStore(open, async (store) => contentsOf(await Promise.race([store.dump(), failed])));
    },
    checkUnchanged: () => Promise.resolve(),
  };
}

/** An etcd cluster, to which others may write. */
export function etcdSource({ state, paths }: Datastore): MoveSource {
  const connect = (): Promise<Store> => connectDatastore(state, paths);
  return {
    revision: () => withStore(connect, revisionOf),
    read: () =>
      withStore(connect, async (store) => {
        const revision = await revisionOf(store);
        const contents = contentsOf(await store.dump());
        // A snapshot is what one member has; a read is what all have agreed on.
        if (contents.revision < revision)
          throw new Error(
            `the member of etcd that was asked has only revision ${contents.revision} of ${revision}; try again when it has caught up`,
          );
        return contents;
      }),
    checkUnchanged: (contents) => withStore(connect, (store) => checkUnchanged(store, contents)),
  };
}

/** What is bound to leases may go by itself meanwhile. */
export async function checkUnchanged(store: Store, { kvs, revision }: Contents): Promise<void> {
  if ((await revisionOf(store)) === revision) return;
  const now = await store.range({ key: KUBERNETES, rangeEnd: prefixEnd(KUBERNETES), keysOnly: true });
  const there = new Set(now.kvs.map(({ key }) => key));
  const written = now.kvs.find(({ modRevision }) => modRevision > revision)?.key;
  const gone = kvs.find(({ key, lease }) => lease === 0 && key.startsWith(KUBERNETES) && !there.has(key))?.key;
  const changed = written ?? gone;
  if (changed !== undefined)
    throw new Error(`another control plane writes to this etcd cluster (${changed} has changed): stop it first`);
}
