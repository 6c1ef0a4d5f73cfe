export interface Usage {
  readonly cpuMicros: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
  /** Buffers, which lie outside of the heap. */
  readonly externalBytes: number;
  /**
   * The longest the event loop was held since the last time this was asked: by the processor time of its thread, which others on the machine do not make
   * longer as they do with the time that passes.
   */
  readonly holdMs: number;
}

/** Answers each message of the parent with what this process has used; ends with the parent. */
export function tellUsage(): void {
  const holds = watchHolds();
  process.on('message', () => {
    const holdMs = holds.longestMs();
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
    process.send!({
      cpuMicros: user + system,
      rssBytes: rss,
      heapBytes: heapUsed,
      externalBytes: arrayBuffers,
      holdMs,
    } satisfies Usage);
  });
  process.on('disconnect', () => process.exit(0));
}

/** Watches how long the event loop is held; `longestMs` tells it since the last time it was asked. */
export function watchHolds(): Disposable & { longestMs(): number } {
  let held = 0;
  let before = threadMicros();
  const look = (): void => {
    const now = threadMicros();
    held = Math.max(held, now - before);
    before = now;
  };
  // Timers have their turn once in each round of the loop.
  const timer = setInterval(look, 1);
  return {
    longestMs() {
      look();
      const longest = held / 1000;
      held = 0;
      return longest;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

function threadMicros(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}
