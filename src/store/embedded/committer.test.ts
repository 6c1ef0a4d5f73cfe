import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoreError } from '../types.ts';
import { Committer } from './committer.ts';
import type { Log, LogBatch } from './log/log.ts';
import { memoryLog } from './log/log.ts';
import { Version } from './version.ts';

/** A log whose batches end when the test says so. */
function manualLog(): { log: Log; batches: { keys: readonly string[]; end: PromiseWithResolvers<void> }[] } {
  const batches: { keys: readonly string[]; end: PromiseWithResolvers<void> }[] = [];
  const commit = ({ versions }: LogBatch): Promise<void> => {
    const end = Promise.withResolvers<void>();
    batches.push({ keys: versions.map(({ kv }) => kv.key), end });
    return end.promise;
  };
  return { log: { ...memoryLog(), commit }, batches };
}

function setUp() {
  const { log, batches } = manualLog();
  const said: string[] = [];
  const committer = new Committer({
    log,
    onDurable: (commits) => said.push(`durable ${commits.flatMap((c) => c.versions.map((v) => v.key)).join()}`),
    onNoSpace: () => said.push('reset'),
    onFatal: (error) => {
      said.push(`fatal ${error.code}`);
      committer.stop(error);
    },
  });
  let row = 1;
  const submit = (key: string, bytes = 1): void => {
    const value = Buffer.alloc(bytes);
    const kv = { key, value, createRevision: 2, modRevision: 2, version: 1, lease: 0 };
    committer.submit({
      versions: key === '' ? [] : [new Version(kv, row++, undefined)],
      resolve: () => said.push(`${key} done`),
      reject: (error) => said.push(`${key} ${error.code}`),
    });
  };
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { committer, submit, batches, said, turn };
}

test('what is submitted while a batch is on its way goes together in the next', async () => {
  const { submit, batches, said, turn } = setUp();
  submit('a');
  submit('b');
  await turn();
  submit('c');
  await turn();
  submit('d');
  assert.deepEqual(
    batches.map(({ keys }) => keys),
    [['a', 'b']],
  );
  assert.deepEqual(said, []);
  batches[0]?.end.resolve();
  await turn();
  assert.deepEqual(said, ['durable a,b', 'a done', 'b done']);
  assert.deepEqual(
    batches.map(({ keys }) => keys),
    [
      ['a', 'b'],
      ['c', 'd'],
    ],
  );
});

test('a commit that writes nothing waits for those before it', async () => {
  const { submit, batches, said, turn } = setUp();
  submit('a');
  await turn();
  submit('');
  await turn();
  assert.deepEqual(said, []);
  batches[0]?.end.resolve();
  await turn();
  assert.deepEqual(said, ['durable a', 'a done', 'durable ', ' done']);
  assert.equal(batches.length, 1);
});

test('large commits do not share a batch', async () => {
  const { submit, batches, turn } = setUp();
  for (const key of ['a', 'b', 'c']) submit(key, 3 << 20);
  for (let i = 0; i < 3; i++) {
    await turn();
    batches[i]?.end.resolve();
  }
  assert.deepEqual(
    batches.map(({ keys }) => keys),
    [['a'], ['b'], ['c']],
  );
});

test('a full disk fails all that is under way, and what comes later is tried', async () => {
  const { committer, submit, batches, said, turn } = setUp();
  submit('a');
  await turn();
  submit('b');
  const drained = committer.drained();
  batches[0]?.end.reject(new StoreError('no-space', 'full'));
  await drained;
  assert.deepEqual(said, ['reset', 'a no-space', 'b no-space']);
  submit('c');
  await turn();
  batches[1]?.end.resolve();
  await turn();
  assert.deepEqual(said.slice(3), ['durable c', 'c done']);
});

test('after any other error nothing is written any more', async () => {
  const { committer, submit, batches, said, turn } = setUp();
  submit('a');
  await turn();
  submit('b');
  batches[0]?.end.reject(new Error('the disk is gone'));
  await turn();
  submit('c');
  await turn();
  assert.deepEqual(said, ['fatal failed', 'a failed', 'b failed', 'c failed']);
  assert.equal(batches.length, 1);
  await committer.drained();
});
