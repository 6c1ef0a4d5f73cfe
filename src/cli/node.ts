import { parseArgs } from 'node:util';
import { clusterStatus, execInNode, openCluster } from '#cluster';
import { type Command, formatTable, type Io, UsageError } from './command.ts';

const help = `Look at nodes and run commands on them

Usage: pirogue node list [--name NAME]
       pirogue node exec [--name NAME] NODE -- COMMAND [ARG…]

  --name NAME   name of the cluster (default pirogue)

\`node exec\` is what \`docker exec\` is to kind: crictl, ctr -n k8s.io, ip, nft, ps and a shell,
as on a real node:

  pirogue node exec node1 -- ps aux
  pirogue node exec node1 -- crictl ps
  pirogue node exec node1 -- bash
`;

async function run(argv: readonly string[], io: Io): Promise<number> {
  const [action, ...rest] = argv;
  switch (action) {
    case 'list':
    case 'ls':
      return await list(rest, io);
    case 'exec':
      return await exec(rest, io);
    default:
      throw new UsageError(action === undefined ? 'list or exec?' : `there is no \`node ${action}\``);
  }
}

const NAME = { name: { type: 'string' } } as const;

async function list(argv: readonly string[], io: Io): Promise<number> {
  const { values } = parseArgs({ args: [...argv], options: NAME, strict: true });
  const cluster = await openCluster({ ...(values.name === undefined ? {} : { name: values.name }), signal: io.signal });
  const { nodes } = await clusterStatus(cluster);
  io.out(
    formatTable([
      ['NAME', 'ROLE', 'ADDRESS', 'PODS', 'STATE'],
      ...nodes.map((n) => [n.name, n.role, n.ip, n.podCIDR, n.running ? 'running' : 'stopped']),
    ]),
  );
  return 0;
}

async function exec(argv: readonly string[], io: Io): Promise<number> {
  const at = argv.indexOf('--');
  const own = at < 0 ? argv : argv.slice(0, at);
  const { values, positionals } = parseArgs({ args: [...own], options: NAME, strict: true, allowPositionals: true });
  const [node, ...more] = positionals;
  const command = at < 0 ? more : argv.slice(at + 1);
  if (node === undefined || command.length === 0 || (at >= 0 && more.length > 0))
    throw new UsageError('it takes a node and, behind `--`, a command');
  const cluster = await openCluster({ ...(values.name === undefined ? {} : { name: values.name }), signal: io.signal });
  const names = cluster.state.nodes.map(({ name }) => name);
  if (!names.includes(node)) throw new Error(`there is no node ${node}; the nodes are ${names.join(', ')}`);
  return await execInNode(cluster, node, command, { tty: io.tty.in && io.tty.out });
}

export const node: Command = { name: 'node', summary: 'List nodes, run commands on them', help, run };
