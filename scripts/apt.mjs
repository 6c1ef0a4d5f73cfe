/**
 * apt-get, made safe to call from a script: it asks nothing, removes nothing, starts no daemon, and fetches the package lists
 * only when it cannot do without. Returns what apt-get said when it failed, `undefined` when all went well.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs';

const POLICY = '/usr/sbin/policy-rc.d';

/** Installs `packages`, with what they depend on and nothing that is merely recommended. */
export function aptInstall(packages) {
  return withoutDaemons(() => aptGet(['install', '--no-install-recommends', '--no-remove', ...packages]));
}

/** Runs apt-get; once more after `apt-get update` if the lists turn out to be missing or too old. */
export function aptGet(args) {
  const first = apt(args);
  if (first === undefined) return undefined;
  const lists = apt(['update']);
  return lists === undefined ? apt(args) : `${first}\n${lists}`;
}

function apt(args) {
  const options = ['-y', '-qq', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Dpkg::Use-Pty=0'];
  const { status, stdout, stderr, error } = spawnSync('apt-get', [...options, ...args], {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
  });
  return status === 0 ? undefined : `${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`.trim();
}

/** Debian's own guard: while a policy-rc.d says 101, installing a package starts and restarts no service (invoke-rc.d(8)). */
function withoutDaemons(action) {
  if (existsSync(POLICY)) return action(); // the administrator's word stands
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n');
  chmodSync(POLICY, 0o755);
  const cleanup = () => rmSync(POLICY, { force: true });
  const stop = () => process.exit(130);
  process.once('exit', cleanup).once('SIGINT', stop).once('SIGTERM', stop);
  try {
    return action();
  } finally {
    cleanup();
    process.off('exit', cleanup).off('SIGINT', stop).off('SIGTERM', stop);
  }
}
