import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandError, run } from './run.ts';
import { quote } from './shell.ts';

test('run returns standard output and passes input', async () => {
  assert.equal(await run('cat', [], { input: 'hello' }), 'hello');
  assert.equal(
    await run('sh', ['-c', 'printf %s "$1$V"', 'sh', 'a b'], { env: { V: 'c', PATH: '/bin:/usr/bin' } }),
    'a bc',
  );
});

test('a command that fails rejects with the command line, its exit code and what it said', async () => {
  await assert.rejects(run('sh', ['-c', 'echo "no luck" >&2; exit 3']), (error) => {
    assert.ok(error instanceof CommandError);
    assert.equal(error.exitCode, 3);
    assert.equal(error.stderr, 'no luck\n');
    assert.match(error.message, /^sh -c '.*exit 3': exit code 3: no luck$/);
    return true;
  });
});

test('a command that does not exist is told from one that fails', async () => {
  await assert.rejects(run('/no/such/program', ['x']), {
    message: '/no/such/program x: command not found',
    exitCode: undefined,
  });
});

test('a command that ends without reading its input is judged by its exit code', async () => {
  assert.equal(await run('true', [], { input: 'x'.repeat(1 << 20) }), '');
});

test('abort kills the command and rejects with the reason', async () => {
  const reason = new Error('enough');
  await assert.rejects(run('sleep', ['30'], { signal: AbortSignal.abort(reason) }), reason);
  const controller = new AbortController();
  const running = run('sleep', ['30'], { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(running, reason);
});

test('a quoted word comes back from the shell as it was', async () => {
  for (const word of ['plain', '', 'a b', "it's", '$HOME `x` "y" \\ \n z', '*', '-n']) {
    assert.equal(await run('sh', ['-c', `printf '%s|' ${quote(word)}`]), `${word}|`);
  }
});
