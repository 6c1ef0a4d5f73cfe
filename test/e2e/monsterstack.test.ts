/** examples/monsterstack, step by step as its README tells. Each test starts from what the one before left. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { inflateSync } from 'node:zlib';
import type { Endpoints, Node, Pod } from '#api';
import { PROJECT, useCluster } from './support/cluster.ts';
import { expectSuccess, type RunningCommand, startCommand, WAIT_MS } from './support/command.ts';
import { assertRecreated, watchPods } from './support/recreate.ts';

const EXAMPLE = join(PROJECT, 'examples/monsterstack');
const REPLICAS = { redis: 1, imagebackend: 5, frontend: 3 };
const DEPLOYMENTS = Object.keys(REPLICAS);
const FILES = DEPLOYMENTS.flatMap((name) => ['-f', join(EXAMPLE, `${name}.yaml`)]);

const cluster = useCluster({ images: [] });
const { kubectl } = cluster;
let registry: RunningCommand;
let addresses: readonly string[] = [];

after(async () => {
  await registry[Symbol.asyncDispose]();
});

/** What curl gets from the frontend by way of a node. */
const curl = (address: string, path: string): Promise<string> =>
  expectSuccess(['curl', '-sSf', '-m', '10', `http://${address}:30000${path}`]);

const number = (page: string, id: string): number => Number(new RegExp(`id="${id}">(\\d+)<`).exec(page)?.[1]);

async function pods(component?: string): Promise<readonly Pod[]> {
  return await kubectl.list<Pod>('pods', '-l', component === undefined ? 'app=monsterstack' : `component=${component}`);
}

const uids = (list: readonly Pod[]): string[] => list.map(({ metadata }) => metadata.uid ?? '');

/** What a failed step leaves on the screen. */
function step(name: string, work: (t: TestContext) => Promise<void>): void {
  test(name, async (t) => {
    t.after(async () => {
      if (!t.passed) await cluster.diagnose(t, kubectl);
    });
    await work(t);
  });
}

step('the registry starts and tells the nodes where it is', async () => {
  registry = startCommand([join(EXAMPLE, 'registry')], { env: cluster.env });
  const said = await registry.until(/Ctrl-C ends the registry\./, 2 * WAIT_MS);
  assert.match(said, /registry\.monsterstack\.test:5000\/frontend:2/);
});

step('applied without a password, nine pods wait for their images, and say why', async () => {
  await using watch = kubectl.start('get', 'pods', '--watch', '--no-headers');
  const applied = await kubectl.run('apply', ...FILES);
  assert.equal(applied.match(/ created$/gm)?.length, 6);
  await watch.until((text) => new Set(text.match(/^\S+(?= +0\/1 +ErrImagePull)/gm)).size === 9);
  await watch.until((text) => new Set(text.match(/^\S+(?= +0\/1 +ImagePullBackOff)/gm)).size === 9);
  const described = await kubectl.run('describe', 'pod', '-l', 'component=redis');
  assert.match(described, /Failed to pull image "registry\.monsterstack\.test:5000\/redis:7": .*401 Unauthorized/);
  assert.match(
    described,
    /FailedToRetrieveImagePullSecret .*Unable to retrieve some image pull secrets \(monster-registry\); attempting to pull the image may not succeed\./,
  );
  const events = await kubectl.run('get', 'events', '--sort-by=.lastTimestamp');
  for (const reason of ['Scheduled', 'Pulling', 'Failed', 'BackOff', 'ScalingReplicaSet', 'SuccessfulCreate'])
    assert.match(events, new RegExp(` ${reason} `));
});

step('given the password, all of them run and are ready', async (t) => {
  await kubectl.run(
    'create',
    'secret',
    'docker-registry',
    'monster-registry',
    '--docker-server=registry.monsterstack.test:5000',
    '--docker-username=ada',
    '--docker-password=lovelace',
  );
  const began = performance.now();
  await kubectl.run('delete', 'pod', '--all');
  await kubectl.rolledOut(...DEPLOYMENTS.map((name) => `deployment/${name}`));
  t.diagnostic(`from the password to nine ready pods: ${Math.round(performance.now() - began)} ms`);
  const table = await kubectl.run('get', 'deployments');
  for (const [name, replicas] of Object.entries(REPLICAS))
    assert.match(table, new RegExp(`^${name} +${replicas}/${replicas} +${replicas} +${replicas} `, 'm'));
  for (const { metadata, status } of await pods()) {
    assert.equal(status.phase, 'Running', metadata.name);
    assert.equal(status.containerStatuses?.[0]?.restartCount, 0, metadata.name);
  }
  const services = await kubectl.run('get', 'services');
  assert.match(services, /^frontend +NodePort +10\.\S+ +<none> +5000:30000\/TCP /m);
  assert.match(services, /^redis +ClusterIP +10\.\S+ +<none> +6379\/TCP /m);
});

step('every node serves the page, whose counters are in Redis', async () => {
  const nodes = await kubectl.list<Node>('nodes');
  addresses = nodes
    .flatMap(({ status }) => status.addresses ?? [])
    .flatMap((a) => (a.type === 'InternalIP' ? a.address : []));
  assert.equal(addresses.length, 3);
  const visits: number[] = [];
  const hosts = new Set<string>();
  for (const address of [...addresses, ...addresses, ...addresses, ...addresses]) {
    const page = await curl(address, '/?name=Grace');
    visits.push(number(page, 'visits'));
    hosts.add(/id="host">([^<]+)</.exec(page)?.[1] ?? '');
  }
  const first = visits[0] ?? Number.NaN;
  assert.deepEqual(
    visits,
    visits.map((_, i) => first + i),
  );
  assert.ok(hosts.size > 1, `more than one of three frontends answers: ${[...hosts].join(' ')}`);
  const counter = await kubectl.run('exec', 'deployment/redis', '--', 'redis-cli', 'get', 'visits');
  assert.equal(Number(counter), visits.at(-1));
});

step('pictures are drawn by a backend once, and come from Redis then', async () => {
  const url = `http://${addresses[1]}:30000/monster/Grace`;
  const [first, second] = [await fetch(url), await fetch(url)];
  assert.match(first.headers.get('x-drawn-by') ?? '', /^imagebackend-/);
  assert.equal(second.headers.get('x-drawn-by'), 'cache');
  const picture = Buffer.from(await first.arrayBuffer());
  assert.deepEqual(Buffer.from(await second.arrayBuffer()), picture);
  assert.equal(picture.toString('latin1', 1, 4), 'PNG');
  const [width, height] = [picture.readUInt32BE(16), picture.readUInt32BE(20)];
  assert.deepEqual([width, height], [240, 240]);
  assert.equal(inflateSync(picture.subarray(41, 41 + picture.readUInt32BE(33))).length, height * (1 + width * 3));
  assert.equal(number(await curl(addresses[2] ?? '', '/'), 'hits'), 1);
});

step('port-forward, logs -f, exec, and names of services work', async () => {
  await using forward = kubectl.start('port-forward', 'service/frontend', '5000:5000');
  await forward.until(/Forwarding from 127\.0\.0\.1:5000 -> 5000/);
  await using logs = kubectl.start('logs', '-f', '-l', 'component=frontend', '--prefix');
  await logs.until(/Running on/);
  assert.match(
    await expectSuccess(['curl', '-sSf', 'http://localhost:5000/?name=Lovelace']),
    /the monster of Lovelace/,
  );
  await logs.until(/^\[pod\/frontend-\S+\/frontend\] .*"GET \/\?name=Lovelace HTTP\/1\.1" 200/m);

  await using shell = kubectl.startOnTerminal('exec', '-it', 'deployment/redis', '--', 'sh');
  await shell.until(/\$ /);
  shell.type("redis-cli keys '*'\n");
  await shell.until(/monster:[0-9a-f]{64}/);
  shell.type('exit\n');
  assert.equal((await shell.exit()).code, 0);

  const inside = (...command: string[]): Promise<string> =>
    kubectl.run('exec', 'deployment/frontend', '--', ...command);
  assert.equal(await inside('wget', '-qO-', 'http://imagebackend:8080/healthz'), 'ok\n');
  assert.equal(await inside('wget', '-qO-', 'http://imagebackend.default.svc.cluster.local:8080/healthz'), 'ok\n');
  const redis = await kubectl.run('get', 'service', 'redis', '-o', 'jsonpath={.spec.clusterIP}');
  assert.ok((await inside('nslookup', 'redis.default.svc.cluster.local')).includes(redis));
});

step('scaled, the service has as many endpoints as there are pods', async () => {
  await kubectl.run('scale', 'deployment', 'imagebackend', '--replicas=2');
  await kubectl.rolledOut('deployment/imagebackend');
  const two = (text: string): boolean => text.trim().split('\n').at(-1)?.split(' ').length === 2;
  const show = (path: string): string[] => ['--watch', '-o', `jsonpath=${path}{"\\n"}`];
  const slice = ['endpointslices', '-l', 'kubernetes.io/service-name=imagebackend'];
  await using slices = kubectl.start('get', ...slice, ...show('{.endpoints[*].addresses[0]}'));
  await slices.until(two);
  await using endpoints = kubectl.start('get', 'endpoints', 'imagebackend', ...show('{.subsets[*].addresses[*].ip}'));
  await endpoints.until(two);
  const { subsets } = await kubectl.get<Endpoints>('endpoints', 'imagebackend');
  const ready = (await pods('imagebackend')).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  assert.deepEqual(
    subsets?.flatMap(({ addresses: ips = [] }) => ips.map(({ ip }) => ip)).toSorted(),
    ready.map(({ status }) => status.podIP ?? '').toSorted(),
  );
  assert.equal(ready.length, 2);
  assert.match(
    await kubectl.run('get', ...slice, '--no-headers'),
    /^imagebackend-\S+ +IPv4 +8080 +10\.244\.\d+\.\d+,10\.244\.\d+\.\d+ /,
  );
});

step('a new image is rolled out, all old pods first', async (t) => {
  const old = uids(await pods('frontend'));
  assert.match(await curl(addresses[0] ?? '', '/'), /id="version">1</);
  await using watch = await watchPods(kubectl, 'component=frontend', 3);
  const began = performance.now();
  await kubectl.run('set', 'image', 'deployment/frontend', 'frontend=registry.monsterstack.test:5000/frontend:2');
  await kubectl.rolledOut('deployment/frontend');
  t.diagnostic(`rolled out by Recreate after ${Math.round(performance.now() - began)} ms`);
  assertRecreated(watch.stdout, old);
  for (const address of addresses) assert.match(await curl(address, '/'), /id="version">2</);
});

step('deleted pods come back, and a killed Redis is restarted', async (t) => {
  const old = uids(await pods());
  const began = performance.now();
  await kubectl.run('delete', 'pod', '--all');
  await kubectl.rolledOut(...DEPLOYMENTS.map((name) => `deployment/${name}`));
  t.diagnostic(`six deleted pods were replaced and ready after ${Math.round(performance.now() - began)} ms`);
  const now = await pods();
  assert.equal(now.length, 6);
  assert.deepEqual(
    uids(now).filter((uid) => old.includes(uid)),
    [],
  );
  assert.equal(number(await curl(addresses[0] ?? '', '/'), 'visits'), 1);
  assert.equal(number(await curl(addresses[1] ?? '', '/'), 'visits'), 2);

  const [redis] = await pods('redis');
  await kubectl.try('exec', 'deployment/redis', '--', 'redis-cli', 'shutdown', 'nosave');
  await kubectl.waitFor('{.status.containerStatuses[0].restartCount}=1', `pod/${redis?.metadata.name}`);
  await kubectl.rolledOut('deployment/redis');
  await kubectl.waitReady(`pod/${redis?.metadata.name}`);
  assert.match(await kubectl.run('get', 'pods', '-l', 'component=redis'), / 1\/1 +Running +1 \(\d+s ago\) /);
  await using page = startCommand([
    'curl',
    '-sSf',
    '--retry',
    '20',
    '--retry-delay',
    '1',
    '--retry-all-errors',
    `http://${addresses[2]}:30000/`,
  ]);
  assert.equal(number((await page.exit()).stdout, 'visits'), 1);
});

step('cleaned up, nothing of it is left', async () => {
  await kubectl.run('delete', '-f', EXAMPLE);
  await kubectl.run('delete', 'secret', 'monster-registry');
  await kubectl.waitFor('delete', 'pod', '-l', 'app=monsterstack');
  const { stdout } = await kubectl.try('get', 'all,endpoints,endpointslices', '-l', 'app=monsterstack', '--no-headers');
  assert.equal(stdout, '');
  registry.signal('SIGINT');
  assert.equal((await registry.exit()).code, 0);
});
