import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from '#linux';
import {
  checkWhole,
  claim,
  complete,
  type Contents,
  contentsOf,
  countOn,
  differenceOf,
  fill,
  openEmbeddedStore,
  openEtcdStore,
  type Store,
  writeStoreFiles,
} from '#store';
import { type Clock, silentLogger, systemClock } from '#util';
import { type ClusterState, type ExternalEtcd, type StatePaths, writeClusterState } from '../state.ts';
import { externalChannel } from './connect.ts';

/** Where data is moved to. */
export interface MoveTarget extends AsyncDisposable {
  /** Sees that the data may come, and that revisions will go on behind `revision`. */
  prepare(revision: number): Promise<void>;
  /** Takes all of it, reads it back, and throws unless it is the same. */
  take(contents: Contents): Promise<void>;
  /** Makes it the datastore of the cluster. Returns where the embedded one is kept that is no longer used. */
  use(): Promise<string | undefined>;
}

/** What a move does to the cluster's directory. Each of these may be where the process is killed. */
export interface MoveFiles {
  readonly data: string;
  exists(path: string): Promise<boolean>;
  remove(path: string): Promise<void>;
  /** Durable when it resolves. */
  rename(from: string, to: string): Promise<void>;
  writeState(state: ClusterState): Promise<void>;
}

export function nodeFiles({ directory, data }: Pick<StatePaths, 'directory' | 'data'>): MoveFiles {
  return {
    data,
    async exists(path) {
      try {
        await stat(path);
        return true;
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return false;
        throw error;
      }
    },
    remove: (path) => rm(path, { recursive: true, force: true }),
    async rename(from, to) {
      await rename(from, to);
      await using parent = await open(dirname(to));
      await parent.sync();
    },
    writeState: (state) => writeClusterState(directory, state),
  };
}

/** Keeps the embedded datastore that the cluster no longer uses, under another name. Undefined: there is none. */
export async function putAside(files: MoveFiles, nowMs: number): Promise<string | undefined> {
  if (!(await files.exists(files.data))) return undefined;
  const time = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  let kept = `${files.data}.moved-${time}`;
  for (let i = 2; await files.exists(kept); i++) kept = `${files.data}.moved-${time}-${i}`;
  await files.rename(files.data, kept);
  return kept;
}

interface TargetOptions {
  readonly state: ClusterState;
  readonly files: MoveFiles;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

/** Files are made beside those of the cluster and take their place when they are whole. */
export function embeddedTarget({ state, files, clock, signal }: TargetOptions): MoveTarget {
  const unfinished = `${files.data}.moving`;
  return {
    prepare: () => files.remove(unfinished),
    async take(contents) {
      await writeStoreFiles(contents, { directory: unfinished, nowMs: clock.now(), signal });
      const difference = differenceOf(contents.kvs, (await readFiles(unfinished)).kvs);
      if (difference !== undefined) throw new Error(`the files that were written are not the same: ${difference}`);
    },
    async use() {
      const kept = await putAside(files, clock.now());
      await files.rename(unfinished, files.data);
      const { etcd: _, ...embedded } = state;
      await files.writeState(embedded);
      return kept;
    },
    [Symbol.asyncDispose]: () => files.remove(unfinished),
  };
}

async function readFiles(directory: string): Promise<Contents> {
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => {}); // heard below
  const store = await openEmbeddedStore({ directory, clock: systemClock, log: silentLogger, onFatal: reject });
  try {
    return contentsOf(await Promise.race([store.dump(), failed]));
  } finally {
    await store.close();
  }
}

interface EtcdTargetOptions extends TargetOptions {
  readonly to: ExternalEtcd;
  readonly force: boolean;
  readonly owner: string;
  /** Default: a connection to `to`. */
  readonly connect?: () => Promise<Store>;
}

export function etcdTarget(options: EtcdTargetOptions): MoveTarget {
  const { state, files, clock, signal, to, force, owner } = options;
  const connect = async (): Promise<Store> =>
    await openEtcdStore({ ...(await externalChannel(to)), clock: systemClock, log: silentLogger });
  let opened: Promise<Store> | undefined;
  let resumes = false;
  const filling = async (): Promise<{ store: Store; owner: string; signal: AbortSignal | undefined }> => ({
    store: await (opened ??= (options.connect ?? connect)()),
    owner,
    signal,
  });
  return {
    async prepare(revision) {
      const own = await filling();
      resumes = await claim({ ...own, force });
      await countOn(own, revision);
    },
    take: async (contents) => fill({ ...(await filling()), resumes }, contents),
    async use() {
      const own = await filling();
      await complete(own);
      await files.writeState({ ...state, etcd: to });
      await checkWhole(own.store);
      return await putAside(files, clock.now());
    },
    async [Symbol.asyncDispose]() {
      await (await opened?.catch(() => undefined))?.close(); // why it could not be opened was told
    },
  };
}
