/** Reads the log file of one container: from its end backwards for a tail, onwards as it grows, over rotations. */
import { watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { type LogChunk, type LogFormat, LogFormatter } from './log-line.ts';

const BLOCK_BYTES = 64 * 1024;
/** containerd cuts lines at 16 KiB; what is far longer is no container log, and must not fill the memory. */
const MAX_LINE_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

export interface ReadLogOptions extends LogFormat {
  /** Give each stream in chunks of its own; by default a chunk has whatever comes. */
  separate?: boolean | undefined;
  /** Start with this many of the last lines. */
  tailLines?: number | undefined;
  /**
   * Go on at the end of the file until what this returns resolves: the container has ended, and all it wrote is in the
   * file. Its signal aborts when reading stops. Without it reading stops at the end of the file.
   */
  follow?: ((options: { signal: AbortSignal }) => Promise<void>) | undefined;
  signal: AbortSignal;
}

/** Where the last `lines` lines start; 0 when there are no more. Reads blocks from the end, never the whole file. */
export async function tailOffset(file: FileHandle, lines: number, blockBytes = BLOCK_BYTES): Promise<number> {
  let right = (await file.stat()).size;
  if (lines === 0) return right;
  const block = Buffer.allocUnsafe(blockBytes);
  let newlines = 0;
  while (right > 0) {
    const left = Math.max(0, right - blockBytes);
    const { bytesRead } = await file.read(block, 0, right - left, left);
    // The newline that ends the last line wanted is one more than the lines between newlines.
    for (let at = block.subarray(0, bytesRead).lastIndexOf(NEWLINE); at >= 0;) {
      if (++newlines > lines) return left + at + 1;
      at = at === 0 ? -1 : block.subarray(0, at).lastIndexOf(NEWLINE);
    }
    right = left;
  }
  return 0;
}

/** A log file, opened and held until disposed. */
export interface OpenLog extends AsyncDisposable {
  /** What the client gets, piece by piece; the consumer's pace is the reader's. */
  read(options: ReadLogOptions): AsyncGenerator<LogChunk, void, undefined>;
}

/** Rejects with the error of the file system when there is no such file. */
export async function openLog(path: string): Promise<OpenLog> {
  let file = await open(path, 'r');
  /** Opens the file that has taken the place of the one being read, if one has. */
  const reopenRotated = async (): Promise<FileHandle | undefined> => {
    const [now, mine] = await Promise.all([stat(path).catch(ignoreMissing), file.stat()]);
    if (now === undefined || (now.ino === mine.ino && now.dev === mine.dev)) return undefined;
    return open(path, 'r').catch(ignoreMissing);
  };

  async function* read(options: ReadLogOptions): AsyncGenerator<LogChunk, void, undefined> {
    const { signal, follow, tailLines, separate = false } = options;
    using changes = follow === undefined ? noChanges : watchFile(path, follow, signal);
    const lines = new LineReader(new LogFormatter(options), separate, follow === undefined ? tailLines : undefined);
    let position = tailLines === undefined ? 0 : await tailOffset(file, tailLines);
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    for (;;) {
      signal.throwIfAborted();
      const ended = changes.ended; // asked before reading: what was written by then is read now
      changes.clear();
      const { bytesRead } = await file.read(block, 0, BLOCK_BYTES, position);
      position += bytesRead;
      if (bytesRead > 0) {
        yield* lines.push(block.subarray(0, bytesRead));
        if (lines.done) return;
        continue;
      }
      const rotated = ended ? undefined : await reopenRotated();
      if (rotated !== undefined) {
        // The writer has moved on to the new file, so the old one has its last bytes now.
        for await (const rest of blocksFrom(file, position, block)) yield* lines.push(rest);
        yield* lines.end();
        await file.close();
        file = rotated;
        position = 0;
      } else if (ended) {
        yield* lines.end();
        return;
      } else {
        await changes.next();
      }
    }
  }
  return { read, [Symbol.asyncDispose]: () => file.close() };
}

async function* blocksFrom(file: FileHandle, position: number, block: Buffer): AsyncGenerator<Buffer, void, undefined> {
  for (let at = position; ;) {
    const { bytesRead } = await file.read(block, 0, block.length, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield block.subarray(0, bytesRead);
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined; // between the rename and the new file
  throw error;
}

/** Cuts blocks into lines and keeps the unfinished one for the next block. */
class LineReader {
  readonly #formatter: LogFormatter;
  readonly #separate: boolean;
  #linesLeft: number;
  #rest: Buffer = Buffer.alloc(0);
  #stream: LogChunk['stream'] = 'Stdout';

  /** `maxLines`: a file that grows while its tail is read does not lengthen the tail. */
  constructor(formatter: LogFormatter, separate: boolean, maxLines: number | undefined) {
    this.#formatter = formatter;
    this.#separate = separate;
    this.#linesLeft = maxLines ?? Infinity;
  }

  get done(): boolean {
    return this.#formatter.done || this.#linesLeft <= 0;
  }

  *push(block: Buffer): Generator<LogChunk, void, undefined> {
    const data = this.#rest.length === 0 ? block : Buffer.concat([this.#rest, block]);
    const out: Buffer[] = [];
    let start = 0;
    for (let newline = data.indexOf(NEWLINE); newline >= 0 && !this.done; newline = data.indexOf(NEWLINE, start)) {
      const before = out.length;
      const stream = this.#formatter.line(data, start, newline + 1, out) ?? this.#stream;
      if (this.#separate && before > 0 && stream !== this.#stream) {
        yield { stream: this.#stream, data: Buffer.concat(out.splice(0, before)) };
      }
      this.#stream = stream;
      this.#linesLeft--;
      start = newline + 1;
    }
    this.#rest = Buffer.from(data.subarray(start)); // a copy: the caller uses the block again
    if (this.#rest.length > MAX_LINE_BYTES) throw new Error(`log line longer than ${MAX_LINE_BYTES} bytes`);
    if (out.length > 0) yield { stream: this.#stream, data: Buffer.concat(out) };
  }

  /** What is left without a newline is a line too: the container died while writing it. */
  *end(): Generator<LogChunk, void, undefined> {
    const out: Buffer[] = [];
    if (this.#rest.length > 0 && !this.done) {
      this.#stream = this.#formatter.line(this.#rest, 0, this.#rest.length, out) ?? this.#stream;
    }
    this.#rest = Buffer.alloc(0);
    if (out.length > 0) yield { stream: this.#stream, data: Buffer.concat(out) };
  }
}

interface Changes extends Disposable {
  /** The container has ended. */
  readonly ended: boolean;
  clear(): void;
  /** Resolves when something has happened since `clear`; rejects when aborted or when watching failed. */
  next(): Promise<void>;
}

const noChanges: Changes = { ended: true, clear() {}, next: () => Promise.resolve(), [Symbol.dispose]() {} };

/** Watches the directory, as the file itself is renamed away by a rotation. */
function watchFile(path: string, follow: NonNullable<ReadLogOptions['follow']>, signal: AbortSignal): Changes {
  const name = basename(path);
  const scope = new AbortController();
  let ended = false;
  let changed = false;
  let failure: { error: unknown } | undefined;
  let wake = (): void => {};
  const notify = (): void => {
    changed = true;
    wake();
  };
  const fail = (error: unknown): void => {
    failure ??= { error };
    notify();
  };
  const watcher = watch(dirname(path));
  watcher.on('change', (_event, changedName) => {
    if (changedName === name) notify();
  });
  watcher.on('error', fail);
  const onAbort = (): void => fail(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  void (async () => {
    try {
      await follow({ signal: AbortSignal.any([signal, scope.signal]) });
      ended = true;
      notify();
    } catch (error) {
      fail(error);
    }
  })();
  return {
    get ended() {
      return ended;
    },
    clear: () => void (changed = false),
    next: async () => {
      if (!changed && failure === undefined) await new Promise<void>((resolve) => (wake = resolve));
      if (failure !== undefined) throw failure.error;
    },
    [Symbol.dispose]: () => {
      signal.removeEventListener('abort', onAbort);
      scope.abort(new Error('the log is no longer read'));
      watcher.close();
    },
  };
}
