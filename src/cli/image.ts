import { parseArgs } from 'node:util';
import { loadImage, openCluster } from '#cluster';
import { type Command, type Io, UsageError } from './command.ts';

const help = `Bring images to the nodes without a registry

Usage: pirogue image load [--name NAME] [--nodes NODE,NODE…] FILE…

  --name NAME    name of the cluster (default pirogue)
  --nodes LIST   only these nodes (default: all that run)

FILE is a tar as \`docker save\` writes it, or of an OCI layout.
`;

async function run(argv: readonly string[], io: Io): Promise<number> {
  const [action, ...rest] = argv;
  if (action !== 'load') throw new UsageError(action === undefined ? 'load?' : `there is no \`image ${action}\``);
  const { values, positionals } = parseArgs({
    args: rest,
    options: { name: { type: 'string' }, nodes: { type: 'string' } },
    strict: true,
    allowPositionals: true,
  });
  if (positionals.length === 0) throw new UsageError('which file?');
  const cluster = await openCluster({ ...(values.name === undefined ? {} : { name: values.name }), signal: io.signal });
  for (const file of positionals)
    for (const { node, output } of await loadImage(
      cluster,
      file,
      values.nodes?.split(',').filter((n) => n !== ''),
    ))
      io.out(`${node}: ${output.trim()}\n`);
  return 0;
}

export const image: Command = { name: 'image', summary: 'Bring images to the nodes without a registry', help, run };
