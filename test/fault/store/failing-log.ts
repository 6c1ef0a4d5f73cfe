import { type OpenedLog, openLogThread } from '../../../src/store/embedded/log/thread.ts';
import type { Log } from '../../../src/store/embedded/log/log.ts';
import { StoreError } from '#store';

/** The commit that fails, counted from 1, and whether its bytes reach the disk all the same. */
export interface LogFault {
  readonly commit: number;
  readonly written: boolean;
}

/** The files as they are on a disk whose sync fails once: whether what was written before it is there, nobody can say. */
export function failingLog({ commit, written }: LogFault): typeof openLogThread {
  return async (...args): Promise<OpenedLog> => {
    const opened = await openLogThread(...args);
    let commits = 0;
    const { log } = opened;
    const failing: Log = {
      async commit(batch) {
        const fails = ++commits === commit;
        if (!fails || written) await log.commit(batch);
        if (fails) throw new StoreError('failed', 'cannot write the store: EIO: i/o error, fdatasync');
      },
      compact: (revision, firstRow) => log.compact(revision, firstRow),
      purge: (rows) => log.purge(rows),
      shrink: () => log.shrink(),
      sizeBytes: () => log.sizeBytes(),
      close: () => log.close(),
    };
    return { ...opened, log: failing };
  };
}
