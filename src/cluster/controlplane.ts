import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import {
  cgroupProcesses,
  createCgroup,
  isAlive,
  killCgroup,
  killProcess,
  processIdentity,
  type ProcessIdentity,
  waitForExit,
} from '#linux';
import { sleep } from '#util';
import { type ClusterCommands, type ClusterContext, type KnownCluster, serviceEnvironment } from './context.ts';
import { writeFileAtomic } from './files.ts';
import { controlPlaneCgroup } from './names.ts';
import { joinCgroup, supervisorScript } from './node/scripts.ts';
import { readIdentity, writeIdentity } from './state.ts';

export const CONTROL_PLANE_SERVICE = 'control-plane';
const GRACE_SECONDS = 10;
/** How a control plane ends that cannot read its datastore, which starting it again does not change. EX_DATAERR of sysexits.h. */
export const DATA_ERROR_EXIT = 65;

function identityFile({ paths }: ClusterContext): string {
  return join(paths.run, 'control-plane.json');
}

/** The supervisor of the control plane, if it runs. */
export async function controlPlaneSupervisor(context: ClusterContext): Promise<ProcessIdentity | undefined> {
  const identity = await readIdentity(identityFile(context));
  if (identity === undefined || !(await isAlive(identity))) return undefined;
  const members = await cgroupProcesses(context.cgroups, controlPlaneCgroup(context.name));
  return members.includes(identity.pid) ? identity : undefined;
}

/** Starts the control plane under a supervisor that outlives us. Returns false if it runs already. */
export async function startControlPlane(context: KnownCluster, commands: ClusterCommands): Promise<boolean> {
  if ((await controlPlaneSupervisor(context)) !== undefined) return false;
  const { paths, cgroups, clock, signal, name } = context;
  const cgroup = controlPlaneCgroup(name);
  await killCgroup(cgroups, cgroup, { clock, ...(signal && { signal }) }); // a start that was interrupted before it left its identity
  await createCgroup(cgroups, cgroup);
  await mkdir(paths.log, { recursive: true });
  const script = join(paths.run, 'control-plane.sh');
  const command = commands.controlPlane(paths.directory);
  const env = serviceEnvironment(context, process.env);
  await writeFileAtomic(
    script,
    supervisorScript({
      services: [{ name: CONTROL_PLANE_SERVICE, command, env }],
      logDirectory: paths.log,
      runDirectory: paths.run,
      graceSeconds: GRACE_SECONDS,
    }),
    { mode: 0o755 },
  );
  await using log = await open(paths.controlPlaneLog, 'a', 0o644);
  // tini takes over the pid; -s: as it is not pid 1 here, it must ask for the orphans below it.
  const launch = `${joinCgroup(cgroups, cgroup)}\nexec tini -s -- /bin/sh "$1"`;
  const child = spawn('/bin/sh', ['-ec', launch, 'sh', script], {
    cwd: '/',
    detached: true,
    env,
    stdio: ['ignore', log.fd, log.fd],
  });
  await once(child, 'spawn', { ...(signal && { signal }) });
  child.unref();
  const identity = child.pid === undefined ? undefined : await processIdentity(child.pid);
  if (identity === undefined) throw new Error(`the control plane ended at once; see ${paths.controlPlaneLog}`);
  await writeIdentity(identityFile(context), identity);
  // It has to run a few instructions to be in its cgroup, and is not taken for the supervisor before.
  while ((await controlPlaneSupervisor(context)) === undefined) {
    if (!(await isAlive(identity))) throw new Error(`the control plane ended at once; see ${paths.controlPlaneLog}`);
    await sleep(clock, 2, { ...(signal && { signal }) });
  }
  return true;
}

/** Ends the control plane: asked to first if `graceful`, so that it can close its store. */
export async function stopControlPlane(context: ClusterContext, { graceful }: { graceful: boolean }): Promise<void> {
  const { cgroups, clock, signal, name } = context;
  const supervisor = await controlPlaneSupervisor(context);
  if (graceful && supervisor !== undefined && (await killProcess(supervisor, 'SIGTERM'))) {
    await waitForExit(supervisor, { clock, timeoutMs: (GRACE_SECONDS + 1) * 1000, ...(signal && { signal }) });
  }
  await killCgroup(cgroups, controlPlaneCgroup(name), { clock, ...(signal && { signal }) });
}

/**
 * Throws as soon as waiting for the control plane is in vain: its supervisor is gone, or since `logBytes` of its log it has ended because it cannot read
 * its datastore.
 */
export async function checkControlPlane(context: ClusterContext, logBytes: number): Promise<void> {
  if ((await controlPlaneSupervisor(context)) === undefined) throw new Error('the control plane ended');
  // Looked at again and again: of a log of megabytes only what has come is read.
  await using log = await open(context.paths.controlPlaneLog, 'r');
  const { size } = await log.stat();
  const { buffer } = await log.read({ buffer: Buffer.alloc(Math.max(0, size - logBytes)), position: logBytes });
  if (buffer.includes(`pirogue: ${CONTROL_PLANE_SERVICE} ended with code ${DATA_ERROR_EXIT};`))
    throw new Error('the control plane cannot read its datastore');
}
