import type { Logger } from '#util';

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
