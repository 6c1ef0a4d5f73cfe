import assert from 'node:assert/strict';
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test, type TestContext } from 'node:test';
import { FakeClock } from '#util';
import { type KeyValue, StoreError } from '../../types.ts';
import { Keyspace } from '../keyspace.ts';
import { Leases } from '../leases.ts';
import { load } from '../loader.ts';
import { Version } from '../version.ts';
import { asStoreError, LogDatabase } from './database.ts';
import { databasePath } from './files.ts';
import { frameBytes, writeFrame } from './record.ts';
import { memoryLog } from './log.ts';
import { slicesOf } from './slices.ts';

function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'store-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const KEYS = 7;
const VALUE_BYTES = 1500;

/** One batch for each revision from 2 on: keys in turn are written again and again. */
function commit(database: LogDatabase, revision: number): void {
  const n = revision - 2;
  const kv: KeyValue = {
    key: `key-${n % KEYS}`,
    value: Buffer.alloc(VALUE_BYTES, revision),
    createRevision: (n % KEYS) + 2,
    modRevision: revision,
    version: Math.floor(n / KEYS) + 1,
    lease: 0,
  };
  const frames = Buffer.alloc(frameBytes(kv));
  writeFrame(frames, 0, kv);
  database.commit(revision - 1, frames, []);
}

/** What a store would know after opening the directory, as text. */
async function contents(directory: string): Promise<string> {
  let database: LogDatabase | undefined;
  try {
    database = new LogDatabase(directory, undefined);
    const slices = [...slicesOf(database.rows())];
    const keyspace = new Keyspace();
    const leases = new Leases({ clock: new FakeClock(), onExpired: () => {} });
    const opened = { log: memoryLog(), head: database.head, leases: database.readLeases(), slices: asAsync(slices) };
    await load(opened, keyspace, leases, directory);
    return describe(keyspace);
  } catch (error) {
    throw asStoreError(error, directory, true);
  } finally {
    database?.close();
  }
}

async function* asAsync<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}

function describe(keyspace: Keyspace): string {
  const line = ({ key, modRevision, version, value }: KeyValue): string =>
    `${key} ${modRevision} ${version} ${value.every((byte) => byte === modRevision) ? 'intact' : 'WRONG'}`;
  const states: string[] = [];
  for (let revision = Math.max(1, keyspace.compactRevision); revision <= keyspace.revision; revision++) {
    const { kvs } = keyspace.range({ key: '\0', rangeEnd: '\0', revision });
    states.push(`${revision}: ${kvs.map(line).join(', ')}`);
  }
  return states.join('\n');
}

function flip(file: string, offset: number): void {
  const bytes = readFileSync(file);
  bytes[offset] = (bytes[offset] as number) ^ 0x10;
  writeFileSync(file, bytes);
}

test('a flipped byte anywhere in the database is refused, unless it changes nothing', async (t) => {
  const whole = temporaryDirectory(t);
  const database = new LogDatabase(whole, undefined);
  for (let revision = 2; revision <= 40; revision++) commit(database, revision);
  database.compact(20, 19);
  database.commit(40, Buffer.alloc(0), [{ id: 5, ttlSeconds: 60 }]);
  database.close();
  const expected = await contents(whole);
  assert.match(expected, /^20: .*\n(.*\n)+40: /);
  assert.doesNotMatch(expected, /WRONG/);

  const file = join(whole, 'store.db');
  const damaged = temporaryDirectory(t);
  const size = readFileSync(file).length;
  const offsets = [
    ...Array.from({ length: 110 }, (_, i) => i),
    ...Array.from({ length: 250 }, (_, i) => Math.floor(((i + 0.5) * size) / 250)),
    // The beginning of each page says what is on it.
    ...Array.from({ length: 8 * Math.floor(size / 8192) }, (_, i) => Math.floor(i / 8) * 8192 + (i % 8)),
  ];
  let refused = 0;
  for (const offset of offsets) {
    copyFileSync(file, join(damaged, 'store.db'));
    flip(join(damaged, 'store.db'), offset);
    const outcome = await contents(damaged).catch((error: unknown) => error);
    if (outcome === expected) continue;
    assert.ok(outcome instanceof StoreError, `byte ${offset} was flipped: ${String(outcome)}`);
    const isFormat =
      outcome.code === 'unavailable' && /has format \d+, this program reads format 1/.test(outcome.message);
    const isDamage = outcome.code === 'corrupt' && /move it away/.test(outcome.message);
    assert.ok(isFormat || isDamage, `byte ${offset} was flipped: ${outcome.code}: ${outcome.message}`);
    refused++;
  }
  assert.ok(refused > offsets.length / 4, `only ${refused} of ${offsets.length} were noticed`);
});

test('in the write-ahead log only the last transaction may be torn', async (t) => {
  const whole = temporaryDirectory(t);
  const database = new LogDatabase(whole, undefined);
  for (let revision = 2; revision <= 12; revision++) commit(database, revision);
  const before = statesUpTo(11);
  const walBytes = readFileSync(join(whole, 'store.db-wal')).length;
  const lastTransaction = transactionStarts(readFileSync(join(whole, 'store.db-wal'))).at(-1) as number;
  const damaged = temporaryDirectory(t);
  const outcomeOf = async (damage: (wal: string) => void): Promise<unknown> => {
    cpSync(whole, damaged, { recursive: true });
    damage(join(damaged, 'store.db-wal'));
    return contents(damaged).catch((error: unknown) => error);
  };

  assert.equal(await outcomeOf(() => {}), statesUpTo(12));
  for (let offset = 0; offset < walBytes; offset += 997) {
    const outcome = await outcomeOf((wal) => flip(wal, offset));
    if (offset >= lastTransaction) assert.equal(outcome, before, `byte ${offset} was flipped`);
    else
      assert.ok(
        outcome instanceof StoreError && outcome.code === 'corrupt',
        `byte ${offset} was flipped: ${String(outcome)}`,
      );
  }
  const cut = await outcomeOf((wal) => writeFileSync(wal, readFileSync(wal).subarray(0, walBytes - 5000)));
  assert.equal(cut, before);
  database.close();
});

test('cleaning leaves the rows that are needed, in the order that a crash can interrupt', async (t) => {
  const directory = temporaryDirectory(t);
  const database = new LogDatabase(directory, undefined);
  for (let revision = 2; revision <= 700; revision++) commit(database, revision);
  database.compact(690, 689);
  // Below the first row of history the newest version of each key stays: the last 7 rows.
  const needless = Array.from({ length: 688 - KEYS }, (_, i) => i + 1);
  database.purge(Float64Array.from(needless.slice(300).toReversed()));
  database.purge(Float64Array.from(needless.slice(0, 300)));
  assert.equal(database.clean(), true);
  assert.equal([...database.rows()][0]?.id, 129, 'the oldest rows go first');
  while (database.clean());
  const left = [...database.rows()].map(({ id }) => id);
  assert.deepEqual(
    left,
    Array.from({ length: 699 - 681 }, (_, i) => 682 + i),
  );
  database.close();
  assert.match(await contents(directory), /^690: /);
});

test('an old row that is lost is missed', async (t) => {
  const directory = temporaryDirectory(t);
  const database = new LogDatabase(directory, undefined);
  for (let revision = 2; revision <= 20; revision++) commit(database, revision);
  database.compact(15, 14);
  database.close();
  const raw = new DatabaseSync(databasePath(directory));
  raw.exec('DELETE FROM log WHERE id = 9');
  raw.close();
  await assert.rejects(contents(directory), /12 rows lie below 14 where there should be 13/);
});

test('rows to be deleted that are not there are damage', (t) => {
  const database = new LogDatabase(temporaryDirectory(t), undefined);
  commit(database, 2);
  commit(database, 3);
  database.compact(3, 2);
  database.purge(Float64Array.of(1, 7));
  assert.throws(
    () => database.clean(),
    (error) => error instanceof StoreError && error.code === 'corrupt',
  );
  database.close();
});

test('a write-ahead log without its database is refused', async (t) => {
  const directory = temporaryDirectory(t);
  const database = new LogDatabase(directory, undefined);
  commit(database, 2);
  const copy = temporaryDirectory(t);
  cpSync(directory, copy, { recursive: true });
  database.close();
  rmSync(join(copy, 'store.db'));
  await assert.rejects(contents(copy), (error) => error instanceof StoreError && error.code === 'corrupt');
});

/** What {@link contents} tells of a store that wrote revisions up to `last` with {@link commit}. */
function statesUpTo(last: number): string {
  const keyspace = new Keyspace();
  for (let revision = 2; revision <= last; revision++) {
    const key = `key-${(revision - 2) % KEYS}`;
    const before = keyspace.newest(key);
    const kv: KeyValue = {
      key,
      value: Buffer.alloc(VALUE_BYTES, revision),
      createRevision: before?.createRevision ?? revision,
      modRevision: revision,
      version: (before?.version ?? 0) + 1,
      lease: 0,
    };
    keyspace.apply([new Version(kv, revision - 1, before)], revision);
  }
  return describe(keyspace);
}

/** Offsets where transactions begin: behind each frame that ends one. */
function transactionStarts(wal: Buffer): readonly number[] {
  const frameLength = 24 + wal.readUInt32BE(8);
  const starts = [32];
  for (let offset = 32; offset + frameLength < wal.length; offset += frameLength) {
    if (wal.readUInt32BE(offset + 4) !== 0) starts.push(offset + frameLength);
  }
  return starts;
}
