/** The thread that owns the files of a store. Small on purpose: it imports nothing that is not needed to write rows. */
import { parentPort, workerData } from 'node:worker_threads';
import type { LogError, LogReply, LogRequest, LogWorkerData } from './log.ts';
import { asStoreError, LogDatabase } from './database.ts';

/** A slice of the log is handed over when it is this big: 1-2 ms of work for the other side. */
const SLICE_BYTES = 512 << 10;
const SLICE_ROWS = 1000;
/** While batches come in, cleaning gets a few milliseconds at intervals of this; without them it goes on until all is clean. */
const CLEAN_MS = 20;
/** After an attempt to clean up on a full disk. */
const RETRY_MS = 5000;

function serve(port: NonNullable<typeof parentPort>, { directory, maxBytes }: LogWorkerData): void {
  const reply = (message: LogReply, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);
  let database: LogDatabase;
  let slices: Generator<LogReply>;
  try {
    database = new LogDatabase(directory, maxBytes);
    slices = readSlices(database);
    reply({ type: 'opened', head: database.head, leases: database.readLeases() });
  } catch (error) {
    reply({ type: 'refused', error: asLogError(error, directory, true) });
    port.close();
    return;
  }
  let cleaning: NodeJS.Timeout | undefined;
  let busy = false;
  const cleanAfter = (delayMs: number): void => {
    cleaning ??= setTimeout(() => {
      cleaning = undefined;
      const outcome = attempt(() => (database.clean() ? 'more' : 'done'));
      if (outcome === 'more') cleanAfter(busy ? CLEAN_MS : 0);
      else if (outcome === 'no-space') cleanAfter(RETRY_MS);
      busy = false;
    }, delayMs);
  };
  /** Runs work that nobody waits for. A full disk can wait, any other error ends the store. */
  const attempt = (work: () => 'more' | 'done'): 'more' | 'done' | 'no-space' | 'failed' => {
    try {
      const outcome = work();
      database.checkpointIfGrown();
      return outcome;
    } catch (error) {
      const failure = asLogError(error, directory, false);
      if (failure.code === 'no-space') return 'no-space';
      reply({ type: 'failed', error: failure });
      return 'failed';
    }
  };
  const answer = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      reply({ type: 'refused', error: asLogError(error, directory, false) });
      return;
    }
    reply({ type: 'done' });
  };
  const handle = (request: LogRequest): void => {
    switch (request.type) {
      case 'read': {
        const slice = nextSlice(slices, directory);
        reply(slice, slice.type === 'rows' ? slice.records.map(({ buffer }) => buffer as ArrayBuffer) : []);
        return;
      }
      case 'commit':
        answer(() => database.commit(request.firstRow, asBuffer(request.frames), request.leases));
        attempt(() => 'done');
        break;
      case 'compact':
        answer(() => database.compact(request.revision, request.firstRow));
        break;
      case 'purge':
        database.purge(request.rows);
        break;
      case 'shrink':
        answer(() => database.shrink());
        break;
      case 'close':
        clearTimeout(cleaning);
        answer(() => database.close());
        port.close();
        return;
    }
    busy = true;
    cleanAfter(CLEAN_MS);
  };
  port.on('message', handle);
}

function nextSlice(slices: Generator<LogReply>, directory: string): LogReply {
  try {
    const { value } = slices.next();
    return value as LogReply;
  } catch (error) {
    return { type: 'refused', error: asLogError(error, directory, true) };
  }
}

function* readSlices(database: LogDatabase): Generator<LogReply> {
  let records: Uint8Array[] = [];
  let rows: number[] = [];
  let bytes = 0;
  for (const { row, record } of database.rows()) {
    // Not as a Buffer: the other side gets what is sent as it is.
    records.push(new Uint8Array(record.buffer, record.byteOffset, record.byteLength));
    rows.push(row);
    bytes += record.length;
    if (bytes < SLICE_BYTES && records.length < SLICE_ROWS) continue;
    yield { type: 'rows', records, rows: Float64Array.from(rows), done: false };
    records = [];
    rows = [];
    bytes = 0;
  }
  yield { type: 'rows', records, rows: Float64Array.from(rows), done: true };
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function asLogError(error: unknown, directory: string, opening: boolean): LogError {
  const { code, message } = asStoreError(error, directory, opening);
  return { code, message };
}

if (parentPort !== null) serve(parentPort, workerData as LogWorkerData);
