import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { CriError } from '#cri';
import { FakeClock, silentLogger } from '#util';
import { until } from '../testing/node.ts';
import { removeLog, rotateLogs } from './log-rotation.ts';

describe('the log of a container that runs', () => {
  let directory: string;
  let path: string;
  let clock: FakeClock;
  let reopened: number;
  let failure: CriError | undefined;
  let stop: AbortController;
  let rotating: Promise<void>;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'logs-'));
    path = join(directory, '0.log');
    clock = new FakeClock(Date.parse('2026-01-02T03:04:05Z'));
    reopened = 0;
    failure = undefined;
    stop = new AbortController();
    const runtime = {
      reopenContainerLog: async () => {
        reopened++;
        if (failure !== undefined) throw failure;
        await writeFile(path, '');
        return {};
      },
    };
    const running = (): { id: string; logPath: string }[] => [{ id: 'c', logPath: path }];
    rotating = rotateLogs({ runtime, clock, log: silentLogger, running, maxBytes: 10 }, { signal: stop.signal });
  });

  afterEach(async () => {
    stop.abort(new Error('done'));
    await rotating;
    await rm(directory, { recursive: true });
  });

  /** One look at the logs. */
  async function look(): Promise<void> {
    await until(() => clock.pending === 1);
    clock.advance(10_000);
    await until(() => clock.pending === 1);
  }

  it('is left alone while it is short', async () => {
    await writeFile(path, '0123456789');
    await look();
    assert.deepEqual(await readdir(directory), ['0.log']);
  });

  it('is put aside when it is long, and of those put aside the oldest go', async () => {
    for (let round = 0; round < 7; round++) {
      await appendFile(path, `round ${round} was long`);
      await look();
      assert.equal(reopened, round + 1);
      assert.equal(await readFile(path, 'utf8'), '');
    }
    const names = (await readdir(directory)).toSorted();
    assert.deepEqual(names, [
      '0.log',
      '0.log.20260102-030445.gz',
      '0.log.20260102-030455.gz',
      '0.log.20260102-030505.gz',
      '0.log.20260102-030515',
    ]);
    assert.equal(gunzipSync(await readFile(join(directory, names[1] ?? ''))).toString(), 'round 3 was long');
    await removeLog(path);
    assert.deepEqual(await readdir(directory), []);
  });

  it('keeps its name when the runtime cannot begin a new one', async () => {
    await writeFile(path, 'more than ten bytes');
    failure = new CriError('ReopenContainerLog', 'Unavailable', 'connection refused');
    await look();
    assert.equal(reopened, 1);
    assert.equal(await readFile(path, 'utf8'), 'more than ten bytes');
  });

  it('is compressed anew when the agent was killed in the middle of it', async () => {
    const old = join(directory, '0.log.20260101-000000');
    await writeFile(old, 'old');
    await writeFile(`${old}.tmp`, 'ha');
    await writeFile(path, 'more than ten bytes');
    await look();
    assert.equal(gunzipSync(await readFile(`${old}.gz`)).toString(), 'old');
    assert.equal(existsSync(`${old}.tmp`) || existsSync(old), false);
  });
});
