import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { allKinds } from '#api';

import { newClient, newEventRecorder, newInformers } from '#client';
import { newSecretTokenSigner, serviceAccountUser } from '#apiserver';
import { apiServerNames, ensurePki, mergeKubeconfigFile } from '#cluster';
import { newControllers } from '#controllers';
import { runControllers } from '#runtime';
import { newScheduler } from '#scheduler';
import { silentLogger, systemClock } from '#util';
import { startTestApiServer, type TestApiServer } from './apiserver.ts';
import { createFakeNode, newFakeKubelet } from './kubelet.ts';

export interface TestControlPlane extends TestApiServer {
  /** Leads to the server as a cluster administrator. */
  readonly kubeconfig: string;
  /** Every reconcile that failed and every other complaint so far. */
  readonly complaints: readonly string[];
}

export interface TestControlPlaneOptions {
  /** Keys, certificates and the kubeconfig go here. */
  readonly directory: string;
  /** Names of nodes whose kubelets are played. */
  readonly nodes: readonly string[];
}

/** API server on a port of the loopback, all controllers and the scheduler, in this process; pods are said to run, but do not. */
export async function startTestControlPlane({ directory, nodes }: TestControlPlaneOptions): Promise<TestControlPlane> {
  await using undo = new AsyncDisposableStack();
  const clock = systemClock;
  const complaints: string[] = [];
  const complain = (message: string, fields?: Record<string, unknown>): void => {
    complaints.push(`${message} ${JSON.stringify(fields)} ${String(fields?.['error'])}`);
  };
  const log = { ...silentLogger, warn: complain, error: complain, with: () => log };

  const api = undo.use(await startTestApiServer({ clock, log }));
  const kubeconfig = await listen(api, directory);

  const stop = new AbortController();
  const common = (name: string): Omit<Parameters<typeof newScheduler>[0], 'recorder'> => {
    const client = newClient(
      api.server.transport({ name, groups: ['system:authenticated'] }, { userAgent: name.replace(/^system:/, '') }),
    );
    const parts = { client, clock, random: Math.random, log };
    return { ...parts, informers: newInformers(parts) };
  };
  const managed = common('system:kube-controller-manager');
  const recorder = (component: string): ReturnType<typeof newEventRecorder> =>
    newEventRecorder({ ...managed, component, signal: stop.signal });
  const clientOf = (account: string): ReturnType<typeof newClient> =>
    newClient(
      api.server.transport(serviceAccountUser('kube-system', account), { userAgent: 'kube-controller-manager' }),
    );
  const secretToken = newSecretTokenSigner(await readFile(join(directory, 'sa.key'), 'utf8'));
  const rootCA = await readFile(join(directory, 'ca.crt'), 'utf8');
  const controllers = [
    ...newControllers({ ...managed, recorder, clientOf }, { kinds: allKinds, rootCA, secretToken }),
    newFakeKubelet({ ...managed, client: api.client, recorder: recorder('kubelet') }),
  ];
  const manager = runControllers(controllers, managed, { signal: stop.signal });
  const own = common('system:kube-scheduler');
  const scheduler = newScheduler({
    ...own,
    recorder: newEventRecorder({ ...own, component: 'default-scheduler', signal: stop.signal }),
  }).run({ signal: stop.signal });
  undo.defer(async () => {
    stop.abort(new Error('the test is over'));
    await Promise.all([manager.done, scheduler]);
  });
  await manager.synced;
  for (const [i, name] of nodes.entries())
    await createFakeNode({ ...managed, client: api.client }, name, i === 0 ? 'control-plane' : undefined);

  const owned = undo.move();
  return { ...api, kubeconfig, complaints, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function listen({ server }: TestApiServer, directory: string): Promise<string> {
  const names = apiServerNames({ hostname: 'test', addresses: ['127.0.0.1'], serviceIP: '10.96.0.1' });
  const pki = await ensurePki({ directory, apiServerNames: names, clock: systemClock });
  const read = (file: string): Promise<string> => readFile(join(directory, file), 'utf8');
  const port = await server.listen({
    addresses: ['127.0.0.1'],
    port: 0,
    advertiseAddress: '192.0.2.1',
    certificate: await read('apiserver.crt'),
    key: await read('apiserver.key'),
    ca: await read('ca.crt'),
    kubeletClient: {
      certificate: await read('apiserver-kubelet-client.crt'),
      key: await read('apiserver-kubelet-client.key'),
    },
  });
  const kubeconfig = join(directory, 'kubeconfig');
  await mergeKubeconfigFile(kubeconfig, {
    name: 'test',
    server: `https://127.0.0.1:${port}`,
    caCertificate: pki.caCertificate,
    client: pki.admin,
  });
  return kubeconfig;
}
