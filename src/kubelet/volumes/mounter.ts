import { readMountinfo, run, unmountUnder } from '#linux';

/** The few mounts a kubelet makes, in the mount namespace it runs in. */
export interface Mounter {
  isMountPoint(path: string): Promise<boolean>;
  mountTmpfs(path: string, options: { sizeBytes?: number | undefined; signal: AbortSignal }): Promise<void>;
  /** `source` is taken as it is, so that a link to an open file stays that very file. */
  bind(source: string, target: string, options: { signal: AbortSignal }): Promise<void>;
  /** Unmounts `path` and all below. */
  unmountUnder(path: string): Promise<void>;
}

export const linuxMounter: Mounter = {
  async isMountPoint(path) {
    return (await readMountinfo()).some(({ mountPoint }) => mountPoint === path);
  },
  async mountTmpfs(path, { sizeBytes, signal }) {
    const size = sizeBytes === undefined ? [] : ['-o', `size=${sizeBytes}`];
    await run('mount', ['-t', 'tmpfs', ...size, 'tmpfs', path], { signal });
  },
  async bind(source, target, { signal }) {
    await run('mount', ['--no-canonicalize', '--bind', source, target], { signal });
  },
  async unmountUnder(path) {
    await unmountUnder(path);
  },
};
