import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm, watch, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { supervisorScript } from './scripts.ts';

const scratch = await mkdtemp(join(tmpdir(), 'pirogue-supervisor-'));
after(() => rm(scratch, { recursive: true }));
const WAIT_MS = 10_000;

/** Resolves with the content of a file of the scratch directory once `accept` likes it. */
async function content(name: string, accept: (text: string) => boolean): Promise<string> {
  const stop = new AbortController();
  const changes = watch(scratch, { signal: AbortSignal.any([stop.signal, AbortSignal.timeout(WAIT_MS)]) });
  // It watches only once it is asked: asked after the look, it would miss what comes between the two.
  let change = changes.next();
  try {
    for (;;) {
      change.catch(() => {}); // when nobody waits for it any more
      const text = await readFile(join(scratch, name), 'utf8').catch(() => '');
      if (accept(text)) return text;
      await change;
      change = changes.next();
    }
  } finally {
    stop.abort();
  }
}

async function start(name: string, command: readonly string[], graceSeconds = 5): Promise<ChildProcess> {
  const script = supervisorScript({
    services: [{ name, command, env: { PATH: '/usr/bin:/bin', GREETING: 'good day' } }],
    logDirectory: scratch,
    runDirectory: scratch,
    graceSeconds,
  });
  await writeFile(join(scratch, `${name}.sh`), script);
  const child = spawn('sh', [join(scratch, `${name}.sh`)], { stdio: 'ignore' });
  await once(child, 'spawn');
  after(() => child.kill('SIGTERM')); // whatever the test came to
  return child;
}

test('a service that is killed is started again within moments, and ends with its supervisor', async () => {
  const supervisor = await start('again', ['sh', '-c', 'echo "up $$ $GREETING"; exec sleep 60']);
  const first = Number(await content('again.pid', (text) => text.endsWith('\n')));
  process.kill(first, 'SIGKILL');
  const second = Number(await content('again.pid', (text) => text.endsWith('\n') && Number(text) !== first));
  const log = await content('again.log', (text) => text.includes(`up ${second} good day`));
  assert.match(log, /pirogue: again ended with code 137; started again in 1 s/);
  supervisor.kill('SIGTERM');
  assert.deepEqual(await once(supervisor, 'exit'), [0, null]);
  assert.throws(() => process.kill(second, 0), { code: 'ESRCH' });
  await assert.rejects(access(join(scratch, 'again.pid')));
});

test('a service is asked to end and given time to', async () => {
  const supervisor = await start('slow', [
    'sh',
    '-c',
    'trap "sleep 0.2; echo done; exit 0" TERM; echo ready; while :; do sleep 0.05; done',
  ]);
  await content('slow.log', (text) => text.includes('ready'));
  supervisor.kill('SIGTERM');
  await once(supervisor, 'exit');
  assert.match(await readFile(join(scratch, 'slow.log'), 'utf8'), /done/);
});

test('signals are as a program expects them, although shells ignore some in the background', async () => {
  const supervisor = await start('signals', ['sh', '-c', 'grep SigIgn /proc/self/status; exec sleep 60']);
  const log = await content('signals.log', (text) => text.includes('SigIgn'));
  assert.match(log, /SigIgn:\s+0{16}/);
  supervisor.kill('SIGTERM');
  await once(supervisor, 'exit');
});
