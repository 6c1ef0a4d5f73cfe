import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FakeClock, silentLogger } from '#util';
import { openEmbeddedStore } from './embedded.ts';

const CHILD = [process.execPath, fileURLToPath(new URL('fault.child.ts', import.meta.url))];

function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'store-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

type Child = ChildProcessByStdio<null, Readable, null>;

function start(t: TestContext, command: readonly string[]): Child {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'], timeout: 30_000, killSignal: 'SIGKILL' });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

/** Reads what the child says to the end; what it had acknowledged by then, and the other lines. */
async function readAll(
  child: Child,
  onAck: (count: number) => void = () => {},
): Promise<{ acks: Map<string, number>; rest: string[] }> {
  const acks = new Map<string, number>();
  const rest: string[] = [];
  let count = 0;
  for await (const line of createInterface(child.stdout)) {
    const [word, key = '', n] = line.split(' ');
    if (word !== 'ack') {
      rest.push(line);
      continue;
    }
    acks.set(key, Number(n));
    onAck(++count);
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return { acks, rest };
}

/** Each writer writes 1, 2, 3, … and waits for the answer: what is there is the last number acknowledged, or the one under way. */
async function checkAcknowledged(directory: string, acks: ReadonlyMap<string, number>): Promise<void> {
  const store = await openEmbeddedStore({
    directory,
    clock: new FakeClock(),
    log: silentLogger,
    onFatal: (error) => assert.fail(error),
  });
  try {
    for (const [key, last] of acks) {
      const found = Number.parseInt((await store.range({ key })).kvs[0]?.value.toString() ?? '0', 10);
      assert.ok(found === last || found === last + 1, `${key} is ${found}, acknowledged was ${last}`);
    }
  } finally {
    await store.close();
  }
}

test('a process killed at any time has lost nothing it acknowledged', async (t) => {
  const directory = temporaryDirectory(t);
  for (const acknowledgements of [40, 700, 1500]) {
    const child = start(t, [...CHILD, 'write', directory]);
    const { acks } = await readAll(child, (count) => {
      if (count === acknowledgements) child.kill('SIGKILL');
    });
    assert.equal(child.signalCode, 'SIGKILL');
    assert.ok(acks.size > 1);
    await checkAcknowledged(directory, acks);
  }
});

test('a write error ends the store and loses nothing acknowledged', async (t) => {
  const directory = temporaryDirectory(t);
  // A file may not get larger than this many blocks: the kernel answers EFBIG, which is not "no space".
  const child = start(t, ['sh', '-c', 'ulimit -f 2000 && exec "$@"', 'sh', ...CHILD, 'write', directory]);
  const { acks, rest } = await readAll(child);
  assert.deepEqual(rest, ['fatal failed']);
  assert.equal(child.exitCode, 1);
  assert.ok(acks.size > 0);
  await checkAcknowledged(directory, acks);
});

const isRoot = process.getuid?.() === 0;

test(
  'a store on a full disk is readable, and writable again when there is room',
  { skip: !isRoot && 'needs root for a small disk' },
  async (t) => {
    const mountPoint = temporaryDirectory(t);
    const script = `
    mount -t tmpfs -o size=12m tmpfs "$1" && head -c 6m /dev/zero > "$1/ballast" || exit 77
    directory=$1; shift
    exec "$@" fill "$directory/store" "$directory/ballast"`;
    const isolated = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', mountPoint];
    const child = start(t, [...isolated, ...CHILD]);
    const { rest } = await readAll(child);
    if (child.exitCode === 77) return t.skip('this machine does not let us mount');
    assert.equal(child.exitCode, 0);
    assert.match(rest[0] ?? '', /^kept \d{3,}$/);
  },
);
