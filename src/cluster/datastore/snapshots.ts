import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '#linux';
import { downloadSnapshot, readSnapshot, type StoreDump } from '#store';
import { readOptional, writeFileAtomic } from '../files.ts';
import type { ClusterState, StatePaths } from '../state.ts';
import { connectDatastore, datastoreChannel } from './connect.ts';

/** As etcd writes it: what stands at the end of a snapshot. */
const CHECKSUM_BYTES = 32;
const SUFFIX = '.db';

export interface Snapshot {
  readonly file: string;
  readonly takenAt: Date;
  /** The newest it holds; undefined for a file that was named by somebody else. */
  readonly revision: number | undefined;
  readonly bytes: number;
}

interface Datastore {
  readonly state: ClusterState;
  readonly paths: StatePaths;
}

const directoryOf = ({ directory }: StatePaths): string => join(directory, 'snapshots');

/**
 * Saves all the datastore holds to a file, in the format of `etcdctl snapshot save`; default: a file of its own in the cluster's directory. The file is
 * there whole and on disk, or not at all. The control plane must run.
 */
export async function saveSnapshot(
  { state, paths }: Datastore,
  { file, nowMs }: { readonly file?: string | undefined; readonly nowMs: number },
): Promise<Snapshot> {
  const store = await connectDatastore(state, paths);
  const { revision } = store;
  await store.close();
  const takenAt = new Date(nowMs);
  if (file === undefined) await mkdir(directoryOf(paths), { recursive: true, mode: 0o700 });
  const target = file ?? join(directoryOf(paths), nameOf(takenAt, revision));
  const unfinished = `${target}.part`;
  try {
    const bytes = await download(state, paths, unfinished);
    await rename(unfinished, target);
    return { file: target, takenAt, revision, bytes };
  } finally {
    await rm(unfinished, { force: true });
  }
}

async function download(state: ClusterState, paths: StatePaths, file: string): Promise<number> {
  await using handle = await open(file, 'w', 0o600); // secrets are in it
  const hash = createHash('sha256');
  let bytes = 0;
  /** The last bytes are the checksum of those before: they are held back from it. */
  let tail = Buffer.alloc(0);
  for await (const piece of downloadSnapshot(await datastoreChannel(state, paths))) {
    await handle.write(piece);
    bytes += piece.length;
    const all = Buffer.concat([tail, piece]);
    const end = Math.max(all.length - CHECKSUM_BYTES, 0);
    hash.update(all.subarray(0, end));
    tail = all.subarray(end);
  }
  if (!hash.digest().equals(tail)) throw new Error('the snapshot did not arrive whole');
  await handle.sync();
  return bytes;
}

/** `20261129T101500Z-r1234.db` */
const nameOf = (at: Date, revision: number): string =>
  `${at.toISOString().replaceAll(/[-:]|\.\d+/g, '')}-r${revision}${SUFFIX}`;

/** Snapshots in the cluster's directory, oldest first. */
export async function listSnapshots({ paths }: Pick<Datastore, 'paths'>): Promise<Snapshot[]> {
  const directory = directoryOf(paths);
  const names = await readdir(directory).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  });
  const snapshots: Snapshot[] = [];
  for (const name of names.filter((own) => own.endsWith(SUFFIX))) {
    const file = join(directory, name);
    const { size, mtime } = await stat(file);
    const revision = /-r(\d+)\.db$/.exec(name)?.[1];
    snapshots.push({
      file,
      takenAt: mtime,
      revision: revision === undefined ? undefined : Number(revision),
      bytes: size,
    });
  }
  return snapshots.toSorted((a, b) => a.takenAt.getTime() - b.takenAt.getTime());
}

/** Reads a file of ours or of etcd's. Throws with what is wrong with it. */
export async function readSnapshotFile(file: string): Promise<StoreDump> {
  return readSnapshot(await readFile(file));
}

/** How often a snapshot is to be taken, and how many of those are kept. */
export interface SnapshotSchedule {
  readonly everyMs: number;
  readonly keep: number;
}

const scheduleFile = (paths: StatePaths): string => join(directoryOf(paths), 'schedule.json');

export async function readSchedule({ paths }: Pick<Datastore, 'paths'>): Promise<SnapshotSchedule | undefined> {
  const text = await readOptional(scheduleFile(paths));
  return text === undefined ? undefined : (JSON.parse(text) as SnapshotSchedule);
}

/** Undefined: none are taken any more. */
export async function writeSchedule(
  { paths }: Pick<Datastore, 'paths'>,
  schedule: SnapshotSchedule | undefined,
): Promise<void> {
  await mkdir(directoryOf(paths), { recursive: true, mode: 0o700 });
  if (schedule === undefined) await rm(scheduleFile(paths), { force: true });
  else await writeFileAtomic(scheduleFile(paths), JSON.stringify(schedule), { durable: true });
}

/** Takes a snapshot if one is due and lets go of those that are too many. Resolves with how long nothing is to be done. */
export async function takeDueSnapshot(
  datastore: Datastore,
  schedule: SnapshotSchedule,
  nowMs: number,
): Promise<number> {
  const last = (await listSnapshots(datastore)).at(-1)?.takenAt.getTime() ?? 0;
  const leftMs = last + schedule.everyMs - nowMs;
  // A clock that was set back must not keep it from being taken for long.
  if (leftMs > 0 && leftMs <= schedule.everyMs) return leftMs;
  await saveSnapshot(datastore, { nowMs });
  const all = await listSnapshots(datastore);
  for (const { file } of all.slice(0, Math.max(all.length - schedule.keep, 0))) await rm(file);
  return schedule.everyMs;
}
