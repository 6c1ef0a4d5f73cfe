import { randomBytes } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container, Volume, VolumeMount } from '#api';
import type { Input, Mount, MountPropagation } from '#cri';
import { expand } from '../env/expansion.ts';
import type { PodPaths } from '../names.ts';
import { goQuote } from '../text.ts';
import type { Mounter } from './mounter.ts';
import { checkSubPath, prepareSubPath } from './subpath.ts';

const ETC_HOSTS = '/etc/hosts';

function propagationOf({ mountPropagation }: VolumeMount, container: Container): MountPropagation {
  switch (mountPropagation) {
    case 'HostToContainer':
      return 'PROPAGATION_HOST_TO_CONTAINER';
    case 'Bidirectional':
      // Source: translateMountPropagation; the API server refuses it without privileges, and so does the runtime.
      if (container.securityContext?.privileged !== true)
        throw new Error('Bidirectional mount propagation needs a privileged container');
      return 'PROPAGATION_BIDIRECTIONAL';
    default:
      return 'PROPAGATION_PRIVATE';
  }
}

export interface MountContext {
  readonly paths: PodPaths;
  readonly environment: ReadonlyMap<string, string>;
  readonly mounter: Mounter;
  /** The pod's. */
  readonly volumes: readonly Volume[];
  /** Where a volume of the pod lies on the node. */
  volumePath(name: string): string | undefined;
  /** The file to be /etc/hosts; undefined: the image's own. */
  readonly etcHosts: string | undefined;
}

/** Files that come from the API are the kubelet's to write. Source: GetAttributes of the volume plugins, makeMounts (kubelet_pods.go v1.36). */
function isReadOnly(volume: Volume | undefined): boolean {
  const { configMap, secret, downwardAPI, projected } = volume ?? {};
  return [configMap, secret, downwardAPI, projected].some((source) => source !== undefined);
}

function subPathOf({ subPath = '', subPathExpr = '' }: VolumeMount, environment: ReadonlyMap<string, string>): string {
  if (subPathExpr === '') return subPath;
  const missing: string[] = [];
  const result = expand(subPathExpr, (name) => {
    const value = environment.get(name);
    if (value === undefined) missing.push(name);
    return value;
  });
  if (missing.length > 0) throw new Error(`missing value for ${missing.map((name) => goQuote(name)).join(', ')}`);
  return result;
}

async function volumeMount(
  container: Container,
  mount: VolumeMount,
  index: number,
  context: MountContext,
  signal: AbortSignal,
): Promise<Input<Mount>> {
  const volumePath = context.volumePath(mount.name);
  if (volumePath === undefined)
    throw new Error(`cannot find volume ${goQuote(mount.name)} to mount into container ${goQuote(container.name)}`);
  const subPath = subPathOf(mount, context.environment);
  let hostPath = volumePath;
  if (subPath !== '') {
    checkSubPath(subPath);
    const target = join(context.paths.subpaths, mount.name, container.name, String(index));
    try {
      hostPath = await prepareSubPath({ volumePath, subPath, target, mounter: context.mounter }, { signal });
    } catch (error) {
      signal.throwIfAborted();
      // Details could tell of the node's files.
      throw new Error(
        `failed to prepare subPath for volumeMount ${goQuote(mount.name)} of container ${goQuote(container.name)}`,
        { cause: error },
      );
    }
  }
  return {
    host_path: hostPath,
    container_path: mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`,
    readonly: mount.readOnly === true || isReadOnly(context.volumes.find(({ name }) => name === mount.name)),
    propagation: propagationOf(mount, container),
  };
}

/** A fresh file for the container's last words. Source: makeMounts (kuberuntime_container.go v1.36). */
async function terminationLog(container: Container, paths: PodPaths): Promise<Input<Mount>[]> {
  const { terminationMessagePath = '' } = container;
  if (terminationMessagePath === '') return [];
  const directory = paths.container(container.name);
  await mkdir(directory, { recursive: true });
  const file = join(directory, randomBytes(4).toString('hex'));
  await writeFile(file, '');
  await chmod(file, 0o666); // whatever the umask: any user may write it
  return [{ host_path: file, container_path: terminationMessagePath }];
}

/** All mounts of a container: volumes, /etc/hosts, the termination message. */
export async function containerMounts(
  container: Container,
  context: MountContext,
  { signal }: { signal: AbortSignal },
): Promise<Input<Mount>[]> {
  const mounts: Input<Mount>[] = [];
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    mounts.push(await volumeMount(container, mount, index, context, signal));
  }
  if (context.etcHosts !== undefined && !mounts.some((mount) => mount.container_path === ETC_HOSTS)) {
    mounts.push({ host_path: context.etcHosts, container_path: ETC_HOSTS });
  }
  return [...mounts, ...(await terminationLog(container, context.paths))];
}
