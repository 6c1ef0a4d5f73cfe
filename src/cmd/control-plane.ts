import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { allKinds } from '#api';
import { Encryption, newApiServer, newSecretTokenSigner, serviceAccountUser } from '#apiserver';
import { newClient, newEventRecorder, newInformers, runAsLeader } from '#client';
import { type ClusterState, readClusterState, statePaths } from '#cluster';
import { newControllers } from '#controllers';
import { newDnsServiceController } from '#dns';
import { runControllers } from '#runtime';
import { newScheduler } from '#scheduler';
import { type Logger, systemClock } from '#util';
import { giveMemoryBack, newComponentLogger, runUntilStopped } from './component.ts';
import { openDatastore } from './datastore.ts';
import { versionInfo } from './version.ts';

/** Identities of the components, as kubeadm's certificates give them. */
const CONTROLLER_MANAGER = {
  component: 'kube-controller-manager',
  user: { name: 'system:kube-controller-manager', groups: ['system:authenticated'] },
};
const SCHEDULER = {
  component: 'kube-scheduler',
  user: { name: 'system:kube-scheduler', groups: ['system:authenticated'] },
};

/**
 * `pirogue control-plane STATE_DIRECTORY`: API server, controllers and scheduler in one process, until SIGTERM. `root` is the program's
 * directory.
 */
export async function runControlPlane(directory: string, root: string): Promise<void> {
  const log = newComponentLogger();
  const state = await readClusterState(directory);
  if (state === undefined) throw new Error(`there is no cluster in ${directory}`);
  await runUntilStopped(log, (signal) => serve(state, { directory, root }, log, signal));
}

/** By then what starting takes has been done. */
const STARTED_MS = 5000;

interface Directories {
  /** Of the cluster's state. */
  readonly directory: string;
  /** Of the program. */
  readonly root: string;
}

async function serve(
  state: ClusterState,
  { directory, root }: Directories,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  await using datastore = await openDatastore(state, directory, log.with({ component: 'store' }));
  const { store } = datastore;
  using encryption = await openEncryption(state, log.with({ component: 'apiserver' }));
  const server = await newApiServer({
    store,
    clock: systemClock,
    log: log.with({ component: 'apiserver' }),
    random: Math.random,
    newUid: randomUUID,
    version: versionInfo(),
    serviceCidr: state.serviceCIDR,
    serviceAccountKey: await readFile(join(statePaths(directory).pki, 'sa.key'), 'utf8'),
    // Upstream's prose is no part of the program: setting up takes it from the client library.
    descriptionsFile: join(root, '.cache/descriptions.json.gz'),
    encryption,
  });
  await listen(server, state, directory);
  // They run in this process and end with it.
  for (const component of ['controller-manager', 'scheduler']) server.addComponent(component, () => undefined);
  const shared = state.etcd !== undefined;
  const controllers = asLeader(server, CONTROLLER_MANAGER, { shared, log, signal }, (leading) =>
    startControllers(server, state, directory, log, leading.signal),
  );
  const scheduler = asLeader(server, SCHEDULER, { shared, log, signal }, (leading) =>
    startScheduler(server, log, leading.signal),
  );
  log.info('Control plane started', { port: state.apiPort });
  setTimeout(giveMemoryBack, STARTED_MS).unref();
  await Promise.all([controllers, scheduler]);
  await server.close();
}

async function openEncryption(
  { encryption, gateway, apiPort }: ClusterState,
  log: Logger,
): Promise<Encryption | undefined> {
  if (encryption === undefined) return undefined;
  const { configFile: file, automaticReload } = encryption;
  return await Encryption.open({
    file,
    automaticReload,
    apiServerId: `${hostname()}_${gateway}:${apiPort}`,
    clock: systemClock,
    log,
  });
}

type Server = Awaited<ReturnType<typeof newApiServer>>;

async function listen(server: Server, state: ClusterState, directory: string): Promise<void> {
  const pki = (file: string): Promise<string> => readFile(join(statePaths(directory).pki, file), 'utf8');
  await server.listen({
    addresses: ['127.0.0.1', state.gateway],
    port: state.apiPort,
    advertiseAddress: state.gateway,
    certificate: await pki('apiserver.crt'),
    key: await pki('apiserver.key'),
    ca: await pki('ca.crt'),
    kubeletClient: {
      certificate: await pki('apiserver-kubelet-client.crt'),
      key: await pki('apiserver-kubelet-client.key'),
    },
  });
}

/**
 * Where other servers share the datastore, only who holds the lease works, as upstream's components do. A lease that is lost ends the process: its
 * supervisor starts it again as one that waits.
 */
async function asLeader(
  server: Server,
  { component, user }: typeof SCHEDULER,
  { shared, log, signal }: { shared: boolean; log: Logger; signal: AbortSignal },
  work: (options: { signal: AbortSignal }) => Promise<void>,
): Promise<void> {
  if (!shared) return await work({ signal });
  const election = {
    client: newClient(server.transport(user, { userAgent: component })),
    clock: systemClock,
    random: Math.random,
    log: log.with({ component }),
    lease: { namespace: 'kube-system', name: component },
    identity: `${hostname()}_${randomUUID()}`,
  };
  await runAsLeader(election, work, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error; // told to end while it waited
  });
}

async function startControllers(
  server: Server,
  state: ClusterState,
  directory: string,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const own = log.with({ component: 'controller-manager' });
  const clientOf = (account: string): ReturnType<typeof newClient> =>
    newClient(
      server.transport(serviceAccountUser('kube-system', account), { userAgent: `kube-controller-manager/${account}` }),
    );
  const client = newClient(server.transport(CONTROLLER_MANAGER.user, { userAgent: CONTROLLER_MANAGER.component }));
  const common = { client, clock: systemClock, random: Math.random, log: own };
  const context = {
    ...common,
    clientOf,
    informers: newInformers(common),
    recorder: (component: string) => newEventRecorder({ ...common, component, signal }),
  };
  const pki = (file: string): Promise<string> => readFile(join(statePaths(directory).pki, file), 'utf8');
  const rootCA = await pki('ca.crt');
  const secretToken = newSecretTokenSigner(await pki('sa.key'));
  const controllers = [
    ...newControllers(context, { kinds: allKinds, rootCA, secretToken }),
    newDnsServiceController(
      { ...context, client: clientOf('dns-controller'), recorder: context.recorder('dns-controller') },
      { clusterDNS: state.clusterDNS },
    ),
  ];
  const manager = runControllers(controllers, context, { signal });
  server.addMetrics({ lines: () => manager.metrics() });
  await manager.done;
}

async function startScheduler(server: Server, log: Logger, signal: AbortSignal): Promise<void> {
  const own = log.with({ component: 'scheduler' });
  const client = newClient(server.transport(SCHEDULER.user, { userAgent: SCHEDULER.component }));
  const common = { client, clock: systemClock, random: Math.random, log: own };
  const informers = newInformers(common);
  const recorder = newEventRecorder({ ...common, component: 'default-scheduler', signal });
  await newScheduler({ ...common, informers, recorder }).run({ signal });
}
