/** `pirogue`, command by command, on a machine of its own: each test starts from what the one before left. */
import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Node, Pod } from '#api';
import { buildImage, busyboxImage } from '#testing';
import { BUSYBOX, MACHINE, PROJECT, type Status, TestCluster } from './support/cluster.ts';
import { runCommand } from './support/command.ts';
import { type Inventory, inventory } from './support/inventory.ts';
import { configMap, container, deployment } from './support/manifests.ts';

const NODES = ['control-plane', 'node1', 'node2'];
const FOREIGN_KUBECONFIG = `apiVersion: v1
kind: Config
current-context: elsewhere
clusters:
  - name: elsewhere
    cluster: { server: 'https://192.0.2.1:6443' }
contexts:
  - name: elsewhere
    context: { cluster: elsewhere, user: somebody }
users:
  - name: somebody
    user: { token: abc }
`;

const cluster = new TestCluster();
const { kubectl } = cluster;
let clean: Inventory;

const pids = ({ controlPlane, nodes }: Status): (number | undefined)[] => [
  controlPlane.process?.pid,
  ...nodes.flatMap(({ init, containerd, agent }) => [init?.pid, containerd?.pid, agent?.pid]),
];

before(async () => {
  assert.ok(MACHINE, 'run it on a machine of its own: npm test -- cluster');
  clean = await inventory();
  await writeFile(cluster.kubeconfig, FOREIGN_KUBECONFIG, { mode: 0o600 });
});
after(async () => {
  for (const name of ['pirogue', 'second']) await cluster.tryPirogue(['down', '--name', name]);
});

test('without a cluster, commands say so', async () => {
  for (const args of [
    ['status'],
    ['node', 'list'],
    ['node', 'exec', 'node1', '--', 'true'],
    ['image', 'load', 'x.tar'],
  ]) {
    const { code, stderr } = await cluster.tryPirogue(args);
    assert.equal(code, 1, args.join(' '));
    assert.match(stderr, /there is no cluster pirogue on this machine; `pirogue up` makes one/);
  }
  assert.equal((await cluster.tryPirogue(['down'])).code, 0, 'there is nothing to take away');
  assert.deepEqual(await inventory(), clean);
});

test('each command has help, and says what is wrong with its options', async () => {
  const overview = await cluster.pirogue('--help');
  for (const verb of ['up', 'down', 'status', 'node', 'image']) {
    assert.match(overview, new RegExp(`^ {2}${verb} `, 'm'));
    assert.match(await cluster.pirogue(verb, '--help'), new RegExp(`^Usage: pirogue ${verb}`, 'm'));
  }
  for (const [args, wanted] of [
    [['frobnicate'], /there is no command "frobnicate"/],
    [['up', '--frobnicate'], /Unknown option '--frobnicate'/],
    [['up', '--nodes', 'many'], /--nodes takes a number from 0 on, not "many"/],
    [['up', '--nodes', '-1'], /--nodes/],
    [['status', '-o', 'yaml'], /-o takes json, not "yaml"/],
    [['node'], /list or exec\?/],
    [['image', 'load'], /which file\?/],
  ] as const) {
    const { code, stderr } = await cluster.tryPirogue(args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, wanted);
  }
  const bad = await cluster.tryPirogue(['up', '--name', 'Not_A_Name']);
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /cluster name "Not_A_Name" is not valid/);
  assert.deepEqual(await inventory(), clean);
});

test('up by someone who is not root says what is needed', async () => {
  const node = [process.execPath, join(PROJECT, 'bin/pirogue.mjs'), 'up'].join(' ');
  const { code, stderr } = await runCommand(['setpriv', '--reuid=65534', '--clear-groups', 'sh', '-c', node]);
  assert.equal(code, 1);
  assert.match(stderr, /missing: root; run the command with sudo/);
  assert.deepEqual(await inventory(), clean);
});

test('up shows its steps, makes nodes that are ready, and merges a context into the kubeconfig', async (t) => {
  const { code, stdout, stderr, ms } = await cluster.tryPirogue(['up', '--nodes', '2']);
  assert.equal(code, 0, stderr);
  t.diagnostic(`up took ${ms} ms:\n${stdout}`);
  for (const step of [
    'network',
    'certificates',
    'control plane',
    ...NODES.map((name) => `node ${name}`),
    'nodes ready',
  ])
    assert.match(stdout, new RegExp(`^ ✓ ${step} +[\\d.]+ m?s$`, 'm'));
  assert.match(stdout, /The cluster pirogue is ready after .*: control-plane, node1, node2\.\n/);
  assert.match(stdout, /kubectl get nodes/);

  const kubeconfig = await readFile(cluster.kubeconfig, 'utf8');
  assert.match(kubeconfig, /current-context: pirogue/);
  assert.match(kubeconfig, /https:\/\/192\.0\.2\.1:6443/, 'what was there stays');
  assert.equal((await stat(cluster.kubeconfig)).mode & 0o777, 0o600);

  const nodes = await kubectl.list<Node>('nodes');
  assert.deepEqual(
    nodes.map(({ metadata, status }) => [
      metadata.name,
      status.conditions?.find(({ type }) => type === 'Ready')?.status,
    ]),
    NODES.map((name) => [name, 'True']),
  );
  const table = await kubectl.run('get', 'nodes', '-o', 'wide');
  assert.match(table, /^control-plane +Ready +control-plane +\S+ +v1\.36\.\d+ +172\.18\.0\.2 .*containerd:\/\/1\./m);
  assert.match(table, /^node2 +Ready +<none> +\S+ +v1\.36\.\d+ +172\.18\.0\.4 /m);
  const { serverVersion } = JSON.parse(await kubectl.run('version', '-o', 'json')) as {
    serverVersion: { gitVersion: string };
  };
  const [version = ''] = serverVersion.gitVersion.split('+');
  assert.deepEqual(new Set(nodes.map(({ status }) => status.nodeInfo?.kubeletVersion)), new Set([version]));
  assert.deepEqual(nodes[0]?.spec.taints, [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }]);
  assert.equal(nodes[1]?.spec.taints, undefined);
});

test('a second up changes nothing', async (t) => {
  const earlier = await cluster.status();
  const { code, stdout, ms } = await cluster.tryPirogue(['up']);
  t.diagnostic(`the second up took ${ms} ms`);
  assert.equal(code, 0);
  assert.deepEqual(
    [...stdout.matchAll(/^ (\S) (.*?) {2,}/gm)].map(([, mark, step]) => [mark, step]).filter(([mark]) => mark !== '·'),
    [['✓', 'nodes ready']],
  );
  assert.deepEqual(pids(await cluster.status()), pids(earlier));
  const fewer = await cluster.tryPirogue(['up', '--nodes', '1']);
  assert.equal(fewer.code, 1);
  assert.match(fewer.stderr, /nodes are not removed by `up`/);
});

test('status and node list show what runs', async () => {
  const status = await cluster.pirogue('status');
  for (const name of [String.raw`\(control plane\)`, ...NODES])
    assert.match(status, new RegExp(`^${name} .*running`, 'm'));
  const list = await cluster.pirogue('node', 'list');
  assert.match(list, /^control-plane +control-plane +172\.18\.0\.2 +10\.244\.0\.0\/24 +running$/m);
  assert.match(list, /^node2 +worker +172\.18\.0\.4 +10\.244\.2\.0\/24 +running$/m);
});

test('node exec is inside a node as on a machine', async () => {
  const exec = (...args: string[]): Promise<string> => cluster.pirogue('node', 'exec', ...args);
  assert.equal(await exec('node1', '--', 'hostname'), 'node1\n');
  assert.equal(await exec('node2', 'hostname'), 'node2\n', '`--` is for commands with options');
  assert.match(await exec('node1', '--', 'ps', 'aux'), /containerd/);
  assert.match(await exec('node1', '--', 'ip', '-br', '-4', 'addr', 'show', 'eth0'), /172\.18\.0\.3\/24/);
  assert.match(await exec('node1', '--', 'ctr', '-n', 'k8s.io', 'images', 'ls', '-q'), /^registry\.k8s\.io\/pause:/m);
  assert.equal((await cluster.tryPirogue(['node', 'exec', 'node1', '--', 'sh', '-c', 'exit 9'])).code, 9);
  const piped = await cluster.tryPirogue(['node', 'exec', 'node1', '--', 'tr', 'a-z', 'A-Z'], { input: 'through\n' });
  assert.equal(piped.stdout, 'THROUGH\n');
  const unknown = await cluster.tryPirogue(['node', 'exec', 'node7', '--', 'true']);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /there is no node node7; the nodes are control-plane, node1, node2/);
});

test('image load brings an image to all nodes or to some', async () => {
  const file = await buildImage(busyboxImage(BUSYBOX));
  const loaded = await cluster.pirogue('image', 'load', '--nodes', 'node1', file);
  assert.match(loaded, /^node1: .*docker\.io\/library\/busybox:1\.35/);
  const images = (node: string): Promise<string> =>
    cluster.pirogue('node', 'exec', node, '--', 'ctr', '-n', 'k8s.io', 'images', 'ls', '-q');
  assert.match(await images('node1'), /busybox/);
  assert.doesNotMatch(await images('node2'), /busybox/);
  await cluster.pirogue('image', 'load', file);
  assert.match(await images('node2'), /busybox/);
  for (const [path, wanted] of [
    ['/no/such.tar', /there is no file \/no\/such\.tar/],
    ['/etc/passwd', /cannot import \/etc\/passwd: ctr: /],
  ] as const) {
    const { code, stderr } = await cluster.tryPirogue(['image', 'load', path]);
    assert.equal(code, 1);
    assert.match(stderr, wanted);
  }
});

test('down --keep-data ends everything; up brings all back, and pods run again', async (t) => {
  await kubectl.apply(configMap('kept', { word: 'kept' }), deployment('web', 3, { containers: [container()] }));
  await kubectl.rolledOut('deployment/web');
  const uids = async (): Promise<string[]> =>
    (await kubectl.list<Pod>('pods', '-l', 'app=web')).map(({ metadata }) => metadata.uid ?? '').toSorted();
  const earlier = await uids();
  assert.match(await cluster.pirogue('down', '--keep-data'), /✓ processes/, 'it says what it ended');
  const stopped = await inventory();
  assert.deepEqual({ ...stopped, files: [], forwarding: '' }, { ...clean, files: [], forwarding: '' });
  assert.notEqual((await kubectl.try('get', 'nodes', '--request-timeout=2s')).code, 0);

  const { code, stderr, ms } = await cluster.tryPirogue(['up']);
  assert.equal(code, 0, stderr);
  assert.equal(await kubectl.run('get', 'configmap', 'kept', '-o', 'jsonpath={.data.word}'), 'kept');
  const began = performance.now();
  await kubectl.run(
    'wait',
    '--for=jsonpath={.status.containerStatuses[0].restartCount}=1',
    'pod',
    '-l',
    'app=web',
    '--timeout=60s',
  );
  await kubectl.rolledOut('deployment/web');
  t.diagnostic(`up on kept data took ${ms} ms, and all pods ran ${Math.round(performance.now() - began)} ms later`);
  assert.deepEqual(await uids(), earlier, 'they are the same pods');
  await kubectl.run('scale', 'deployment', 'web', '--replicas=4');
  await kubectl.rolledOut('deployment/web');
});

test('two clusters stand side by side', async () => {
  await cluster.pirogue('up', '--name', 'second', '--nodes', '0');
  assert.match(await readFile(cluster.kubeconfig, 'utf8'), /current-context: pirogue-second/);
  assert.equal((await kubectl.list<Node>('nodes')).length, 1);
  assert.equal((await kubectl.list<Node>('nodes', '--context=pirogue')).length, 3);
  await cluster.pirogue('down', '--name', 'second');
  await kubectl.run('config', 'use-context', 'pirogue');
  assert.equal((await kubectl.list<Node>('nodes')).length, 3);
});

test('down leaves nothing, and up makes a new cluster', async (t) => {
  const { code, stderr, ms } = await cluster.tryPirogue(['down']);
  assert.equal(code, 0, stderr);
  t.diagnostic(`down took ${ms} ms`);
  assert.deepEqual(await inventory(), clean);
  const kubeconfig = await readFile(cluster.kubeconfig, 'utf8');
  assert.doesNotMatch(kubeconfig, /pirogue/);
  assert.match(kubeconfig, /https:\/\/192\.0\.2\.1:6443/);

  await cluster.pirogue('up', '--nodes', '0');
  assert.match((await kubectl.try('get', 'configmap', 'kept')).stderr, /configmaps "kept" not found/);
  const [node] = await kubectl.list<Node>('nodes');
  assert.equal(node?.spec.taints, undefined, 'alone, the control-plane node takes pods');
  await cluster.pirogue('down');
  assert.deepEqual(await inventory(), clean);
});
