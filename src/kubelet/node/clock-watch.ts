import { type Clock, sleep } from '#util';

const CHECK_MS = 10_000;
/** The clock being corrected little by little is no jump. */
const TOLERANCE_MS = 1000;

/**
 * Calls `onJump` when the machine's clock has been set, or stood still with the machine: timers know nothing of either, and what has an end by the wall
 * clock (tokens, deadlines of pods) has to be looked at anew. Until the signal aborts.
 */
export async function watchClock(
  { clock, onJump }: { clock: Clock; onJump: () => void },
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const difference = (): number => clock.now() - clock.monotonic();
  let before = difference();
  while (!signal.aborted) {
    await sleep(clock, CHECK_MS, { signal }).catch(() => {}); // aborted: the loop ends
    const now = difference();
    if (Math.abs(now - before) > TOLERANCE_MS) onJump();
    before = now;
  }
}
