/** What goes through kubectl into containers and out of them: logs, exec, attach, cp, port-forward, run. Tests run side by side. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Pod } from '#api';
import { runCommand } from './support/command.ts';
import { BUSYBOX, MACHINE, useCluster } from './support/cluster.ts';
import { container, deployment, pod, shell } from './support/manifests.ts';

const cluster = useCluster({
  async prepare() {
    await kubectl.apply(
      pod('two', {
        containers: [
          container(shell('echo front is up; trap "echo bye; exit" TERM; sleep 100000 & wait')),
          container({
            name: 'side',
            ...shell('for i in 1 2 3 4 5; do echo side $i; done; trap exit TERM; sleep 1000 & wait'),
          }),
        ],
      }),
      pod(
        'server',
        {
          containers: [
            container({
              ports: [{ name: 'http', containerPort: 8080 }],
              ...shell(
                'mkdir /www; hostname > /www/index.html; trap exit TERM; httpd -p 8080 -h /www; sleep 100000 & wait',
              ),
            }),
          ],
        },
        { labels: { app: 'server' } },
      ),
    );
    await kubectl.waitReady('pod/two', 'pod/server');
  },
});
const { kubectl } = cluster;

describe('logs', { concurrency: 4 }, () => {
  test('are of the container asked for, as many lines as asked for', async () => {
    assert.equal(await kubectl.run('logs', 'two', '-c', 'main'), 'front is up\n');
    assert.equal(await kubectl.run('logs', 'two', '-c', 'side', '--tail=2'), 'side 4\nside 5\n');
    assert.equal(await kubectl.run('logs', 'two', '-c', 'side', '--limit-bytes=10'), 'side 1\nsid');
    assert.match(await kubectl.run('logs', 'two', '--all-containers', '--prefix'), /^\[pod\/two\/side\] side 5$/m);
    assert.match(
      await kubectl.run('logs', 'two', '-c', 'main', '--timestamps'),
      /^\d{4}-\d\d-\d\dT[\d:.]+Z front is up\n$/,
    );
    const { stdout, stderr } = await kubectl.try('logs', 'two');
    assert.equal(stdout, 'front is up\n');
    assert.match(stderr, /Defaulted container "main" out of: main, side/);
  });

  test('are of a span of time, a line or a byte when asked for', async (t) => {
    const own = await cluster.namespace(t);
    await own.apply(
      pod('chatty', { containers: [container(shell('while true; do echo "$(date +%s) tick"; sleep 0.5; done'))] }),
    );
    await own.waitReady('pod/chatty');
    const lines = async (...flags: string[]): Promise<readonly string[]> =>
      (await own.run('logs', 'chatty', 'main', ...flags)).split('\n').slice(0, -1);
    assert.equal((await lines('--tail=1')).length, 1);
    assert.equal((await own.run('logs', 'chatty', 'main', '--limit-bytes=1')).length, 1);
    const [stamped = ''] = await lines('--tail=1', '--timestamps');
    assert.ok(Math.abs(Date.parse(stamped.split(' ')[0]!) - Date.now()) < 60_000, stamped);
    while ((await lines()).length < 8) await new Promise((resolve) => setTimeout(resolve, 200));
    const recent = await lines('--since=1s');
    const all = await lines('--since=24h');
    assert.ok(recent.length < all.length, `${recent.length} of ${all.length} lines`);
    const since = new Date(Number(all[4]!.split(' ')[0]) * 1000).toISOString();
    assert.ok(!(await lines(`--since-time=${since}`)).includes(all[0]!));
  });

  test('of what is not there are an error that says so', async () => {
    const none = await kubectl.try('logs', 'two', '-c', 'third');
    assert.equal(none.code, 1);
    assert.match(none.stderr, /container third is not valid for pod two/);
    assert.match((await kubectl.try('logs', 'absent')).stderr, /pods "absent" not found/);
    const previous = await kubectl.try('logs', 'two', '-c', 'main', '--previous');
    assert.match(previous.stderr, /previous terminated container "main" in pod "two" not found/);
  });

  test('are followed line by line, until the container ends', async (t) => {
    const own = await cluster.namespace(t);
    await own.apply(
      pod('ticking', {
        restartPolicy: 'Never',
        containers: [container(shell('echo begun; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo went; exit 0'))],
      }),
    );
    await own.waitReady('pod/ticking');
    await using follow = own.start('logs', '-f', 'ticking');
    await follow.until(/begun\n/);
    assert.equal(follow.stdout, 'begun\n');
    await own.run('exec', 'ticking', '--', 'touch', '/tmp/go');
    const { code, stdout } = await follow.exit();
    assert.deepEqual([code, stdout], [0, 'begun\nwent\n']);
  });
});

describe('exec', { concurrency: 4 }, () => {
  test('returns the exit code of the command, and keeps its two outputs apart', async () => {
    const { code, stdout, stderr } = await kubectl.try(
      'exec',
      'two',
      '-c',
      'main',
      '--',
      'sh',
      '-c',
      'echo out; echo err >&2; exit 42',
    );
    assert.equal(code, 42);
    assert.equal(stdout, 'out\n');
    assert.equal(stderr, 'err\ncommand terminated with exit code 42\n');
  });

  test('passes input, byte for byte, and its end', async () => {
    const bytes = randomBytes(2 << 20).toString('base64');
    const { code, stdout } = await kubectl.tryWith(
      { input: bytes },
      'exec',
      '-i',
      'two',
      '-c',
      'main',
      '--',
      'sh',
      '-c',
      'md5sum; echo end',
    );
    assert.equal(code, 0);
    assert.equal(stdout, `${createHash('md5').update(bytes).digest('hex')}  -\nend\n`);
  });

  test('carries much output', async () => {
    const { stdout } = await kubectl.try('exec', 'two', '-c', 'main', '--', 'sh', '-c', 'seq 1 300000');
    assert.equal(
      stdout.length,
      Array.from({ length: 300_000 }, (_, i) => `${i + 1}\n`.length).reduce((a, b) => a + b),
    );
  });

  test('gives a shell on a terminal', async () => {
    await using shellOn = kubectl.startOnTerminal('exec', '-it', 'two', '-c', 'side', '--', 'sh');
    await shellOn.until(/# /);
    shellOn.type('tty; echo $TERM-is-mine; hostname\n');
    await shellOn.until(/\/dev\/pts\/\d+\r\n[^\n]*-is-mine\r\ntwo\r\n/);
    shellOn.type('echo goes to $(echo sleep); sleep 1000\n');
    await shellOn.until(/goes to sleep\r\n/);
    shellOn.type('\x03');
    await shellOn.until(/\^C[^]*# /);
    shellOn.type('exit 7\n');
    const { code, stdout } = await shellOn.exit();
    assert.equal(code, 7, stdout);
  });

  test('says why it cannot', async () => {
    const missing = await kubectl.try('exec', 'two', '-c', 'main', '--', 'no-such-program');
    assert.notEqual(missing.code, 0);
    assert.match(missing.stderr, /exec: "no-such-program": executable file not found in \$PATH/);
    assert.match((await kubectl.try('exec', 'absent', '--', 'true')).stderr, /pods "absent" not found/);
    assert.match(
      (await kubectl.try('exec', 'two', '-c', 'third', '--', 'true')).stderr,
      /container third is not valid for pod two|container not found/,
    );
  });

  test('picks a pod of a deployment', async (t) => {
    const own = await cluster.namespace(t);
    await own.apply(deployment('web', 1, { containers: [container()] }));
    await own.rolledOut('deployment/web');
    assert.match(await own.run('exec', 'deployment/web', '--', 'hostname'), /^web-[a-z0-9]+-[a-z0-9]+\n$/);
  });
});

describe('cp', { concurrency: 2 }, () => {
  test('brings files and folders in and out, byte for byte', async () => {
    const local = join(MACHINE, 'cp');
    await mkdir(join(local, 'folder/deep'), { recursive: true });
    const bytes = randomBytes(3 << 20);
    await writeFile(join(local, 'folder/deep/file'), bytes);
    await writeFile(join(local, 'folder/small'), 'small\n');
    await kubectl.run('cp', join(local, 'folder'), 'two:/tmp/folder', '-c', 'main');
    assert.equal(
      await kubectl.run('exec', 'two', '-c', 'main', '--', 'md5sum', '/tmp/folder/deep/file'),
      `${createHash('md5').update(bytes).digest('hex')}  /tmp/folder/deep/file\n`,
    );
    await kubectl.run('cp', '-c', 'main', 'default/two:/tmp/folder', join(local, 'back'));
    assert.deepEqual(await readFile(join(local, 'back/deep/file')), bytes);
    assert.equal(await readFile(join(local, 'back/small'), 'utf8'), 'small\n');
  });
});

describe('port-forward', { concurrency: 2 }, () => {
  test('reaches a port of a pod, several times at once', async () => {
    await using forward = kubectl.start('port-forward', 'pod/server', '18080:8080');
    await forward.until(/Forwarding from 127\.0\.0\.1:18080 -> 8080/);
    const answers = await Promise.all(
      Array.from({ length: 8 }, async () => (await fetch('http://127.0.0.1:18080/')).text()),
    );
    assert.deepEqual(new Set(answers), new Set(['server\n']));
    const curl = await runCommand(['curl', '-sS', '-m', '10', 'http://127.0.0.1:18080/']);
    assert.equal(curl.stdout, 'server\n', curl.stderr);
    forward.signal('SIGINT');
    await forward.exit();
  });

  test('finds named ports and the pods of a service', async () => {
    await kubectl.run('expose', 'pod', 'server', '--name=server', '--port=80', '--target-port=http');
    await using forward = kubectl.start('port-forward', 'service/server', ':80');
    const port = /127\.0\.0\.1:(\d+) -> 8080/.exec(await forward.until(/127\.0\.0\.1:\d+ -> 8080/))?.[1];
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'server\n');
  });
});

describe('attach and run', { concurrency: 4 }, () => {
  test('attach passes what one types to the container and shows what it prints', async (t) => {
    const own = await cluster.namespace(t);
    await own.apply(
      pod('reader', {
        restartPolicy: 'Never',
        containers: [
          container({
            stdin: true,
            stdinOnce: true,
            ...shell('while read line; do echo "read $line"; done; echo end'),
          }),
        ],
      }),
    );
    await own.waitReady('pod/reader');
    await using attached = own.start('attach', '-i', 'reader');
    attached.type('one\n');
    await attached.until(/read one\n/);
    attached.type('two\n');
    await attached.until(/read two\n/);
    attached.closeInput();
    const { stdout } = await attached.exit();
    assert.match(stdout, /end\n$/);
    await own.waitFor('{.status.phase}=Succeeded', 'pod/reader');
  });

  test('run --rm -it is a container for the time of one command', async (t) => {
    const own = await cluster.namespace(t);
    await using terminal = own.startOnTerminal(
      'run',
      'once',
      '--rm',
      '-it',
      '--restart=Never',
      `--image=${BUSYBOX}`,
      '--',
      'sh',
    );
    // The prompt may have been printed before kubectl was attached: typing brings another.
    await terminal.until(/If you don't see a command prompt, try pressing enter|# /);
    terminal.type('\n');
    await terminal.until(/# /);
    terminal.type('echo in $(hostname)\n');
    await terminal.until(/\r\nin once\r\n/);
    terminal.type('exit\n');
    const { stdout } = await terminal.exit();
    assert.match(stdout, /pod "once" deleted/);
    assert.equal((await own.list<Pod>('pods')).length, 0);
  });

  test('run -i passes a pipe through a container, and its exit code', async (t) => {
    const own = await cluster.namespace(t);
    const words = ['run', 'pipe', '--rm', '-i', '--quiet', '--restart=Never', `--image=${BUSYBOX}`, '--', 'sh', '-c'];
    const { code, stdout } = await own.tryWith({ input: 'a b c\n' }, ...words, 'sleep 0.5; tr a-c x-z; exit 3');
    assert.equal(stdout, 'x y z\n');
    assert.equal(code, 3);
  });
});

describe('get --watch', () => {
  test('shows a pod come and go, step by step', async (t) => {
    const own = await cluster.namespace(t);
    await using watch = own.start('get', 'pods', '--watch', '--no-headers');
    await using events = own.start(
      'get',
      'pods',
      '--watch',
      '--output-watch-events',
      '-o',
      'jsonpath={.type} {.object.metadata.name} {.object.status.phase}{"\\n"}',
    );
    // Both must watch before the pod is there, and a watch of nothing says nothing: a pod no node will have shows that they do.
    await own.apply(pod('first', { containers: [container()], nodeSelector: { nowhere: 'here' } }));
    await watch.until(/^first /m);
    await events.until(/^ADDED first /m);
    await own.apply(pod('seen', { containers: [container()] }));
    await own.waitReady('pod/seen');
    await own.run('delete', 'pod', 'seen');
    const text = await events.until(/^DELETED seen /m);
    await watch.until(/^seen .*Terminating/m);
    const states = [...watch.stdout.matchAll(/^seen +\d\/1 +(\S+)/gm)].map(([, state]) => state);
    const order = ['Pending', 'ContainerCreating', 'Running', 'Terminating'];
    const places = states.map((state) => order.indexOf(state ?? ''));
    assert.deepEqual(
      places.slice(0, states.indexOf('Terminating') + 1),
      places.slice(0, states.indexOf('Terminating') + 1).toSorted((a, b) => a - b),
      watch.stdout,
    );
    assert.deepEqual(
      [...new Set(states)].filter((state) => order.includes(state ?? '')),
      order,
    );
    const told = text.split('\n').filter((line) => line.includes(' seen '));
    assert.match(told.join('\n'), /^ADDED seen Pending\n(MODIFIED seen \w+\n)+DELETED seen \w+$/);
  });
});

test('explain says what a field is for', async () => {
  const text = await kubectl.run('explain', 'pod.spec.containers.image');
  assert.match(text, /^DESCRIPTION:\n {4}Container image name\./m);
});
