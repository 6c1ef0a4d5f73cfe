import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { systemClock } from '#util';
import {
  innerPid,
  isAlive,
  killProcess,
  processIdentity,
  processMemory,
  readProcessStat,
  waitForExit,
} from './process.ts';

test('a process is itself until it ends, and then never again', async () => {
  const child = spawn('sleep', ['60']);
  await once(child, 'spawn');
  const identity = await processIdentity(child.pid ?? 0);
  assert.ok(identity);
  assert.equal(await isAlive(identity), true);
  assert.equal((await readProcessStat(identity.pid))?.parentPid, process.pid);
  assert.equal(await killProcess(identity, 'SIGKILL'), true);
  assert.equal(await waitForExit(identity, { clock: systemClock, timeoutMs: 5_000 }), true);
  assert.equal(await isAlive(identity), false);
  assert.equal(await killProcess(identity, 'SIGKILL'), false);
});

test('another process with the same pid is not signalled', async () => {
  const own = await processIdentity(process.pid);
  assert.ok(own);
  assert.equal(await killProcess({ ...own, startTime: own.startTime - 1 }, 'SIGKILL'), false);
  assert.equal(await killProcess({ ...own, bootId: 'an earlier boot' }, 'SIGKILL'), false);
});

test('waiting for a process that stays ends after its time', async () => {
  const own = await processIdentity(process.pid);
  assert.ok(own);
  assert.equal(await waitForExit(own, { clock: systemClock, timeoutMs: 0 }), false);
});

test('a command with spaces and parentheses does not shift the fields of stat', async () => {
  const child = spawn('sh', ['-c', 'printf "a) S (b" > /proc/self/comm; read x'], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  await once(child, 'spawn');
  let stat = await readProcessStat(child.pid ?? 0);
  while (stat && stat.command !== 'a) S (b') stat = await readProcessStat(child.pid ?? 0);
  assert.equal(stat?.parentPid, process.pid);
  child.stdin?.end();
  await once(child, 'exit');
});

test('memory and inner pid of our own process are told, of a process that is not there neither', async () => {
  const memory = await processMemory(process.pid);
  assert.ok(memory && memory.rssBytes > 1 << 20);
  assert.equal(await innerPid(process.pid), process.pid);
  assert.equal(await processMemory(2 ** 22 + 1), undefined);
  assert.equal(await innerPid(2 ** 22 + 1), undefined);
});
