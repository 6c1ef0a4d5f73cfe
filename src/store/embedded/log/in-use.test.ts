/** A write-ahead log that is removed after a kill is missed, and never one that SQLite itself has folded in and deleted. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
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

async function keysIn(directory: string): Promise<number> {
  const store = await open(directory);
  const { count } = await store.range({ key: '\0', rangeEnd: '\0' });
  await store.close();
  return count;
}

/** A process of its own that writes 30 keys to a store which has one, and ends. */
function ended(t: TestContext, end: string): string {
  const directory = temporaryDirectory(t);
  const script = `
    import { openEmbeddedStore } from ${JSON.stringify(new URL('../embedded.ts', import.meta.url).href)};
    import { silentLogger, systemClock } from ${JSON.stringify(new URL('../../../util/util.ts', import.meta.url).href)};
    const open = () => openEmbeddedStore({ directory: process.argv[1], clock: systemClock, log: silentLogger, onFatal() {} });
    const put = (store, key) => store.txn({ compare: [], success: [{ type: 'put', key, value: Buffer.alloc(3000, key) }] });
    const first = await open();
    await put(first, 'first');
    await first.close();
    const store = await open();
    for (let i = 0; i < 30; i++) await put(store, 'k' + i);
    ${end}`;
  const { stderr } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', script, directory], {
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  return directory;
}

const KILLED = "process.kill(process.pid, 'SIGKILL'); await new Promise(() => {});";
const refusal = (directory: string): Promise<string> =>
  open(directory).then(
    () => 'opened',
    (error: unknown) => (error instanceof StoreError && error.code === 'corrupt' ? error.message : 'another error'),
  );

test('a log removed after a kill is missed, again and again, and nothing is changed', async (t) => {
  const directory = ended(t, KILLED);
  const wal = join(directory, 'store.db-wal');
  rmSync(wal);
  const before = readFileSync(join(directory, 'store.db'));
  const words = await refusal(directory);
  assert.match(
    words,
    /was not closed, and its write-ahead log \S+store\.db-wal, with what was written last, is missing/,
  );
  assert.ok(words.includes(`\`ln ${directory}/in-use ${wal}\` puts it back`), words);
  assert.equal(await refusal(directory), words);
  assert.ok(!existsSync(wal) && readFileSync(join(directory, 'store.db')).equals(before));
  const without = temporaryDirectory(t);
  cpSync(directory, without, { recursive: true });
  linkSync(join(directory, 'in-use'), wal);
  assert.equal(await keysIn(directory), 31);
  rmSync(join(without, 'in-use'));
  assert.equal(await keysIn(without), 1);
});

test('a store that was closed, killed, or ended without being closed opens with all it had, and so do copies of each', async (t) => {
  const ends = {
    closed: 'await store.close();',
    killed: KILLED,
    exited: 'process.exit(1);',
    'closed and killed': `await store.close(); ${KILLED}`,
  };
  for (const [name, end] of Object.entries(ends)) {
    const directory = ended(t, end);
    assert.equal(existsSync(join(directory, 'in-use')), !name.startsWith('closed'), name);
    const copy = temporaryDirectory(t);
    cpSync(directory, copy, { recursive: true });
    assert.equal(await keysIn(copy), 31, `a copy of what was ${name}`);
    assert.equal(await keysIn(directory), 31, name);
    assert.ok(!readdirSync(directory).includes('in-use'), name);
  }
});

test('a copy of a store that is open opens, with the log and not without it', async (t) => {
  const directory = temporaryDirectory(t);
  const store = await open(directory);
  for (let i = 0; i < 5; i++) await write(store, put(`k${i}`, 'x'));
  assert.equal(statSync(join(directory, 'in-use')).ino, statSync(join(directory, 'store.db-wal')).ino);
  const copy = temporaryDirectory(t);
  cpSync(directory, copy, { recursive: true });
  const without = temporaryDirectory(t);
  cpSync(directory, without, { recursive: true });
  rmSync(join(without, 'store.db-wal'));
  await store.close();
  assert.equal(await keysIn(copy), 5);
  assert.match(await refusal(without), /write-ahead log .* is missing/);
});

test('a store whose log lost its second name works all the same', async (t) => {
  const directory = temporaryDirectory(t);
  const store = await open(directory);
  await write(store, put('a', '1'));
  rmSync(join(directory, 'in-use'));
  await store.close();
  assert.equal(await keysIn(directory), 1);
});
