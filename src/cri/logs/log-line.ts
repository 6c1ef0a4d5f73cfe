/** The line format of container logs (`<RFC 3339 time> stdout|stderr F|P <text>`) and what a reader of logs makes of it. */

export type LogStream = 'All' | 'Stdout' | 'Stderr';

export interface LogFormat {
  /** Start each line with its time. */
  timestamps: boolean;
  /** Leave out lines older than this: a time as {@link utcNanos} writes it. */
  since?: string | undefined;
  stream: LogStream;
  /** Most bytes to put out. */
  limitBytes?: number | undefined;
}

/** A piece of what a reader of a log gets. */
export interface LogChunk {
  /** Which stream it came from; when they are not kept apart, that of its last line. */
  readonly stream: 'Stdout' | 'Stderr';
  readonly data: Buffer;
}

const SPACE = 0x20;
const NEWLINE = 0x0a;
const LETTER_P = 0x50;
const STDOUT = Buffer.from('stdout');
const STDERR = Buffer.from('stderr');
const EMPTY = Buffer.alloc(0);

/** 2026-11-21T08:01:31.870795287Z; the digits of the second's fraction vary in number, and there may be a zone instead of Z. */
const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

/** A time of day with nine digits of fraction, zone kept: Go's layout `2006-01-02T15:04:05.000000000Z07:00`. */
export function fixedNanos(time: string): string | undefined {
  const parts = TIME.exec(time);
  return parts === null ? undefined : `${parts[1]}.${(parts[2] ?? '').padEnd(9, '0')}${parts[3]}`;
}

/** As {@link fixedNanos} in UTC: such texts sort as the times do. */
export function utcNanos(time: string): string | undefined {
  const fixed = fixedNanos(time);
  if (fixed === undefined || fixed.endsWith('Z')) return fixed;
  const seconds = Date.parse(fixed.slice(0, 19) + fixed.slice(29));
  return Number.isNaN(seconds) ? undefined : `${new Date(seconds).toISOString().slice(0, 19)}${fixed.slice(19, 29)}Z`;
}

/**
 * Turns lines of a log file into what the client gets. Partial lines (`P`) are put out without their newline and the
 * rest of the line follows without a time of its own. A line that cannot be understood is left out, as upstream does
 * (cri-client/pkg/logs v0.33).
 */
export class LogFormatter {
  readonly #format: LogFormat;
  #remainingBytes: number;
  #atLineStart = true;

  constructor(format: LogFormat) {
    this.#format = format;
    this.#remainingBytes = format.limitBytes ?? Infinity;
  }

  /** The limit is reached: nothing more will be put out. */
  get done(): boolean {
    return this.#remainingBytes <= 0;
  }

  /**
   * Appends the pieces that `block[start, end)`, one line with its newline if it has one, gives to `out`. Returns the stream
   * it came from, undefined when it gives nothing.
   */
  line(block: Buffer, start: number, end: number, out: Buffer[]): LogChunk['stream'] | undefined {
    const line = block.subarray(start, end);
    const afterTime = line.indexOf(SPACE);
    const afterStream = afterTime < 0 ? -1 : line.indexOf(SPACE, afterTime + 1);
    const afterTags = afterStream < 0 ? -1 : line.indexOf(SPACE, afterStream + 1);
    if (afterTags < 0) return undefined;
    const stream = line.subarray(afterTime + 1, afterStream);
    const isStdout = stream.equals(STDOUT);
    if (!isStdout && !stream.equals(STDERR)) return undefined;
    // Tags are separated by colons; the first one is P or F.
    const partial = line[afterStream + 1] === LETTER_P && [SPACE, 0x3a].includes(line[afterStream + 2] ?? SPACE);
    let text = line.subarray(afterTags + 1);
    if (partial && text.at(-1) === NEWLINE) text = text.subarray(0, -1);

    const startsLine = this.#atLineStart;
    const { timestamps, since, stream: wanted } = this.#format;
    const needsTime = since !== undefined || (timestamps && startsLine);
    const time = needsTime ? line.toString('latin1', 0, afterTime) : '';
    const utc = since === undefined ? '' : utcNanos(time);
    const fixed = timestamps && startsLine ? fixedNanos(time) : '';
    if (utc === undefined || fixed === undefined) return undefined;
    this.#atLineStart = text.length === 0 || text.at(-1) === NEWLINE;
    if (since !== undefined && utc < since) return undefined;
    if (wanted !== 'All' && isStdout !== (wanted === 'Stdout')) return undefined;
    this.#put(fixed === '' ? EMPTY : Buffer.from(`${fixed} `, 'latin1'), out);
    this.#put(text, out);
    return isStdout ? 'Stdout' : 'Stderr';
  }

  #put(piece: Buffer, out: Buffer[]): void {
    if (piece.length === 0 || this.#remainingBytes <= 0) return;
    const taken = piece.length > this.#remainingBytes ? piece.subarray(0, this.#remainingBytes) : piece;
    this.#remainingBytes -= taken.length;
    out.push(taken);
  }
}
