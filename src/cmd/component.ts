import { writeSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Logger, newLogger } from '#util';

/**
 * The log of a component, on standard error: a file on a disk that may be full. Then lines are lost, not the component; `process.stderr` would end
 * itself, and the process, at the first of them.
 */
export function newComponentLogger(): Logger {
  const write = (line: string): void => {
    try {
      writeSync(2, line);
    } catch {
      // There is nowhere to say so.
    }
  };
  return newLogger({ write, now: () => Date.now() });
}

/**
 * Collects what loading the program left behind, and gives the memory back. V8 would keep it: a young generation that has grown shrinks only in such a
 * collection, which it begins by itself only after much more work. Holds the process for about a tenth of a second, so before it serves.
 */
export function giveMemoryBack(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: object) => void;
  setFlagsFromString('--no-expose-gc');
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

/** Runs a component until SIGTERM or SIGINT, which abort the signal it is given; then it ends by itself, in good order. */
export async function runUntilStopped(log: Logger, run: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort(new Error(name)));
  process.on('unhandledRejection', (error) => {
    // A bug, but not one that may take everything else in this process with it.
    log.error('Unhandled rejection', { error });
  });
  await run(stop.signal);
}
