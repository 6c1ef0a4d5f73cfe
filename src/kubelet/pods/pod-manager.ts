import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '#api';
import type { Informer } from '#client';
import { type Logger, messageOf } from '#util';
import type { PodCgroups } from '../cgroups/pod-cgroups.ts';
import type { KubeletConfig } from '../config.ts';
import { newestContainer, type RuntimeContainer } from '../runtime/model.ts';
import type { PodRuntime, RuntimeListing } from '../runtime/pod-runtime.ts';
import type { PodLookup } from '../server/pod-lookup.ts';
import type { VolumeManager } from '../volumes/volume-manager.ts';
import type { Killer } from './killer.ts';
import { PodWorker, type PodWorkerDependencies } from './pod-worker.ts';
import type { Reclaimer } from './reclaim.ts';
import type { StatusManager } from '../status/status-manager.ts';

/** Processes that belong to no pod of the API have this long to leave. Source: SyncTerminatingRuntimePod (kubelet.go v1.36). */
const ORPHAN_GRACE_SECONDS = 1;

export interface PodManager extends PodLookup {
  /** Takes up the pods of the informer; resolves after the signal when all workers have ended. */
  run(options: { signal: AbortSignal }): Promise<void>;
  wake(podUid: string): void;
  objectChanged(podUid: string): void;
  probed(podUid: string): void;
  wakeAll(): void;
  /** Looks for what the runtime and the disk have of pods that are gone. */
  cleanUp(listing: RuntimeListing): void;
  /** Pods that count against the node's resources. */
  activePods(): Pod[];
  /** Containers that run, of all pods, as far as it is known. */
  runningContainers(): RuntimeContainer[];
}

export interface PodManagerOptions {
  config: KubeletConfig;
  informer: Informer<Pod>;
  statuses: StatusManager;
  runtime: PodRuntime;
  killer: Killer;
  reclaimer: Reclaimer;
  volumes: VolumeManager;
  cgroups: PodCgroups;
  log: Logger;
  worker: PodWorkerDependencies;
  hasExited: (containerId: string) => boolean;
}

/** One worker per pod uid; two pods of one name, the old one going, are two. */
export function newPodManager(options: PodManagerOptions): PodManager {
  const { config, informer, statuses, runtime, killer, reclaimer, volumes, cgroups, log } = options;
  const workers = new Map<string, PodWorker>();
  const running = new Set<Promise<void>>();
  /** Pods this agent is done with that the API still shows, held by a finalizer. */
  const done = new Set<string>();
  const cleaning = new Set<string>();
  let stop: AbortSignal | undefined;

  function follow(promise: Promise<void>): void {
    const tracked = promise.finally(() => running.delete(tracked));
    running.add(tracked);
  }

  function start(pod: Pod, signal: AbortSignal): void {
    const { uid } = pod.metadata;
    const worker = new PodWorker(pod, options.worker);
    workers.set(uid, worker);
    const live = async (): Promise<void> => {
      await worker.run({ signal });
      if (signal.aborted) return;
      workers.delete(uid);
      if (!worker.gone) done.add(uid);
    };
    follow(live());
  }

  function changed(pod: Pod, signal: AbortSignal): void {
    const { uid } = pod.metadata;
    if (!done.has(uid)) {
      const worker = workers.get(uid);
      if (worker === undefined) start(pod, signal);
      else worker.update(pod);
    }
    statuses.observe(pod);
  }

  function gone({ metadata: { uid } }: Pod): void {
    workers.get(uid)?.removed();
    statuses.forget(uid);
    done.delete(uid);
  }

  async function cleanUpPod(uid: string, name: string, namespace: string, signal: AbortSignal): Promise<void> {
    const runtimePod = await runtime.read({ uid, name, namespace }, { signal });
    // What is needed to stop containers is noted on them; of the pod only its names are known.
    const pod: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, uid, resourceVersion: '', creationTimestamp: '' },
      spec: { containers: [] },
      status: {},
    };
    await killer.killPod(pod, runtimePod, { graceSeconds: ORPHAN_GRACE_SECONDS, signal });
    await reclaimer.removeAll(runtimePod, { signal });
    await volumes.tearDown(uid);
    await volumes.remove(uid);
    await cgroups.remove(uid, { signal });
    const empty = runtimePod.containers.length + runtimePod.sandboxes.length === 0;
    if (!empty) log.info('removed what was left of a pod', { pod: name, namespace, uid });
  }

  /** Uids of pods that have a directory on the node. */
  async function uidsOnDisk(): Promise<{ uid: string; logs?: string }[]> {
    const names = async (directory: string): Promise<string[]> => {
      try {
        return await readdir(directory);
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
        throw error;
      }
    };
    const pods = (await names(join(config.kubeletDir, 'pods'))).map((uid) => ({ uid }));
    const logs = (await names(config.podLogsDir)).flatMap((entry) => {
      const uid = /^[^_]+_[^_]+_([^_]+)$/.exec(entry)?.[1];
      return uid === undefined ? [] : [{ uid, logs: join(config.podLogsDir, entry) }];
    });
    return [...pods, ...logs];
  }

  const isOrphan = (uid: string, live: ReadonlySet<string>): boolean =>
    !workers.has(uid) && !live.has(uid) && !cleaning.has(uid);

  async function cleanUpDisk(inRuntime: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    for (const { uid, logs } of await uidsOnDisk()) {
      signal.throwIfAborted();
      const known = new Set([...inRuntime, ...informer.list().map((pod) => pod.metadata.uid)]);
      if (!isOrphan(uid, known)) continue;
      if (logs !== undefined) await rm(logs, { recursive: true, force: true });
      else {
        await volumes.tearDown(uid);
        await volumes.remove(uid);
        await cgroups.remove(uid, { signal });
      }
    }
  }

  function orphans(listing: RuntimeListing, signal: AbortSignal): void {
    const live = new Set(informer.list().map((pod) => pod.metadata.uid));
    const found = new Map(listing.sandboxes.map((sandbox) => [sandbox.podUid, sandbox]));
    for (const [uid, { podName, podNamespace }] of found) {
      if (!isOrphan(uid, live)) continue;
      cleaning.add(uid);
      const cleaned = cleanUpPod(uid, podName, podNamespace, signal).catch((error: unknown) => {
        if (!signal.aborted) log.warn('what is left of a pod could not be removed', { pod: podName, uid, error });
      });
      follow(cleaned.finally(() => cleaning.delete(uid)));
    }
    const disk = cleanUpDisk(new Set(found.keys()), signal).catch((error: unknown) => {
      if (!signal.aborted) log.warn('directories of former pods could not be removed', { error: messageOf(error) });
    });
    follow(disk);
  }

  const withStatus = (worker: PodWorker): Pod => {
    const { pod } = worker;
    return { ...pod, status: statuses.get(pod.metadata.uid) ?? pod.status };
  };

  return {
    async run({ signal }) {
      stop = signal;
      await informer.whenSynced({ signal });
      using _ = informer.addHandler((event) => {
        if (event.type === 'delete') gone(event.object);
        else changed(event.object, signal);
      });
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      await Promise.allSettled(running);
    },
    wake: (podUid) => workers.get(podUid)?.wake(),
    objectChanged: (podUid) => workers.get(podUid)?.objectChanged(),
    probed: (podUid) => workers.get(podUid)?.probed(),
    wakeAll() {
      for (const worker of workers.values()) worker.wake();
    },
    cleanUp(listing) {
      // Before the API has told of all pods everything would look like an orphan.
      if (stop === undefined || stop.aborted || !informer.synced) return;
      orphans(listing, stop);
    },
    activePods: () => [...workers.values()].filter(({ active }) => active).map(({ pod }) => pod),
    runningContainers: () =>
      [...workers.values()].flatMap(({ runtimePod }) =>
        runtimePod.containers.filter(({ id, state }) => state === 'running' && !options.hasExited(id)),
      ),
    allPods: () => [...workers.values()].map(withStatus),
    podByName(namespace, name) {
      const named = [...workers.values()].filter(
        ({ pod: { metadata } }) => metadata.namespace === namespace && metadata.name === name,
      );
      const newest = named.find(({ phase }) => phase === 'running') ?? named.at(-1);
      return newest && withStatus(newest);
    },
    runningContainerId(pod, containerName) {
      const worker = workers.get(pod.metadata.uid);
      const instance = worker && newestContainer(worker.runtimePod, containerName);
      return instance?.state === 'running' && !options.hasExited(instance.id) ? instance.id : undefined;
    },
    readySandboxId(pod) {
      const newest = workers.get(pod.metadata.uid)?.runtimePod.sandboxes[0];
      return newest?.ready === true ? newest.id : undefined;
    },
  };
}
