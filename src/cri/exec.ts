/**
 * A further process in a running container, by containerd's task service, with its standard streams in our hands. Its CRI
 * streaming server cannot close the standard input alone over a WebSocket; this can.
 */
import { execFile } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { promisify } from 'node:util';
import { type Clock, sleep } from '#util';
import { CriError, isNotFound } from './error.ts';
import type { RuntimeService, TasksService } from './services.ts';

const mkfifo = async (paths: string[]): Promise<void> =>
  void (await promisify(execFile)('mkfifo', ['-m', '600', ...paths]));

const PROCESS_TYPE = 'types.containerd.io/opencontainers/runtime-spec/1/Process';
const SIGHUP = 1;
const SIGKILL = 9;
/** How long a process whose client has gone may take to leave after SIGHUP. */
const HANGUP_GRACE_MS = 10_000;
/** A process left behind in the container may hold the streams open; its output is not waited for longer. */
const DRAIN_MS = 10_000;

export interface ContainerExecOptions {
  containerId: string;
  command: readonly string[];
  tty: boolean;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
}

export interface ContainerExecDependencies {
  cri: { readonly runtime: Pick<RuntimeService, 'containerStatus'>; readonly tasks: TasksService };
  clock: Clock;
  /** A directory that containerd's shims see under the same path; each exec makes its FIFOs in one of its own. */
  fifoDirectory: string;
}

export interface ContainerExec extends AsyncDisposable {
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** To give the process end-of-file, {@link endInput}. */
  readonly stdin: Writable | undefined;
  resize(width: number, height: number): Promise<void>;
  /**
   * The exit code, once the process has ended and the streams have given all they had. When `signal` aborts the process is
   * hung up (SIGHUP, ten seconds later SIGKILL).
   */
  wait(options: { signal: AbortSignal }): Promise<number>;
}

/** Starts the process, or rejects with containerd's CriError and leaves nothing behind. */
export async function startContainerExec(
  options: ContainerExecOptions,
  dependencies: ContainerExecDependencies,
): Promise<ContainerExec> {
  const { cri, clock, fifoDirectory } = dependencies;
  const { containerId, tty } = options;
  const execId = crypto.randomUUID().replaceAll('-', '');
  const process = { container_id: containerId, exec_id: execId };
  await using undo = new AsyncDisposableStack();

  const directory = join(fifoDirectory, execId);
  // The shim cannot do with one output missing; a terminal has but one.
  const paths = {
    stdin: options.stdin ? join(directory, 'stdin') : '',
    stdout: join(directory, 'stdout'),
    stderr: tty ? '' : join(directory, 'stderr'),
  };
  await mkdir(directory, { recursive: true, mode: 0o700 });
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  await mkfifo(Object.values(paths).filter((path) => path !== ''));
  // Our ends are opened first and without blocking: opening a FIFO for writing would wait for a reader.
  const streams = {
    stdin: paths.stdin === '' ? undefined : openFifo(paths.stdin, 'write'),
    stdout: openFifo(paths.stdout, 'read'),
    stderr: paths.stderr === '' ? undefined : openFifo(paths.stderr, 'read'),
  };
  for (const stream of Object.values(streams)) {
    if (stream !== undefined) undo.defer(() => void stream.destroy());
  }

  const spec = { type_url: PROCESS_TYPE, value: await processSpec(cri, options) };
  await cri.tasks.exec({ ...process, ...paths, terminal: tty, spec });
  undo.defer(async () => {
    await cri.tasks.deleteProcess(process).catch(ignoreGone);
  });
  const exited = cri.tasks.wait(process);
  exited.catch(() => {}); // seen by wait()
  await cri.tasks.start(process);

  const stdin = streams.stdin;
  // Closing our end is not enough: the shim keeps the FIFO open for writing until it is told.
  stdin?.once('close', () => void cri.tasks.closeIO({ ...process, stdin: true }).catch(() => {})); // fails when it has ended

  const hangUp = async (signal: AbortSignal): Promise<void> => {
    stdin?.destroy();
    await cri.tasks.kill({ ...process, signal: SIGHUP }).catch(ignoreGone);
    await sleep(clock, HANGUP_GRACE_MS, { signal });
    await cri.tasks.kill({ ...process, signal: SIGKILL }).catch(ignoreGone);
  };
  const wanted = { stdout: options.stdout, stderr: options.stderr };
  if (!wanted.stdout) streams.stdout.resume();
  if (!wanted.stderr) streams.stderr?.resume();
  const owned = undo.move();
  return {
    stdin,
    stdout: wanted.stdout ? streams.stdout : undefined,
    stderr: wanted.stderr ? streams.stderr : undefined,
    resize: async (width, height) => {
      await cri.tasks.resizePty({ ...process, width, height }).catch(ignoreGone);
    },
    async wait({ signal }) {
      const ended = new AbortController();
      const onAbort = (): void => void hangUp(ended.signal).catch(() => {}); // aborted: it went by itself
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      try {
        const { exit_status: exitCode } = await exited;
        ended.abort();
        // Waits until the shim has copied what the process wrote (ten seconds at most).
        await cri.tasks.deleteProcess(process).catch(ignoreGone);
        await drained([streams.stdout, streams.stderr], clock);
        return exitCode;
      } finally {
        ended.abort();
        signal.removeEventListener('abort', onAbort);
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Gives a process the end of its input. A FIFO cannot be shut down as a socket can: it is closed, once everything written has gone. */
export function endInput(stdin: ContainerExec['stdin']): void {
  if (stdin?.writable === true) stdin.write(Buffer.alloc(0), () => stdin.destroy());
}

/** Go's default process of the container, with this command: what containerd's own exec does (pkg/cri/server/container_execsync.go 1.6). */
async function processSpec(
  cri: ContainerExecDependencies['cri'],
  { containerId, command, tty }: ContainerExecOptions,
): Promise<Buffer> {
  const { info } = await cri.runtime.containerStatus({ container_id: containerId, verbose: true });
  const container: unknown = JSON.parse(info['info'] ?? '{}');
  const process = (container as { runtimeSpec?: { process?: { env?: string[] } } }).runtimeSpec?.process;
  if (process === undefined) throw new Error(`containerd tells no runtime spec of container ${containerId}`);
  const env = process.env ?? [];
  return Buffer.from(
    JSON.stringify({
      ...process,
      args: command,
      terminal: tty,
      env: tty ? [...env.filter((variable) => !variable.startsWith('TERM=')), 'TERM=xterm'] : env,
    }),
  );
}

function openFifo(path: string, direction: 'read' | 'write'): Socket {
  const reads = direction === 'read';
  // For writing the FIFO is opened both ways: it needs no reader yet then, and writing never meets a broken pipe.
  const fd = openSync(path, (reads ? constants.O_RDONLY : constants.O_RDWR) | constants.O_NONBLOCK);
  try {
    const socket = new Socket({ fd, readable: reads, writable: !reads });
    socket.on('error', () => {}); // told by whoever reads or writes it; without any, the stream just closes
    return socket;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

async function drained(streams: (Socket | undefined)[], clock: Clock): Promise<void> {
  const open = streams.filter((stream) => stream !== undefined);
  using scope = new DisposableStack();
  const destroyAll = (): void => open.forEach((stream) => stream.destroy());
  scope.use(clock.after(DRAIN_MS, destroyAll));
  await Promise.allSettled(open.map((stream) => finished(stream, { writable: false })));
}

function ignoreGone(error: unknown): void {
  if (!isNotFound(error) && !(error instanceof CriError && error.details.includes('process already finished')))
    throw error;
}
