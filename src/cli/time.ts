import { UsageError } from './command.ts';

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `90s`, `5m`, `1h30m`, `2d`, in milliseconds; undefined for what is no duration. */
export function parseDuration(text: string): number | undefined {
  if (!/^(?:\d+[smhd])+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/(\d+)([smhd])/g))
    sum += Number(number) * UNIT_MS[unit as keyof typeof UNIT_MS];
  return sum;
}

/** `5m` (ago), or a time as `date` and kubectl write it. */
export function parseMoment(text: string, nowMs: number): number {
  const ago = parseDuration(text);
  if (ago !== undefined) return nowMs - ago;
  const time = Date.parse(text);
  if (Number.isNaN(time))
    throw new UsageError(
      `${JSON.stringify(text)} is no time: give one like 2026-01-31T10:15:00Z, or how long ago, like 5m or 1h30m`,
    );
  return time;
}
