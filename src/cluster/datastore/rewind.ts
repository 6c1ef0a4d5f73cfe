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
import { type Unreadable, unreadableValues } from '../encryption/census.ts';
import { readEncryptionFile } from '../encryption/file.ts';
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
  /** What was brought back, or would be, and cannot be read: the file of --encryption-provider-config no longer has its key. */
  readonly unreadable: readonly Unreadable[];
}

export interface RewindOptions {
  readonly target: RewindTarget;
  /** Only tells what would change. */
  readonly dryRun: boolean;
  /** Also brings back what nobody will be able to read. */
  readonly force: boolean;
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
      return await rewind(cluster, store, options, { whole: false });
    } finally {
      await store.close();
    }
  }
  // What cannot be done is found before anything stands still.
  if (runs) await check(cluster, options);
  await stopControlPlane(cluster, { graceful: true });
  try {
    return await alone(cluster, options);
  } finally {
    if (runs) await restart(cluster, options.commands);
  }
}

async function check(cluster: KnownCluster, options: RewindOptions): Promise<void> {
  const store = await connectDatastore(cluster.state, cluster.paths);
  try {
    await planOf(cluster, store, options);
  } finally {
    await store.close();
  }
}

/** On the files, while no server has them. */
async function alone(cluster: KnownCluster, options: RewindOptions): Promise<Rewound> {
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => {}); // heard below
  const store = await openDatastoreFiles(cluster.paths, { onFatal: reject });
  try {
    return await Promise.race([rewind(cluster, store, options, { whole: true }), failed]);
  } finally {
    await store.close();
  }
}

async function rewind(
  cluster: KnownCluster,
  store: Store,
  options: RewindOptions,
  { whole }: { whole: boolean },
): Promise<Rewound> {
  const { changes, ...rest } = await planOf(cluster, store, options);
  if (!options.dryRun && changes.length > 0) await makeChanges(store, changes, { whole });
  return { changes: changes.map(({ type, key }) => ({ type, path: key.slice(PREFIX.length) })), ...rest };
}

/** What is to be done. Throws when it cannot be, or would bring back what nobody can read. */
async function planOf(
  { state }: KnownCluster,
  store: Store,
  { target, dryRun, force }: RewindOptions,
): Promise<Omit<Rewound, 'changes'> & { changes: readonly StoreChange[] }> {
  const { pairs, revision, time } = await wantedPairs(store, target);
  const changes = changesBetween((await pairsAt(store, PREFIX, 0)).filter(isLasting), pairs.filter(isLasting));
  const written = changes.flatMap((change) => (change.type === 'delete' ? [] : [change]));
  const file = state.encryption?.configFile;
  const configuration = file === undefined ? undefined : (await readEncryptionFile(file)).configuration;
  const unreadable = unreadableValues(configuration, written);
  if (unreadable.length > 0 && !dryRun && !force)
    throw new Error(`${unreadableText(unreadable, file)}\n--force brings it back as it is`);
  return { changes, revision, time, unreadable };
}

/** Says what is missing, where it belongs, and what can be done. */
export function unreadableText(unreadable: readonly Unreadable[], file: string | undefined): string {
  const lines = unreadable.map(({ resource, provider, key, objects }) => {
    const which = key === '' ? 'were written in the clear' : `were encrypted by ${provider} with the key ${key}`;
    return `  ${objects} of ${resource} ${which}\n`;
  });
  const where =
    file === undefined
      ? 'the cluster has no encryption configuration: give it the one of that time by `pirogue up --encryption-provider-config FILE`'
      : `${file} has no provider that reads them: put back the keys of that time, behind those of now (\`identity\` for what was in the clear)`;
  return `some of what is to be brought back cannot be read:\n${lines.join('')}${where}`;
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
