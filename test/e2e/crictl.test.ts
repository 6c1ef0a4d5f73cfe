/** crictl on a node, as users type it: a pod made by kubectl, seen and handled through the runtime below it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { buildImage, busyboxImage, startRegistry } from '#testing';
import { BUSYBOX, MACHINE, PROJECT, TestCluster } from './support/cluster.ts';
import { type Result, type RunningCommand, startCommand } from './support/command.ts';
import { container, pod, shell } from './support/manifests.ts';

const NODE = 'control-plane';
const cluster = new TestCluster();

before(async () => {
  assert.ok(MACHINE, 'run it on a machine of its own: npm test -- SUITE');
  await cluster.pirogue('up', '--nodes', '0');
  await cluster.load(busyboxImage(BUSYBOX));
  await cluster.kubectl.apply(
    pod('web', {
      containers: [
        container(shell('echo to stdout; echo to stderr >&2; trap exit TERM; while :; do sleep 1 & wait $!; done')),
      ],
    }),
  );
  await cluster.kubectl.waitReady('pod/web');
});

after(async () => {
  await cluster.pirogue('down');
});

const onNode = (args: readonly string[]): string[] => ['node', 'exec', NODE, '--', 'crictl', ...args];

/** Standard output; fails unless it exits with 0. */
function crictl(...args: string[]): Promise<string> {
  return cluster.pirogue(...onNode(args));
}

function tryCrictl(args: readonly string[], input = ''): Promise<Result> {
  return cluster.tryPirogue(onNode(args), { input });
}

const startCrictl = (...args: string[]): RunningCommand => cluster.startPirogue(...onNode(args));

/** Cells of a table: each line cut where a column begins. */
function rows(text: string): string[][] {
  const lines = text.trimEnd().split('\n');
  const starts = [...(lines[0] ?? '').matchAll(/(?<=^| {2,})\S/g)].map(({ index }) => index);
  return lines.map((line) => starts.map((start, i) => line.slice(start, starts[i + 1]).trim()));
}

const only = async (...args: string[]): Promise<string> => (await crictl(...args)).trim();
const containerId = (): Promise<string> => only('ps', '-q', '--name', '^main$', '--latest');
const podId = (): Promise<string> => only('pods', '-q', '--name', '^web$', '--latest');

test('ps and pods show what kubectl made, in crictl’s columns', async (t) => {
  const began = performance.now();
  const [header, row] = rows(await crictl('ps', '--name', 'main'));
  t.diagnostic(`crictl ps: ${Math.round(performance.now() - began)} ms`);
  const columns = ['CONTAINER', 'IMAGE', 'CREATED', 'STATE', 'NAME', 'ATTEMPT', 'POD ID', 'POD', 'NAMESPACE'];
  assert.deepEqual(header, columns);
  const [id = '', image = '', created = '', ...rest] = row ?? [];
  assert.match(id, /^[0-9a-f]{13}$/);
  assert.match(image, /^[0-9a-f]{13}$/);
  assert.match(created, / seconds? ago$|^About a minute ago$/);
  assert.deepEqual(rest, ['Running', 'main', '0', (await podId()).slice(0, 13), 'web', 'default']);
  const pods = rows(await crictl('pods', '--namespace', '^default$'));
  assert.deepEqual(pods[0], ['POD ID', 'CREATED', 'STATE', 'NAME', 'NAMESPACE', 'ATTEMPT', 'RUNTIME']);
  assert.deepEqual(pods[1]?.slice(2), ['Ready', 'web', 'default', '0', '(default)']);
  const uid = await cluster.kubectl.run('get', 'pod', 'web', '-o', 'jsonpath={.metadata.uid}');
  assert.equal(await only('ps', '-q', '--label', `io.kubernetes.pod.uid=${uid}`), await containerId());
  assert.equal(await only('ps', '-q', '--image', BUSYBOX, '--pod', (await podId()).slice(0, 13)), await containerId());
});

test('a login shell on the node finds crictl, and a script its JSON', async () => {
  const text = await cluster.pirogue('node', 'exec', NODE, '--', 'sh', '-lc', 'crictl ps -o json --name main');
  const { containers } = JSON.parse(text) as { containers: { id: string; state: string; podSandboxId: string }[] };
  assert.deepEqual(
    containers.map(({ id, state }) => [id, state]),
    [[await containerId(), 'CONTAINER_RUNNING']],
  );
  assert.equal(containers[0]?.podSandboxId, await podId());
  assert.match(await crictl('pods', '-o', 'yaml'), /^items:\n- annotations:/);
});

test('inspect, inspectp and inspecti tell all, by the beginning of an id', async () => {
  const id = await containerId();
  const inspected = JSON.parse(await crictl('inspect', id.slice(0, 13)));
  assert.equal(inspected.status.id, id);
  assert.equal(inspected.status.state, 'CONTAINER_RUNNING');
  assert.ok(inspected.info.pid > 1);
  assert.equal(inspected.status.finishedAt, '0001-01-01T00:00:00Z');
  assert.ok(Math.abs(Date.now() - Date.parse(inspected.status.startedAt)) < 600_000);
  const sandbox = JSON.parse(await crictl('inspectp', (await podId()).slice(0, 13)));
  const ip = await cluster.kubectl.run('get', 'pod', 'web', '-o', 'jsonpath={.status.podIP}');
  assert.deepEqual([sandbox.status.metadata.name, sandbox.status.network.ip], ['web', ip]);
  const image = JSON.parse(await crictl('inspecti', BUSYBOX));
  assert.deepEqual(image.status.repoTags, [BUSYBOX]);
  assert.match(await crictl('inspect', '-q', '-o', 'table', id), /^State: CONTAINER_RUNNING$/m);
});

test('logs keep standard output and error apart, and follow', async () => {
  const id = await containerId();
  const { stdout, stderr } = await tryCrictl(['logs', id]);
  assert.deepEqual([stdout, stderr], ['to stdout\n', 'to stderr\n']);
  assert.match(await crictl('logs', '-t', '--stream', 'stdout', id), /^20\d\d-\S+Z to stdout\n$/);
  await using follower = startCrictl('logs', '-f', id);
  await follower.until(/^to stdout\n$/);
  await cluster.kubectl.run('exec', 'web', '--', 'sh', '-c', 'until echo late; do :; done > /proc/1/fd/1');
  await follower.until(/^to stdout\nlate\n$/);
});

test('exec runs commands: output, errors, input to its end, exit code', async () => {
  const id = (await containerId()).slice(0, 13);
  const both = await tryCrictl(['exec', id, 'sh', '-c', 'echo out; echo err >&2']);
  assert.deepEqual([both.code, both.stdout, both.stderr], [0, 'out\n', 'err\n']);
  assert.equal((await tryCrictl(['exec', '-i', id, 'wc', '-c'], 'four')).stdout.trim(), '4');
  const failed = await tryCrictl(['exec', id, 'sh', '-c', 'exit 3']);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /command terminated with exit code 3/);
  assert.equal(await crictl('exec', '-s', id, 'hostname'), 'web\n');
  assert.match((await tryCrictl(['exec', id, 'nothing'])).stderr, /executable file not found/);
});

test('exec -it gives a terminal of the size of ours', async () => {
  const id = await containerId();
  const typed = [process.execPath, `${PROJECT}/bin/pirogue.mjs`, ...onNode(['exec', '-it', id, 'sh'])].join(' ');
  const terminal = ['script', '-qefc', `stty rows 31 cols 77; ${typed}`, '/dev/null'];
  await using shellOnNode = startCommand(terminal, { env: cluster.env });
  shellOnNode.type('tty; stty size; exit 0\n');
  await shellOnNode.until(/\/dev\/pts\/\d+\s+31 77/);
  assert.equal((await shellOnNode.exit()).code, 0);
});

test('images are listed, pulled with a password, and removed', async () => {
  const [header, ...listed] = rows(await crictl('images'));
  assert.deepEqual(header, ['IMAGE', 'TAG', 'IMAGE ID', 'SIZE']);
  const names = listed.map(([name, tag]) => `${name}:${tag}`);
  assert.ok(names.includes(BUSYBOX) && names.includes('registry.k8s.io/pause:3.10'), names.join());

  const [, gateway = ''] = /via (\S+)/.exec(await cluster.pirogue('node', 'exec', NODE, '--', 'ip', 'route')) ?? [];
  await using registry = await startRegistry({ host: gateway, port: 0, users: { ada: 'lovelace' } });
  const host = new URL(registry.url).host;
  await cluster.pirogue('up', '--insecure-registry', host);
  const recipe = busyboxImage('example/tool:1');
  await registry.push(
    await buildImage({ ...recipe, config: { ...recipe.config, Labels: { of: 'the test' } } }),
    'example/tool',
    '1',
  );
  const image = `${host}/example/tool:1`;
  const refused = await tryCrictl(['pull', image]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^crictl: pulling image: rpc error: [^]*(401|authorization)/);
  assert.match(
    await crictl('pull', '--creds', 'ada:lovelace', image),
    /^Image is up to date for sha256:[0-9a-f]{64}\n$/,
  );
  assert.deepEqual(rows(await crictl('images', image))[1]?.slice(0, 2), [`${host}/example/tool`, '1']);
  assert.equal(await crictl('rmi', image), `Deleted: ${image}\n`);
  assert.match((await tryCrictl(['rmi', image])).stderr, /^crictl: no such image /);
});

test('stats and info tell what there is', async () => {
  const [header, ...used] = rows(await crictl('stats', '--pod', await podId()));
  assert.deepEqual(header, ['CONTAINER', 'NAME', 'CPU %', 'MEM', 'DISK', 'INODES', 'SWAP']);
  assert.deepEqual(
    used.map(([, name]) => name),
    ['main'],
  );
  assert.match(used[0]?.[2] ?? '', /^\d+\.\d\d$/);
  assert.match(used[0]?.[3] ?? '', /^[\d.]+[kM]B$/);
  const info = JSON.parse(await crictl('info'));
  const ready = info.status.conditions.map(({ type, status }: { type: string; status: boolean }) => [type, status]);
  assert.deepEqual(ready, [
    ['RuntimeReady', true],
    ['NetworkReady', true],
  ]);
  assert.match(
    await crictl('version'),
    /^Version: {2}0\.1\.0\nRuntimeName: {2}containerd\nRuntimeVersion: {2}\S+\nRuntimeApiVersion: {2}v1\n$/,
  );
});

test('a container that is stopped the kubelet starts again, and what ended can be removed', async () => {
  const id = await containerId();
  assert.match((await tryCrictl(['rm', id])).stderr, /is running, please stop it first/);
  assert.equal(await crictl('stop', '-t', '2', id), `${id}\n`);
  await cluster.kubectl.waitFor('{.status.containerStatuses[0].restartCount}=1', 'pod/web');
  await cluster.kubectl.waitReady('pod/web');
  assert.notEqual(await containerId(), id);
  assert.equal(await only('ps', '-aq', '--name', 'main', '--state', 'exited'), id);
  assert.equal(await crictl('rm', id), `${id}\n`);
  assert.equal(await only('ps', '-aq', '--state', 'exited', '--name', 'main'), '');
});

test('a pod that is stopped and removed the kubelet makes again', async () => {
  const id = await podId();
  assert.match((await tryCrictl(['rmp', id])).stderr, /is running, please stop it first/);
  assert.match(await crictl('rmp', '-f', id), new RegExp(`^Stopped sandbox ${id}\nRemoved sandbox ${id}\n$`));
  await cluster.kubectl.waitFor('{.status.containerStatuses[0].restartCount}=2', 'pod/web');
  await cluster.kubectl.waitReady('pod/web');
  assert.notEqual(await podId(), id);
});

test('an id that is not there, a verb that is not here and a runtime that does not answer are told plainly', async () => {
  const none = await tryCrictl(['inspect', 'nosuch']);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /^crictl: get container status: rpc error: code = NotFound desc = .*nosuch/);
  assert.match((await tryCrictl(['runp', 'pod.json'])).stderr, /this crictl has no runp/);
  const nowhere = await tryCrictl(['-r', 'unix:///run/none.sock', '-i', 'unix:///run/none.sock', 'ps']);
  assert.match(nowhere.stderr, /Is there a container runtime at unix:\/\/\/run\/none\.sock\?/);
});
