import { hostname } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { type Contents, type Fingerprint, fingerprint } from '#store';
import { type Clock, messageOf } from '#util';
import { adminAccess } from '../access.ts';
import type { ClusterCommands, KnownCluster } from '../context.ts';
import { controlPlaneSupervisor, startControlPlane, stopControlPlane } from '../controlplane.ts';
import { type Progress, step } from '../progress.ts';
import { httpsReadiness } from '../ready.ts';
import { type ClusterState, type ExternalEtcd, lockState, readClusterState } from '../state.ts';
import { embeddedSource, etcdSource, type MoveSource } from './move-source.ts';
import { embeddedTarget, etcdTarget, type MoveTarget, nodeFiles, putAside } from './move-target.ts';

const READY_TIMEOUT_MS = 60_000;

export interface MoveOptions {
  /** Undefined: to the embedded datastore. */
  readonly to: ExternalEtcd | undefined;
  /** Replaces what an etcd cluster has of Kubernetes. */
  readonly force: boolean;
  /** No other control plane uses the etcd cluster that the data is moved from. */
  readonly onlyControlPlane: boolean;
  readonly commands: ClusterCommands;
  readonly progress: Progress;
}

export interface Moved {
  /** Undefined: it was there before. */
  readonly contents: (Fingerprint & { readonly revision: number }) | undefined;
  /** Where the files of the embedded datastore are kept that is no longer used. */
  readonly kept: string | undefined;
}

/**
 * Moves a cluster's data to an etcd cluster, or back into the embedded datastore, while its control plane stands still; pods go on. Until all of it is in
 * the new place, has been read back from there and is the same, the cluster's state names the old one, which is only read. So it can be killed anywhere:
 * `up` starts the cluster on what its state names, and the same command begins anew or goes on.
 */
export async function moveDatastore(cluster: KnownCluster, options: MoveOptions): Promise<Moved> {
  const { stateRoot, name, clock, paths, signal } = cluster;
  const { to, force, onlyControlPlane, progress, commands } = options;
  await using lock = await lockState(stateRoot, name, { clock });
  void lock;
  const state = (await readClusterState(paths.directory)) ?? cluster.state;
  const files = nodeFiles(paths);
  const control = controlOf({ ...cluster, state }, commands);
  if (isDeepStrictEqual(state.etcd, to)) {
    // A move that was killed may have come no further than this.
    const kept = to === undefined ? undefined : await putAside(files, clock.now());
    if (!(await control.runs())) await step('control-plane', clock, progress, () => control.start());
    return { contents: undefined, kept };
  }
  if (state.etcd !== undefined && to !== undefined)
    throw new Error(
      'it is in an etcd cluster already: move it to the embedded datastore first, or copy it with etcdctl',
    );
  if (state.etcd !== undefined && !onlyControlPlane)
    throw new Error(
      'other control planes may share this etcd cluster, and would go on with it: stop them; if there are none, say --only-control-plane',
    );
  const common = { state, files, clock, signal };
  const source = to === undefined ? etcdSource({ state, paths }) : embeddedSource({ state, paths });
  await using target =
    to === undefined ? embeddedTarget(common) : etcdTarget({ ...common, to, force, owner: ownerOf(state) });
  return await move({ source, target, control, clock, progress, signal });
}

/** As the mark of a half-filled etcd cluster names it: a cluster of the same name elsewhere is another one. */
const ownerOf = ({ name, createdAt }: ClusterState): string => `cluster ${name} on ${hostname()}, made at ${createdAt}`;

/** The control plane of a cluster. */
export interface Control {
  runs(): Promise<boolean>;
  stop(): Promise<void>;
  /** Resolves when it is ready; false if it ran already. */
  start(): Promise<boolean>;
}

function controlOf(cluster: KnownCluster, commands: ClusterCommands): Control {
  // Whoever interrupts the move wants the cluster back nevertheless.
  const context = { ...cluster, signal: undefined };
  return {
    runs: async () => (await controlPlaneSupervisor(context)) !== undefined,
    stop: () => stopControlPlane(context, { graceful: true }),
    async start() {
      const started = await startControlPlane(context, commands);
      const { clock } = context;
      await httpsReadiness.apiServer(await adminAccess(context), { clock, timeoutMs: READY_TIMEOUT_MS });
      return started;
    },
  };
}

interface MoveSteps {
  readonly source: MoveSource;
  readonly target: MoveTarget;
  readonly control: Control;
  readonly clock: Clock;
  readonly progress: Progress;
  readonly signal: AbortSignal | undefined;
}

/** The order of things, on whatever does them. */
export async function move({ source, target, control, clock, progress, signal }: MoveSteps): Promise<Moved> {
  const did = async (name: string, work: () => Promise<unknown>): Promise<void> =>
    await step(name, clock, progress, async () => {
      signal?.throwIfAborted();
      await work();
      return true;
    });
  const startAgain = (): Promise<void> => step('control-plane', clock, progress, () => control.start());
  const runs = await control.runs();
  // What takes long, or cannot be, comes while the cluster works.
  await did('prepare', async () => target.prepare(runs ? await source.revision() : 0));
  let contents: Contents | undefined;
  let kept: string | undefined;
  try {
    if (runs) await did('control-plane-stops', () => control.stop());
    await did('copy', async () => {
      contents = await source.read();
      await target.take(contents);
      await source.checkUnchanged(contents);
    });
    await did('switch', async () => void (kept = await target.use()));
  } catch (error) {
    // On what the cluster's state names, which is the old one until it was switched.
    if (runs) await startAgain().catch((cause: unknown) => Promise.reject(bothOf(error, cause)));
    throw error;
  }
  if (runs) await startAgain();
  if (contents === undefined) throw new Error('nothing was read'); // the step either reads it or throws
  return { contents: { ...fingerprint(contents.kvs), revision: contents.revision }, kept };
}

const bothOf = (error: unknown, second: unknown): Error =>
  new Error(`${messageOf(error)}\nand the control plane did not start again: ${messageOf(second)}`, { cause: error });
