import { readdir, rm, rmdir } from 'node:fs/promises';
import {
  detectCgroups,
  errorCode,
  killCgroup,
  killProcess,
  removeCgroup,
  run,
  unmountUnder,
  waitForExit,
} from '#linux';
import { type Clock, systemClock } from '#util';
import { type ClusterContext, newContext } from './context.ts';
import { controlPlaneSupervisor, stopControlPlane } from './controlplane.ts';
import { removeTemporaries } from './files.ts';
import { contextName, removeFromKubeconfigFile } from './kubeconfig.ts';
import { checkName, kernelNames, nodeCgroup } from './names.ts';
import { removeNetwork, restoreForwarding } from './network.ts';
import { nodeInit } from './node/node.ts';
import { imageCache } from './images/pause.ts';
import { type Progress, step } from './progress.ts';
import { DEFAULT_CLUSTER_NAME, DEFAULT_STATE_ROOT, listClusters, lockState, removeStaleLocks } from './state.ts';

export interface DeleteClusterOptions {
  /** Default `pirogue`. */
  readonly name?: string;
  /** Default /var/lib/pirogue. */
  readonly stateRoot?: string;
  /** Stop everything in good order, and keep what a later `up` starts again from. Default false. */
  readonly keepData?: boolean;
  /** File to remove the context from. Absent: none. Not used with `keepData`. */
  readonly kubeconfig?: string;
  readonly progress?: Progress;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

const NODE_STOP_TIMEOUT_MS = 10_000;

async function removeIfEmpty(directory: string): Promise<void> {
  try {
    await rmdir(directory);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST', 'EBUSY'].includes(errorCode(error) ?? '')) throw error;
  }
}

/** Nodes that have a directory; the state file may be missing or damaged. */
async function nodeNames(context: ClusterContext): Promise<string[]> {
  return readdir(context.paths.nodes).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return [];
    throw error;
  });
}

async function stopNodes(context: ClusterContext, graceful: boolean): Promise<boolean> {
  const { cgroups, clock, signal } = context;
  const options = { clock, ...(signal && { signal }) };
  const names = await nodeNames(context);
  const ended = await Promise.all(
    names.map(async (name) => {
      const init = await nodeInit(context, name);
      if (graceful && init !== undefined && (await killProcess(init, 'SIGTERM'))) {
        await waitForExit(init, { ...options, timeoutMs: NODE_STOP_TIMEOUT_MS });
      }
      // Init first: with it the kernel ends the whole pid namespace, and mounts and links go too.
      if (init !== undefined) await killProcess(init, 'SIGKILL');
      return init !== undefined || (await killCgroup(cgroups, nodeCgroup(context.name, name), options)) > 0;
    }),
  );
  return ended.includes(true);
}

/** Every process of the cluster, also those no file tells of, then the cgroups. A process about to join keeps a cgroup busy: again, then. */
async function removeCgroups({ name, cgroups, clock, signal }: ClusterContext): Promise<boolean> {
  const { cgroup } = kernelNames(name);
  const options = { clock, ...(signal && { signal }) };
  let found = false;
  for (let attempt = 0; ; attempt++) {
    if ((await killCgroup(cgroups, cgroup, options)) > 0) found = true;
    try {
      await removeCgroup(cgroups, cgroup, options);
      break;
    } catch (error) {
      if (attempt >= 3 || !['EBUSY', 'ENOTEMPTY'].includes(errorCode(error) ?? '')) throw error;
    }
  }
  for (const { mountPoint } of cgroups.hierarchies) await removeIfEmpty(`${mountPoint}/pirogue`);
  return found;
}

async function removeFiles(context: ClusterContext): Promise<boolean> {
  const { directory } = context.paths;
  await unmountUnder(directory, { ...(context.signal && { signal: context.signal }) });
  const before = (await listClusters(context.stateRoot)).includes(context.name);
  // rm, not Node: images are many thousands of files, and it can be told not to leave the file system.
  await run('rm', ['-rf', '--one-file-system', '--', directory]);
  return before;
}

async function removeShared(stateRoot: string): Promise<void> {
  if ((await listClusters(stateRoot)).length > 0) return;
  await restoreForwarding(stateRoot);
  await rm(imageCache(stateRoot), { recursive: true, force: true });
  await removeStaleLocks(stateRoot);
  await removeTemporaries(stateRoot);
}

/**
 * Removes a cluster: no process, mount, namespace, cgroup, link, route, nft table or file of it is left. Works from the name alone, so
 * also on the remains of an `up` that was killed, and does nothing when there is nothing.
 */
export async function deleteCluster(options: DeleteClusterOptions = {}): Promise<void> {
  const { name = DEFAULT_CLUSTER_NAME, stateRoot = DEFAULT_STATE_ROOT, keepData = false, kubeconfig, signal } = options;
  const { clock = systemClock, progress = () => {} } = options;
  checkName('cluster', name);
  const cgroups = await detectCgroups();
  if (cgroups === undefined) throw new Error('no cgroups are mounted: there can be no cluster on this machine');
  {
    await using lock = await lockState(stateRoot, name, { clock });
    void lock;
    const context = newContext({ name, stateRoot, cgroups, clock, signal });
    if (keepData) {
      // Nodes first: their agents tell the API server, while there is one.
      await step('nodes', clock, progress, () => stopNodes(context, true));
    }
    await step('processes', clock, progress, async () => {
      const ran = (await controlPlaneSupervisor(context)) !== undefined;
      await stopControlPlane(context, { graceful: keepData });
      if (!keepData) await stopNodes(context, false);
      return (await removeCgroups(context)) || ran;
    });
    await step('network', clock, progress, async () => {
      await removeNetwork(context);
      return true;
    });
    if (!keepData) {
      await step('files', clock, progress, () => removeFiles(context));
      if (kubeconfig !== undefined) {
        await step('kubeconfig', clock, progress, () => removeFromKubeconfigFile(kubeconfig, contextName(name)));
      }
      await removeShared(stateRoot);
    }
  }
  await removeIfEmpty(stateRoot);
}
