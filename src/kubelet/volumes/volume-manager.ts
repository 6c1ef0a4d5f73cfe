import { createHash } from 'node:crypto';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod, Volume } from '#api';
import { backoffMs, type Clock, messageOf } from '#util';
import type { KubeletConfig } from '../config.ts';
import { podPaths } from '../names.ts';
import type { ReferencedObjects } from '../env/env.ts';
import type { NodeFacts } from '../env/fields.ts';
import type { PodEvents } from '../pods/events.ts';
import { podAmounts } from '../resources/pod-resources.ts';
import { quantityValue } from '../resources/quantity.ts';
import { goList, goQuote } from '../text.ts';
import { writeAtomically } from './atomic-writer.ts';
import { type Payload, tokenRequests, volumePayload } from './content.ts';
import { prepareHostPath } from './host-path.ts';
import type { Mounter } from './mounter.ts';
import { setVolumeGroup } from './ownership.ts';
import type { TokenSource } from './token-source.ts';

/** Retries of one volume: pkg/volume/util/operationexecutor, exponentialbackoff v1.36. */
const RETRY = { baseMs: 500, maxMs: 122_000 };
/** How long a pod waits for its volumes before it says so. Source: podAttachAndMountTimeout (volume_manager.go). */
const PATIENCE_MS = 123_000;
const EMPTY_DIR_MODE = 0o777;

export interface VolumeContext {
  readonly objects: ReferencedObjects;
  readonly facts: NodeFacts;
  readonly nodeMemoryBytes: number;
}

export interface SetUpResult {
  /** Volumes that are not there yet; empty: the containers may start. */
  readonly unmounted: readonly string[];
  /** When to try again, milliseconds from now. */
  readonly retryAfterMs?: number | undefined;
}

export interface VolumeManager {
  /** Begins to fetch what takes longest, so that it is there when it is needed. */
  prefetch(pod: Pod, options: { signal: AbortSignal }): void;
  /** Brings the volumes that containers of the pod use to what they should be; called again it updates files that come from the API. */
  setUp(pod: Pod, context: VolumeContext, options: { signal: AbortSignal }): Promise<SetUpResult>;
  /** Where a volume lies on the node. */
  pathOf(pod: Pod, volumeName: string): string | undefined;
  /** Unmounts everything of the pod and removes what its volumes held. Its containers must have ended. */
  tearDown(podUid: string): Promise<void>;
  /** Removes the rest of the pod's directory. */
  remove(podUid: string): Promise<void>;
  /** Something the pod refers to has changed: failed volumes are tried at once. */
  changed(podUid: string): void;
}

interface VolumeState {
  /** Digest of the content last written. */
  digest?: string;
  ready: boolean;
  failures: number;
  /** On the clock that never jumps; 0: at once. */
  nextAttemptMs: number;
}

interface PodState {
  readonly volumes: Map<string, VolumeState>;
  waitingSinceMs: number | undefined;
}

const PLUGIN = {
  emptyDir: 'kubernetes.io~empty-dir',
  configMap: 'kubernetes.io~configmap',
  secret: 'kubernetes.io~secret',
  projected: 'kubernetes.io~projected',
  downwardAPI: 'kubernetes.io~downward-api',
} as const;

const pluginOf = (volume: Volume): keyof typeof PLUGIN | undefined =>
  (Object.keys(PLUGIN) as (keyof typeof PLUGIN)[]).find((key) => volume[key] !== undefined);

/** Volumes that some container mounts: the others are not set up. */
function usedVolumes({ spec }: Pod): Volume[] {
  const containers = [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])];
  const names = new Set(containers.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name)));
  return (spec.volumes ?? []).filter(({ name }) => names.has(name));
}

function digestOf(payload: Payload): string {
  const hash = createHash('sha256');
  for (const [path, { data, mode }] of payload) hash.update(`${path}\0${mode}\0${data.length}\0`).update(data);
  return hash.digest('base64');
}

export interface VolumeManagerOptions {
  config: KubeletConfig;
  mounter: Mounter;
  tokens: TokenSource;
  events: PodEvents;
  clock: Clock;
}

export function newVolumeManager({ config, mounter, tokens, events, clock }: VolumeManagerOptions): VolumeManager {
  const pods = new Map<string, PodState>();

  function pathOf(pod: Pod, volumeName: string): string | undefined {
    const volume = pod.spec.volumes?.find(({ name }) => name === volumeName);
    if (volume?.hostPath !== undefined) return volume.hostPath.path;
    const plugin = volume && pluginOf(volume);
    return plugin === undefined ? undefined : join(podPaths(config, pod).volumes, PLUGIN[plugin], volumeName);
  }

  const group = (pod: Pod, path: string, readOnly: boolean, onRootMismatch: boolean): Promise<void> => {
    const gid = pod.spec.securityContext?.fsGroup;
    return gid === undefined ? Promise.resolve() : setVolumeGroup(path, { gid, readOnly, onRootMismatch });
  };

  async function ensureTmpfs(path: string, sizeBytes: number | undefined, signal: AbortSignal): Promise<void> {
    if (!(await mounter.isMountPoint(path))) await mounter.mountTmpfs(path, { sizeBytes, signal });
  }

  async function setUpEmptyDir(
    pod: Pod,
    volume: Volume,
    path: string,
    context: VolumeContext,
    signal: AbortSignal,
  ): Promise<void> {
    const { medium = '', sizeLimit } = volume.emptyDir ?? {};
    await mkdir(path, { recursive: true });
    if (medium === 'Memory') {
      // As small as the smallest of what the volume, the pod and the node say. Source: calculateEmptyDirMemorySize.
      const bounds = [context.nodeMemoryBytes, podAmounts(pod, 'limits').memoryBytes, quantityValue(sizeLimit)].filter(
        (b) => b > 0,
      );
      await ensureTmpfs(path, Math.min(...bounds), signal);
    } else if (medium !== '') {
      throw new Error(`unknown storage medium ${goQuote(medium)}`);
    }
    await chmod(path, EMPTY_DIR_MODE);
    await group(pod, path, false, pod.spec.securityContext?.fsGroupChangePolicy === 'OnRootMismatch');
  }

  async function setUpFiles(
    pod: Pod,
    volume: Volume,
    path: string,
    context: VolumeContext,
    state: VolumeState,
    signal: AbortSignal,
  ): Promise<void> {
    const texts = new Map<string, string>();
    for (const request of tokenRequests(volume)) texts.set(request.path, await tokens.get(pod, request, { signal }));
    const payload = volumePayload(pod, volume, { ...context, tokens: texts });
    const digest = digestOf(payload);
    if (state.digest === digest) return;
    await mkdir(path, { recursive: true, mode: 0o755 });
    // Secrets and what may hold some never touch the disk.
    if (volume.configMap === undefined) await ensureTmpfs(path, undefined, signal);
    await chmod(path, EMPTY_DIR_MODE);
    await writeAtomically(path, payload, {
      nowMs: clock.now(),
      prepare: (directory) => group(pod, directory, true, false),
    });
    state.digest = digest;
  }

  async function setUpOne(
    pod: Pod,
    volume: Volume,
    context: VolumeContext,
    state: VolumeState,
    signal: AbortSignal,
  ): Promise<void> {
    if (volume.hostPath !== undefined) {
      if (!state.ready) await prepareHostPath(volume.hostPath.path, volume.hostPath.type);
      return;
    }
    const path = pathOf(pod, volume.name);
    if (path === undefined) throw new Error('no volume plugin matched');
    if (volume.emptyDir === undefined) await setUpFiles(pod, volume, path, context, state, signal);
    else if (!state.ready) await setUpEmptyDir(pod, volume, path, context, signal);
  }

  function complain(pod: Pod, state: PodState, unmounted: readonly string[]): void {
    const now = clock.monotonic();
    state.waitingSinceMs ??= now;
    if (now - state.waitingSinceMs < PATIENCE_MS) return;
    state.waitingSinceMs = now;
    const message = `Unable to attach or mount volumes: unmounted volumes=${goList(unmounted)}, unattached volumes=[], failed to process volumes=[]: context deadline exceeded`;
    events.pod(pod, 'Warning', 'FailedMount', message);
  }

  return {
    pathOf,

    prefetch(pod, { signal }) {
      for (const volume of usedVolumes(pod))
        for (const request of tokenRequests(volume))
          // Whoever needs the token asks again, and hears why it is not there.
          tokens.get(pod, request, { signal }).catch(() => undefined);
    },

    async setUp(pod, context, { signal }) {
      const state: PodState = pods.get(pod.metadata.uid) ?? { volumes: new Map(), waitingSinceMs: undefined };
      pods.set(pod.metadata.uid, state);
      const unmounted: string[] = [];
      let retryAtMs = Infinity;
      for (const volume of usedVolumes(pod)) {
        const own: VolumeState = state.volumes.get(volume.name) ?? { ready: false, failures: 0, nextAttemptMs: 0 };
        state.volumes.set(volume.name, own);
        if (clock.monotonic() >= own.nextAttemptMs) {
          try {
            await setUpOne(pod, volume, context, own, signal);
            own.ready = true;
            own.failures = 0;
            own.nextAttemptMs = 0;
          } catch (error) {
            signal.throwIfAborted();
            own.nextAttemptMs = clock.monotonic() + backoffMs(own.failures++, RETRY);
            const message = `MountVolume.SetUp failed for volume ${goQuote(volume.name)} : ${messageOf(error)}`;
            events.pod(pod, 'Warning', 'FailedMount', message);
          }
        }
        if (own.nextAttemptMs > 0) retryAtMs = Math.min(retryAtMs, own.nextAttemptMs);
        if (!own.ready) unmounted.push(volume.name);
      }
      if (unmounted.length > 0) complain(pod, state, unmounted);
      else state.waitingSinceMs = undefined;
      const refreshAtMs = tokens.nextRefreshMs(pod.metadata.uid) ?? Infinity; // tokens end by the wall clock
      const nextMs = Math.min(retryAtMs - clock.monotonic(), refreshAtMs - clock.now());
      return { unmounted, ...(nextMs !== Infinity && { retryAfterMs: Math.max(0, nextMs) }) };
    },

    async tearDown(podUid) {
      const directory = join(config.kubeletDir, 'pods', podUid);
      await mounter.unmountUnder(directory);
      for (const name of ['volumes', 'volume-subpaths'])
        await rm(join(directory, name), { recursive: true, force: true });
      pods.delete(podUid);
      tokens.forget(podUid);
    },

    async remove(podUid) {
      const directory = join(config.kubeletDir, 'pods', podUid);
      await mounter.unmountUnder(directory);
      await rm(directory, { recursive: true, force: true });
    },

    changed(podUid) {
      for (const volume of pods.get(podUid)?.volumes.values() ?? []) volume.nextAttemptMs = 0;
    },
  };
}
