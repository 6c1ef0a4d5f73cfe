export interface BackoffOptions {
  /** First delay, milliseconds. */
  baseMs: number;
  /** No delay is longer. */
  maxMs: number;
  /** Growth from one delay to the next. Default 2. */
  factor?: number;
  /** Up to this share of the delay is added at random. Default 0. */
  jitter?: number;
  /** Source of randomness in [0,1). Needed when `jitter` is not 0. */
  random?: () => number;
}

/** Delay before try number `attempt` (0 is the first retry), milliseconds. */
export function backoffMs(
  attempt: number,
  { baseMs, maxMs, factor = 2, jitter = 0, random = () => 0 }: BackoffOptions,
): number {
  const delay = Math.min(maxMs, baseMs * factor ** Math.min(attempt, 64));
  return delay * (1 + jitter * random());
}
