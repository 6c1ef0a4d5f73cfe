import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { systemClock } from '#util';
import { newPodCgroups } from './pod-cgroups.ts';

it('a process that the runtime lost in the cgroup of a pod does not keep the pod from ending', async (t) => {
  const mountPoint = await mkdtemp(join(tmpdir(), 'cgroups-'));
  t.after(() => rm(mountPoint, { recursive: true, force: true }));
  const system = { mode: 'v1' as const, hierarchies: [{ version: 1 as const, mountPoint, controllers: ['memory'] }] };
  const directory = join(mountPoint, 'node1/kubepods/besteffort/poduid');
  await mkdir(join(directory, 'container'), { recursive: true });
  const lost = spawn('sleep', ['60']);
  t.after(() => lost.kill('SIGKILL'));
  await once(lost, 'spawn');
  const processes = join(directory, 'container/cgroup.procs');
  await writeFile(processes, `${lost.pid}\n`);
  lost.once('exit', () => void rm(processes)); // as the kernel does
  const cgroups = newPodCgroups({ system, cgroupRoot: '/node1', clock: systemClock });
  await cgroups.remove('uid', { signal: AbortSignal.timeout(5000) });
  assert.equal(lost.signalCode, 'SIGKILL');
  assert.equal(existsSync(directory), false);
});
