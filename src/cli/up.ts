import { parseArgs } from 'node:util';
import { ETCD_OPTIONS, externalEtcd } from './options/etcd.ts';
import { ENCRYPTION_OPTIONS, encryptionAtRest, withoutTrue } from './options/encryption.ts';
import { type ClusterCommands, createCluster, kubeconfigPath, type Registry } from '#cluster';
import { type Command, formatMs, type Io, UsageError } from './command.ts';
import { printProgress } from './progress.ts';

const help = `Start a cluster, or what is missing of it

Usage: pirogue up [--nodes N] [--name NAME] [--kubeconfig FILE]
                  [--insecure-registry HOST[:PORT]]… [--registry-ca HOST[:PORT]=FILE]…
                  [--store embedded|etcd] [--etcd-servers URL,…]
                  [--etcd-cafile FILE --etcd-certfile FILE --etcd-keyfile FILE]
                  [--encryption-provider-config FILE
                   [--encryption-provider-config-automatic-reload[=true|false]]]

  --nodes N               nodes besides the control plane (default 2 for a new cluster);
                          more than there are adds nodes
  --name NAME             name of the cluster, for several side by side (default pirogue)
  --kubeconfig FILE       file to merge the context into (default $KUBECONFIG or ~/.kube/config)
  --insecure-registry R   pull from this registry over plain HTTP, or HTTPS with any certificate
  --registry-ca R=FILE    trust the certificates in FILE for this registry
  --store S               where data is kept: embedded (default), in the cluster's directory, or
                          etcd, in an etcd cluster that several control planes may share
  --etcd-servers URL,…    its servers: https://10.0.0.1:2379
  --etcd-cafile, --etcd-certfile, --etcd-keyfile FILE
                          authority of their certificates, and the certificate to show them
  --encryption-provider-config FILE
                          encrypt Secrets, or whatever FILE says, in the datastore; given to a
                          cluster that is up, its control plane is started again
  --encryption-provider-config-automatic-reload
                          take what FILE becomes without starting again

A second \`up\` changes nothing. \`pirogue down\` takes everything away again.
`;

async function run(argv: readonly string[], io: Io): Promise<number> {
  const { values } = parseArgs({
    args: argv.map(withoutTrue),
    options: {
      nodes: { type: 'string' },
      name: { type: 'string' },
      kubeconfig: { type: 'string' },
      'insecure-registry': { type: 'string', multiple: true },
      'registry-ca': { type: 'string', multiple: true },
      store: { type: 'string' },
      ...ETCD_OPTIONS,
      ...ENCRYPTION_OPTIONS,
    },
    strict: true,
    allowNegative: true,
  });
  if (values.nodes !== undefined && !/^\d{1,6}$/.test(values.nodes))
    throw new UsageError(`--nodes takes a number from 0 on, not ${JSON.stringify(values.nodes)}`);
  const workers = values.nodes === undefined ? undefined : Number(values.nodes);
  const registries: Registry[] = [
    ...(values['insecure-registry'] ?? []).map((host): Registry => ({ host, insecure: 'http' })),
    ...(values['registry-ca'] ?? []).map(registryCa),
  ];
  const kubeconfig = await kubeconfigPath(values.kubeconfig, io.env);
  const began = performance.now();
  const { state, context } = await createCluster({
    ...(values.name === undefined ? {} : { name: values.name }),
    ...(workers === undefined ? {} : { workers }),
    commands: clusterCommands(io),
    readOnlyPaths: io.program.directories,
    kubeconfig,
    registries,
    etcd: externalEtcd(values, { flag: '--store', store: values.store ?? 'embedded' }),
    encryption: encryptionAtRest(values),
    progress: printProgress(io),
    signal: io.signal,
  });
  const file =
    kubeconfig === (await kubeconfigPath(undefined, {})) ? '' : `  export KUBECONFIG=${shellWord(kubeconfig)}\n`;
  const suffix = values.name === undefined ? '' : ` --name ${values.name}`;
  io.out(`
The cluster ${state.name} is ready after ${formatMs(performance.now() - began)}: ${state.nodes.map((n) => n.name).join(', ')}.
kubectl's context is now ${context}. Next:

${file}  kubectl get nodes
  kubectl create deployment web --image=IMAGE --replicas=3
  pirogue status${suffix}
  pirogue down${suffix}
`);
  return 0;
}

/** As a shell reads it back. */
const shellWord = (text: string): string =>
  /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

function registryCa(text: string): Registry {
  const at = text.indexOf('=');
  if (at <= 0 || at === text.length - 1)
    throw new UsageError(`--registry-ca takes HOST[:PORT]=FILE, not ${JSON.stringify(text)}`);
  return { host: text.slice(0, at), caFile: text.slice(at + 1) };
}

export function clusterCommands({ program }: Io): ClusterCommands {
  const { node, nodeFlags, entry } = program;
  return {
    controlPlane: (directory) => [node, ...nodeFlags.controlPlane, entry, 'control-plane', directory],
    agent: (config) => [node, ...nodeFlags.agent, entry, 'agent', config],
    crictl: [node, entry, 'crictl'],
  };
}

export const up: Command = { name: 'up', summary: 'Start a cluster, or what is missing of it', help, run };
