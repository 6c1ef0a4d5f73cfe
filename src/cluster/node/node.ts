import { spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import {
  CAP_SYS_RESOURCE,
  cgroupProcesses,
  createCgroup,
  createCgroupLeaf,
  isAlive,
  killCgroup,
  killProcess,
  mountsUnder,
  processIdentity,
  type ProcessIdentity,
  quote,
  readMountinfo,
  removeCgroup,
  run,
  supportsOverlay,
  waitForExit,
} from '#linux';
import { sleep } from '#util';
import { type ClusterCommands, type ClusterContext, type KnownCluster, serviceEnvironment } from '../context.ts';
import { readOptional, writeFileAtomic } from '../files.ts';
import { nodeCgroup } from '../names.ts';
import { connectNode, disconnectNode } from '../network.ts';
import type { Pki } from '../pki/pki.ts';
import { nodePaths, type NodePaths, type NodeState, readIdentity, writeIdentity } from '../state.ts';
import { parseCidr } from '../subnets.ts';
import { CERTS_D, CONTAINERD_SOCKET, containerdConfig, PAUSE_IMAGE } from './containerd.ts';
import { AGENT_CONFIG, NODE_BIN, NODE_PKI, SHOWN_ETC, topLevelLinks, writeNodeFiles } from './files.ts';
import { bootScript, joinCgroup, launchScript, supervisorScript } from './scripts.ts';

const INIT_SCRIPT = '/etc/pirogue/init';
/** Inside the node. */
export const NODE_RUN = '/run/pirogue';
const NODE_LOG = '/var/log/pirogue';
const BOOT_TIMEOUT_MS = 30_000;
/** After it, what still runs is killed. */
const STOP_TIMEOUT_MS = 10_000;

export interface NodeStart {
  readonly node: NodeState;
  readonly commands: ClusterCommands;
  readonly pki: Pki;
  /** Directories of the machine that the agent's command line needs, shown read-only at the same path. */
  readonly readOnlyPaths: readonly string[];
}

function leafOf(context: ClusterContext, node: string): string {
  return `${nodeCgroup(context.name, node)}/system`;
}

/** The init of a node, its pid as the machine counts, if the node runs. */
export async function nodeInit(context: ClusterContext, node: string): Promise<ProcessIdentity | undefined> {
  const identity = await readIdentity(nodePaths(context.paths.directory, node).init);
  if (identity === undefined || !(await isAlive(identity))) return undefined;
  const members = await cgroupProcesses(context.cgroups, leafOf(context, node));
  return members.includes(identity.pid) ? identity : undefined;
}

/** Directories to show in the node: none twice, none that /usr shows anyway; and the machine's mounts below them. */
async function readOnlyView(extra: readonly string[]): Promise<{ readOnlyPaths: string[]; readOnlyMounts: string[] }> {
  const { directories } = await topLevelLinks();
  const readOnlyPaths: string[] = [];
  for (const path of ['/usr', ...directories, ...extra].toSorted()) {
    if (!existsSync(path)) continue;
    if (!readOnlyPaths.some((other) => path === other || path.startsWith(`${other}/`))) readOnlyPaths.push(path);
  }
  const mounts = await readMountinfo();
  const below = readOnlyPaths.flatMap((path) => mountsUnder(mounts, path).filter((mount) => mount.mountPoint !== path));
  return { readOnlyPaths, readOnlyMounts: [...new Set(below.map((mount) => mount.mountPoint))] };
}

async function writeScripts(
  context: KnownCluster,
  { node, commands, pki, readOnlyPaths }: NodeStart,
): Promise<NodePaths> {
  const { state, paths, machine, cgroups } = context;
  const own = nodePaths(paths.directory, node.name);
  await mkdir(own.root, { recursive: true });
  const env = serviceEnvironment(context, process.env);
  const cniBinDir = machine.cniBinDir ?? '/usr/lib/cni';
  const init = supervisorScript({
    services: [
      { name: 'containerd', command: [machine.programs['containerd'] ?? 'containerd'], env },
      { name: 'agent', command: commands.agent(AGENT_CONFIG), env },
    ],
    logDirectory: NODE_LOG,
    runDirectory: NODE_RUN,
    graceSeconds: 5,
    terminateAll: true,
  });
  await writeNodeFiles({
    root: own.root,
    cluster: state,
    node,
    caCertificate: pki.caCertificate,
    crictl: commands.crictl,
    init: { path: INIT_SCRIPT, script: init },
    containerdConfig: containerdConfig({
      version: machine.containerdVersion ?? '1.6.0',
      cniBinDir,
      snapshotter: (await supportsOverlay(own.root)) ? 'overlayfs' : 'native',
      mayLowerOomScore: machine.capabilities.has(CAP_SYS_RESOURCE),
    }),
  });
  await pki.kubelet({ name: node.name, ip: node.ip, directory: join(own.root, NODE_PKI) });
  await mkdir(paths.certsD, { recursive: true });
  const boot = bootScript({
    hostname: node.name,
    root: own.root,
    address: `${node.ip}/${parseCidr(state.nodeSubnet)?.prefix}`,
    gateway: state.gateway,
    cgroups,
    ...(await readOnlyView([...readOnlyPaths, cniBinDir, ...SHOWN_ETC])),
    binds: [{ from: paths.certsD, to: CERTS_D }],
    init: INIT_SCRIPT,
  });
  await writeFileAtomic(own.bootScript, boot, { mode: 0o755 });
  return own;
}

/** A process that a node cannot do without ended before the node was up. */
async function bootFailure(own: NodePaths, node: string, what: string): Promise<Error> {
  const log = ((await readOptional(own.bootLog)) ?? '').trim().split('\n').slice(-5).join('; ');
  return new Error(`node ${node} did not start: ${what}${log === '' ? '' : `: ${log}`} (see ${own.bootLog})`);
}

/** Runs the launch script; returns the init's identity and the pipe on which it waits for "go". */
async function launch(
  context: KnownCluster,
  node: NodeState,
  own: NodePaths,
): Promise<{ init: ProcessIdentity; go: () => void }> {
  const { cgroups, name, signal } = context;
  const script = launchScript({
    cgroups,
    cgroup: nodeCgroup(name, node.name),
    leaf: leafOf(context, node.name),
    bootScript: own.bootScript,
    bootLog: own.bootLog,
  });
  await using errors = await open(own.bootLog, 'w', 0o644);
  const child = spawn('/bin/sh', ['-ec', script], {
    cwd: '/',
    detached: true,
    env: serviceEnvironment(context, process.env),
    stdio: ['ignore', 'pipe', errors.fd, 'pipe'],
  });
  // Not standard input: Node closes that as soon as the launch script, its child, has ended.
  const { stdout } = child;
  const gate = child.stdio[3];
  if (stdout === null || !(gate instanceof Writable)) throw new Error('no pipes to the launch script'); // it was asked for them
  gate.on('error', () => {}); // the init ended: waiting for it tells why
  const exited = once(child, 'exit', { ...(signal && { signal }) });
  const pid = Number((await text(stdout)).trim());
  const [code] = await exited;
  const init = code === 0 && pid > 0 ? await processIdentity(pid) : undefined;
  if (init === undefined) {
    gate.destroy();
    throw await bootFailure(own, node.name, 'its namespaces could not be made');
  }
  return { init, go: () => void gate.end('go\n') };
}

/** Resolves once something accepts connections on a unix socket. */
function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** The containerd socket of a running node, as a path on the machine. */
export function containerdSocket(initPid: number): string {
  return `/proc/${initPid}/root${CONTAINERD_SOCKET}`;
}

async function waitForContainerd(
  { clock, signal }: KnownCluster,
  node: NodeState,
  own: NodePaths,
  init: ProcessIdentity,
): Promise<void> {
  const end = clock.monotonic() + BOOT_TIMEOUT_MS;
  while (!(await accepts(containerdSocket(init.pid)))) {
    if (!(await isAlive(init))) throw await bootFailure(own, node.name, 'its init ended');
    if (clock.monotonic() >= end) {
      const log = ((await readOptional(join(own.root, NODE_LOG, 'containerd.log'))) ?? '')
        .trim()
        .split('\n')
        .slice(-5)
        .join('\n');
      throw new Error(`node ${node.name}: containerd does not answer after ${BOOT_TIMEOUT_MS / 1000} s\n${log}`);
    }
    await sleep(clock, 10, { ...(signal && { signal }) });
  }
}

/** Starts a node on the data it has. Returns false if it runs already. On return containerd answers; the agent was started. */
export async function startNode(context: KnownCluster, start: NodeStart): Promise<boolean> {
  const { node } = start;
  if ((await nodeInit(context, node.name)) !== undefined) return false;
  const { cgroups, clock, signal, name } = context;
  // What an interrupted start or a killed node left: cgroups too, since on v2 a process may not enter one that hands controllers down.
  await removeNodeProcesses(context, node.name);
  await disconnectNode(context, node);
  const own = await writeScripts(context, start);
  const cgroup = nodeCgroup(name, node.name);
  await createCgroup(cgroups, cgroup);
  await createCgroupLeaf(cgroups, leafOf(context, node.name));
  const { init, go } = await launch(context, node, own);
  try {
    await writeIdentity(own.init, init);
    await connectNode(context, node, init.pid);
    go();
    await waitForContainerd(context, node, own, init);
  } catch (error) {
    await killCgroup(cgroups, cgroup, { clock, ...(signal && { signal }) });
    throw error;
  }
  return true;
}

async function removeNodeProcesses({ cgroups, clock, signal, name }: ClusterContext, node: string): Promise<void> {
  const cgroup = nodeCgroup(name, node);
  await killCgroup(cgroups, cgroup, { clock, ...(signal && { signal }) });
  await removeCgroup(cgroups, cgroup, { clock, ...(signal && { signal }) });
}

/** Stops a node and keeps its disk. Graceful: services end first, then every process gets SIGTERM and a moment. */
export async function stopNode(
  context: KnownCluster,
  node: NodeState,
  { graceful }: { graceful: boolean },
): Promise<void> {
  const { clock, signal } = context;
  const init = await nodeInit(context, node.name);
  if (graceful && init !== undefined && (await killProcess(init, 'SIGTERM'))) {
    await waitForExit(init, { clock, timeoutMs: STOP_TIMEOUT_MS, ...(signal && { signal }) });
  }
  await removeNodeProcesses(context, node.name);
  await disconnectNode(context, node);
}

export interface NodeCommand {
  readonly command: string;
  readonly args: readonly string[];
}

/**
 * A command line for the machine that runs `argv` inside a node: in all its namespaces, its root and its cgroup, as root, with the
 * environment of a login there. `tty`: on a terminal of the node's own, for programs that want job control or a terminal's name.
 */
export function nodeCommand(
  context: ClusterContext,
  node: string,
  init: ProcessIdentity,
  argv: readonly string[],
  { tty = false, env = {} }: { tty?: boolean; env?: Readonly<Record<string, string>> } = {},
): NodeCommand {
  const variables = {
    PATH: `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${NODE_BIN}`,
    HOME: '/root',
    LANG: 'C.UTF-8',
    TERM: process.env['TERM'] ?? 'dumb',
    CONTAINER_RUNTIME_ENDPOINT: `unix://${CONTAINERD_SOCKET}`,
    IMAGE_SERVICE_ENDPOINT: `unix://${CONTAINERD_SOCKET}`,
    ...env,
  };
  const command = tty ? ['script', '-qefc', `exec ${argv.map(quote).join(' ')}`, '/dev/null'] : argv;
  const enter = ['nsenter', '-t', String(init.pid), '-m', '-u', '-i', '-n', '-p', '-C', '--'];
  // env changes the directory where it runs; nsenter's own --wd is looked up outside.
  const inside = [
    'env',
    '-i',
    '-C',
    '/root',
    ...Object.entries(variables).map(([key, value]) => `${key}=${value}`),
    ...command,
  ];
  const script = `${joinCgroup(context.cgroups, leafOf(context, node))}\nexec "$@"`;
  return { command: '/bin/sh', args: ['-ec', script, 'sh', ...enter, ...inside] };
}

async function runningInit(context: ClusterContext, node: string): Promise<ProcessIdentity> {
  const init = await nodeInit(context, node);
  if (init === undefined) throw new Error(`node ${node} does not run`);
  return init;
}

/** Runs a program in a node with our own standard streams (or others) and returns its exit code; 128 + n if signal n ended it. */
export async function execInNode(
  context: ClusterContext,
  node: string,
  argv: readonly string[],
  { tty = false, stdio = 'inherit' }: { tty?: boolean; stdio?: StdioOptions } = {},
): Promise<number> {
  const { command, args } = nodeCommand(context, node, await runningInit(context, node), argv, { tty });
  const child = spawn(command, [...args], { stdio });
  const [code] = await once(child, 'exit', { ...(context.signal && { signal: context.signal }) });
  return typeof code === 'number' ? code : 128 + 9;
}

/** Runs a program in a node to its end and returns its output. */
export async function runInNode(
  context: ClusterContext,
  node: string,
  argv: readonly string[],
  options: { stdinFd?: number; input?: string } = {},
): Promise<string> {
  const { command, args } = nodeCommand(context, node, await runningInit(context, node), argv);
  return run(command, args, { ...options, ...(context.signal && { signal: context.signal }) });
}

/** Imports a tar of images (OCI layout or `docker save`) from the machine into a node. Returns what `ctr` says. */
export async function importImage(context: ClusterContext, node: string, file: string): Promise<string> {
  await using tar = await open(file, 'r');
  return await runInNode(context, node, ['ctr', '-n', 'k8s.io', 'images', 'import', '-'], { stdinFd: tar.fd }); // open until then
}

/** Returns false if the node has the image of sandboxes already. */
export async function ensurePauseIn(context: ClusterContext, node: string, file: string): Promise<boolean> {
  const names = await runInNode(context, node, ['ctr', '-n', 'k8s.io', 'images', 'ls', '-q', `name==${PAUSE_IMAGE}`]);
  if (names.trim() !== '') return false;
  await importImage(context, node, file);
  return true;
}
