/**
 * The process that the fault tests kill, starve and limit. `write DIRECTORY`: writers that say what was acknowledged, until the
 * process ends. `fill DIRECTORY BALLAST`: writes until the disk is full, makes room by deleting the file, and goes on.
 */
import assert from 'node:assert/strict';
import { rmSync, writeSync } from 'node:fs';
import { silentLogger, systemClock } from '#util';
import { type Store, StoreError } from '../types.ts';
import { openEmbeddedStore } from './embedded.ts';

const WRITERS = 16;

/** Writes a line at once, whole: the pipe does not block, and its reader may be slower than the writers. */
function say(line: string): void {
  let left = Buffer.from(`${line}\n`);
  while (left.length > 0) {
    try {
      left = left.subarray(writeSync(1, left));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(NEVER, 0, 0, 1);
    }
  }
}

const NEVER = new Int32Array(new SharedArrayBuffer(4));

function open(directory: string): Promise<Store> {
  return openEmbeddedStore({
    directory,
    clock: systemClock,
    log: silentLogger,
    // Small, so that the process is killed in the middle of compactions too.
    compaction: { maxHistoryBytes: 512 << 10 },
    onFatal: (error) => {
      say(`fatal ${error.code}`);
      process.exit(1);
    },
  });
}

async function put(store: Store, key: string, text: string): Promise<number> {
  const value = Buffer.from(text.padEnd(3000, '.'));
  return (await store.txn({ compare: [], success: [{ type: 'put', key, value }] })).revision;
}

async function numberOf(store: Store, key: string): Promise<number> {
  return Number.parseInt((await store.range({ key })).kvs[0]?.value.toString() ?? '0', 10);
}

async function write(directory: string): Promise<void> {
  const store = await open(directory);
  const writer = async (key: string): Promise<void> => {
    for (let n = (await numberOf(store, key)) + 1; ; n++) {
      const revision = await put(store, key, `${n}`);
      say(`ack ${key} ${n} ${revision}`);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, i) => writer(`w/${i}`)));
}

async function fill(directory: string, ballast: string): Promise<void> {
  let store = await open(directory);
  const acknowledged = new Map<string, string>();
  const writeUntilFull = async (round: string): Promise<void> => {
    for (let i = 0; i < 10_000; i++) {
      const keys = Array.from({ length: 8 }, (_, n) => `${round}/${i}/${n}`);
      const outcomes = await Promise.allSettled(keys.map((key) => put(store, key, key)));
      for (const [n, outcome] of outcomes.entries()) {
        if (outcome.status === 'fulfilled') acknowledged.set(keys[n] as string, keys[n] as string);
        else assert.ok(outcome.reason instanceof StoreError && outcome.reason.code === 'no-space', `${outcome.reason}`);
      }
      if (outcomes.some(({ status }) => status === 'rejected')) return;
    }
    assert.fail('the disk never got full');
  };
  const check = async (): Promise<void> => {
    const { kvs } = await store.range({ key: '\0', rangeEnd: '\0' });
    const found = new Map(kvs.map(({ key, value }) => [key, value.toString().replace(/\.+$/, '')]));
    assert.deepEqual(found, acknowledged);
  };
  await writeUntilFull('before');
  await check();
  rmSync(ballast);
  await writeUntilFull('after');
  await check();
  assert.ok(
    [...acknowledged.keys()].some((key) => key.startsWith('after/')),
    'nothing was written once there was room',
  );
  await store.close();
  store = await open(directory);
  await check();
  await store.close();
  say(`kept ${acknowledged.size}`);
}

const [, , mode, directory = '', ballast = ''] = process.argv;
await (mode === 'fill' ? fill(directory, ballast) : write(directory));
