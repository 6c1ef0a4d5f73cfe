import { spawn } from 'node:child_process';
import { quote } from './shell.ts';

export interface RunOptions {
  /** Written to the command's standard input, which is then closed. Default: nothing. */
  input?: string | Buffer;
  /** An open file to be the command's standard input, instead of `input`. */
  stdinFd?: number;
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  /** The command is killed (SIGKILL) when it aborts, and the call rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** A command that could not be started, or ended otherwise than with exit code 0. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  /** Absent when it did not start or was killed by a signal. */
  readonly exitCode: number | undefined;
  readonly stderr: string;

  constructor(message: string, exitCode: number | undefined, stderr: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/** Most bytes of output kept; more is an error of the caller, who should read a stream then. */
const MAX_OUTPUT_BYTES = 64 << 20;

/** Runs a command to its end and returns what it wrote to standard output. Rejects with {@link CommandError} unless it exits with 0. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { input, stdinFd, env, cwd, signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason);
    const shown = [command, ...args].map(quote).join(' ');
    const child = spawn(command, [...args], {
      stdio: [stdinFd ?? (input === undefined ? 'ignore' : 'pipe'), 'pipe', 'pipe'],
      ...(env && { env: { ...env } }),
      ...(cwd !== undefined && { cwd }),
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let bytes = 0;
    const collect = (into: Buffer[]) => (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_OUTPUT_BYTES) child.kill('SIGKILL');
      else into.push(chunk);
    };
    child.stdout?.on('data', collect(out));
    child.stderr?.on('data', collect(err));
    // A command may end without having read its input: its exit code tells more than EPIPE does.
    child.stdin?.on('error', () => {});
    if (input !== undefined) child.stdin?.end(input);
    const onAbort = (): void => void child.kill('SIGKILL');
    signal?.addEventListener('abort', onAbort, { once: true });
    const done = (): void => signal?.removeEventListener('abort', onAbort);
    child.once('error', (cause: NodeJS.ErrnoException) => {
      done();
      const why = cause.code === 'ENOENT' ? 'command not found' : cause.message;
      reject(new CommandError(`${shown}: ${why}`, undefined, '', { cause }));
    });
    child.once('close', (code, killedBy) => {
      done();
      const stderr = Buffer.concat(err).toString();
      if (code === 0) return resolve(Buffer.concat(out).toString());
      if (signal?.aborted === true) return reject(signal.reason);
      const how =
        bytes > MAX_OUTPUT_BYTES ? 'too much output' : code === null ? `killed by ${killedBy}` : `exit code ${code}`;
      const said = stderr.trim() || Buffer.concat(out).toString().trim();
      reject(new CommandError(`${shown}: ${how}${said && `: ${said.slice(-4000)}`}`, code ?? undefined, stderr));
    });
  });
}
