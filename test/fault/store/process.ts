import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { LogFault } from './failing-log.ts';

/** What is wrong with the machine a server runs on. */
export type Surroundings =
  | { readonly type: 'whole' }
  | { readonly type: 'failing-sync'; readonly fault: LogFault }
  /** No file may grow beyond so many bytes: what a write brings it over is cut short, and the next one fails. */
  | { readonly type: 'file-limit'; readonly bytes: number }
  /** So many bytes are free until {@link StoreProcess.makeRoom}. */
  | { readonly type: 'full-disk'; readonly freeBytes: number };

/** Under `node --test` a process that knows of it says what it has to say in the test runner's own format. */
const { NODE_TEST_CONTEXT: _, ...ENVIRONMENT } = process.env;
const SERVER = join(import.meta.dirname, 'server.ts');
const BLOCK_BYTES = 512;
const BALLAST_BYTES = 8 << 20;
const CANNOT_MOUNT = 77;

/** A small disk with a copy of the store and ballast on it; what is there at the end is brought back. */
const ON_SMALL_DISK = `
  store=$1; disk=$2; size=$3; shift 3
  exec 3>&2
  mkdir -p "$disk" && mount -t tmpfs -o "size=$size" tmpfs "$disk" || exit ${CANNOT_MOUNT}
  cp -a "$store/." "$disk/" && head -c ${BALLAST_BYTES} /dev/zero > "$disk/ballast" || exit ${CANNOT_MOUNT}
  exec 2>/dev/null # the shell has words for who is killed
  "$@" 2>&3; code=$?
  rm -f "$disk/ballast" "$store"/*; cp -a "$disk/." "$store/"; exit $code`;

/** What a server has said of itself. */
export interface Said {
  readonly port?: number;
  readonly refused?: string;
  readonly fatal?: string;
}

export interface StoreProcess {
  /** Resolves when it serves, or will not. */
  readonly up: Promise<Said>;
  /** Resolves with all it said, when it and what is around it are gone. */
  readonly gone: Promise<Said>;
  readonly isGone: boolean;
  kill(): void;
  /** Where its files can be reached from here. */
  path(name: string): string;
}

export function startProcess(directory: string, around: Surroundings, usedBytes: number): StoreProcess {
  const disk = `${directory}.disk`;
  const onDisk = around.type === 'full-disk' ? disk : directory;
  const server = [process.execPath, SERVER, onDisk];
  const child = launch(server, directory, disk, around, usedBytes);
  let said: Said = {};
  let pid: number | undefined;
  let isGone = false;
  const up = Promise.withResolvers<Said>();
  createInterface(child.stdout).on('line', (line) => {
    const [word = '', ...rest] = line.split(' ');
    const text = rest.join(' ');
    if (word === 'ready') {
      said = { ...said, port: Number(rest[0]) };
      pid = Number(rest[1]);
    } else if (word === 'refused') said = { ...said, refused: text };
    else if (word === 'fatal') said = { ...said, fatal: text };
    up.resolve(said);
  });
  child.stdin.on('error', () => {}); // it goes away with its process
  const gone = once(child, 'close').then(([code]) => {
    isGone = true;
    if (code === CANNOT_MOUNT) said = { ...said, refused: 'this machine does not let us mount' };
    up.resolve(said);
    return said;
  });
  return {
    up: up.promise,
    gone,
    get isGone() {
      return isGone;
    },
    kill() {
      if (!isGone && pid !== undefined) process.kill(pid, 'SIGKILL');
      else if (!isGone) child.kill('SIGKILL');
    },
    path: (name) => join(around.type === 'full-disk' ? `/proc/${pid}/root${disk}` : directory, name),
  };
}

function launch(
  server: readonly string[],
  directory: string,
  disk: string,
  around: Surroundings,
  usedBytes: number,
): ChildProcessByStdio<Writable, Readable, null> {
  const start = ([file = '', ...args]: readonly string[]): ChildProcessByStdio<Writable, Readable, null> =>
    spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'], env: ENVIRONMENT });
  switch (around.type) {
    case 'whole':
      return start(server);
    case 'failing-sync':
      return start([...server, JSON.stringify(around.fault)]);
    case 'file-limit':
      return start(['sh', '-c', `ulimit -f ${Math.ceil(around.bytes / BLOCK_BYTES)} && exec "$@"`, 'sh', ...server]);
    case 'full-disk': {
      const isolated = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', ON_SMALL_DISK, 'sh'];
      return start([...isolated, directory, disk, String(usedBytes + BALLAST_BYTES + around.freeBytes), ...server]);
    }
  }
}
