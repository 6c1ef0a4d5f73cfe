import { parseArgs } from 'node:util';
import { type ClusterStatus, clusterStatus, openCluster, type ProcessStatus } from '#cluster';
import { type Command, formatBytes, formatTable, type Io, UsageError } from './command.ts';

const help = `Show what runs of a cluster and how much memory it takes

Usage: pirogue status [--name NAME] [-o json]

  --name NAME   name of the cluster (default pirogue)
  -o json       everything, for programs

Exits with 1 when something that should run does not.
`;

async function run(argv: readonly string[], io: Io): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: { name: { type: 'string' }, output: { type: 'string', short: 'o' } },
    strict: true,
  });
  if (values.output !== undefined && values.output !== 'json')
    throw new UsageError(`-o takes json, not ${JSON.stringify(values.output)}`);
  const cluster = await openCluster({ ...(values.name === undefined ? {} : { name: values.name }), signal: io.signal });
  const status = await clusterStatus(cluster);
  io.out(values.output === 'json' ? `${JSON.stringify(status, undefined, 2)}\n` : statusText(status));
  return isHealthy(status) ? 0 : 1;
}

/** Whether everything runs that should. */
export const isHealthy = ({ controlPlane, nodes }: ClusterStatus): boolean =>
  controlPlane.running &&
  controlPlane.process !== undefined &&
  nodes.every((n) => n.running && n.agent !== undefined && n.containerd !== undefined);

export function statusText({ name, state, directory, controlPlane, nodes }: ClusterStatus): string {
  const running = (is: boolean): string => (is ? 'running' : 'stopped');
  const table = formatTable([
    ['NAME', 'ADDRESS', 'STATE', 'PROCESS', 'CONTAINERD'],
    ['(control plane)', state.gateway, running(controlPlane.running), processText(controlPlane.process), '-'],
    ...nodes.map((n) => [n.name, n.ip, running(n.running), processText(n.agent), processText(n.containerd)]),
  ]);
  return `Cluster ${name}   https://127.0.0.1:${state.apiPort}   state in ${directory}\n\n${table}`;
}

function processText(process: ProcessStatus | undefined): string {
  if (process === undefined) return '-';
  return process.rssBytes === undefined ? String(process.pid) : `${process.pid} (${formatBytes(process.rssBytes)})`;
}

export const status: Command = { name: 'status', summary: 'Show what runs and how much memory it takes', help, run };
