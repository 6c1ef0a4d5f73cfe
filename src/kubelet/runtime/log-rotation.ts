import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { isNotFound, type RuntimeService } from '#cri';
import { type Clock, type Logger, messageOf, sleep } from '#util';

/**
 * Logs of containers that run are kept from filling the disk: one that has grown too long is put aside under its name and the time, the runtime begins a
 * new one, and of those put aside all but the newest are compressed and the oldest removed. Source: pkg/kubelet/logs/container_log_manager.go v1.36.
 */
export interface LogRotationOptions {
  runtime: Pick<RuntimeService, 'reopenContainerLog'>;
  clock: Clock;
  log: Logger;
  /** Containers that run, with the files of their logs. */
  running: () => readonly { readonly id: string; readonly logPath: string }[];
  /** Default: that of containerLogMaxSize, 10Mi. */
  maxBytes?: number;
}

/** Defaults of containerLogMaxSize, containerLogMaxFiles and containerLogMonitorInterval. */
const MAX_BYTES = 10 * 1024 * 1024;
const MAX_FILES = 5;
const CHECK_MS = 10_000;

const COMPRESSED = '.gz';
const TEMPORARY = '.tmp';

/** Until the signal aborts. */
export async function rotateLogs(options: LogRotationOptions, { signal }: { signal: AbortSignal }): Promise<void> {
  const { runtime, clock, log, running, maxBytes = MAX_BYTES } = options;
  while (!signal.aborted) {
    await sleep(clock, CHECK_MS, { signal }).catch(() => {}); // aborted: the loop ends
    for (const { id, logPath } of running()) {
      if (signal.aborted) return;
      try {
        if (logPath !== '' && (await sizeOf(logPath)) > maxBytes) await rotate(id, logPath);
      } catch (error) {
        if (signal.aborted) return;
        log.warn('log of a container could not be rotated', { path: logPath, error: messageOf(error) });
      }
    }
  }

  async function rotate(id: string, path: string): Promise<void> {
    await thinOut(path, signal);
    const aside = `${path}.${timestamp(clock.now())}`;
    await rename(path, aside);
    try {
      await runtime.reopenContainerLog({ container_id: id }, { signal });
    } catch (error) {
      // The runtime goes on writing to the file whatever its name: without a new one that is the container's log.
      await rename(aside, path);
      if (!isNotFound(error)) throw error;
    }
  }
}

/** Files that were put aside from the log `path`, oldest first. */
async function putAside(path: string): Promise<string[]> {
  const prefix = `${basename(path)}.`;
  const names = await readdir(dirname(path)).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  });
  return names.filter((name) => name.startsWith(prefix)).toSorted();
}

/** Removes the log and all that was put aside from it. */
export async function removeLog(path: string): Promise<void> {
  for (const name of await putAside(path)) await rm(join(dirname(path), name), { force: true });
  await rm(path, { force: true });
}

/** Makes room for one more. */
async function thinOut(path: string, signal: AbortSignal): Promise<void> {
  const directory = dirname(path);
  const names = await putAside(path);
  const kept: string[] = [];
  for (const name of names) {
    // An agent was killed while it compressed, or before it removed what it had compressed.
    const stale = name.endsWith(TEMPORARY) || names.includes(name + COMPRESSED);
    if (stale) await rm(join(directory, name), { force: true });
    else kept.push(name);
  }
  const excess = kept.splice(0, Math.max(0, kept.length - (MAX_FILES - 2))); // the log itself and the one put aside now
  for (const name of excess) await rm(join(directory, name), { force: true });
  for (const name of kept) if (!name.endsWith(COMPRESSED)) await compress(join(directory, name), signal);
}

async function compress(path: string, signal: AbortSignal): Promise<void> {
  const temporary = path + TEMPORARY;
  await pipeline(createReadStream(path), createGzip(), createWriteStream(temporary, { mode: 0o640 }), { signal });
  await rename(temporary, path + COMPRESSED);
  await rm(path, { force: true });
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0;
    throw error;
  }
}

/** Sorts as text in the order of time: 20060102-150405. */
const timestamp = (nowMs: number): string =>
  new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
