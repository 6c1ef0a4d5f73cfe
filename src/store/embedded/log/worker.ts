/** The thread that owns the files of a store. Small on purpose: it imports nothing that is not needed to write rows. */
import { parentPort, workerData } from 'node:worker_threads';
import type { LogError, LogReply, LogRequest, LogWorkerData } from './log.ts';
import { asStoreError, LogDatabase } from './database.ts';
import { slicesOf } from './slices.ts';

/** While batches come in, cleaning gets a few milliseconds at intervals of this; without them it goes on until all is clean. */
const CLEAN_MS = 20;
/** After an attempt to clean up on a full disk. */
const RETRY_MS = 5000;

function serve(port: NonNullable<typeof parentPort>, { directory, maxBytes }: LogWorkerData): void {
  const reply = (message: LogReply, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);
  let database: LogDatabase;
  let slices: ReturnType<typeof slicesOf>;
  try {
    database = new LogDatabase(directory, maxBytes);
    slices = slicesOf(database.rows());
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
        const rows = nextRows(slices, request.spare, directory);
        reply(rows, rows.type === 'rows' && rows.slice !== undefined ? [rows.slice.bytes.buffer] : []);
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

function nextRows(slices: ReturnType<typeof slicesOf>, spare: ArrayBuffer | undefined, directory: string): LogReply {
  try {
    return { type: 'rows', slice: slices.next(spare).value };
  } catch (error) {
    return { type: 'refused', error: asLogError(error, directory, true) };
  }
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function asLogError(error: unknown, directory: string, opening: boolean): LogError {
  const { code, message } = asStoreError(error, directory, opening);
  return { code, message };
}

if (parentPort !== null) serve(parentPort, workerData as LogWorkerData);
