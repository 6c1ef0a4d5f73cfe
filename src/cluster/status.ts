import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  cgroupProcesses,
  detectCgroups,
  detectMachine,
  errorCode,
  innerPid,
  namespaceOf,
  processMemory,
  type ProcessMemory,
} from '#linux';
import { type Clock, systemClock } from '#util';
import { type ClusterContext, type KnownCluster, newContext } from './context.ts';
import { CONTROL_PLANE_SERVICE, controlPlaneSupervisor } from './controlplane.ts';
import { checkName, controlPlaneCgroup, nodeCgroup } from './names.ts';
import { containerdSocket, NODE_RUN, nodeInit } from './node/node.ts';
import {
  type ClusterState,
  DEFAULT_CLUSTER_NAME,
  DEFAULT_STATE_ROOT,
  type NodeState,
  nodePaths,
  readClusterState,
} from './state.ts';

export interface ProcessStatus extends Partial<ProcessMemory> {
  /** As the machine counts. */
  readonly pid: number;
}

export interface NodeStatus extends NodeState {
  readonly running: boolean;
  readonly init?: ProcessStatus;
  readonly containerd?: ProcessStatus;
  readonly agent?: ProcessStatus;
  /** Of all the node's processes, pods included. */
  readonly processes: number;
  /** containerd's socket as a path on the machine, while the node runs. */
  readonly containerdSocket?: string;
  /** The node's root directory on the machine's disk. */
  readonly root: string;
}

export interface ClusterStatus {
  readonly name: string;
  readonly directory: string;
  readonly state: ClusterState;
  readonly controlPlane: {
    readonly running: boolean;
    readonly supervisor?: ProcessStatus;
    readonly process?: ProcessStatus;
  };
  readonly nodes: readonly NodeStatus[];
}

export interface OpenOptions {
  readonly name?: string;
  readonly stateRoot?: string;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

/** An existing cluster, for all that is done with one: status, exec, images. Throws when there is none of this name. */
export async function openCluster(options: OpenOptions = {}): Promise<KnownCluster> {
  const { name = DEFAULT_CLUSTER_NAME, stateRoot = DEFAULT_STATE_ROOT, clock = systemClock, signal } = options;
  checkName('cluster', name);
  const cgroups = await detectCgroups();
  if (cgroups === undefined) throw new Error('no cgroups are mounted: there can be no cluster on this machine');
  const context = newContext({ name, stateRoot, cgroups, clock, signal });
  const state = await readClusterState(context.paths.directory);
  if (state === undefined) throw new Error(`there is no cluster ${name} on this machine; \`pirogue up\` makes one`);
  return { ...context, state, machine: await detectMachine() };
}

async function processStatus(pid: number | undefined): Promise<ProcessStatus | undefined> {
  const memory = pid === undefined ? undefined : await processMemory(pid);
  return pid === undefined || memory === undefined ? undefined : { pid, ...memory };
}

async function readPid(file: string): Promise<number | undefined> {
  try {
    const pid = Number((await readFile(file, 'utf8')).trim());
    return pid > 0 ? pid : undefined;
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}

/** The process that a node knows as `inner`, as the machine counts. */
async function outerPid(
  members: readonly number[],
  initPid: number,
  inner: number | undefined,
): Promise<number | undefined> {
  if (inner === undefined) return undefined;
  const namespace = await namespaceOf(initPid, 'pid');
  for (const pid of members) {
    if ((await innerPid(pid)) === inner && (await namespaceOf(pid, 'pid')) === namespace) return pid;
  }
  return undefined;
}

async function nodeStatus(context: ClusterContext, node: NodeState): Promise<NodeStatus> {
  const { root } = nodePaths(context.paths.directory, node.name);
  const init = await nodeInit(context, node.name);
  if (init === undefined) return { ...node, running: false, processes: 0, root };
  const members = await cgroupProcesses(context.cgroups, nodeCgroup(context.name, node.name));
  const service = async (name: string): Promise<ProcessStatus | undefined> => {
    const inner = await readPid(join(`/proc/${init.pid}/root`, NODE_RUN, `${name}.pid`));
    return processStatus(await outerPid(members, init.pid, inner));
  };
  const own = await processStatus(init.pid);
  const containerd = await service('containerd');
  const agent = await service('agent');
  return {
    ...node,
    running: true,
    ...(own && { init: own }),
    ...(containerd && { containerd }),
    ...(agent && { agent }),
    processes: members.length,
    containerdSocket: containerdSocket(init.pid),
    root,
  };
}

/** What of a cluster runs now, and its memory. */
export async function clusterStatus(cluster: KnownCluster): Promise<ClusterStatus> {
  const { state, paths } = cluster;
  const supervisor = await controlPlaneSupervisor(cluster);
  const supervised = supervisor && (await readPid(join(paths.run, `${CONTROL_PLANE_SERVICE}.pid`)));
  const members = await cgroupProcesses(cluster.cgroups, controlPlaneCgroup(cluster.name));
  const main = await processStatus(supervised !== undefined && members.includes(supervised) ? supervised : undefined);
  const own = await processStatus(supervisor?.pid);
  return {
    name: state.name,
    directory: paths.directory,
    state,
    controlPlane: { running: main !== undefined, ...(own && { supervisor: own }), ...(main && { process: main }) },
    nodes: await Promise.all(state.nodes.map((node) => nodeStatus(cluster, node))),
  };
}
