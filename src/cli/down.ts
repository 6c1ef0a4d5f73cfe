import { parseArgs } from 'node:util';
import { deleteCluster, kubeconfigPath } from '#cluster';
import type { Command, Io } from './command.ts';
import { printProgress } from './progress.ts';

const help = `Take a cluster away: processes, network, disks, and its context in the kubeconfig

Usage: pirogue down [--name NAME] [--kubeconfig FILE] [--keep-data]

  --name NAME         name of the cluster (default pirogue)
  --kubeconfig FILE   file the context is removed from (default $KUBECONFIG or ~/.kube/config)
  --keep-data         only stop it; \`pirogue up\` starts it again with everything it had
`;

async function run(argv: readonly string[], io: Io): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: { name: { type: 'string' }, kubeconfig: { type: 'string' }, 'keep-data': { type: 'boolean' } },
    strict: true,
  });
  await deleteCluster({
    ...(values.name === undefined ? {} : { name: values.name }),
    keepData: values['keep-data'] ?? false,
    kubeconfig: await kubeconfigPath(values.kubeconfig, io.env),
    progress: printProgress(io),
    signal: io.signal,
  });
  return 0;
}

export const down: Command = { name: 'down', summary: 'Take a cluster away, and leave nothing behind', help, run };
