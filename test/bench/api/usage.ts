export interface Usage {
  readonly cpuMicros: number;
  readonly rssBytes: number;
}

/** Answers each message of the parent with what this process has used; ends with the parent. */
export function tellUsage(): void {
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send!({ cpuMicros: user + system, rssBytes: process.memoryUsage.rss() } satisfies Usage);
  });
  process.on('disconnect', () => process.exit(0));
}
