import {
  changesBetween,
  type KeyValue,
  makeChanges,
  pairsAt,
  revisionAt,
  type Store,
  type StoreChange,
  timeOf,
} from '#store';
import { adminAccess } from '../access.ts';
import type { ClusterCommands, KnownCluster } from '../context.ts';
import { controlPlaneSupervisor, startControlPlane, stopControlPlane } from '../controlplane.ts';
import { httpsReadiness } from '../ready.ts';
import { lockState } from '../state.ts';
import { connectDatastore, openDatastoreFiles } from './connect.ts';
import { readSnapshotFile } from './snapshots.ts';

/** All of Kubernetes. */
const PREFIX = '/registry/';
/** Who is alive and who leads is of the moment: it is never brought back. */
const OF_THE_MOMENT = ['/registry/leases/', '/registry/masterleases/'];
const READY_TIMEOUT_MS = 60_000;

/** Where to go: a moment of history, or what a file holds. */
export type RewindTarget =
  | { readonly type: 'revision'; readonly revision: number }
  | { readonly type: 'time'; readonly timeMs: number }
  | { readonly type: 'snapshot'; readonly file: string };

/** One object that is not as it was. */
export interface ObjectChange {
  readonly type: StoreChange['type'];
  /** As in the store behind `/registry/`: `deployments/default/web`. */
  readonly path: string;
}

export interface Rewound {
  readonly changes: readonly ObjectChange[];
  /** The moment gone back to; of a snapshot its newest. */
  readonly revision: number;
  readonly time: Date | undefined;
}

export interface RewindOptions {
  readonly target: RewindTarget;
  /** Only tells what would change. */
  readonly dryRun: boolean;
  readonly commands: ClusterCommands;
}

/**
 * Makes all objects what they were, as one more write: nothing of what was in between is lost, and one can go forth again. An embedded datastore is
 * changed in one revision while the control plane stands still for a moment, so that no controller sees half of it; pods go on meanwhile. An etcd
 * cluster is changed as it runs, in several transactions.
 */
export async function rewindCluster(cluster: KnownCluster, options: RewindOptions): Promise<Rewound> {
  const { state, paths, stateRoot, name, clock } = cluster;
  const embedded = state.etcd === undefined;
  await using lock = await lockState(stateRoot, name, { clock });
  void lock;
  const runs = (await controlPlaneSupervisor(cluster)) !== undefined;
  if (options.dryRun || !embedded) {
    if (embedded && !runs) return await alone(cluster, options);
    const store = await connectDatastore(state, paths);
    try {
      return await rewind(store, options, { whole: false });
    } finally {
      await store.close();
    }
  }
  // What cannot be done is found before anything stands still.
  if (runs) await checkTarget(cluster, options.target);
  await stopControlPlane(cluster, { graceful: true });
  try {
    return await alone(cluster, options);
  } finally {
    if (runs) await restart(cluster, options.commands);
  }
}

async function checkTarget({ state, paths }: KnownCluster, target: RewindTarget): Promise<void> {
  const store = await connectDatastore(state, paths);
  try {
    await wantedPairs(store, target);
  } finally {
    await store.close();
  }
}

/** On the files, while no server has them. */
async function alone({ paths }: KnownCluster, options: RewindOptions): Promise<Rewound> {
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => {}); // heard below
  const store = await openDatastoreFiles(paths, { onFatal: reject });
  try {
    return await Promise.race([rewind(store, options, { whole: true }), failed]);
  } finally {
    await store.close();
  }
}

async function rewind(
  store: Store,
  { target, dryRun }: RewindOptions,
  { whole }: { whole: boolean },
): Promise<Rewound> {
  const { pairs, revision, time } = await wantedPairs(store, target);
  const changes = changesBetween((await pairsAt(store, PREFIX, 0)).filter(isLasting), pairs.filter(isLasting));
  if (!dryRun && changes.length > 0) await makeChanges(store, changes, { whole });
  return { changes: changes.map(({ type, key }) => ({ type, path: key.slice(PREFIX.length) })), revision, time };
}

const isLasting = ({ key }: KeyValue): boolean => !OF_THE_MOMENT.some((prefix) => key.startsWith(prefix));

async function wantedPairs(
  store: Store,
  target: RewindTarget,
): Promise<{ pairs: readonly KeyValue[]; revision: number; time: Date | undefined }> {
  if (target.type === 'snapshot') {
    const { versions, revision } = await readSnapshotFile(target.file);
    return { pairs: newestOf(versions), revision, time: undefined };
  }
  const revision = target.type === 'time' ? await revisionAt(store, target.timeMs) : target.revision;
  const pairs = await pairsAt(store, PREFIX, revision);
  const timeMs = await timeOf(store, revision);
  return { pairs, revision, time: timeMs === undefined ? undefined : new Date(timeMs) };
}

function newestOf(versions: readonly KeyValue[]): KeyValue[] {
  const newest = new Map<string, KeyValue>();
  for (const kv of versions) {
    if (kv.version === 0) newest.delete(kv.key);
    else if (kv.key.startsWith(PREFIX)) newest.set(kv.key, kv);
  }
  return [...newest.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

async function restart(cluster: KnownCluster, commands: ClusterCommands): Promise<void> {
  const { clock, signal } = cluster;
  await startControlPlane(cluster, commands);
  await httpsReadiness.apiServer(await adminAccess(cluster), { clock, timeoutMs: READY_TIMEOUT_MS, signal });
}
