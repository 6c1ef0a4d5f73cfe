import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import { test } from 'node:test';

test('a component whose log cannot be written lives on', async () => {
  const script = `
    import { newComponentLogger } from ${JSON.stringify(new URL('component.ts', import.meta.url).href)};
    const log = newComponentLogger();
    log.info('one');
    await new Promise((resolve) => setTimeout(resolve, 1));
    log.info('two');
    process.stdout.write('alive');`;
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', full] });
  closeSync(full);
  let out = '';
  child.stdout?.on('data', (text) => void (out += text));
  const [code] = await once(child, 'close');
  assert.deepEqual({ code, out }, { code: 0, out: 'alive' });
});
