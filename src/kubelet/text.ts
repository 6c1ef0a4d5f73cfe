import type { Pod } from '#api';

/** A duration as Go prints it: `345ms`, `1.2s`, `1m20s`, `5m0s`, `1h0m0s`. Source: time.Duration.String. */
export function goDuration(ms: number): string {
  const whole = Math.max(0, Math.trunc(ms));
  if (whole === 0) return '0s';
  if (whole < 1000) return `${whole}ms`;
  const hours = Math.floor(whole / 3_600_000);
  const minutes = Math.floor((whole % 3_600_000) / 60_000);
  const seconds = `${(whole % 60_000) / 1000}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}

/** Go's %q for the texts that occur here. */
export const goQuote = (text: string): string => JSON.stringify(text);

/** Go's %v of a slice of strings: `[a b]`. */
export const goList = (items: readonly string[]): string => `[${items.join(' ')}]`;

/** `web_default(uid)`. Source: pkg/kubelet/util/format/pod.go. */
export const podText = ({ metadata: { name, namespace, uid } }: Pick<Pod, 'metadata'>): string =>
  `${name}_${namespace ?? ''}(${uid})`;

/** meta/v1 Time: seconds only. */
export const timeText = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

/** meta/v1 MicroTime. */
export const microTimeText = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');
