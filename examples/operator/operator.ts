/**
 * An operator as one writes it with @kubernetes/client-node: a Website becomes a Deployment and an entry in the table of hosts, a ConfigMap that all
 * websites of a namespace share. Several may run; the one that holds the lease works. IDENTITY names this one.
 */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AppsV1Api,
  CoreV1Api,
  CustomObjectsApi,
  type Informer,
  KubeConfig,
  type KubernetesListObject,
  type KubernetesObject,
  KubernetesObjectApi,
  makeInformer,
  PatchStrategy,
  type V1Deployment,
} from '@kubernetes/client-node';
import { codeOf, newElection } from './leader.ts';

interface Website extends KubernetesObject {
  readonly spec: { readonly host: string; readonly image: string; readonly replicas: number };
  readonly status?: { readonly observedGeneration?: number; readonly readyReplicas?: number };
}

const KIND = { group: 'example.com', version: 'v1', plural: 'websites' };
const MANAGER = 'website-operator';
const FINALIZER = 'example.com/host';
const HOSTS = 'hosts';
const LEASE_SECONDS = 3;
const RETRY_MS = 500;
const identity = process.env['IDENTITY'] ?? `${hostname()}-${process.pid}`;

const kubeConfig = new KubeConfig();
kubeConfig.loadFromDefault();
const core = kubeConfig.makeApiClient(CoreV1Api);
const custom = kubeConfig.makeApiClient(CustomObjectsApi);
const objects = KubernetesObjectApi.makeApiClient(kubeConfig);

const websites = makeInformer<Website>(
  kubeConfig,
  '/apis/example.com/v1/websites',
  async () =>
    (await custom.listCustomObjectForAllNamespaces({
      ...KIND,
      resourcePlural: KIND.plural,
    })) as KubernetesListObject<Website>,
);
const deployments = makeInformer<V1Deployment>(kubeConfig, '/apis/apps/v1/deployments', () =>
  kubeConfig.makeApiClient(AppsV1Api).listDeploymentForAllNamespaces(),
);

/** Reads, changes and writes the table of hosts, again if another wrote in between. */
async function changeHosts(namespace: string, change: (hosts: Record<string, string>) => void): Promise<void> {
  for (;;) {
    try {
      const table = await core.readNamespacedConfigMap({ name: HOSTS, namespace }).catch((error: unknown) => {
        if (codeOf(error) !== 404) throw error;
        return core.createNamespacedConfigMap({ namespace, body: { metadata: { name: HOSTS } } });
      });
      const data = { ...table.data };
      change(data);
      if (JSON.stringify(data) === JSON.stringify(table.data ?? {})) return;
      table.data = data;
      await core.replaceNamespacedConfigMap({ name: HOSTS, namespace, body: table });
      return;
    } catch (error) {
      if (codeOf(error) !== 409) throw error;
    }
  }
}

function deploymentOf({ apiVersion, kind, metadata, spec }: Website): KubernetesObject {
  const { name = '', namespace = '', uid = '' } = metadata ?? {};
  const labels = { website: name };
  const desired: V1Deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name,
      namespace,
      ownerReferences: [
        { apiVersion: apiVersion!, kind: kind!, name, uid, controller: true, blockOwnerDeletion: true },
      ],
    },
    spec: {
      replicas: spec.replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: spec.image }] } },
    },
  };
  return desired;
}

function withFinalizers(website: Website, finalizers: string[]): Website {
  const copy = structuredClone(website);
  copy.metadata!.finalizers = finalizers;
  return copy;
}

async function reconcile(key: string): Promise<void> {
  const [namespace = '', name = ''] = key.split('/');
  const website = websites.get(name, namespace);
  if (website?.metadata === undefined) return;
  const { metadata, spec } = website;
  const place = { ...KIND, namespace, name };
  const finalizers = metadata.finalizers ?? [];
  if (metadata.deletionTimestamp !== undefined) {
    if (!finalizers.includes(FINALIZER)) return;
    await changeHosts(namespace, (hosts) => delete hosts[name]);
    const kept = finalizers.filter((other) => other !== FINALIZER);
    await custom.replaceNamespacedCustomObject({
      ...place,
      body: withFinalizers(website, kept),
    });
    return;
  }
  if (!finalizers.includes(FINALIZER)) {
    const body = withFinalizers(website, [...finalizers, FINALIZER]);
    await custom.replaceNamespacedCustomObject({ ...place, body });
    return; // what was written comes back by the watch
  }
  await changeHosts(namespace, (hosts) => (hosts[name] = spec.host));
  await objects.patch(deploymentOf(website), undefined, undefined, MANAGER, true, PatchStrategy.ServerSideApply);
  const readyReplicas = deployments.get(name, namespace)?.status?.readyReplicas ?? 0;
  const { status } = website;
  if (status?.observedGeneration === metadata.generation && status?.readyReplicas === readyReplicas) return;
  const ready = { type: 'Ready', status: readyReplicas === spec.replicas ? 'True' : 'False' };
  const next = { observedGeneration: metadata.generation, readyReplicas, conditions: [ready] };
  await custom.replaceNamespacedCustomObjectStatus({ ...place, body: { ...website, status: next } });
}

const active = new Set<string>();
const again = new Set<string>();
const failures = new Map<string, number>();

/** One at a time for each website; what fails, mostly by a cache that lags, is tried again, later each time. */
async function work(key: string): Promise<void> {
  again.add(key);
  if (active.has(key)) return;
  active.add(key);
  try {
    while (again.delete(key)) await reconcile(key);
    failures.delete(key);
  } catch (error) {
    const count = (failures.get(key) ?? 0) + 1;
    failures.set(key, count);
    if (codeOf(error) !== 409) console.error(`${key}: ${String(error)}`);
    setTimeout(() => void work(key), Math.min(30_000, 50 * 2 ** count));
  } finally {
    active.delete(key);
  }
}

/** An informer gives up when its connection breaks; its owner says when to go on. */
async function keepRunning<T extends KubernetesObject>(
  informer: Informer<T>,
  seen: (object: T) => void,
): Promise<void> {
  informer.on('change', seen);
  informer.on('delete', seen);
  const start = (): Promise<void> =>
    informer.start().catch((error: unknown) => {
      console.error(`watch: ${String(error)}`);
      setTimeout(() => void start(), RETRY_MS);
    });
  informer.on('error', () => setTimeout(() => void start(), RETRY_MS));
  await start();
}

const holdsLease = newElection(kubeConfig, {
  name: MANAGER,
  namespace: 'default',
  identity,
  durationSeconds: LEASE_SECONDS,
});
const tryLease = (): Promise<boolean> =>
  holdsLease().catch((error: unknown) => {
    console.error(`lease: ${String(error)}`);
    return false;
  });
while (!(await tryLease())) await sleep(RETRY_MS);
console.log(`${identity} leads`);
await keepRunning(websites, ({ metadata }) => void work(`${metadata?.namespace}/${metadata?.name}`));
await keepRunning(deployments, ({ metadata }) => {
  const owner = metadata?.ownerReferences?.find(({ kind, controller }) => kind === 'Website' && controller === true);
  if (owner !== undefined) void work(`${metadata?.namespace}/${owner.name}`);
});
for (let renewed = performance.now(); ; await sleep(RETRY_MS)) {
  if (await tryLease()) renewed = performance.now();
  else if (performance.now() - renewed > (LEASE_SECONDS * 1000 * 2) / 3) {
    console.error(`${identity} leads no more`);
    process.exit(1); // another may be at work: stop at once
  }
}
