import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, test } from 'node:test';
import { type Container, CriError, type ImageService, type RuntimeService, type TasksService } from '#cri';
import type { Clock } from '#util';
import type { Io } from '../command.ts';
import { runCrictl } from './crictl.ts';

const directory = await mkdtemp(join(tmpdir(), 'crictl-'));
after(() => rm(directory, { recursive: true }));
const CONFIG = join(directory, 'crictl.yaml');
await writeFile(CONFIG, 'runtime-endpoint: unix:///run/runtime.sock\ntimeout: 7\ndebug: false\n');

const NOW = Date.parse('2026-11-21T10:00:00Z');
/** It stands still; whoever waits need not. */
const CLOCK: Clock = {
  now: () => NOW,
  monotonic: () => 0,
  after: (_delayMs, fn) => {
    queueMicrotask(fn);
    return { [Symbol.dispose]: () => {} };
  },
};
const ID = 'c0ffee00112233445566778899aabbcc';
const POD = 'b0ded00d112233445566778899aabbcc';
const IMAGE = `sha256:${'ab'.repeat(32)}`;

interface Call {
  readonly method: string;
  readonly request: unknown;
  readonly deadlineMs: number | undefined;
}

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly calls: readonly Call[];
  readonly sockets: readonly string[];
}

type Answers = Readonly<Record<string, (request: never) => object>>;

/** A service that answers what a test tells it to, and refuses all else. */
function fake<Service>(answers: Answers, calls: Call[]): Service {
  const get = (_target: object, method: string) => (request: never, options?: { deadlineMs?: number }) => {
    calls.push({ method, request, deadlineMs: options?.deadlineMs });
    const answer = answers[method];
    if (answer === undefined) return Promise.reject(new Error(`the test has no answer to ${method}`));
    return Promise.resolve().then(() => answer(request));
  };
  return new Proxy({}, { get }) as Service;
}

async function crictl(line: string, answers: Answers = {}, env: Record<string, string> = {}): Promise<Outcome> {
  const calls: Call[] = [];
  const sockets: string[] = [];
  let [out, err] = ['', ''];
  const streams = { in: new PassThrough(), out: new PassThrough(), err: new PassThrough() };
  const io: Io = {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    env: { CRI_CONFIG_FILE: CONFIG, ...env },
    tty: { in: false, out: false },
    streams,
    version: 'v1.36.0',
    program: { node: '', nodeFlags: { controlPlane: [], agent: [] }, entry: '', directories: [] },
    signal: new AbortController().signal,
  };
  const code = await runCrictl(line.split(' '), io, {
    clock: CLOCK,
    connect: (path) => {
      sockets.push(path);
      return {
        runtime: fake<RuntimeService>(answers, calls),
        image: fake<ImageService>(answers, calls),
        tasks: fake<TasksService>(answers, calls),
        [Symbol.dispose]: () => {},
      };
    },
  });
  out += allOf(streams.out);
  err += allOf(streams.err);
  return { code, out, err, calls, sockets };
}

function allOf(stream: PassThrough): string {
  let text = '';
  for (let chunk = stream.read() as Buffer | null; chunk !== null; chunk = stream.read() as Buffer | null)
    text += chunk.toString();
  return text;
}

function container(more: Partial<Container> = {}): Container {
  return {
    id: ID,
    pod_sandbox_id: POD,
    metadata: { name: 'main', attempt: 2 },
    image: { image: IMAGE, annotations: {}, user_specified_image: '', runtime_handler: '' },
    image_ref: IMAGE,
    state: 'CONTAINER_RUNNING',
    created_at: `${BigInt(NOW - 125_000) * 1_000_000n}`,
    labels: { 'io.kubernetes.pod.name': 'web', 'io.kubernetes.pod.namespace': 'default' },
    annotations: {},
    image_id: IMAGE,
    ...more,
  };
}

const listed = (...containers: Container[]): Answers => ({ listContainers: () => ({ containers }) });

test('ps prints crictl’s table, and asks for what runs only', async () => {
  const { code, out, calls } = await crictl('ps', listed(container()));
  assert.equal(code, 0);
  assert.equal(
    out,
    [
      'CONTAINER           IMAGE               CREATED             STATE               NAME                ATTEMPT             POD ID              POD                 NAMESPACE',
      'c0ffee0011223       ababababababa       2 minutes ago       Running             main                2                   b0ded00d11223       web                 default',
      '',
    ].join('\n'),
  );
  assert.deepEqual(calls[0]?.request, {
    filter: { id: undefined, pod_sandbox_id: undefined, state: { state: 'CONTAINER_RUNNING' }, label_selector: {} },
  });
});

test('ps asks for all, for a state, for labels; the latest is of any state', async () => {
  const filterOf = async (line: string): Promise<unknown> =>
    (await crictl(line, listed())).calls.map(({ request }) => (request as { filter: unknown }).filter)[0];
  const none = { id: undefined, pod_sandbox_id: undefined, state: undefined, label_selector: {} };
  assert.deepEqual(await filterOf('ps -a'), none);
  assert.deepEqual(await filterOf('ps -l'), none);
  assert.deepEqual(await filterOf('ps -s Exited --pod x --label a=b'), {
    ...none,
    pod_sandbox_id: 'x',
    state: { state: 'CONTAINER_EXITED' },
    label_selector: { a: 'b' },
  });
});

test('ps filters by name, namespace and image, sorts by age, and can show ids alone', async () => {
  const all = listed(
    container({ id: 'old', created_at: '1' }),
    container({ id: 'new', created_at: '3', metadata: { name: 'main-2', attempt: 0 } }),
    container({ id: 'mid', created_at: '2', metadata: { name: 'side', attempt: 0 }, image_ref: 'x' }),
  );
  assert.equal((await crictl('ps -q', all)).out, 'new\nmid\nold\n');
  assert.equal((await crictl('ps -q --name ^main', all)).out, 'new\nold\n');
  assert.equal((await crictl('ps -q -n 2', all)).out, 'new\nmid\n');
  assert.equal((await crictl('ps -lq', all)).out, 'new\n');
  assert.equal((await crictl('ps -q --namespace kube', all)).out, '');
  const images: Answers = {
    ...all,
    imageStatus: ({ image }: { image: { image: string } }) =>
      image.image === 'busybox' || image.image === IMAGE ? { image: { id: IMAGE } } : {},
  };
  assert.equal((await crictl('ps -q --image busybox', images)).out, 'new\nmid\nold\n');
  assert.equal((await crictl('ps -q --image nginx', images)).out, '');
});

test('ps -o json has protobuf’s names, with 64-bit numbers as text and the keys of labels as they are', async () => {
  const { out } = await crictl('ps -o json', listed(container({ created_at: '5' })));
  const { containers } = JSON.parse(out) as { containers: Record<string, unknown>[] };
  assert.deepEqual(Object.keys(containers[0] ?? {}).slice(0, 3), ['id', 'podSandboxId', 'metadata']);
  assert.equal(containers[0]?.['createdAt'], '5');
  assert.deepEqual(containers[0]?.['labels'], {
    'io.kubernetes.pod.name': 'web',
    'io.kubernetes.pod.namespace': 'default',
  });
  const yaml = (await crictl('ps -o yaml', listed(container({ created_at: '5' })))).out;
  assert.match(yaml, /^containers:\n- annotations: \{\}\n {2}createdAt: "5"\n/);
  assert.match((await crictl('ps -o xml', listed())).err, /unsupported output format "xml"/);
});

const EXITED = {
  ...container({ state: 'CONTAINER_EXITED' }),
  started_at: '1796600000000000000',
  finished_at: '1796600001500000000',
  exit_code: 3,
  reason: 'Error',
  message: '',
  mounts: [],
  log_path: '',
};

test('inspect sorts its keys, has times to read, and what the runtime tells beside', async () => {
  const answers: Answers = {
    containerStatus: () => ({ status: EXITED, info: { info: '{"pid": 7}', note: '"text"' } }),
  };
  const { out, calls } = await crictl(`inspect ${ID.slice(0, 5)}`, answers);
  assert.deepEqual(calls[0]?.request, { container_id: ID.slice(0, 5), verbose: true });
  const { info, note, status } = JSON.parse(out) as { info: object; note: string; status: Record<string, string> };
  assert.deepEqual([info, note], [{ pid: 7 }, 'text']);
  assert.equal(Date.parse(status['finishedAt'] ?? ''), 1_796_600_001_500);
  assert.equal(status['exitCode'], 3);
  assert.deepEqual(Object.keys(status), Object.keys(status).toSorted());
  const created: Answers = { containerStatus: () => ({ status: { ...EXITED, state: 'CONTAINER_CREATED' }, info: {} }) };
  assert.equal(JSON.parse((await crictl(`inspect ${ID}`, created)).out).status.startedAt, '0001-01-01T00:00:00Z');
  assert.ok(Array.isArray(JSON.parse((await crictl(`inspect ${ID} ${ID}`, answers)).out)));
});

test('images prints a line for each tag, in the order of names', async () => {
  const images = [
    { id: IMAGE, repo_tags: [], repo_digests: [`z/none@${IMAGE}`], size: '5', username: '', pinned: false },
    { id: IMAGE, repo_tags: ['a/b:1', 'a/b:2'], repo_digests: [], size: '2134567', username: '', pinned: true },
  ];
  const { out } = await crictl('img', { listImages: () => ({ images }) });
  assert.deepEqual(
    out.split('\n').map((line) => line.split(/ {2,}/)),
    [
      ['IMAGE', 'TAG', 'IMAGE ID', 'SIZE'],
      ['a/b', '1', 'ababababababa', '2.13MB'],
      ['a/b', '2', 'ababababababa', '2.13MB'],
      ['z/none', '<none>', 'ababababababa', '5B'],
      [''],
    ],
  );
  assert.equal((await crictl('images -q -f dangling=true', { listImages: () => ({ images }) })).out, `${IMAGE}\n`);
});

test('pull takes credentials from its options or the environment', async () => {
  const answers: Answers = { pullImage: () => ({ image_ref: IMAGE }) };
  const { out, calls } = await crictl('pull --creds ada:love:lace busybox', answers);
  assert.equal(out, `Image is up to date for ${IMAGE}\n`);
  const request = { image: { image: 'busybox', annotations: {} }, auth: { username: 'ada', password: 'love:lace' } };
  assert.deepEqual(calls, [{ method: 'pullImage', request, deadlineMs: Infinity }]);
  const { calls: fromEnv } = await crictl('pull --pull-timeout 3s busybox', answers, { CRICTL_AUTH: 'YQ==' });
  assert.deepEqual(fromEnv, [
    { method: 'pullImage', request: { ...request, auth: { auth: 'YQ==' } }, deadlineMs: 3000 },
  ]);
  assert.match((await crictl('pull', answers)).err, /image name cannot be empty/);
});

test('rmi --prune leaves images that are pinned or that containers use', async () => {
  const image = (id: string, pinned = false): object => ({ id, pinned, repo_tags: [`${id}:1`], repo_digests: [] });
  const { out, calls } = await crictl('rmi --prune', {
    listImages: () => ({ images: [image('used'), image('pinned', true), image('idle')] }),
    listContainers: () => ({ containers: [container({ image: { ...container().image!, image: 'name' } })] }),
    imageStatus: ({ image: { image: name } }: { image: { image: string } }) => ({
      image: image(name === 'name' ? 'used' : name),
    }),
    removeImage: () => ({}),
  });
  assert.equal(out, 'Deleted: idle:1\n');
  const removed = calls.filter(({ method }) => method === 'removeImage').map(({ request }) => request);
  assert.deepEqual(removed, [{ image: { image: 'idle' } }]);
});

test('rm refuses what runs unless it is forced, and does the others nevertheless', async () => {
  const answers: Answers = {
    containerStatus: ({ container_id: id }: { container_id: string }) => ({
      status: { ...EXITED, id, state: id === 'runs' ? 'CONTAINER_RUNNING' : 'CONTAINER_EXITED' },
      info: {},
    }),
    stopContainer: () => ({}),
    removeContainer: () => ({}),
  };
  const refused = await crictl('rm runs ended', answers);
  assert.deepEqual(
    [refused.code, refused.out, refused.err],
    [1, 'ended\n', 'crictl: container "runs" is running, please stop it first\n'],
  );
  const forced = await crictl('rm -f runs', answers);
  assert.equal(forced.out, 'runs\nruns\n');
  assert.deepEqual(
    forced.calls.map(({ method }) => method),
    ['containerStatus', 'stopContainer', 'removeContainer'],
  );
});

test('questions are bounded by the timeout of the file or the option, deeds are not', async () => {
  const answers: Answers = { ...listed(container()), stopContainer: () => ({}) };
  assert.deepEqual(
    (await crictl('stop -a', answers)).calls.map(({ deadlineMs }) => deadlineMs),
    [7000, undefined],
  );
  assert.equal((await crictl('--timeout 1m ps', answers)).calls[0]?.deadlineMs, 60_000);
});

test('the runtime is found by option, then environment, then file', async () => {
  const answers: Answers = { version: () => ({}) };
  assert.deepEqual((await crictl('version', answers)).sockets, ['/run/runtime.sock']);
  const env = { CONTAINER_RUNTIME_ENDPOINT: 'unix:///env.sock' };
  assert.deepEqual((await crictl('version', answers, env)).sockets, ['/env.sock']);
  assert.deepEqual((await crictl('-r unix:///opt.sock version', answers, env)).sockets, ['/opt.sock']);
  assert.deepEqual((await crictl('-r /a -i /b version', answers)).sockets, ['/a', '/b']);
  assert.match((await crictl('-r tcp://host version')).err, /it takes unix:\/\/\/PATH/);
  assert.match((await crictl('-c /nowhere/crictl.yaml ps')).err, /ENOENT/);
});

test('a setting that does not exist or has a wrong value is refused', async () => {
  const file = join(directory, 'wrong.yaml');
  await writeFile(file, 'endpoint: x\n');
  assert.match((await crictl(`-c ${file} ps`)).err, /Config option 'endpoint' is not valid/);
  await writeFile(file, 'timeout: soon\n');
  assert.match((await crictl(`-c ${file} ps`)).err, /parsing config option 'timeout'/);
});

test('a runtime that is not there is told with its address', async () => {
  const { code, err } = await crictl('pods', {
    listPodSandbox: () => {
      throw new CriError('ListPodSandbox', 'Unavailable', 'connect ENOENT /run/runtime.sock');
    },
  });
  assert.equal(code, 1);
  assert.match(err, /^crictl: listing pod sandboxes: rpc error: code = Unavailable desc = connect ENOENT/);
  assert.match(err, /Is there a container runtime at unix:\/\/\/run\/runtime\.sock\?/);
});

test('verbs of crictl that are not here are told apart from words that are none', async () => {
  assert.match((await crictl('runp pod.json')).err, /^crictl: this crictl has no runp; it has no attach, /);
  assert.match((await crictl('psx')).err, /^crictl: no such verb: "psx"/);
});

test('help needs no runtime', async () => {
  for (const line of ['--help', 'help', 'ps --help', 'help ps', 'exec -h']) {
    const { code, out, sockets } = await crictl(line);
    assert.equal(code, 0, line);
    assert.match(out, /Usage: crictl /, line);
    assert.deepEqual(sockets, []);
  }
  assert.equal((await crictl('--version')).out, 'crictl version v1.36.0\n');
});

test('exec --sync passes both outputs on and tells the exit code', async () => {
  const exited = (exit_code: number): Answers => ({
    execSync: () => ({ stdout: Buffer.from('out\n'), stderr: Buffer.from('err\n'), exit_code }),
  });
  const good = await crictl('exec -s --timeout 5 id ls -s', exited(0));
  assert.deepEqual([good.code, good.out, good.err], [0, 'out\n', 'err\n']);
  assert.deepEqual(good.calls[0]?.request, { container_id: 'id', cmd: ['ls', '-s'], timeout: 5 });
  const bad = await crictl('exec -s id false', exited(3));
  assert.equal(bad.code, 1);
  assert.match(bad.err, /execing command in container id synchronously: command "false" exited with 3/);
});

test('exec refuses a terminal where there is none, and a command that is missing', async () => {
  assert.match((await crictl('exec -t id sh')).err, /tty=true must be specified with interactive=true/);
  assert.match((await crictl('exec -it id sh')).err, /input is not a terminal/);
  assert.match((await crictl('exec id')).err, /which command\?/);
});

test('logs keep the streams apart, from a tail or a time on', async () => {
  const path = join(directory, '1.log');
  const previous = join(directory, '0.log');
  await writeFile(previous, '2026-11-21T09:00:00Z stdout F before\n');
  await writeFile(
    path,
    '2026-11-21T09:00:00Z stdout F one\n2026-11-21T09:59:00Z stderr F two\n2026-11-21T09:59:30.5Z stdout F three\n',
  );
  const status = { ...EXITED, metadata: { name: 'main', attempt: 1 }, log_path: path };
  const answers: Answers = { containerStatus: () => ({ status, info: {} }) };
  const read = async (line: string): Promise<readonly [string, string]> => {
    const { out, err } = await crictl(line, answers);
    return [out, err];
  };
  assert.deepEqual(await read('logs id'), ['one\nthree\n', 'two\n']);
  assert.deepEqual(await read('logs --tail 1 -t id'), ['2026-11-21T09:59:30.500000000Z three\n', '']);
  assert.deepEqual(await read('logs --since 5m id'), ['three\n', 'two\n']);
  assert.deepEqual(await read('logs --since 2026-11-21T09:59:30Z id'), ['three\n', '']);
  assert.deepEqual(await read('logs --since 1795255170 id'), ['three\n', '']);
  assert.deepEqual(await read('logs -s stderr id'), ['', 'two\n']);
  assert.deepEqual(await read('logs -p id'), ['before\n', '']);
  assert.match((await read('logs --since yesterday id'))[1], /"yesterday" is no time/);
});

test('stats compare two readings', async () => {
  let readings = 0;
  const { out, calls } = await crictl('stats -s 0', {
    listContainerStats: () => {
      readings++;
      const usage = (n: number): object => ({ value: String(n) });
      const cpu = { timestamp: String(readings * 1e9), usage_core_nano_seconds: usage(readings * 25e7) };
      const attributes = { id: ID, metadata: { name: 'main', attempt: 0 } };
      return { stats: [{ attributes, cpu, memory: { working_set_bytes: usage(1_234_567) } }] };
    },
  });
  assert.equal(calls.length, 2);
  assert.deepEqual(out.split('\n')[1]?.split(/ +/), ['c0ffee0011223', 'main', '25.00', '1.235MB', '0B', '0', '0B']);
});

test('info has the runtime’s handlers and features as crictl writes them', async () => {
  const { out } = await crictl('info', {
    status: () => ({
      status: { conditions: [{ type: 'RuntimeReady', status: true, reason: '', message: '' }] },
      info: { config: '{"a":1}', lastCNILoadStatus: '"OK"' },
      runtime_handlers: [{ name: 'runc', features: { recursive_read_only_mounts: true, user_namespaces: false } }],
    }),
  });
  assert.deepEqual(JSON.parse(out), {
    config: { a: 1 },
    lastCNILoadStatus: 'OK',
    runtimeHandlers: [{ features: { recursive_read_only_mounts: true }, name: 'runc' }],
    status: { conditions: [{ message: '', reason: '', status: true, type: 'RuntimeReady' }] },
  });
});
