/** Files that are missing, cut off or not to be used: a store never opens with less than it had. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { FakeClock, silentLogger } from '#util';
import { put, write } from '../../suite/helpers.ts';
import { type Store, StoreError } from '../../types.ts';
import { openEmbeddedStore } from '../embedded.ts';

function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'store-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const open = (directory: string): Promise<Store> =>
  openEmbeddedStore({ directory, clock: new FakeClock(), log: silentLogger, onFatal: (error) => assert.fail(error) });

const KEYS = 60;

/** A store with some keys as a kill leaves it, and as closing it does. */
async function make(t: TestContext): Promise<{ killed: string; closed: string }> {
  const closed = temporaryDirectory(t);
  const killed = temporaryDirectory(t);
  const first = await open(closed);
  await write(first, put('old', 'x'.repeat(50_000)));
  await first.close();
  const store = await open(closed);
  for (let i = 0; i < KEYS; i++) await write(store, put(`k${i}`, 'x'.repeat(3000)));
  cpSync(closed, killed, { recursive: true });
  await store.close();
  return { killed, closed };
}

async function refusal(directory: string, what = 'it'): Promise<string> {
  const before = new Map(
    readdirSync(directory).map((name) => [name, readFileSync(join(directory, name)).toString('base64')]),
  );
  const outcome = await open(directory).catch((error: unknown) => error);
  if (!(outcome instanceof StoreError)) {
    await (outcome as Store).close();
    assert.fail(`${what} was opened`);
  }
  assert.equal(outcome.code, 'corrupt');
  assert.match(outcome.message, /Nothing was changed\. Restore its directory from a copy, or move it away/);
  for (const [name, bytes] of before)
    if (name.startsWith('store.db')) assert.ok(readFileSync(join(directory, name)).toString('base64') === bytes, name);
  return outcome.message;
}

async function keysIn(directory: string): Promise<number> {
  const store = await open(directory);
  const { count } = await store.range({ key: '\0', rangeEnd: '\0' });
  await store.close();
  return count;
}

test('a database that was there and is gone, or is empty, is not made anew', async (t) => {
  for (const directory of Object.values(await make(t))) {
    const file = join(directory, 'store.db');
    const bytes = readFileSync(file);
    rmSync(file);
    const wal = `${file}-wal`;
    assert.match(
      await refusal(directory),
      existsSync(wal) ? /there is .*store\.db-wal without it/ : /it was there and is missing/,
    );
    rmSync(wal, { force: true });
    assert.match(await refusal(directory), /it was there and is missing/);
    assert.equal(existsSync(file), false);
    writeFileSync(file, '');
    assert.match(await refusal(directory), /it is empty or cut off/);
    writeFileSync(file, bytes);
  }
});

test('a database that is cut off is refused, wherever it is', async (t) => {
  const { closed } = await make(t);
  const { size } = statSync(join(closed, 'store.db'));
  for (const left of [1, 50, 100, 4096, 8192, 8193, 16_384, size >> 1, size - 8192, size - 100]) {
    const cut = temporaryDirectory(t);
    cpSync(closed, cut, { recursive: true });
    truncateSync(join(cut, 'store.db'), left);
    assert.match(await refusal(cut, `a file cut to ${left} of ${size} bytes`), /is damaged/);
  }
});

test('what is refused is refused again, with the same words', async (t) => {
  const { killed } = await make(t);
  const file = join(killed, 'store.db');
  const bytes = readFileSync(file);
  bytes.fill(0x55, bytes.length - 20_000); // where the large value lies
  writeFileSync(file, bytes);
  const attempt = (): Promise<string> =>
    open(killed).then(
      () => 'opened',
      (error: unknown) => (error instanceof StoreError ? error.message : 'no error of the store'),
    );
  const words = await attempt();
  assert.match(words, /is damaged/);
  assert.equal(await attempt(), words);
});

test(
  'files that may not be read or written are named',
  { skip: process.getuid?.() !== 0 && 'needs root to be somebody else' },
  async (t) => {
    const { closed } = await make(t);
    chmodSync(closed, 0o700);
    const script = `
    import { openEmbeddedStore } from ${JSON.stringify(new URL('../embedded.ts', import.meta.url).href)};
    import { silentLogger, systemClock } from ${JSON.stringify(new URL('../../../util/util.ts', import.meta.url).href)};
    process.setgid(65534); process.setuid(65534);
    await openEmbeddedStore({ directory: process.argv[1], clock: systemClock, log: silentLogger, onFatal() {} })
      .then(() => console.log('opened'), (error) => console.log(error.code, error.message));`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', script, closed], {
      encoding: 'utf8',
    });
    assert.match(
      stdout,
      new RegExp(`^unavailable cannot open ${closed}/store\\.db: .*(unable to open|EACCES|permission)`),
    );
    assert.equal(await keysIn(closed), KEYS + 1);
  },
);
