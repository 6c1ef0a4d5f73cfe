import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ClusterStatus } from '#cluster';
import { runCli } from './cli.ts';
import { formatBytes, formatMs, formatTable } from './command.ts';
import { movedText } from './datastore.ts';
import { reportText, rotatedText } from './secrets.ts';
import { printProgress } from './progress.ts';
import { isHealthy, statusText } from './status.ts';
import { recordedIo } from './testdata/io.ts';
import { clusterCommands } from './up.ts';

/** No cluster has this name. */
const NONE = 'no-such-cluster';

/** Runs a command line; never one that would make or take away a cluster. */
async function pirogue(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const io = recordedIo();
  const code = await runCli(argv, io);
  return { code, ...io.printed };
}

const VERBS = ['up', 'down', 'status', 'node', 'image', 'datastore', 'secrets'];

suite('help', () => {
  test('comes without a command, and lists them all', async () => {
    for (const argv of [[], ['help'], ['--help'], ['-h']]) {
      const { code, out, err } = await pirogue(...argv);
      assert.deepEqual([code, err], [0, '']);
      assert.match(out, /^pirogue v1\.36\.3: Kubernetes on one machine/);
      for (const verb of [...VERBS, 'crictl', 'version']) assert.match(out, new RegExp(`^  ${verb} +\\S`, 'm'));
    }
  });

  for (const verb of VERBS)
    test(`on ${verb} says how it is used, however it is asked for`, async () => {
      const { code, out, err } = await pirogue(verb, '--help');
      assert.deepEqual([code, err], [0, '']);
      assert.match(out, new RegExp(`^[A-Z].*\\n\\nUsage: pirogue ${verb} `));
      for (const line of out.split('\n')) assert.ok(line.length <= 100, line);
      for (const argv of [
        ['help', verb],
        [verb, '-h'],
        [verb, '--name', 'x', '--help'],
      ])
        assert.deepEqual(await pirogue(...argv), { code: 0, out, err: '' });
    });

  test('of the command run on a node is not ours', async () => {
    const { code, out, err } = await pirogue('node', 'exec', '--name', NONE, 'node1', '--', 'ls', '--help');
    assert.deepEqual([code, out], [1, '']);
    assert.match(err, /there is no cluster/);
  });
});

test('version prints the version', async () => {
  for (const argv of [['version'], ['--version']])
    assert.deepEqual(await pirogue(...argv), { code: 0, out: 'pirogue v1.36.3\n', err: '' });
});

suite('a command line that is wrong ends with 2, says why and where to read more', () => {
  const wrong: [string[], RegExp][] = [
    [['cluster'], /^pirogue: there is no command "cluster"; see `pirogue --help`\n$/],
    [['help', 'cluster'], /^pirogue: there is no command "cluster"; see `pirogue --help`\n$/],
    [['up', '--workers', '3'], /^pirogue up: Unknown option '--workers'.*\nSee `pirogue up --help`\.\n$/s],
    [['up', 'mycluster'], /^pirogue up: Unexpected argument 'mycluster'/],
    [['up', '--name'], /^pirogue up: Option '--name <value>' argument missing/],
    [['up', '--nodes', 'two'], /^pirogue up: --nodes takes a number from 0 on, not "two"\n/],
    [['up', '--nodes', ''], /not ""\n/],
    [['up', '--nodes', '1e2'], /not "1e2"\n/],
    [['up', '--nodes', '0x2'], /not "0x2"\n/],
    [['up', '--nodes=-1'], /not "-1"\n/],
    [['up', '--nodes', '1.5'], /not "1\.5"\n/],
    [
      ['up', '--registry-ca', 'registry:5000'],
      /^pirogue up: --registry-ca takes HOST\[:PORT\]=FILE, not "registry:5000"\n/,
    ],
    [['up', '--registry-ca', '=file'], /takes HOST/],
    [['up', '--registry-ca', 'registry='], /takes HOST/],
    [['down', '--force'], /^pirogue down: Unknown option '--force'/],
    [['down', 'mycluster'], /^pirogue down: Unexpected argument/],
    [['status', '-o', 'yaml'], /^pirogue status: -o takes json, not "yaml"\n/],
    [['status', 'mycluster'], /^pirogue status: Unexpected argument/],
    [['node'], /^pirogue node: list or exec\?\nSee `pirogue node --help`\.\n$/],
    [['node', 'ssh'], /^pirogue node: there is no `node ssh`\n/],
    [['node', 'list', 'node1'], /^pirogue node: Unexpected argument/],
    [['node', 'exec'], /^pirogue node: it takes a node and, behind `--`, a command\n/],
    [['node', 'exec', 'node1'], /it takes a node and/],
    [['node', 'exec', 'node1', '--'], /it takes a node and/],
    [['node', 'exec', 'node1', 'ls', '--', 'ls'], /it takes a node and/],
    [['node', 'exec', 'node1', '-x', '--', 'ls'], /Unknown option '-x'/],
    [['image'], /^pirogue image: load\?\n/],
    [['image', 'pull', 'nginx'], /^pirogue image: there is no `image pull`\n/],
    [['image', 'load'], /^pirogue image: which file\?\n/],
    [['image', 'load', '--all', 'file'], /Unknown option '--all'/],
    [['datastore'], /^pirogue datastore: move\?\n/],
    [['datastore', 'copy'], /^pirogue datastore: there is no `datastore copy`\n/],
    [['datastore', 'move'], /^pirogue datastore: --to etcd or --to embedded\?\n/],
    [['datastore', 'move', '--to=disk'], /--to takes embedded or etcd, not "disk"/],
    [['datastore', 'move', '--to=etcd'], /--to=etcd needs --etcd-servers/],
    [['datastore', 'move', '--to=embedded', '--etcd-servers=http://x:1'], /--etcd-… options go with --to=etcd/],
    [['datastore', 'move', 'x', 'y'], /what is x y\?/],
    [['secrets'], /^pirogue secrets: encrypt\?\n/],
    [['secrets', 'list'], /there is no `secrets list`/],
    [['secrets', 'encrypt'], /^pirogue secrets: status or rotate\?\n/],
    [['secrets', 'encrypt', 'begin'], /there is no `secrets encrypt begin`/],
    [['secrets', 'encrypt', 'status', 'now'], /what is now\?/],
    [
      ['up', '--encryption-provider-config-automatic-reload'],
      /^pirogue up: --encryption-provider-config-automatic-reload must be set with --encryption-provider-config\n/,
    ],
    [['up', '--encryption-provider-config-automatic-reload=yes'], /takes true or false, not "yes"/],
    [['up', '--encryption-provider-config='], /--encryption-provider-config takes a file/],
  ];
  for (const [argv, text] of wrong)
    test(`pirogue ${argv.join(' ')}`, async () => {
      const { code, out, err } = await pirogue(...argv);
      assert.deepEqual([code, out], [2, '']);
      assert.match(err, text);
      assert.match(err, /`pirogue (\w+ )?--help`/);
    });
});

suite('without a cluster', () => {
  const commands = [
    ['status', '--name', NONE],
    ['status', '--name', NONE, '-o', 'json'],
    ['node', 'list', '--name', NONE],
    ['node', 'exec', '--name', NONE, 'node1', '--', 'ls'],
    ['node', 'exec', '--name', NONE, 'node1', 'ls'],
    ['image', 'load', '--name', NONE, 'file.tar'],
    ['datastore', 'move', '--to=embedded', '--name', NONE],
    ['secrets', 'encrypt', 'status', '--name', NONE],
    ['secrets', 'encrypt', 'rotate', '--name', NONE],
  ];
  for (const argv of commands)
    test(`${argv.join(' ')} says so, and how to make one`, async () => {
      const { code, out, err } = await pirogue(...argv);
      assert.deepEqual([code, out], [1, '']);
      assert.match(
        err,
        new RegExp(`^pirogue ${argv[0]}: there is no cluster ${NONE} on this machine; \`pirogue up\` makes one\n$`),
      );
    });

  test('a name no cluster can have is refused', async () => {
    const { code, err } = await pirogue('status', '--name', '../etc');
    assert.equal(code, 1);
    assert.match(err, /^pirogue status: /);
    assert.doesNotMatch(err, /there is no cluster/);
  });
});

suite('a machine that cannot run a cluster', () => {
  test('off Linux up says that it takes Linux, and what to do', async (t) => {
    const { platform } = process;
    Object.defineProperty(process, 'platform', { value: 'darwin' });
    t.after(() => Object.defineProperty(process, 'platform', { value: platform }));
    assert.equal(process.platform, 'darwin'); // or this would make a cluster
    assert.deepEqual(await pirogue('up', '--name', NONE), {
      code: 1,
      out: '',
      err:
        'pirogue up: no cluster can run here as things are\n' +
        '  missing: Linux (this is darwin); run it in a Linux virtual machine\n',
    });
  });

  test('without root up says that it takes root, and each other thing that is missing on a line of its own', async (t) => {
    const { geteuid, seteuid } = process;
    assert.ok(geteuid !== undefined && seteuid !== undefined);
    if (geteuid() === 0) {
      seteuid(65534);
      t.after(() => seteuid(0));
    }
    assert.notEqual(geteuid(), 0); // or this would make a cluster
    const { code, out, err } = await pirogue('up', '--name', NONE);
    assert.deepEqual([code, out], [1, '']);
    const [first, ...missing] = err.trimEnd().split('\n');
    assert.equal(first, 'pirogue up: no cluster can run here as things are');
    assert.equal(missing[0], '  missing: root; run the command with sudo');
    for (const line of missing) assert.match(line, /^ {2}missing: .*; \S/);
  });
});

test('progress is one line per step: what was done and how long it took, what was so already, what failed', () => {
  const io = recordedIo();
  const progress = printProgress(io);
  progress({ step: 'certificates', state: 'start', ms: 0 });
  progress({ step: 'certificates', state: 'done', ms: 12.4 });
  progress({ step: 'network', state: 'skip', ms: 3 });
  progress({ step: 'control-plane', state: 'done', ms: 1234 });
  progress({ step: 'node control-plane', state: 'fail', ms: 60_000 });
  assert.equal(
    io.printed.out,
    ' ✓ certificates           12 ms\n' +
      ' · network                nothing to do\n' +
      ' ✓ control plane          1.2 s\n' +
      ' ✗ node control-plane     60.0 s\n',
  );
});

suite('status', () => {
  const process = (pid: number, rssBytes?: number) => ({ pid, ...(rssBytes === undefined ? {} : { rssBytes }) });
  const node = { role: 'worker', index: 1, podCIDR: '10.244.1.0/24', processes: 3, root: '/x' } as const;
  const all: ClusterStatus = {
    name: 'pirogue',
    directory: '/var/lib/pirogue/pirogue',
    state: { gateway: '10.90.0.1', apiPort: 6443 } as ClusterStatus['state'],
    controlPlane: { running: true, supervisor: process(1), process: process(100, 91_500_000) },
    nodes: [
      { ...node, name: 'node1', ip: '10.90.0.3', running: true, agent: process(7, 60e6), containerd: process(8) },
    ],
  };
  const [node1] = all.nodes;
  assert.ok(node1 !== undefined);

  test('shows processes and their memory in columns', () => {
    assert.equal(
      statusText(all),
      `Cluster pirogue   https://127.0.0.1:6443   state in /var/lib/pirogue/pirogue

NAME              ADDRESS     STATE     PROCESS       CONTAINERD
(control plane)   10.90.0.1   running   100 (92 MB)   -
node1             10.90.0.3   running   7 (60 MB)     8
`,
    );
  });

  test('shows what does not run', () => {
    const { agent: _agent, containerd: _containerd, ...bare } = node1;
    assert.match(statusText({ ...all, nodes: [{ ...bare, running: false }] }), /^node1 +10\.90\.0\.3 +stopped +- +-$/m);
  });

  test('is healthy when all of it runs, and only then', () => {
    const without = (part: 'agent' | 'containerd'): ClusterStatus => {
      const { [part]: _part, ...rest } = node1;
      return { ...all, nodes: [node1, rest] };
    };
    assert.equal(isHealthy(all), true);
    assert.equal(isHealthy(without('agent')), false);
    assert.equal(isHealthy(without('containerd')), false);
    assert.equal(isHealthy({ ...all, nodes: [{ ...node1, running: false }] }), false);
    assert.equal(isHealthy({ ...all, controlPlane: { running: false } }), false);
    assert.equal(isHealthy({ ...all, controlPlane: { running: true } }), false, 'its supervisor alone does not serve');
  });
});

suite('text', () => {
  test('of encryption says what lies under which key, and what a rotation did', () => {
    const usage = [
      { resource: 'secrets', provider: 'aescbc', key: 'key1', objects: 12, writes: true },
      { resource: 'secrets', provider: 'identity', key: '', objects: 3, writes: false },
    ];
    assert.equal(
      reportText({ encryption: { configFile: '/e.yaml', automaticReload: true }, usage, rotating: true }),
      `Configuration: /e.yaml, taken as it changes
RESOURCE   PROVIDER   KEY    OBJECTS   STATE
secrets    aescbc     key1   12        as written now
secrets    identity   -      3         to be written anew
A rotation was interrupted; \`pirogue secrets encrypt rotate\` goes on with it.
`,
    );
    const plan = { newKey: 'key-2', retired: [{ provider: 'aescbc', name: 'key1' }] } as const;
    const text = rotatedText({ plan, resumed: false, objects: 1 }, { dryRun: false, keepOldKeys: false });
    assert.match(text, /^1 object written by key-2\. aescbc\/key1 is gone: /);
    const dry = rotatedText({ plan, resumed: true, objects: 2 }, { dryRun: true, keepOldKeys: true });
    assert.equal(dry, 'Would go on: 2 objects would be written by a new key.\n');
  });

  test('columns are as wide as their widest cell, and the last one is not padded', () => {
    assert.equal(
      formatTable([['NAME', 'X'], ['a', 'long cell'], ['longer']]),
      'NAME     X\na        long cell\nlonger\n',
    );
    assert.equal(formatTable([]), '');
  });

  test('times and sizes are rounded to what one reads', () => {
    assert.deepEqual([0.4, 999.4, 1000, 61_250].map(formatMs), ['0 ms', '999 ms', '1.0 s', '61.3 s']);
    assert.deepEqual([0, 1.4e6, 123.6e6].map(formatBytes), ['0 MB', '1 MB', '124 MB']);
  });

  test('the processes of a cluster are started by this Node with their own flags', () => {
    const { controlPlane, agent } = clusterCommands(recordedIo());
    assert.deepEqual(controlPlane('/state'), [
      '/opt/node',
      '--control-plane-flag',
      '/opt/main.js',
      'control-plane',
      '/state',
    ]);
    assert.deepEqual(agent('/config'), ['/opt/node', '--agent-flag', '/opt/main.js', 'agent', '/config']);
  });
});

test('a move tells where the data is, how much, and what is kept', () => {
  const contents = { keys: 179, bytes: 210_444, sha256: 'ab12', revision: 211 };
  assert.equal(
    movedText('pirogue', ['https://10.0.0.1:2379'], { contents, kept: '/data.moved' }),
    `
The data of cluster pirogue is in etcd at https://10.0.0.1:2379: 179 keys, 210444 bytes, SHA-256 ab12,
as of revision 211. Who watches from a moment before is told to list anew.
The files of the embedded datastore before are in /data.moved.
`,
  );
  assert.equal(
    movedText('pirogue', [], { contents: undefined, kept: undefined }),
    'The data of cluster pirogue is in the embedded datastore already.\n',
  );
});
