/**
 * Where the program is put together: each command line's composition root. Nothing below knows how the parts are joined, and nothing here does work of
 * its own. Roots are loaded on demand, so that an agent does not carry an API server.
 */
import { dirname, relative } from 'node:path';
import { KUBERNETES_VERSION } from './version.ts';

/** Where the program stands. */
export interface Program {
  /** The project's or package's directory. */
  readonly root: string;
  /** File that Node runs with the arguments `main` takes. */
  readonly entry: string;
}

/**
 * Flags of Node for what lives long. The control plane's young generation may grow to semi-spaces of 16 MB, which makes a write a tenth cheaper than
 * 4 MB do, and gives the memory back once it has started (`giveMemoryBack`). An agent does little and must be small: without V8's optimising compilers it is 13 MB smaller at rest and 20 MB after work, at the figures in
 * docs/decisions/0005-agents-run-without-optimising-compilers.md.
 */
export const NODE_FLAGS = {
  controlPlane: ['--max-semi-space-size=16'],
  agent: ['--max-semi-space-size=1', '--max-old-space-size=256', '--no-opt', '--no-maglev'],
} as const;

const SIGPIPE_EXIT_CODE = 128 + 13;

/** Runs one command line; resolves with the exit code, or never while a component runs. */
export async function main(argv: readonly string[], program: Program): Promise<number> {
  const [verb, argument] = argv;
  switch (verb) {
    case 'control-plane': {
      const { runControlPlane } = await import('./control-plane.ts');
      return await component((directory) => runControlPlane(directory, program.root), argument);
    }
    case 'agent': {
      const { runAgent } = await import('./agent.ts');
      return await component(runAgent, argument);
    }
    default: {
      const { runCli } = await import('#cli');
      return await runCli(argv, io(program));
    }
  }
}

async function component(run: (argument: string) => Promise<void>, argument: string | undefined): Promise<number> {
  if (argument === undefined) {
    process.stderr.write(
      'pirogue: a component takes the path of its settings; `pirogue up` starts it with the right one\n',
    );
    return 2;
  }
  try {
    await run(argument);
    return 0;
  } catch (error) {
    process.stderr.write(`${await textOf(error)}\n`);
    // Timers and sockets of a half-started component must not keep it alive: its supervisor starts it again.
    process.exit(await exitCodeOf(error));
  }
}

async function exitCodeOf(error: unknown): Promise<number> {
  const { StoreError } = await import('#store');
  if (!(error instanceof StoreError && error.code === 'corrupt')) return 1;
  return (await import('#cluster')).DATA_ERROR_EXIT;
}

/** Of a datastore that cannot be opened its message says all there is to say; where in the program that was found helps nobody. */
async function textOf(error: unknown): Promise<string> {
  const { StoreError } = await import('#store');
  if (error instanceof StoreError) return `pirogue: ${error.message}`;
  const { errorText } = await import('#util');
  return errorText(error);
}

function io({ root, entry }: Program): Parameters<typeof import('#cli').runCli>[1] {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort(new Error('interrupted')));
  process.once('SIGTERM', () => stop.abort(new Error('terminated')));
  // Whoever reads our output may have seen enough (`pirogue status | head -1`): ends as other programs do, which SIGPIPE kills.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(SIGPIPE_EXIT_CODE);
  });
  const inRoot = !relative(root, process.execPath).startsWith('..');
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    env: process.env,
    tty: { in: process.stdin.isTTY ?? false, out: process.stdout.isTTY ?? false },
    streams: {
      get in() {
        return process.stdin;
      },
      get out() {
        return process.stdout;
      },
      get err() {
        return process.stderr;
      },
    },
    version: KUBERNETES_VERSION,
    program: {
      node: process.execPath,
      nodeFlags: NODE_FLAGS,
      entry,
      directories: inRoot ? [root] : [root, dirname(dirname(process.execPath))],
    },
    signal: stop.signal,
  };
}
