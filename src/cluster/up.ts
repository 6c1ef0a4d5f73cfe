import { readdir, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { detectMachine, type Machine, type Requirement, unmetRequirements } from '#linux';
import { type Clock, systemClock } from '#util';
import { type ClusterCommands, type KnownCluster, newContext } from './context.ts';
import { checkControlPlane, startControlPlane, stopControlPlane } from './controlplane.ts';
import { readEncryptionFile } from './encryption/file.ts';
import { readOptional, writeFileAtomic } from './files.ts';
import { contextName, mergeKubeconfig, mergeKubeconfigFile } from './kubeconfig.ts';
import { checkName, kernelNames } from './names.ts';
import { ensureNetwork, networksInUse } from './network.ts';
import { writeNodeHosts } from './node/files.ts';
import { ensurePauseIn, startNode } from './node/node.ts';
import { ensurePauseImage } from './images/pause.ts';
import { apiServerNames, ensurePki, type Pki } from './pki/pki.ts';
import { type Progress, step } from './progress.ts';
import { type ApiAccess, httpsReadiness, type Readiness } from './ready.ts';
import { configureRegistry, type Registry } from './images/registries.ts';
import {
  type ClusterState,
  DEFAULT_CLUSTER_NAME,
  DEFAULT_STATE_ROOT,
  type EncryptionAtRest,
  type ExternalEtcd,
  listClusters,
  lockState,
  nodePaths,
  type NodeState,
  readClusterState,
  stateDirectory,
  writeClusterState,
} from './state.ts';
import { addressIn, chooseNetworks, CLUSTER_DNS, KUBERNETES_SERVICE_IP, SERVICE_CIDR, subnet24 } from './subnets.ts';

export interface CreateClusterOptions {
  /** Default `pirogue`. */
  readonly name?: string;
  /** Default /var/lib/pirogue. */
  readonly stateRoot?: string;
  /** Nodes besides the control-plane node: default 2 for a new cluster, and no change for an existing one; more than there are adds nodes. */
  readonly workers?: number;
  readonly commands: ClusterCommands;
  /** Directories of the machine that the commands need: the project's and the Node binary's. */
  readonly readOnlyPaths: readonly string[];
  /** File to merge the admin's context into. Absent: none. */
  readonly kubeconfig?: string;
  readonly registries?: readonly Registry[];
  /** Keep the data in this etcd cluster. Default: in the embedded datastore. Decided when the cluster is made. */
  readonly etcd?: ExternalEtcd | undefined;
  /** Encrypt objects in the datastore. Default: as the cluster has it. Another one than it has starts the control plane again. */
  readonly encryption?: EncryptionAtRest | undefined;
  readonly progress?: Progress;
  /** Default: HTTPS requests to the API server. */
  readonly readiness?: Readiness;
  /** For the API server, and again for the nodes. Default 60 s. */
  readonly readyTimeoutMs?: number;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

/** The machine cannot run nodes. */
export class RequirementsError extends Error {
  override readonly name = 'RequirementsError';
  readonly requirements: readonly Requirement[];

  constructor(requirements: readonly Requirement[]) {
    super(requirements.map(({ missing, remedy }) => `missing: ${missing}; ${remedy}`).join('\n'));
    this.requirements = requirements;
  }
}

const FIRST_API_PORT = 6443;
const FIRST_ETCD_PORT = 2379;
/** Addresses in the node subnet: .0 the network, .1 the machine. */
const FIRST_NODE_ADDRESS = 2;
const MAX_NODES = 253;
const DEFAULT_READY_TIMEOUT_MS = 60_000;

function nodeName(index: number): string {
  return index === 0 ? 'control-plane' : `node${index}`;
}

function newNode(index: number, networks: { nodeSubnet: string; podCIDR: string }): NodeState {
  return {
    name: nodeName(index),
    role: index === 0 ? 'control-plane' : 'worker',
    index,
    ip: addressIn(networks.nodeSubnet, FIRST_NODE_ADDRESS + index),
    podCIDR: subnet24(networks.podCIDR, index),
  };
}

function portIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1' }, () => server.close(() => resolve(true)));
  });
}

async function choosePort(first: number, what: string, taken: readonly number[]): Promise<number> {
  for (let port = first; port < first + 200; port++) {
    if (!taken.includes(port) && (await portIsFree(port))) return port;
  }
  throw new Error(`no free port for ${what} from ${first} on`);
}

interface Decided {
  readonly stateRoot: string;
  readonly clock: Clock;
  readonly etcd?: ExternalEtcd | undefined;
  readonly encryption?: EncryptionAtRest | undefined;
}

/** Decides all that is decided once. The caller holds the lock of allocation. */
async function newState(name: string, workers: number, options: Decided): Promise<ClusterState> {
  const { stateRoot, clock, etcd, encryption } = options;
  const others: ClusterState[] = [];
  for (const other of await listClusters(stateRoot)) {
    const state = other === name ? undefined : await readClusterState(stateDirectory(stateRoot, other));
    if (state !== undefined) others.push(state);
  }
  const used = [...(await networksInUse()), ...others.flatMap((other) => [other.nodeSubnet, other.podCIDR])];
  const networks = chooseNetworks(used);
  return {
    version: 1,
    name,
    createdAt: new Date(clock.now()).toISOString(),
    bridge: kernelNames(name).bridge,
    ...networks,
    gateway: addressIn(networks.nodeSubnet, 1),
    serviceCIDR: SERVICE_CIDR,
    clusterDNS: CLUSTER_DNS,
    clusterDomain: 'cluster.local',
    apiPort: await choosePort(
      FIRST_API_PORT,
      'the API server',
      others.map((other) => other.apiPort),
    ),
    etcdPort: await choosePort(
      FIRST_ETCD_PORT,
      'the datastore',
      others.map((other) => other.etcdPort),
    ),
    ...(etcd === undefined ? {} : { etcd }),
    ...(encryption === undefined ? {} : { encryption }),
    nodes: Array.from({ length: workers + 1 }, (_, index) => newNode(index, networks)),
  };
}

/** Reads the state, or makes it, or changes what may be changed. Returns it, as it was, and whether it was written. */
async function ensureState(
  name: string,
  workers: number | undefined,
  options: Decided & { signal?: AbortSignal },
): Promise<{ state: ClusterState; before: ClusterState | undefined; changed: boolean }> {
  const { stateRoot, clock, etcd, encryption, signal } = options;
  const directory = stateDirectory(stateRoot, name);
  const existing = await readClusterState(directory);
  if (existing === undefined) {
    // Two clusters created at once must not choose the same networks.
    await using lock = await lockState(stateRoot, '_allocation', { clock, waitMs: 30_000, ...(signal && { signal }) });
    void lock;
    const state = await newState(name, workers ?? 2, { stateRoot, clock, etcd, encryption });
    await writeClusterState(directory, state);
    return { state, before: undefined, changed: true };
  }
  if (etcd !== undefined && JSON.stringify(existing.etcd) !== JSON.stringify(etcd))
    throw new Error(`cluster ${name} keeps its data elsewhere; \`pirogue datastore move --to=etcd\` moves it`);
  const have = existing.nodes.length - 1;
  if (workers !== undefined && workers < have) {
    throw new Error(
      `cluster ${name} has ${have} nodes besides control-plane, not ${workers}; nodes are not removed by \`up\``,
    );
  }
  const added = Array.from({ length: (workers ?? have) - have }, (_, i) => newNode(have + 1 + i, existing));
  const encrypts = encryption !== undefined && !isDeepStrictEqual(existing.encryption, encryption);
  if (added.length === 0 && !encrypts) return { state: existing, before: existing, changed: false };
  const state = { ...existing, ...(encrypts ? { encryption } : {}), nodes: [...existing.nodes, ...added] };
  await writeClusterState(directory, state);
  if (added.length > 0)
    for (const node of existing.nodes) await writeNodeHosts(nodePaths(directory, node.name).root, state);
  return { state, before: existing, changed: true };
}

/** The kubeconfigs kubeadm leaves in /etc/kubernetes, in the state directory. */
async function writeKubeconfigs(directory: string, access: Omit<ApiAccess, 'client'>, pki: Pki): Promise<boolean> {
  const { admin, superAdmin, controllerManager, scheduler } = pki;
  const files = { admin, 'super-admin': superAdmin, 'controller-manager': controllerManager, scheduler };
  let changed = false;
  for (const [name, client] of Object.entries(files)) {
    const file = join(directory, `${name}.conf`);
    const text = mergeKubeconfig(undefined, { ...access, name: 'kubernetes', client });
    if ((await readOptional(file)) === text) continue;
    await writeFileAtomic(file, text, { mode: 0o600 });
    changed = true;
  }
  return changed;
}

/** Adds the end of the control plane's log to what goes wrong while it is waited for. */
async function withLog(context: KnownCluster, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (context.signal?.aborted === true) throw error;
    const log = ((await readOptional(context.paths.controlPlaneLog)) ?? '').trimEnd().split('\n').slice(-20).join('\n');
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${message}\nlast lines of ${context.paths.controlPlaneLog}:\n${log}`, { cause: error });
  }
}

type AbleMachine = Required<Pick<Machine, 'cgroups'>> & Machine;

async function checkMachine(): Promise<AbleMachine> {
  const machine = await detectMachine();
  const unmet = unmetRequirements(machine);
  const { cgroups } = machine;
  if (unmet.length > 0 || cgroups === undefined) throw new RequirementsError(unmet);
  return { ...machine, cgroups };
}

function checkOptions(name: string, workers: number | undefined): void {
  checkName('cluster', name);
  if (workers !== undefined && !(Number.isInteger(workers) && workers >= 0 && workers < MAX_NODES)) {
    throw new Error(`${workers} nodes: a whole number from 0 to ${MAX_NODES - 1} is expected`);
  }
}

export interface CreatedCluster {
  readonly state: ClusterState;
  readonly directory: string;
  readonly access: ApiAccess;
  /** Name of the context in the kubeconfig. */
  readonly context: string;
}

/** What `up` was asked for, with its defaults. */
type Wanted = CreateClusterOptions & {
  readonly clock: Clock;
  readonly progress: Progress;
};

async function stateStep(wanted: Wanted, name: string, stateRoot: string, machine: AbleMachine): Promise<KnownCluster> {
  const { workers, registries = [], etcd, encryption, clock, progress, signal } = wanted;
  let context: KnownCluster | undefined;
  await step('state', clock, progress, async () => {
    if (encryption !== undefined) await readEncryptionFile(encryption.configFile);
    const decided = { stateRoot, clock, etcd, encryption, ...(signal && { signal }) };
    const { state, before, changed } = await ensureState(name, workers, decided);
    context = { ...newContext({ name, stateRoot, cgroups: machine.cgroups, clock, signal }), machine, state };
    // It is started again below, and reads the state then.
    if (before !== undefined && before.encryption !== state.encryption)
      await stopControlPlane(context, { graceful: true });
    for (const registry of registries) await configureRegistry(context.paths.directory, registry);
    return changed;
  });
  if (context === undefined) throw new Error('no state'); // the step either sets it or throws
  return context;
}

/** The cluster's keys and the kubeconfigs made of them. Returns whether any was written. */
async function certificates({
  state,
  paths,
  clock,
}: KnownCluster): Promise<{ pki: Pki; access: ApiAccess; changed: boolean }> {
  const before = await readdir(paths.pki).catch(() => []);
  const controlPlanes = state.nodes.filter((node) => node.role === 'control-plane');
  const names = apiServerNames({
    hostname: hostname(),
    serviceIP: KUBERNETES_SERVICE_IP,
    addresses: [state.gateway, ...controlPlanes.map((node) => node.ip)],
  });
  const pki = await ensurePki({ directory: paths.pki, apiServerNames: names, clock });
  const server = `https://127.0.0.1:${state.apiPort}`;
  const access = { server, caCertificate: pki.caCertificate, client: pki.admin };
  const written = await writeKubeconfigs(paths.directory, access, pki);
  return { pki, access, changed: written || (await readdir(paths.pki)).length !== before.length };
}

/** Waits for all, also after one failed: nothing goes on behind the back of who gets the error. */
async function all(work: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) if (result.status === 'rejected') throw result.reason;
}

/** Starts what does not run and waits until all of it is ready. */
async function startAll(
  wanted: Wanted,
  context: KnownCluster,
  pki: Pki,
  access: ApiAccess,
  pauseFile: string,
): Promise<void> {
  const {
    commands,
    readOnlyPaths,
    readiness = httpsReadiness,
    readyTimeoutMs: timeoutMs = DEFAULT_READY_TIMEOUT_MS,
    progress,
    clock,
  } = wanted;
  const logBytes = (await stat(context.paths.controlPlaneLog).catch(() => undefined))?.size ?? 0;
  const stillPossible = (): Promise<void> => checkControlPlane(context, logBytes);
  const wait = { clock, timeoutMs, signal: context.signal, stillPossible };
  // The control plane takes longest: its process is started first, and nodes boot while it loads.
  const controlPlane = step('control-plane', clock, progress, async () => {
    const started = await startControlPlane(context, commands);
    await withLog(context, () => readiness.apiServer(access, wait));
    return started;
  });
  const nodes = context.state.nodes.map((node) =>
    step(`node ${node.name}`, clock, progress, async () => {
      const started = await startNode(context, { node, commands, pki, readOnlyPaths });
      const imported = await ensurePauseIn(context, node.name, pauseFile);
      return started || imported;
    }),
  );
  await all([controlPlane, ...nodes]);
  await step('nodes-ready', clock, progress, async () => {
    const names = context.state.nodes.map((node) => node.name);
    await withLog(context, () => readiness.nodes(access, names, wait));
    return true;
  });
}

/**
 * Makes a cluster, or starts what of it does not run: after a reboot everything, on the same data; when all runs, nothing. Can be
 * interrupted anywhere and called again. On return the API server is ready and so are all nodes.
 */
export async function createCluster(options: CreateClusterOptions): Promise<CreatedCluster> {
  const {
    name = DEFAULT_CLUSTER_NAME,
    stateRoot = DEFAULT_STATE_ROOT,
    kubeconfig,
    clock = systemClock,
    progress = () => {},
  } = options;
  checkOptions(name, options.workers);
  const machine = await checkMachine(); // before anything is written, which needs root, too
  await using lock = await lockState(stateRoot, name, { clock });
  void lock;
  const wanted: Wanted = { ...options, clock, progress };
  const context = await stateStep(wanted, name, stateRoot, machine);
  let keys: Awaited<ReturnType<typeof certificates>> | undefined;
  const certificatesStep = step('certificates', clock, progress, async () => {
    keys = await certificates(context);
    return keys.changed;
  });
  const pause = ensurePauseImage(stateRoot, context.machine);
  await all([certificatesStep, pause, step('network', clock, progress, () => ensureNetwork(context))]);
  if (keys === undefined) throw new Error('no certificates'); // the step either sets them or throws
  const { pki, access } = keys;
  await startAll(wanted, context, pki, access, (await pause).file);
  const entry = { ...access, name: contextName(name) };
  if (kubeconfig !== undefined) await step('kubeconfig', clock, progress, () => mergeKubeconfigFile(kubeconfig, entry));
  return { state: context.state, directory: context.paths.directory, access, context: entry.name };
}
