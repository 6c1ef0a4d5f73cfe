import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { text } from 'node:stream/consumers';
import type { ContainerdEvent } from '#cri';
import { newLogger, systemClock } from '#util';
import type { KeyPair } from '../../src/cluster/pki/certificate.ts';
import { ensurePki } from '../../src/cluster/pki/pki.ts';
import { type KubeletServer, newKubeletServer } from '../../src/kubelet/server/server.ts';
import { startApiFront } from './kubelet-streaming/api-front.ts';
import { Channels, get, type Kubelet, stream, upgrade } from './kubelet-streaming/clients.ts';
import { startContainerd, type TestContainerd, type TestPod } from './kubelet-streaming/containerd.ts';

let containerd: TestContainerd;
let server: KubeletServer;
let kubelet: Kubelet;
let stranger: Kubelet;
let pod: TestPod;
let serving: KeyPair;
const stack = new AsyncDisposableStack();
const errors: string[] = [];

before(async () => {
  containerd = stack.use(await startContainerd());
  const directory = join(containerd.directory, 'pki');
  const pki = await ensurePki({ directory, apiServerNames: ['localhost'], clock: systemClock });
  ({ serving } = await pki.kubelet({ name: 'node1', ip: '127.0.0.1', directory: join(directory, 'node1') }));
  server = stack.use(
    newKubeletServer({
      tls: { cert: serving.certificate, key: serving.key, clientCa: pki.caCertificate },
      nodeName: 'node1',
      pods: containerd.pods,
      cri: containerd.cri,
      authorize: ({ user }) => Promise.resolve(user.groups.includes('kubeadm:cluster-admins')),
      unhealthyBecause: () => undefined,
      nodeStats: () => Promise.resolve({ startTime: '2026-01-01T00:00:00Z' }),
      fifoDirectory: join(containerd.directory, 'exec'),
      clock: systemClock,
      log: newLogger({ level: 'warn', write: (line) => errors.push(line), now: Date.now }),
    }),
  );
  const port = await server.listen(0, '127.0.0.1');
  kubelet = { port, credentials: { ca: pki.caCertificate, cert: pki.admin.certificate, key: pki.admin.key } };
  stranger = { port, credentials: { ca: pki.caCertificate, cert: pki.scheduler.certificate, key: pki.scheduler.key } };
  pod = await containerd.startPod('web', [
    'sh',
    '-c',
    'mkdir /www; echo hello >/www/index.html; exec httpd -f -p 127.0.0.1:8080 -h /www',
  ]);
});

after(async () => {
  await stack.disposeAsync();
  assert.deepEqual(errors, [], 'the server logged errors');
});

const V5 = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];

function execPath(command: string[], flags: string): string {
  return `/exec/default/web/main?${command.map((word) => `command=${encodeURIComponent(word)}`).join('&')}&${flags}`;
}

async function exec(command: string[], flags = 'output=1&error=1'): Promise<Channels> {
  return new Channels(kubelet, execPath(command, flags), V5).open();
}

const status = (channels: Channels): unknown => JSON.parse(channels.text(3));

test('only clients with a certificate of the cluster get in, and only as far as they are allowed', async () => {
  const { ca } = kubelet.credentials;
  assert.deepEqual(await get({ ...kubelet, credentials: { ca } }, '/pods'), { code: 401, text: 'Unauthorized' });
  const answer = await upgrade({ ...kubelet, credentials: { ca } }, execPath(['id'], 'output=1'), SPDY);
  assert.deepEqual([answer.code, answer.text], [401, 'Unauthorized']);
  assert.deepEqual(await get(stranger, '/pods'), {
    code: 403,
    text: 'Forbidden (user=system:kube-scheduler, verb=get, resource=nodes, subresource(s)=[pods proxy])\n',
  });
  assert.deepEqual(await get(kubelet, '/healthz'), { code: 200, text: 'ok' });
  assert.equal((await get(kubelet, '/nothing')).code, 404);
  assert.equal((await get(kubelet, '/pods', 'POST')).code, 405);
  assert.equal((await get(kubelet, execPath(['id'], 'output=1'))).text, 'Upgrade request required');
});

test('the pods of the node and what they use can be read', async () => {
  const list = JSON.parse((await get(kubelet, '/pods')).text) as {
    kind: string;
    items: { metadata: { name: string } }[];
  };
  assert.deepEqual([list.kind, list.items[0]?.metadata.name], ['PodList', 'web']);
  const summary = JSON.parse((await get(kubelet, '/stats/summary')).text) as {
    pods: { podRef: object; containers: { name: string; memory: { workingSetBytes: number } }[] }[];
  };
  assert.deepEqual(summary.pods[0]?.podRef, { name: 'web', namespace: 'default', uid: 'uid-of-web' });
  assert.equal(summary.pods[0]?.containers[0]?.name, 'main');
  assert.ok(summary.pods[0].containers[0].memory.workingSetBytes > 0);
  const metrics = await get(kubelet, '/metrics/resource');
  assert.match(
    metrics.text,
    /^container_memory_working_set_bytes\{container="main",namespace="default",pod="web"\} \d+ \d+$/m,
  );
  assert.match(metrics.text, /^resource_scrape_error 0$/m);
});

test('exec over v5 gives both outputs and the exit code', async () => {
  const channels = await exec(['sh', '-c', 'echo out; echo err >&2; exit 7']);
  await channels.closed();
  assert.deepEqual([channels.text(1), channels.text(2)], ['out\n', 'err\n']);
  assert.deepEqual(status(channels), {
    metadata: {},
    status: 'Failure',
    message: 'command terminated with non-zero exit code: exit status 7',
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: '7' }] },
  });
  assert.equal(channels.webSocket.protocol, 'v5.channel.k8s.io');
});

test('over v5 the end of the standard input arrives, after all of it', async () => {
  const channels = await exec(['sh', '-c', 'md5sum; echo seen'], 'input=1&output=1&error=1');
  const block = Buffer.alloc(32_768, 'x');
  for (let i = 0; i < 64; i++) channels.send(0, block);
  channels.webSocket.send(Buffer.from([255, 0]));
  await channels.closed();
  assert.equal(channels.text(1), '67b2f816a30e8956149b2d7beb479e51  -\nseen\n');
  assert.deepEqual(status(channels), { metadata: {}, status: 'Success' });
});

test('a lot of output arrives whole at a slow reader', async () => {
  const channels = await exec(['sh', '-c', 'yes | head -c 5000000']);
  channels.webSocket.pause();
  setTimeout(() => channels.webSocket.resume(), 300);
  await channels.closed();
  assert.equal(channels.bytes(1).length, 5_000_000);
  assert.deepEqual(status(channels), { metadata: {}, status: 'Success' });
});

test('a terminal has the size of the client and gives back what is typed', async () => {
  const script = 'echo ready; while read line; do [ "$line" = end ] && exit 4; stty size; done';
  const channels = await exec(['sh', '-c', script], 'input=1&output=1&tty=1');
  await channels.until(() => channels.text(1) === 'ready\r\n');
  channels.send(4, 'nonsense');
  channels.send(4, '{"Width":133,"Height":44}');
  await sizeShown(channels, '44 133');
  channels.send(4, '{"Width":80,"Height":25}');
  await sizeShown(channels, '25 80');
  channels.send(0, 'end\n');
  await channels.closed();
  assert.match(channels.text(1), /nudge\r\n44 133\r\n/);
  assert.equal((status(channels) as { details: { causes: { message: string }[] } }).details.causes[0]?.message, '4');
});

/** Size and input are messages of their own, so that a line may be read before the size has changed: asks until it has. */
async function sizeShown(channels: Channels, size: string): Promise<void> {
  const timer = setInterval(() => channels.send(0, 'nudge\n'), 20);
  await channels.until(() => channels.text(1).includes(`${size}\r\n`));
  clearInterval(timer);
}

test('a command that does not exist is said so', async () => {
  const channels = await exec(['nope']);
  await channels.closed();
  const { status: outcome, code, message } = status(channels) as { status: string; code: number; message: string };
  assert.deepEqual([outcome, code], ['Failure', 500]);
  assert.match(
    message,
    /^Internal error occurred: error executing command in container: failed to exec in container: .*"nope": executable file not found in \$PATH/,
  );
});

test('when the client goes its process goes, and nothing is left of it', async () => {
  const channels = await exec(['sh', '-c', 'echo up; exec sleep 4321'], 'input=1&output=1');
  await channels.until(() => channels.text(1) === 'up\n');
  channels.webSocket.terminate();
  const deadline = Date.now() + 8000;
  for (;;) {
    const { stdout } = await containerd.cri.runtime.execSync({
      container_id: pod.containerId,
      cmd: ['ps'],
      timeout: 5,
    });
    const left = await readdir(join(containerd.directory, 'exec'));
    if (!stdout.includes('4321') && left.length === 0) break;
    assert.ok(Date.now() < deadline, `${stdout.toString()} ${left.join()}`);
  }
});

test('exec in something that is not there is refused before any upgrade', async () => {
  const refused = async (path: string): Promise<unknown[]> => {
    const answer = await upgrade(kubelet, path, SPDY);
    return [answer.code, answer.text];
  };
  assert.deepEqual(await refused('/exec/default/absent/main?command=id&output=1'), [404, 'pod does not exist']);
  assert.deepEqual(await refused('/exec/default/web/other?command=id&output=1'), [
    500,
    'container not found ("other")',
  ]);
  assert.deepEqual(await refused('/exec/default/web/main?command=id'), [
    400,
    'you must specify at least 1 of stdin, stdout, stderr',
  ]);
  assert.deepEqual(await refused('/portForward/default/web/other-uid'), [404, 'pod not found']);
});

const SPDY = { Connection: 'Upgrade', Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': 'v4.channel.k8s.io' };

test('SPDY is passed to containerd, which picks the protocol or refuses', async () => {
  const accepted = await upgrade(kubelet, execPath(['id'], 'output=1'), SPDY);
  assert.equal(accepted.code, 101);
  assert.equal(accepted.headers['x-stream-protocol-version'], 'v4.channel.k8s.io');
  accepted.socket?.destroy();
  const refused = await upgrade(kubelet, execPath(['id'], 'output=1'), { ...SPDY, 'X-Stream-Protocol-Version': 'v9' });
  assert.equal(refused.code, 403);
  assert.match(refused.text, /unable to negotiate protocol/);
});

test('exec over the older WebSocket protocol works too', async () => {
  const channels = await new Channels(kubelet, execPath(['sh', '-c', 'echo old; exit 3'], 'output=1&error=1'), [
    'v4.channel.k8s.io',
  ]).open();
  await channels.until(() => channels.text(3) !== '');
  assert.equal(channels.text(1), 'old\n');
  assert.match(channels.text(3), /"ExitCode","message":"3"/);
  channels.webSocket.close();
});

test('a port of the pod is forwarded over a WebSocket', async () => {
  const channels = await new Channels(kubelet, '/portForward/default/web?port=8080', ['v4.channel.k8s.io']).open();
  channels.send(0, 'GET / HTTP/1.0\r\n\r\n');
  await channels.until(() => channels.text(0).endsWith('hello\n'));
  // Each channel starts with the port, two bytes.
  assert.equal(channels.bytes(0).readUInt16LE(0), 8080);
  channels.webSocket.close();
});

const TUNNELLED = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': Buffer.alloc(16, 'k').toString('base64'),
  'Sec-WebSocket-Protocol': 'SPDY/3.1+portforward.k8s.io',
};

test('SPDY inside a WebSocket is unwrapped', async () => {
  const { code, headers, socket } = await upgrade(kubelet, '/portForward/default/web', TUNNELLED, 'GET');
  assert.equal(code, 101);
  assert.equal(headers['sec-websocket-protocol'], 'SPDY/3.1+portforward.k8s.io');
  assert.ok(socket);
  // A PING of SPDY/3.1, which the other side sends back as it is, in a binary message: masked by zeros from the client.
  const ping = Buffer.from('800300060000000400000001', 'hex');
  socket.write(Buffer.concat([Buffer.from([0x82, 0x80 | ping.length, 0, 0, 0, 0]), ping]));
  let frames = Buffer.alloc(0);
  let answer = Buffer.alloc(0);
  while (answer.length < ping.length) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    frames = Buffer.concat([frames, chunk]);
    for (let length = frames[1] ?? 0; frames.length >= 2 + length; length = frames[1] ?? 0) {
      if (length === 0) break;
      answer = Buffer.concat([answer, frames.subarray(2, 2 + length)]);
      frames = frames.subarray(2 + length);
    }
  }
  assert.deepEqual(answer, ping);
  socket.destroy();
});

test('logs are followed over a rotation until the container ends', async () => {
  const script = 'echo one; echo two; read x; echo three; read x; printf last';
  const { containerId, logPath } = await containerd.startPod('talker', [
    'sh',
    '-c',
    `mkfifo /f; exec 0<>/f; ${script}`,
  ]);
  const nudge = (): Promise<unknown> =>
    containerd.cri.runtime.execSync({ container_id: containerId, cmd: ['sh', '-c', 'echo >/f'], timeout: 5 });
  const log = await stream(kubelet, '/containerLogs/default/talker/main?follow=true');
  let shown = '';
  const until = async (end: string): Promise<void> => {
    for (;;) {
      if (shown.endsWith(end)) return;
      const { value, done } = await log.next();
      assert.ok(done !== true, `ended after ${shown}`);
      shown += value;
    }
  };
  await until('two\n');
  await nudge();
  await until('three\n');
  await rename(logPath, `${logPath}.1`);
  await containerd.cri.runtime.reopenContainerLog({ container_id: containerId });
  await nudge();
  await until('last');
  assert.equal((await log.next()).done, true);
  assert.equal(shown, 'one\ntwo\nthree\nlast');
  assert.deepEqual(await get(kubelet, '/containerLogs/default/talker/main?tailLines=1'), { code: 200, text: 'last' });
});

test('logs that are not there are explained', async () => {
  assert.deepEqual(await get(kubelet, '/containerLogs/default/absent/main'), {
    code: 404,
    text: 'pod "absent" does not exist',
  });
  assert.deepEqual(await get(kubelet, '/containerLogs/default/web/other'), {
    code: 404,
    text: 'container "other" not found in pod "web"',
  });
  assert.deepEqual(await get(kubelet, '/containerLogs/default/web/main?previous=true'), {
    code: 400,
    text: 'previous terminated container "main" in pod "web" not found',
  });
});

test('/run gives the output of a command', async () => {
  assert.deepEqual(await get(kubelet, '/run/default/web/main?cmd=echo%20hi', 'POST'), { code: 200, text: 'hi\n' });
});

test("containerd's events tell of starts and exits, those of exec apart", async () => {
  const abort = new AbortController();
  const events: ContainerdEvent[] = [];
  const started = Promise.withResolvers<void>();
  let container = '';
  const subscribed = containerd.cri.events.subscribe(
    (event) => {
      events.push(event);
      if (event.topic === '/tasks/exit' && event.containerId === container && event.execId === undefined) abort.abort();
    },
    { signal: abort.signal, onResynchronise: started.resolve },
  );
  await started.promise;
  const { containerId } = await containerd.startPod('short', ['sleep', '30']);
  container = containerId;
  await containerd.cri.runtime.execSync({ container_id: containerId, cmd: ['true'], timeout: 5 });
  await containerd.cri.runtime.stopContainer({ container_id: containerId, timeout: 0 });
  await subscribed;
  const own = events.filter((event) => event.containerId === containerId);
  assert.ok(own.some((event) => event.topic === '/containers/create'));
  assert.ok(own.some((event) => event.topic === '/tasks/start'));
  const exits = own.filter((event) => event.topic === '/tasks/exit');
  assert.deepEqual(
    exits.map(({ exitStatus, execId }) => [exitStatus, execId === undefined]),
    [
      [0, false],
      [137, true],
    ],
  );
});

test('attach by the newest protocol alone has output, an end of the input and a status', async () => {
  await containerd.startPod('cat', ['sh', '-c', 'cat; echo input ended; echo oops >&2'], {
    stdin: true,
    stdin_once: true,
  });
  const channels = await new Channels(kubelet, '/attach/default/cat/main?input=1&output=1&error=1', [
    'v5.channel.k8s.io',
  ]).open();
  channels.send(0, 'typed\n');
  await channels.until(() => channels.text(1) === 'typed\n');
  channels.send(0, 'x'.repeat(300_000));
  channels.webSocket.send(Buffer.from([255, 0]));
  await channels.closed();
  assert.equal(channels.bytes(1).length, 'typed\n'.length + 300_000 + 'input ended\n'.length);
  assert.deepEqual([channels.text(2), status(channels)], ['oops\n', { metadata: {}, status: 'Success' }]);
});

test('kubectl does exec, logs and port-forward through an API server', async (t) => {
  const { credentials } = kubelet;
  await using front = await startApiFront({ cert: serving.certificate, key: serving.key }, kubelet, (name) =>
    containerd.pods.podByName('default', name),
  );
  const config = join(containerd.directory, 'kubeconfig');
  const cluster = {
    server: `https://127.0.0.1:${front.port}`,
    'certificate-authority-data': Buffer.from(credentials.ca).toString('base64'),
  };
  await writeFile(
    config,
    JSON.stringify({
      clusters: [{ name: 'front', cluster }],
      users: [{ name: 'me', user: { token: 'any' } }],
      contexts: [{ name: 'front', context: { cluster: 'front', user: 'me' } }],
      'current-context': 'front',
    }),
  );
  const kubectl = (args: string[], input?: string): Promise<string[]> => runKubectl(config, args, input);

  for (const protocol of ['true', 'false']) {
    await t.test(`with KUBECTL_REMOTE_COMMAND_WEBSOCKETS=${protocol}`, async () => {
      process.env['KUBECTL_REMOTE_COMMAND_WEBSOCKETS'] = protocol;
      process.env['KUBECTL_PORT_FORWARD_WEBSOCKETS'] = protocol;
      assert.deepEqual(await kubectl(['exec', 'web', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7']), [
        '7',
        'out\n',
        'err\ncommand terminated with exit code 7\n',
      ]);
      assert.deepEqual(await kubectl(['exec', '-i', 'web', '--', 'wc', '-c'], 'x'.repeat(300_000)), [
        '0',
        '300000\n',
        '',
      ]);
      assert.deepEqual(await forwarded(config), 'hello\n');
    });
  }
  process.env['KUBECTL_REMOTE_COMMAND_WEBSOCKETS'] = 'true';
  await containerd.startPod('echo', ['sh', '-c', 'cat; echo input ended'], { stdin: true, stdin_once: true });
  const [code, out] = await kubectl(['attach', '-i', 'echo'], 'typed\n');
  assert.deepEqual([code, out], ['0', 'typed\ninput ended\n']);
  assert.deepEqual(await kubectl(['logs', 'talker', '--tail=1']), ['0', 'last', '']);
});

/** Exit code, standard output and standard error of kubectl. */
async function runKubectl(config: string, args: string[], input = ''): Promise<string[]> {
  const child = spawn('kubectl', [`--kubeconfig=${config}`, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(input);
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return [String(code), out, err];
}

async function forwarded(config: string): Promise<string> {
  const child = spawn('kubectl', [`--kubeconfig=${config}`, 'port-forward', 'web', ':8080'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  try {
    for await (const chunk of child.stdout) {
      const port = /127\.0\.0\.1:(\d+)/.exec(String(chunk))?.[1];
      if (port !== undefined) return await (await fetch(`http://127.0.0.1:${port}/`)).text();
    }
    throw new Error('kubectl port-forward ended');
  } finally {
    child.kill();
    await exited;
  }
}

test('stopping the server ends its streams, whatever they are', async () => {
  const channels = await exec(['sleep', '1000'], 'output=1');
  const idle = [
    await upgrade(kubelet, '/portForward/default/web', TUNNELLED, 'GET'),
    await upgrade(kubelet, execPath(['sleep', '1001'], 'output=1'), SPDY),
  ];
  const ends = idle.map(({ socket }) => socket && once(socket, 'close'));
  for (const { socket } of idle) socket?.on('error', () => {}).resume();
  const log = await stream(kubelet, '/containerLogs/default/web/main?follow=true');
  const following = assert.rejects(log.next());
  await server[Symbol.asyncDispose]();
  await Promise.all([channels.closed(), ...ends, following]);
  assert.deepEqual(await readdir(join(containerd.directory, 'exec')), []);
});
