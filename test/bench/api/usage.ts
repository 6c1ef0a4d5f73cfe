import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface Usage {
  readonly cpuMicros: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
  /** Buffers, which lie outside of the heap. */
  readonly externalBytes: number;
  /** The longest the event loop was held since the last time this was asked. */
  readonly holdMs: number;
}

/** Answers each message of the parent with what this process has used; ends with the parent. */
export function tellUsage(): void {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
    process.send!({
      cpuMicros: user + system,
      rssBytes: rss,
      heapBytes: heapUsed,
      externalBytes: arrayBuffers,
      holdMs: delay.max / 1e6,
    } satisfies Usage);
    delay.reset();
  });
  process.on('disconnect', () => process.exit(0));
}
