/** What a process says, and when it ends, where its datastore cannot be trusted. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { DATA_ERROR_EXIT, ensurePki } from '#cluster';
import { openEmbeddedStore } from '#store';
import { silentLogger, systemClock } from '#util';

const ROOT = join(import.meta.dirname, '../..');

function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'pirogue-cmd-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

const hasStrace = spawnSync('strace', ['-f', 'true']).status === 0;
/** Opening takes fewer; from there on no sync succeeds. */
const SYNCS_THAT_WORK = 30;

test(
  'a sync that fails ends the process at once, says why, and nothing acknowledged is lost',
  { skip: !hasStrace && 'needs strace' },
  async (t) => {
    const directory = temporaryDirectory(t);
    await ensurePki({ directory: join(directory, 'pki'), apiServerNames: ['localhost'], clock: systemClock });
    const script = `
      import { openDatastore } from ${JSON.stringify(join(import.meta.dirname, 'datastore.ts'))};
      import { newComponentLogger } from ${JSON.stringify(join(import.meta.dirname, 'component.ts'))};
      const { store } = await openDatastore({ etcdPort: 0 }, process.argv[1], newComponentLogger());
      for (let i = 0; ; i++) {
        await store.txn({ compare: [], success: [{ type: 'put', key: 'k' + i, value: Buffer.alloc(100) }] });
        process.stdout.write('acknowledged\\n');
      }`;
    const failing = `fsync,fdatasync:error=EIO:when=${SYNCS_THAT_WORK}+`;
    const strace = [
      '-f',
      '-qq',
      '-o',
      join(directory, 'trace'),
      '-e',
      'trace=fsync,fdatasync',
      '-e',
      `inject=${failing}`,
    ];
    const child = [process.execPath, '--input-type=module-typescript', '-e', script, directory];
    const options = { encoding: 'utf8', cwd: ROOT, timeout: 60_000 } as const;
    const { status, stdout, stderr } = spawnSync('strace', [...strace, ...child], options);
    assert.equal(status, 1, stderr);
    const last = JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '') as { message: string; error: string };
    assert.match(
      last.message,
      /^The datastore failed; ending at once so that nothing is acknowledged that is not on disk/,
    );
    assert.match(last.error, /cannot write \S+store\.db: disk I\/O error/);
    const acknowledged = stdout.split('\n').length - 1;
    assert.ok(acknowledged > 0);
    const onFatal = (error: Error): void => assert.fail(error);
    const store = await openEmbeddedStore({
      directory: join(directory, 'data'),
      clock: systemClock,
      log: silentLogger,
      onFatal,
    });
    const { count } = await store.range({ key: 'k', rangeEnd: 'l', countOnly: true });
    await store.close();
    assert.ok(count === acknowledged || count === acknowledged + 1, `${count} of ${acknowledged}`);
  },
);

test('a control plane says of a datastore that it does not open what is wrong and what to do, in one line', (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, 'data'));
  writeFileSync(
    join(directory, 'cluster.json'),
    JSON.stringify({ version: 1, name: 'test', apiPort: 1, etcdPort: 1, nodes: [] }),
  );
  const start = (): { status: number | null; stderr: string } =>
    spawnSync(process.execPath, [join(ROOT, 'bin/sources.mjs'), 'control-plane', directory], { encoding: 'utf8' });
  const file = join(directory, 'data/store.db');
  writeFileSync(file, 'no database at all'.repeat(1000));
  const damaged = start();
  assert.equal(damaged.status, DATA_ERROR_EXIT);
  assert.match(
    damaged.stderr,
    /^pirogue: the store \S+store\.db is damaged: .*not a database.* Nothing was changed\. Restore its directory from a copy, or move it away to begin with an empty store\n$/,
  );
});
