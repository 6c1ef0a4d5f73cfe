import { getCompileCacheDir } from 'node:module';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { StoreError } from '../../types.ts';
import { databasePath } from './files.ts';
import type { LeaseChange, Log, LogBatch, LogError, LogHead, LogReply, LogRequest, LogWorkerData } from './log.ts';
import { frameBytes, writeFrame } from './record.ts';
import type { RowSlice } from './slices.ts';

export interface OpenedLog {
  readonly log: Log;
  readonly head: LogHead;
  readonly leases: readonly LeaseChange[];
  /** The rows in order, in slices that take a few milliseconds each, whose memory is used again. To be read to the end before anything is written. */
  readonly slices: AsyncIterable<RowSlice>;
}

/** Starts the thread that owns the files in `directory`. `onFailure` hears of errors that no call in progress can report. */
export async function openLogThread(
  data: LogWorkerData,
  { onFailure }: { readonly onFailure: (error: StoreError) => void },
): Promise<OpenedLog> {
  const thread = new LogThread(data, onFailure);
  const { head, leases } = await thread.opened();
  return { log: thread, head, leases, slices: thread.readAll() };
}

/** Slices asked for before they are needed. */
const READ_AHEAD = 4;

interface Waiter {
  readonly resolve: (reply: LogReply) => void;
  readonly reject: (error: StoreError) => void;
}

class LogThread implements Log {
  readonly #worker: Worker;
  readonly #onFailure: (error: StoreError) => void;
  readonly #directory: string;
  /** Those who wait for a reply, in the order of their requests. */
  readonly #waiting: Waiter[] = [];
  #failure: StoreError | undefined;
  #closing = false;

  constructor(data: LogWorkerData, onFailure: (error: StoreError) => void) {
    this.#onFailure = onFailure;
    this.#directory = data.directory;
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: data,
      name: 'store',
      execArgv: [],
      // With the compile cache on, the thread need not load the type stripper: 10 MB and 25 ms less.
      env: {
        ...process.env,
        ...(getCompileCacheDir() === undefined ? {} : { NODE_COMPILE_CACHE: getCompileCacheDir() }),
      },
      // Rows are outside the heap; what is in it lives for one batch.
      resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 },
    });
    this.#worker.on('message', (reply: LogReply) => this.#onReply(reply));
    this.#worker.on('error', (error) => this.#fail(asFailure('the thread that writes the store ended', error)));
    this.#worker.on('exit', (code) => {
      if (!this.#closing) this.#fail(asFailure(`the thread that writes the store ended with code ${code}`));
    });
  }

  async opened(): Promise<{ head: LogHead; leases: readonly LeaseChange[] }> {
    try {
      const reply = await this.#reply();
      if (reply.type !== 'opened') throw asFailure(`unexpected reply ${reply.type}`);
      return reply;
    } catch (error) {
      this.#closing = true;
      await this.#worker.terminate();
      throw error;
    }
  }

  async *readAll(): AsyncGenerator<RowSlice> {
    const coming: Promise<LogReply>[] = [];
    const ask = (spare: ArrayBuffer | undefined): void => {
      const reply = this.#request({ type: 'read', spare }, spare === undefined ? [] : [spare]);
      reply.catch(() => {}); // looked at when its turn comes, if ever
      coming.push(reply);
    };
    // The thread reads on while a slice is taken in, and while it waits for a processor itself there are some left.
    for (let i = 0; i < READ_AHEAD; i++) ask(undefined);
    for (;;) {
      const reply = (await coming.shift()) as LogReply;
      if (reply.type !== 'rows') throw asFailure(`unexpected reply ${reply.type}`);
      if (reply.slice === undefined) return;
      yield reply.slice;
      ask(reply.slice.bytes.buffer);
    }
  }

  async commit({ versions, leases }: LogBatch): Promise<void> {
    let bytes = 0;
    for (const { kv } of versions) bytes += frameBytes(kv);
    const frames = Buffer.allocUnsafeSlow(bytes);
    let offset = 0;
    for (const { kv } of versions) offset = writeFrame(frames, offset, kv);
    const firstRow = versions[0]?.row ?? 0;
    await this.#request({ type: 'commit', firstRow, frames, leases }, [frames.buffer]);
  }

  async compact(revision: number, firstRow: number): Promise<void> {
    await this.#request({ type: 'compact', revision, firstRow });
  }

  purge(rows: readonly number[]): void {
    if (rows.length === 0 || this.#failure !== undefined) return;
    const numbers = Float64Array.from(rows);
    this.#post({ type: 'purge', rows: numbers }, [numbers.buffer]);
  }

  async shrink(): Promise<void> {
    await this.#request({ type: 'shrink' });
  }

  async sizeBytes(): Promise<number> {
    const path = databasePath(this.#directory);
    const sizes = await Promise.all([path, `${path}-wal`].map((file) => stat(file).then(({ size }) => size, noFile)));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  async close(): Promise<void> {
    const ended = this.#failure === undefined ? once(this.#worker, 'exit') : undefined;
    try {
      if (ended !== undefined) await this.#request({ type: 'close' });
    } finally {
      this.#closing = true;
      await (ended ?? this.#worker.terminate());
    }
  }

  async #request(request: LogRequest, transfer: ArrayBuffer[] = []): Promise<LogReply> {
    if (this.#failure !== undefined) throw this.#failure;
    if (request.type === 'close') this.#closing = true;
    this.#post(request, transfer);
    return this.#reply();
  }

  #post(request: LogRequest, transfer: ArrayBuffer[]): void {
    this.#worker.postMessage(request, transfer);
  }

  #reply(): Promise<LogReply> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #onReply(reply: LogReply): void {
    if (reply.type === 'failed') return this.#fail(asStoreError(reply.error));
    const waiter = this.#waiting.shift();
    if (waiter === undefined) return this.#fail(asFailure(`unexpected reply ${reply.type}`));
    if (reply.type === 'refused') waiter.reject(asStoreError(reply.error));
    else waiter.resolve(reply);
  }

  #fail(error: StoreError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    this.#onFailure(error);
  }
}

/** The write-ahead log is not there before the first write. */
function noFile(error: NodeJS.ErrnoException): number {
  if (error.code !== 'ENOENT') throw error;
  return 0;
}

function asStoreError({ code, message }: LogError): StoreError {
  return new StoreError(code, message);
}

function asFailure(message: string, cause?: unknown): StoreError {
  return new StoreError('failed', message, cause === undefined ? {} : { cause });
}
