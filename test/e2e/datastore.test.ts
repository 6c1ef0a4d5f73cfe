/** The datastore as its administrators know it: by the real etcdctl, by snapshots, and by going back in time. */
import assert from 'node:assert/strict';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { ConfigMap, Pod } from '#api';
import { buildRootfs } from '#testing';
import { BUSYBOX, MACHINE, useCluster } from './support/cluster.ts';
import { runCommand, startCommand } from './support/command.ts';
import { configMap, container, deployment, FOREVER } from './support/manifests.ts';

const cluster = useCluster();
const { kubectl } = cluster;
const PKI = '/var/lib/pirogue/pirogue/pki';
const bin = join(await buildRootfs(['etcd']), 'usr/bin');

const CERTIFICATES = [
  `--cacert=${PKI}/etcd/ca.crt`,
  `--cert=${PKI}/etcd/healthcheck-client.crt`,
  `--key=${PKI}/etcd/healthcheck-client.key`,
];

async function etcdctlCode(endpoint: readonly string[], ...args: string[]): Promise<number | undefined> {
  const env = { ...process.env, ETCDCTL_API: '3' };
  return (await runCommand([join(bin, 'etcdctl'), ...endpoint, '--command-timeout=2s', ...args], { env })).code;
}

async function etcdctlTo(endpoint: readonly string[], ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand([join(bin, 'etcdctl'), ...endpoint, ...args], {
    env: { ...process.env, ETCDCTL_API: '3' },
  });
  assert.equal(code, 0, `etcdctl ${args.join(' ')}\n${stderr}${stdout}`);
  return `${stdout}${stderr}`;
}

const etcdctl = (...args: string[]): Promise<string> =>
  etcdctlTo(['--endpoints=https://127.0.0.1:2379', ...CERTIFICATES], ...args);

test('etcdctl finds every object under the key upstream keeps it by', async () => {
  await kubectl.apply(configMap('kept', { a: '1' }));
  const keys = (await etcdctl('get', '/', '--prefix', '--keys-only')).split('\n');
  for (const key of [
    '/registry/configmaps/default/kept',
    '/registry/namespaces/kube-system',
    '/registry/services/specs/default/kubernetes',
    '/registry/services/endpoints/default/kubernetes',
    '/registry/minions/node1',
    '/registry/leases/kube-node-lease/node1',
    '/registry/clusterroles/cluster-admin',
  ])
    assert.ok(keys.includes(key), `${key} is not among\n${keys.join('\n')}`);
  assert.match(await etcdctl('get', '/registry/configmaps/default/kept', '--print-value-only'), /"a":"1"/);
});

test('etcdctl says that it is healthy, writes, watches and compares', async () => {
  assert.match(await etcdctl('endpoint', 'health'), /is healthy/);
  assert.match(await etcdctl('endpoint', 'status', '-w', 'table'), /https:\/\/127\.0\.0\.1:2379 .* true /);
  await using watch = startCommand(
    [join(bin, 'etcdctl'), '--endpoints=https://127.0.0.1:2379', ...CERTIFICATES, 'watch', 'own/', '--prefix'],
    { env: { ...process.env, ETCDCTL_API: '3' } },
  );
  // It watches when it is told of something: what is written before that is missed.
  for (let i = 0; !watch.stdout.includes('own/first'); i++) {
    await etcdctl('put', 'own/first', `${i}`);
    await pause(50);
  }
  await etcdctl('put', 'own/second', 'x');
  await watch.until(/PUT\nown\/second\nx\n/);
  const { stdout } = await runCommand(
    [join(bin, 'etcdctl'), '--endpoints=https://127.0.0.1:2379', ...CERTIFICATES, 'txn', '-i'],
    {
      env: { ...process.env, ETCDCTL_API: '3' },
      input: 'value("own/second") = "x"\n\nput own/second y\n\nput own/second z\n\n',
    },
  );
  assert.match(stdout, /SUCCESS/);
  assert.match(await etcdctl('get', 'own/second'), /own\/second\ny/);
  await etcdctl('del', 'own/', '--prefix');
});

test('nobody gets in without a certificate of the datastore’s own authority', async () => {
  const { code } = await runCommand(
    [
      join(bin, 'etcdctl'),
      '--endpoints=https://127.0.0.1:2379',
      `--cacert=${PKI}/etcd/ca.crt`,
      `--cert=${PKI}/admin.crt`,
      `--key=${PKI}/admin.key`,
      '--command-timeout=2s',
      'get',
      'x',
    ],
    { env: { ...process.env, ETCDCTL_API: '3' } },
  );
  assert.notEqual(code, 0);
});

test('a snapshot by etcdctl makes a real etcd with everything in it, at the same revision', async () => {
  await kubectl.apply(configMap('snapped', { b: '2' }));
  const file = join(MACHINE, 'snapshot.db');
  await etcdctl('snapshot', 'save', file);
  assert.match(await etcdctlTo([], 'snapshot', 'status', file, '-w', 'table'), /TOTAL KEYS/);
  const data = join(MACHINE, 'etcd');
  await etcdctlTo([], 'snapshot', 'restore', file, '--data-dir', data);
  const client = 'http://127.0.0.1:12379';
  await using etcd = startCommand([
    join(bin, 'etcd'),
    `--data-dir=${data}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    '--listen-peer-urls=http://127.0.0.1:12380',
    '--initial-advertise-peer-urls=http://localhost:2380',
  ]);
  void etcd; // runs until the end of the test
  for (let i = 0; (await etcdctlCode([`--endpoints=${client}`], 'endpoint', 'health')) !== 0; i++)
    assert.ok(i < 100, 'etcd does not come up');
  const there = await etcdctlTo([`--endpoints=${client}`], 'get', '/registry/configmaps/default/snapped', '-w', 'json');
  const { kvs } = JSON.parse(there.slice(0, there.lastIndexOf('}') + 1)) as { kvs: { mod_revision: number }[] };
  const { metadata } = await kubectl.get<ConfigMap>('configmap', 'snapped');
  assert.equal(String(kvs[0]?.mod_revision), metadata.resourceVersion);
});

test('a snapshot brings back what kubectl saw when it was taken, and pods that were there go on', async () => {
  await kubectl.apply(deployment('lasting', 1, { containers: [container({ image: BUSYBOX, command: FOREVER })] }));
  await kubectl.rolledOut('deployment/lasting');
  await kubectl.apply(configMap('old', { v: 'then' }), configMap('gone', { v: 'then' }));
  const [pod] = await kubectl.list<Pod>('pods', '-l', 'app=lasting');
  const saved = await cluster.pirogue('snapshot', 'save');
  const file = /^(\S+\.db): revision \d+/.exec(saved)?.[1] ?? '';
  assert.match(await cluster.pirogue('snapshot', 'list'), new RegExp(file));
  await kubectl.run('delete', 'configmap', 'gone');
  await kubectl.apply(configMap('old', { v: 'now' }), configMap('new', { v: 'now' }));
  const plan = await cluster.pirogue('snapshot', 'restore', file, '--dry-run');
  for (const line of ['+ configmaps/default/gone', '~ configmaps/default/old', '- configmaps/default/new'])
    assert.ok(plan.includes(`${line}\n`), plan);
  assert.equal((await kubectl.get<ConfigMap>('configmap', 'old')).data?.['v'], 'now');
  await cluster.pirogue('snapshot', 'restore', file);
  assert.equal((await kubectl.get<ConfigMap>('configmap', 'old')).data?.['v'], 'then');
  assert.equal((await kubectl.get<ConfigMap>('configmap', 'gone')).data?.['v'], 'then');
  assert.equal((await kubectl.try('get', 'configmap', 'new')).code, 1);
  await kubectl.rolledOut('deployment/lasting');
  const [after] = await kubectl.list<Pod>('pods', '-l', 'app=lasting');
  assert.equal(after?.metadata.uid, pod?.metadata.uid);
  assert.equal(after?.status.containerStatuses?.[0]?.restartCount, 0);
});

test('rewinding to a time before a mistake undoes it, and can be undone', async () => {
  await kubectl.apply(configMap('precious', { v: 'safe' }));
  await pause(1500);
  const before = new Date().toISOString();
  await pause(1500);
  await kubectl.run('delete', 'configmap', 'precious');
  const { metadata } = await kubectl.get<ConfigMap>('configmap', 'kube-root-ca.crt');
  assert.ok(metadata.resourceVersion);
  const plan = await cluster.pirogue('rewind', '--to', before, '--dry-run');
  assert.match(plan, /^\+ configmaps\/default\/precious$/m);
  assert.match(plan, /^To go back to revision \d+, \d{4}-.*: .*1 would be brought back/m);
  await pause(1500);
  const mistaken = new Date().toISOString();
  await pause(1500);
  await cluster.pirogue('rewind', '--to', before);
  assert.equal((await kubectl.get<ConfigMap>('configmap', 'precious')).data?.['v'], 'safe');
  await cluster.pirogue('rewind', '--to', mistaken);
  assert.equal((await kubectl.try('get', 'configmap', 'precious')).code, 1);
  const tooFar = await cluster.tryPirogue(['rewind', '--to', '30d']);
  assert.equal(tooFar.code, 1);
  assert.match(tooFar.stderr, /history begins at|no time is known/);
});

test('scheduled snapshots are taken', async () => {
  assert.match(await cluster.pirogue('snapshot', 'schedule'), /No snapshots are scheduled/);
  assert.match(
    await cluster.pirogue('snapshot', 'schedule', '--every', '1m', '--keep', '2'),
    /every 1m; the newest 2 are kept/,
  );
  const directory = '/var/lib/pirogue/pirogue/snapshots';
  await mkdir(directory, { recursive: true });
  const files = async (): Promise<string[]> => (await readdir(directory)).filter((name) => name.endsWith('.db'));
  for (const name of await files()) await rm(join(directory, name)); // the newest would not be a minute old
  for (let i = 0; (await files()).length === 0; i++) {
    assert.ok(i < 1000, 'no snapshot was taken');
    await pause(100);
  }
  await cluster.pirogue('snapshot', 'schedule', '--off');
});
