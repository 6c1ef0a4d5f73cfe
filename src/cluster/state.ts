import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, isAlive, processIdentity, type ProcessIdentity } from '#linux';
import { type Clock, sleep } from '#util';
import { readOptional, writeFileAtomic } from './files.ts';

export const DEFAULT_STATE_ROOT = '/var/lib/pirogue';
export const DEFAULT_CLUSTER_NAME = 'pirogue';

/** From the port of the API server to that of etcd: 6443 and 2379. */
const ETCD_PORT_DISTANCE = -4064;

export interface NodeState {
  readonly name: string;
  readonly role: 'control-plane' | 'worker';
  /** Position in the node subnet and in the pod network; never reused while the cluster lives. */
  readonly index: number;
  readonly ip: string;
  /** The /24 of the node's pods. */
  readonly podCIDR: string;
}

/** As kube-apiserver's --etcd-servers, --etcd-cafile, --etcd-certfile, --etcd-keyfile: addresses, and paths of PEM files. */
export interface ExternalEtcd {
  readonly servers: readonly string[];
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** As kube-apiserver's --encryption-provider-config and --encryption-provider-config-automatic-reload. */
export interface EncryptionAtRest {
  /** Path of the file. */
  readonly configFile: string;
  readonly automaticReload: boolean;
}

/** `cluster.json`: what was decided once, at creation. The control-plane process reads it too. */
export interface ClusterState {
  readonly version: 1;
  readonly name: string;
  readonly createdAt: string;
  readonly bridge: string;
  readonly nodeSubnet: string;
  /** The machine's address in the node subnet. */
  readonly gateway: string;
  readonly podCIDR: string;
  readonly serviceCIDR: string;
  readonly clusterDNS: string;
  readonly clusterDomain: string;
  /** Port of the API server on 127.0.0.1 and on the gateway address. */
  readonly apiPort: number;
  /** Port of the datastore on 127.0.0.1, where it speaks etcd's API. */
  readonly etcdPort: number;
  /** Servers of an etcd cluster in place of the embedded datastore. */
  readonly etcd?: ExternalEtcd;
  /** Absent: objects are stored as they are. */
  readonly encryption?: EncryptionAtRest;
  readonly nodes: readonly NodeState[];
}

/** Where things are in a cluster's state directory. */
export interface StatePaths {
  readonly directory: string;
  readonly cluster: string;
  readonly pki: string;
  /** Of the API server's store. */
  readonly data: string;
  readonly log: string;
  readonly controlPlaneLog: string;
  /** Scripts and process identities, meaningless after a reboot. */
  readonly run: string;
  /** /etc/containerd/certs.d of every node. */
  readonly certsD: string;
  readonly nodes: string;
}

export function statePaths(directory: string): StatePaths {
  const at = (name: string): string => join(directory, name);
  return {
    directory,
    cluster: at('cluster.json'),
    pki: at('pki'),
    data: at('data'),
    log: at('log'),
    controlPlaneLog: at('log/control-plane.log'),
    run: at('run'),
    certsD: at('certs.d'),
    nodes: at('nodes'),
  };
}

export interface NodePaths {
  readonly directory: string;
  /** The node's disk: its root directory, with mounts only inside the node's own mount namespace. */
  readonly root: string;
  readonly bootScript: string;
  readonly bootLog: string;
  /** Identity of the node's init. */
  readonly init: string;
}

export function nodePaths(clusterDirectory: string, node: string): NodePaths {
  const directory = join(statePaths(clusterDirectory).nodes, node);
  return {
    directory,
    root: join(directory, 'root'),
    bootScript: join(directory, 'boot.sh'),
    bootLog: join(directory, 'boot.log'),
    init: join(directory, 'init.json'),
  };
}

export function stateDirectory(stateRoot: string, cluster: string): string {
  return join(stateRoot, cluster);
}

/** Undefined: there is no such cluster, or its creation did not get that far. */
export async function readClusterState(directory: string): Promise<ClusterState | undefined> {
  const file = statePaths(directory).cluster;
  const text = await readOptional(file);
  if (text === undefined) return undefined;
  let state: ClusterState;
  try {
    state = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${file} is damaged; \`pirogue down\` removes the cluster`, { cause });
  }
  if (state.version !== 1)
    throw new Error(`${file} has version ${String(state.version)}, this program knows version 1`);
  // A cluster made before its datastore spoke etcd's API has chosen no port for it.
  return { ...state, etcdPort: (state as Partial<ClusterState>).etcdPort ?? state.apiPort + ETCD_PORT_DISTANCE };
}

export async function writeClusterState(directory: string, state: ClusterState): Promise<void> {
  await writeFileAtomic(statePaths(directory).cluster, `${JSON.stringify(state, undefined, 2)}\n`, { durable: true });
}

/** Names of the directories under the state root that are, or were to be, clusters. */
export async function listClusters(stateRoot: string): Promise<string[]> {
  try {
    const entries = await readdir(stateRoot, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map((entry) => entry.name)
      .toSorted();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

export async function readIdentity(file: string): Promise<ProcessIdentity | undefined> {
  const text = await readOptional(file);
  if (text === undefined || text === '') return undefined;
  try {
    const identity: ProcessIdentity = JSON.parse(text);
    return identity;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // torn by a crash: as good as absent
    throw error;
  }
}

export async function writeIdentity(file: string, identity: ProcessIdentity): Promise<void> {
  await writeFileAtomic(file, JSON.stringify(identity));
}

/** Takes away the lock of a dead process. If it turns out to be a living one's, taken in between, it is put back. */
async function removeStaleLock(file: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  const holder = await readIdentity(aside);
  if (holder !== undefined && (await isAlive(holder))) await link(aside, file);
  await rm(aside);
}

/**
 * Makes sure that one process at a time changes a cluster. Another one that is alive and holds the lock is waited for up to `waitMs`
 * (default 0), then it is an error; the lock of a dead one is taken over. Dispose to release.
 */
export async function lockState(
  stateRoot: string,
  name: string,
  { clock, waitMs = 0, signal }: { clock: Clock; waitMs?: number; signal?: AbortSignal },
): Promise<AsyncDisposable> {
  await mkdir(stateRoot, { recursive: true });
  const file = join(stateRoot, `.${name}.lock`);
  const own = `${file}.${randomUUID()}`;
  const content = JSON.stringify(await processIdentity(process.pid));
  await writeFile(own, content, { mode: 0o600 });
  const end = clock.monotonic() + waitMs;
  try {
    for (;;) {
      try {
        await link(own, file); // appears with its content, or not at all
        return { [Symbol.asyncDispose]: () => rm(file, { force: true }) };
      } catch (error) {
        // ENOENT: a `down` that cleans up took our file, still being written, for one that a dead process left.
        if (errorCode(error) === 'ENOENT') await writeFile(own, content, { mode: 0o600 });
        else if (errorCode(error) !== 'EEXIST') throw error;
      }
      const holder = await readIdentity(file);
      if (holder === undefined || !(await isAlive(holder))) await removeStaleLock(file);
      else if (clock.monotonic() < end) await sleep(clock, 20, { ...(signal && { signal }) });
      else
        throw new Error(
          `another pirogue command (process ${holder.pid}) is working on cluster ${name}; wait for it to end`,
        );
    }
  } finally {
    await rm(own, { force: true });
  }
}

/** Removes the locks that dead processes left, of whatever cluster. */
export async function removeStaleLocks(stateRoot: string): Promise<void> {
  for (const name of await readdir(stateRoot)) {
    if (!/^\..*\.lock(\.[-0-9a-f]+)?$/.test(name)) continue;
    const holder = await readIdentity(join(stateRoot, name));
    if (holder === undefined || !(await isAlive(holder))) await removeStaleLock(join(stateRoot, name));
  }
}
