import { parseArgs } from 'node:util';
import { type Moved, moveDatastore, openCluster } from '#cluster';
import { type Command, type Io, UsageError } from './command.ts';
import { ETCD_OPTIONS, externalEtcd } from './options/etcd.ts';
import { printProgress } from './progress.ts';
import { clusterCommands } from './up.ts';

const help = `Move a cluster's data to an etcd cluster, and back

Usage: pirogue datastore move --to etcd --etcd-servers URL,…
                              [--etcd-cafile FILE --etcd-certfile FILE --etcd-keyfile FILE]
                              [--force] [--name NAME]
       pirogue datastore move --to embedded --only-control-plane [--name NAME]

The control plane is away while the data is copied; pods go on. Until all of it is there, has been
read back and is the same, the old datastore is only read and the cluster stays on it: interrupted
anywhere, \`pirogue up\` starts the cluster as it was, and the same command goes on. The old data is
kept: files beside the new ones, under a name that is told; what is in etcd, in etcd.

  --to etcd|embedded      where the data is to be
  --etcd-servers URL,…    servers of the etcd cluster: https://10.0.0.1:2379
  --etcd-cafile, --etcd-certfile, --etcd-keyfile FILE
                          authority of their certificates, and the certificate to show them
  --force                 replace what the etcd cluster has of Kubernetes
  --only-control-plane    no other control plane uses the etcd cluster that is left
  --name NAME             name of the cluster (default pirogue)
`;

async function run(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    options: {
      to: { type: 'string' },
      ...ETCD_OPTIONS,
      force: { type: 'boolean' },
      'only-control-plane': { type: 'boolean' },
      name: { type: 'string' },
    },
    strict: true,
    allowPositionals: true,
  });
  const [action, ...more] = positionals;
  if (more.length > 0) throw new UsageError(`what is ${more.join(' ')}?`);
  if (action !== 'move') throw new UsageError(action === undefined ? 'move?' : `there is no \`datastore ${action}\``);
  if (values.to === undefined) throw new UsageError('--to etcd or --to embedded?');
  const to = externalEtcd(values, { flag: '--to', store: values.to });
  const cluster = await openCluster({ ...(values.name === undefined ? {} : { name: values.name }), signal: io.signal });
  const moved = await moveDatastore(cluster, {
    to,
    force: values.force ?? false,
    onlyControlPlane: values['only-control-plane'] ?? false,
    commands: clusterCommands(io),
    progress: printProgress(io),
  });
  io.out(movedText(cluster.name, to?.servers ?? [], moved));
  return 0;
}

/** For people, and for tests. */
export function movedText(name: string, servers: readonly string[], { contents, kept }: Moved): string {
  const place = servers.length === 0 ? 'the embedded datastore' : `etcd at ${servers.join(',')}`;
  const files = kept === undefined ? '' : `The files of the embedded datastore before are in ${kept}.\n`;
  if (contents === undefined) return `The data of cluster ${name} is in ${place} already.\n${files}`;
  const { keys, bytes, sha256, revision } = contents;
  return `
The data of cluster ${name} is in ${place}: ${keys} keys, ${bytes} bytes, SHA-256 ${sha256},
as of revision ${revision}. Who watches from a moment before is told to list anew.
${files}`;
}

export const datastore: Command = {
  name: 'datastore',
  summary: 'Move the data to an etcd cluster, and back',
  help,
  run,
};
