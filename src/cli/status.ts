import { parseArgs } from 'node:util';
import { clusterStatus, openCluster, type ProcessStatus } from '#cluster';
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
  const healthy = status.controlPlane.running && status.nodes.every((n) => n.running && n.agent !== undefined);
  if (values.output === 'json') {
    io.out(`${JSON.stringify(status, undefined, 2)}\n`);
    return healthy ? 0 : 1;
  }
  const { state } = status;
  io.out(`Cluster ${status.name}   https://127.0.0.1:${state.apiPort}   state in ${status.directory}\n\n`);
  const row = (
    name: string,
    address: string,
    running: boolean,
    parts: readonly (ProcessStatus | undefined)[],
  ): string[] => [
    name,
    address,
    running ? 'running' : 'stopped',
    ...parts.map((p) =>
      p === undefined ? '-' : `${p.pid}${p.rssBytes === undefined ? '' : ` (${formatBytes(p.rssBytes)})`}`,
    ),
  ];
  io.out(
    formatTable([
      ['NAME', 'ADDRESS', 'STATE', 'PROCESS', 'CONTAINERD'],
      row('(control plane)', state.gateway, status.controlPlane.running, [status.controlPlane.process, undefined]),
      ...status.nodes.map((n) => row(n.name, n.ip, n.running, [n.agent, n.containerd])),
    ]),
  );
  return healthy ? 0 : 1;
}

export const status: Command = { name: 'status', summary: 'Show what runs and how much memory it takes', help, run };
