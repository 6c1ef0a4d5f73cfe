/** The images of examples/monsterstack, run by hand in chroots, with no cluster: do the programs in them do what they are for? */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { inflateSync } from 'node:zlib';
import { run } from '#linux';
import { buildImage } from '#testing';
import { IMAGES } from '../../examples/monsterstack/images.ts';

interface Config {
  readonly config: {
    readonly User: string;
    readonly Env: string[];
    readonly Cmd: string[];
    readonly WorkingDir: string;
  };
}

const resources = new AsyncDisposableStack();
const programs = new Map<string, ChildProcess>();
after(() => resources.disposeAsync());

before(async () => {
  await start('redis:7', {}, 6379);
  await start('imagebackend:1', { SIZE: '24' }, 8080);
  await start('frontend:2', { REDIS_HOST: '127.0.0.1', IMAGE_BACKEND_URL: 'http://127.0.0.1:8080' }, 5000);
});

/** Unpacks an image and runs its command as its user; resolves once `port` is open. */
async function start(name: string, env: Record<string, string>, port: number): Promise<void> {
  const recipe = IMAGES.find(({ reference }) => reference.endsWith(`/${name}`));
  assert.ok(recipe);
  const directory = await mkdtemp(join(tmpdir(), 'pirogue-image-'));
  resources.defer(() => rm(directory, { recursive: true, force: true }));
  const { config } = await unpack(await buildImage(recipe), directory);
  const root = join(directory, 'root');
  const program = spawn(
    'chroot',
    [`--userspec=${config.User}`, root, 'sh', '-c', 'cd "$0" && exec "$@"', config.WorkingDir, ...config.Cmd],
    {
      env: { ...Object.fromEntries(config.Env.map((entry) => entry.split(/=(.*)/s).slice(0, 2))), ...env },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  programs.set(name, program);
  resources.defer(() => stopped(program));
  await opened(port, program);
}

async function unpack(image: string, directory: string): Promise<Config> {
  await run('tar', ['-xf', image, '-C', directory]);
  const json = async (path: string): Promise<unknown> => JSON.parse(await readFile(join(directory, path), 'utf8'));
  const blob = (digest: string): string => join('blobs', digest.replace(':', '/'));
  const index = (await json('index.json')) as { manifests: { digest: string }[] };
  const manifest = (await json(blob(index.manifests[0]?.digest ?? ''))) as {
    config: { digest: string };
    layers: { digest: string }[];
  };
  const root = join(directory, 'root');
  await run('mkdir', [root]);
  for (const { digest } of manifest.layers) await run('tar', ['-xpf', join(directory, blob(digest)), '-C', root]);
  return (await json(blob(manifest.config.digest))) as Config;
}

/** Trying again is the only way to learn that another program has begun to listen. */
async function opened(port: number, program: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    assert.equal(program.exitCode, null, `the program for port ${port} ended`);
    const socket = connect(port, '127.0.0.1');
    const open = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (open) return;
    await delay(50);
  }
  assert.fail(`nobody listens on port ${port}`);
}

async function stopped(program: ChildProcess): Promise<void> {
  if (program.exitCode !== null || program.signalCode !== null) return;
  const exit = once(program, 'exit');
  program.kill('SIGTERM');
  await exit;
}

test('the image backend draws the same monster for the same word, and another for another', async () => {
  const draw = async (word: string): Promise<Buffer> => {
    const answer = await fetch(`http://127.0.0.1:8080/monster/${word}`);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), 'image/png');
    return Buffer.from(await answer.arrayBuffer());
  };
  const ada = await draw('ada');
  assert.deepEqual(await draw('ada'), ada);
  assert.notDeepEqual(await draw('grace'), ada);
  assert.equal(ada.toString('latin1', 1, 4), 'PNG');
  assert.deepEqual([ada.readUInt32BE(16), ada.readUInt32BE(20)], [24, 24]);
  const size = ada.readUInt32BE(33);
  assert.equal(inflateSync(ada.subarray(41, 41 + size)).length, 24 * (1 + 24 * 3));
});

test('a picture is drawn once and comes from Redis after that', async () => {
  const first = await fetch('http://127.0.0.1:5000/monster/Ada%20L');
  assert.equal(first.status, 200, await first.clone().text());
  assert.notEqual(first.headers.get('x-drawn-by'), 'cache');
  const second = await fetch('http://127.0.0.1:5000/monster/Ada%20L');
  assert.equal(second.headers.get('x-drawn-by'), 'cache');
  assert.deepEqual(await second.bytes(), await first.bytes());
});

test('the page counts visits, escapes what it is given, and tells its version', async () => {
  const visits = async (): Promise<number> => {
    const page = await (await fetch('http://127.0.0.1:5000/?name=%3Cscript%3E')).text();
    assert.ok(!page.includes('<script>'));
    assert.match(page, /<span id="version">2<\/span>/);
    return Number(/id="visits">(\d+)</.exec(page)?.[1]);
  };
  const first = await visits();
  assert.equal(await visits(), first + 1);
});

test('without Redis the page says so, and the program lives on', async () => {
  const redis = programs.get('redis:7');
  assert.ok(redis);
  await stopped(redis);
  const page = await fetch('http://127.0.0.1:5000/');
  assert.equal(page.status, 503);
  assert.match(await page.text(), /^Redis does not answer: /);
  assert.equal((await fetch('http://127.0.0.1:5000/healthz')).status, 200);
});
