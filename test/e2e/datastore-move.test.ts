/** A cluster that moves to a real etcd and back, killed on the way, while its pods and its clients go on. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { ConfigMap, type KubeObject, type Pod } from '#api';
import { type Informer, newClient, newHttpTransport, newInformers } from '#client';
import { silentLogger, systemClock } from '#util';
import { BUSYBOX, MACHINE, useCluster } from './support/cluster.ts';
import { WAIT_MS } from './support/command.ts';
import { EtcdCluster } from './support/etcd.ts';
import { configMap, container, deployment, FOREVER } from './support/manifests.ts';

const DIRECTORY = '/var/lib/pirogue/pirogue';
const PKI = join(DIRECTORY, 'pki');
const etcd = new EtcdCluster({ directory: join(MACHINE, 'etcd'), pki: PKI, members: 1, firstPort: 22379 });
const cluster = useCluster({ nodes: 1, prepare: () => etcd.start() });
const { kubectl } = cluster;
after(() => etcd[Symbol.asyncDispose]());

const TO_ETCD = [
  'datastore',
  'move',
  '--to=etcd',
  `--etcd-servers=${etcd.endpoints.join(',')}`,
  `--etcd-cafile=${PKI}/etcd/ca.crt`,
  `--etcd-certfile=${PKI}/apiserver-etcd-client.crt`,
  `--etcd-keyfile=${PKI}/apiserver-etcd-client.key`,
];
const BACK = ['datastore', 'move', '--to=embedded', '--only-control-plane'];

const etcdctl = async (...args: string[]): Promise<string> => (await etcd.etcdctl(etcd.endpoints, ...args)).stdout;

/** Everything that nobody writes to while nothing happens, with its uid and resourceVersion. */
async function seen(): Promise<Map<string, { uid: string | undefined; version: number }>> {
  const types = 'configmaps,secrets,deployments,replicasets,services,serviceaccounts,clusterroles,namespaces';
  const items = await kubectl.list<KubeObject>(types, '-A');
  return new Map(
    items.map(({ kind, metadata: { namespace = '', name, uid, resourceVersion } }) => [
      `${kind} ${namespace}/${name}`,
      { uid, version: Number(resourceVersion) },
    ]),
  );
}

const uids = (all: Awaited<ReturnType<typeof seen>>): string[] =>
  [...all].map(([name, { uid }]) => `${name} ${uid}`).toSorted();

/** Starts the command and kills it when its output matches. */
async function killed(args: readonly string[], when: RegExp): Promise<void> {
  await using command = cluster.startPirogue(...args);
  await command.until(when);
  command.signal('SIGKILL');
}

async function works(name: string, replicas: number): Promise<void> {
  await kubectl.apply(configMap(name, { v: name }));
  await kubectl.run('scale', 'deployment/web', `--replicas=${replicas}`);
  await kubectl.rolledOut('deployment/web');
  const end = performance.now() + WAIT_MS;
  while ((await kubectl.list<Pod>('pods', '-l', 'app=web')).length !== replicas) {
    assert.ok(performance.now() < end, 'the deployment has not as many pods as it should');
    await pause(100);
  }
}

/** What a controller of a user's knows of configmaps, all the time. */
async function watching(signal: AbortSignal): Promise<Informer<ConfigMap>> {
  const pki = (file: string): Promise<string> => readFile(join(PKI, file), 'utf8');
  const common = { clock: systemClock, random: Math.random, log: silentLogger };
  const transport = newHttpTransport({
    ...common,
    config: {
      server: 'https://127.0.0.1:6443',
      ca: await pki('ca.crt'),
      cert: await pki('super-admin.crt'),
      key: await pki('super-admin.key'),
    },
  });
  signal.addEventListener('abort', () => transport[Symbol.dispose]());
  const factory = newInformers({ ...common, client: newClient(transport) });
  const informer = factory.informer(ConfigMap);
  await factory.start({ signal });
  return informer;
}

async function knows(informer: Informer<ConfigMap>): Promise<void> {
  const lines = (items: readonly ConfigMap[]): string =>
    items
      .map(({ metadata: { namespace, name, resourceVersion } }) => `${namespace}/${name} ${resourceVersion}`)
      .toSorted()
      .join('\n');
  const end = performance.now() + WAIT_MS;
  for (;;) {
    const there = lines(await kubectl.list<ConfigMap>('configmaps', '-A'));
    if (lines(informer.list()) === there) return;
    assert.ok(performance.now() < end, `an informer knows\n${lines(informer.list())}\nand not\n${there}`);
    await pause(100);
  }
}

const stop = new AbortController();
after(() => stop.abort());
let informer: Informer<ConfigMap>;
let first: Pod;

test('an etcd that holds something is refused, and nothing has changed', async () => {
  await kubectl.apply(deployment('web', 1, { containers: [container({ image: BUSYBOX, command: FOREVER })] }));
  await kubectl.rolledOut('deployment/web');
  first = (await kubectl.list<Pod>('pods', '-l', 'app=web'))[0]!;
  await etcdctl('put', '/registry/pods/default/other', 'x');
  const { controlPlane } = await cluster.status();
  const { code, stderr } = await cluster.tryPirogue(TO_ETCD);
  assert.equal(code, 1);
  assert.match(stderr, /is not empty: it holds 1 key under \/registry\/: \/registry\/pods\/default\/other; --force/);
  assert.equal((await cluster.status()).controlPlane.process?.pid, controlPlane.process?.pid);
  await etcdctl('del', '/registry/', '--prefix');
});

test(
  'a move to etcd that is killed leaves the cluster where it was; repeated, it works there',
  { timeout: 240_000 },
  async (t) => {
    const before = await seen();
    await killed(TO_ETCD, /control plane stops/);
    assert.equal((await cluster.status()).controlPlane.running, false);
    await cluster.pirogue('up');
    assert.deepEqual(await seen(), before, 'on the old datastore everything is as it was');

    informer = await watching(stop.signal);
    await knows(informer);
    const began = performance.now();
    const told = await cluster.pirogue(...TO_ETCD);
    t.diagnostic(`${Math.round(performance.now() - began)} ms: ${told}`);
    assert.match(told, /is in etcd at https:\/\/127\.0\.0\.1:22379: \d+ keys, .*as of revision \d+/s);
    const moved = await seen();
    assert.deepEqual(uids(moved), uids(before));
    const newest = Math.max(...[...before.values()].map(({ version }) => version));
    for (const [name, { version }] of moved) assert.ok(version > newest, `${name} has a resourceVersion from before`);
    assert.match(await etcdctl('get', '/registry/deployments/default/web', '--keys-only'), /web/);
    assert.equal(await etcdctl('get', 'pirogue/move'), '');
    assert.match(await etcdctl('lease', 'list'), /found [1-9]\d* leases/);
    await works('on-etcd', 2);
    await knows(informer);
    const pods = await kubectl.list<Pod>('pods', '-l', 'app=web');
    const same = pods.find(({ metadata }) => metadata.uid === first.metadata.uid);
    assert.equal(same?.status.containerStatuses?.[0]?.restartCount, 0, 'pods went on');
    assert.match(await cluster.pirogue(...TO_ETCD), /is in etcd at .* already/);
    assert.ok((await readdir(DIRECTORY)).some((name) => name.startsWith('data.moved-')));
  },
);

test('and back, killed on the way, with the same resourceVersions', { timeout: 240_000 }, async () => {
  const unsure = await cluster.tryPirogue(['datastore', 'move', '--to=embedded']);
  assert.match(unsure.stderr, /other control planes may share this etcd cluster.*--only-control-plane/);
  const before = await seen();
  await killed(BACK, /control plane stops/);
  await cluster.pirogue('up');
  assert.deepEqual(await seen(), before);
  await cluster.pirogue(...BACK);
  assert.deepEqual(await seen(), before);
  await etcd.kill(0);
  await works('embedded-again', 3);
  await knows(informer);
  const { metadata } = await kubectl.get<ConfigMap>('configmap', 'embedded-again');
  const newest = Math.max(...[...before.values()].map(({ version }) => version));
  assert.ok(Number(metadata.resourceVersion) > newest);
  await cluster.pirogue('down', '--keep-data');
  await cluster.pirogue('up');
  assert.equal((await kubectl.get<ConfigMap>('configmap', 'on-etcd')).data?.['v'], 'on-etcd');
});
