/** Programs a test runs: to their end, or alongside while it reads what they print. */
import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';

/** Longest any single wait of a test may take; what is waited for takes a fraction of it. */
export const WAIT_MS = 60_000;

export interface Result {
  /** `undefined` when a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Written to standard input, which is then closed. Default: closed at once by {@link runCommand}, left open by {@link startCommand}. */
  readonly input?: string | Buffer;
}

/** A program that runs beside the test; stopped by `await using` at the latest. */
export class RunningCommand implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #shown: string;
  readonly #exit: Promise<Result>;
  readonly #listeners = new Set<() => void>();
  #stdout = '';
  #stderr = '';
  #ended = false;

  constructor([command = '', ...args]: readonly string[], { env = process.env, input }: CommandOptions) {
    const began = performance.now();
    this.#shown = [command, ...args].join(' ');
    this.#child = spawn(command, args, { env: { ...env }, stdio: 'pipe' });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
      for (const listener of this.#listeners) listener();
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      for (const listener of this.#listeners) listener();
    });
    this.#child.stdin.on('error', () => {}); // it may end without having read all: its exit code tells more
    if (input !== undefined) this.#child.stdin.end(input);
    const { promise, resolve } = Promise.withResolvers<Result>();
    this.#exit = promise;
    this.#child.once('error', (error) => (this.#stderr += error.message));
    this.#child.once('close', (code) => {
      this.#ended = true;
      resolve({
        code: code ?? undefined,
        stdout: this.#stdout,
        stderr: this.#stderr,
        ms: Math.round(performance.now() - began),
      });
      for (const listener of this.#listeners) listener();
    });
  }

  /** All it wrote to standard output so far. */
  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Writes to its standard input, which stays open. */
  type(text: string): void {
    this.#child.stdin.write(text);
  }

  closeInput(): void {
    this.#child.stdin.end();
  }

  /** Resolves once its standard output, all of it, satisfies `wanted`; fails when it ends before or takes too long. */
  async until(wanted: RegExp | ((stdout: string) => boolean), timeoutMs = WAIT_MS): Promise<string> {
    const satisfied = (): boolean => (wanted instanceof RegExp ? wanted.test(this.#stdout) : wanted(this.#stdout));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const fail = (why: string): void =>
      reject(
        new assert.AssertionError({
          message: `${why}: ${this.#shown}\nwaited for ${String(wanted)}\n--- its output:\n${this.#stdout}${this.#stderr}`,
        }),
      );
    const look = (): void => {
      if (satisfied()) resolve();
      else if (this.#ended) fail('it ended');
    };
    const timer = setTimeout(fail, timeoutMs, `not within ${timeoutMs} ms`);
    this.#listeners.add(look);
    try {
      look();
      await promise;
      return this.#stdout;
    } finally {
      clearTimeout(timer);
      this.#listeners.delete(look);
    }
  }

  /** Resolves when it has ended by itself, which it has to within `timeoutMs`. */
  async exit(timeoutMs = WAIT_MS): Promise<Result> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#child.kill('SIGKILL');
    }, timeoutMs);
    const result = await this.#exit;
    clearTimeout(timer);
    if (late) assert.fail(`not ended after ${timeoutMs} ms: ${this.#shown}\n${result.stdout}${result.stderr}`);
    return result;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    this.#child.kill('SIGKILL');
    if (this.#child.pid !== undefined) await once(this.#child, 'exit').catch(() => {});
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) stream.destroy();
  }
}

export function startCommand(argv: readonly string[], options: CommandOptions = {}): RunningCommand {
  return new RunningCommand(argv, options);
}

/** Runs to the end, whatever the exit code. */
export async function runCommand(
  argv: readonly string[],
  { timeoutMs, ...options }: CommandOptions & { readonly timeoutMs?: number } = {},
): Promise<Result> {
  await using command = new RunningCommand(argv, { input: '', ...options });
  return await command.exit(timeoutMs);
}

/** Runs to the end and returns standard output; fails with what it said unless it exits with 0. */
export async function expectSuccess(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await runCommand(argv, options);
  if (code !== 0) assert.fail(`exit code ${code}: ${argv.join(' ')}\n${stderr}${stdout}`);
  return stdout;
}
