import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the program from its sources. `closed`: nobody reads what it prints. */
async function run(argv: readonly string[], { closed = false } = {}): Promise<Ended> {
  const child = spawn(process.execPath, [join(ROOT, 'bin/sources.mjs'), ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  if (closed) child.stdout.destroy();
  else child.stdout.on('data', (text) => void (out += text));
  child.stderr.on('data', (text) => void (err += text));
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once('error', reject);
  child.once('close', resolve);
  return { code: await promise, out, err };
}

suite('the program', () => {
  test('runs command lines and ends with their exit code', async () => {
    const [version, wrong] = await Promise.all([run(['version']), run(['fly'])]);
    assert.deepEqual(version, { code: 0, out: 'pirogue v1.36.3\n', err: '' });
    assert.deepEqual([wrong.code, wrong.out], [2, '']);
    assert.match(wrong.err, /there is no command "fly"/);
  });

  test('ends without a word when nobody reads on', async () => {
    assert.deepEqual(await run(['--help'], { closed: true }), { code: 141, out: '', err: '' });
  });
});

suite('a component', () => {
  for (const verb of ['control-plane', 'agent'])
    test(`${verb} without its settings ends with 2 and says what starts it`, async () => {
      const { code, out, err } = await run([verb]);
      assert.deepEqual([code, out], [2, '']);
      assert.match(err, /^pirogue: a component takes the path of its settings; `pirogue up` starts it/);
    });

  test('that fails ends with 1 and the cause, so that its supervisor starts it again', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'pirogue-cmd-'));
    t.after(() => rm(directory, { recursive: true }));
    const settings = join(directory, 'agent.json');
    await writeFile(settings, '{"nodeName": ');
    const [none, noFile, broken] = await Promise.all([
      run(['control-plane', directory]),
      run(['agent', join(directory, 'none.json')]),
      run(['agent', settings]),
    ]);
    assert.deepEqual([none.code, noFile.code, broken.code], [1, 1, 1]);
    assert.ok(none.err.startsWith(`Error: there is no cluster in ${directory}\n`), none.err);
    assert.match(noFile.err, /ENOENT: no such file or directory, open '.*none\.json'/);
    assert.match(broken.err, /SyntaxError: .*JSON/);
  });
});
