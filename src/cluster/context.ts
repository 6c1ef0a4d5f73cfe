import type { CgroupSystem, Machine } from '#linux';
import type { Clock } from '#util';
import { type ClusterState, type StatePaths, stateDirectory, statePaths } from './state.ts';

/** What the steps of `up`, `down` and the rest share. */
export interface ClusterContext {
  readonly name: string;
  readonly stateRoot: string;
  readonly paths: StatePaths;
  readonly cgroups: CgroupSystem;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

/** A cluster whose state is known. */
export interface KnownCluster extends ClusterContext {
  readonly state: ClusterState;
  readonly machine: Machine;
}

export function newContext(options: {
  name: string;
  stateRoot: string;
  cgroups: CgroupSystem;
  clock: Clock;
  signal?: AbortSignal | undefined;
}): ClusterContext {
  const { name, stateRoot, cgroups, clock, signal } = options;
  return { name, stateRoot, paths: statePaths(stateDirectory(stateRoot, name)), cgroups, clock, signal };
}

/** The command lines of what runs in a cluster; the first word is a path. */
export interface ClusterCommands {
  /** The control plane, in one process of the machine; it finds its settings in `cluster.json` of the state directory. */
  controlPlane(stateDirectory: string): readonly string[];
  /** The agent of a node, run inside the node. */
  agent(configFile: string): readonly string[];
  /** crictl inside a node, but for its arguments: what nodes get that find none on the machine. */
  readonly crictl?: readonly string[];
}

/** Environment of all we start: nothing of the caller's but its proxies. */
export function serviceEnvironment(
  { state }: Pick<KnownCluster, 'state'>,
  own: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const env: Record<string, string> = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    LANG: 'C.UTF-8',
  };
  let proxied = false;
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy']) {
    const value = own[name];
    if (value === undefined || value === '') continue;
    env[name] = value;
    proxied = true;
  }
  if (!proxied) return env;
  const inside = [
    state.nodeSubnet,
    state.podCIDR,
    state.serviceCIDR,
    '.svc',
    '.cluster.local',
    'localhost',
    '127.0.0.1',
  ];
  const exempt = [own['NO_PROXY'] ?? own['no_proxy'] ?? '', ...inside].filter((part) => part !== '').join(',');
  return { ...env, NO_PROXY: exempt, no_proxy: exempt };
}
