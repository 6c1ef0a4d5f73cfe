/**
 * The node agent: makes the node known to the API, runs the pods bound to it through the container runtime, and tells of both.
 *
 * Owns on its node: pods' sandboxes, containers, cgroups, volumes and directories, and everything about them that is written to the API. One
 * worker per pod does everything to it in turn (`pods/pod-worker.ts`); what it decides is computed by pure functions of the spec, of what the
 * runtime has and of the probes' verdicts (`pods/actions.ts`, `status/pod-status.ts`). It keeps no state of its own on disk: labels and annotations
 * on sandboxes and containers and the status in the API are all it needs to go on after a restart; containers run on meanwhile.
 *
 * Does not: pull node resources back under pressure, collect images, run static pods, publish host ports, serve logs and exec (`server/`).
 */
import { readFile } from 'node:fs/promises';
import { Pod, Service } from '#api';
import type { Client, EventRecorder, Informer, Informers } from '#client';
import type { CriClient } from '#cri';
import { type CgroupSystem, detectCgroups } from '#linux';
import type { Clock, Logger } from '#util';
import { newPodCgroups } from './cgroups/pod-cgroups.ts';
import type { KubeletConfig } from './config.ts';
import { newImageManager } from './images/image-manager.ts';
import { watchClock } from './node/clock-watch.ts';
import { keepLease } from './node/lease.ts';
import { type Machine, readMachine } from './node/machine.ts';
import { newNodeAgent } from './node/node-agent.ts';
import { nodeAllocatable } from './node/node-status.ts';
import { newRuntimeMonitor } from './node/runtime-health.ts';
import { newObjectStore } from './objects/pod-objects.ts';
import { admitPod } from './pods/admit.ts';
import { newContainerStarter, type NodeView } from './pods/container-starter.ts';
import { newPodEvents } from './pods/events.ts';
import { newHookRunner } from './pods/hooks.ts';
import { newKiller } from './pods/killer.ts';
import { newPodManager } from './pods/pod-manager.ts';
import { newPodSyncer } from './pods/pod-syncer.ts';
import { Reclaimer } from './pods/reclaim.ts';
import { newStatusManager } from './status/status-manager.ts';
import { newProbeManager } from './probes/probe-manager.ts';
import { newProber } from './probes/prober.ts';
import { rotateLogs } from './runtime/log-rotation.ts';
import { newPleg } from './runtime/pleg.ts';
import { newPodRuntime, type PodRuntime } from './runtime/pod-runtime.ts';
import type { PodLookup } from './server/pod-lookup.ts';
import { linuxMounter, type Mounter } from './volumes/mounter.ts';
import { newTokenSource } from './volumes/token-source.ts';
import { newVolumeManager } from './volumes/volume-manager.ts';

export { type KubeletConfig, kubeletConfig } from './config.ts';
export type { Machine } from './node/machine.ts';
export { newNodeStats } from './node/node-stats.ts';
export { newKubeletServer } from './server/server.ts';
export { KUBELET_VERSION } from './version.ts';

/** What the agent stands on. */
export interface Host {
  readonly machine: Machine;
  readonly cgroups: CgroupSystem;
}

/** Looks at the machine. Throws when it has no cgroups. */
export async function readHost({ kubeletDir, clusterName, nodeName }: KubeletConfig): Promise<Host> {
  const cgroups = await detectCgroups();
  if (cgroups === undefined) throw new Error('no cgroup file system is mounted below /sys/fs/cgroup');
  return { machine: await readMachine({ storagePath: kubeletDir, identity: `${clusterName}/${nodeName}` }), cgroups };
}

export interface KubeletOptions {
  config: KubeletConfig;
  host: Host;
  client: Client;
  /** Must serve pods of this node, and services. */
  informers: Informers;
  recorder: EventRecorder;
  cri: CriClient;
  clock: Clock;
  /** In [0,1). */
  random: () => number;
  log: Logger;
  /** Default: the machine's own mounts. */
  mounter?: Mounter;
  /** Reads a text file of the node. Default: the file system. */
  readText?: (path: string) => Promise<string>;
}

export interface Kubelet {
  /** What the kubelet's server asks. */
  readonly pods: PodLookup;
  /** Why the kubelet is unwell; undefined when it is well. */
  unhealthyBecause(): string | undefined;
  /** Runs until the signal aborts. Containers run on; a later run takes them up. */
  run(options: { signal: AbortSignal }): Promise<void>;
}

export function newKubelet(options: KubeletOptions): Kubelet {
  const { config, host, client, informers, recorder, cri, clock, random, log } = options;
  const { mounter = linuxMounter, readText = (path) => readFile(path, 'utf8') } = options;
  const lifetime = new AbortController();
  const allocatable = nodeAllocatable(host.machine, config.maxPods);
  const view: NodeView = { allocatable, memoryBytes: host.machine.memoryBytes };

  const podInformer: Informer<Pod> = informers.informer(Pod, { fieldSelector: `spec.nodeName=${config.nodeName}` });
  const services = informers.informer(Service);
  const events = newPodEvents(recorder);
  const reader = newPodRuntime(cri.runtime);
  const runtime: PodRuntime = {
    ...reader,
    async read(pod, readOptions) {
      const runtimePod = await reader.read(pod, readOptions);
      pleg.learn(runtimePod);
      return runtimePod;
    },
  };
  const cgroups = newPodCgroups({ system: host.cgroups, cgroupRoot: config.cgroupRoot, clock });
  const hooks = newHookRunner({ runtime: cri.runtime, clock });
  const killer = newKiller({ runtime: cri.runtime, hooks, events, clock, log });
  const reclaimer = new Reclaimer(cri.runtime);
  const images = newImageManager({ images: cri.image, events, clock });
  const tokens = newTokenSource({ client, clock });
  const volumes = newVolumeManager({ config, mounter, tokens, events, clock });
  const statuses = newStatusManager({ client, clock, log, random, signal: lifetime.signal });
  const objects = newObjectStore({
    client,
    clock,
    log,
    random,
    onChange: (uid) => {
      volumes.changed(uid);
      pods.objectChanged(uid);
    },
  });
  const probes = newProbeManager({
    prober: newProber({ runtime: cri.runtime, events, clock }),
    clock,
    random,
    log,
    onChange: (uid) => pods.probed(uid),
  });
  const starter = newContainerStarter({
    config,
    runtime: cri.runtime,
    imageService: cri.image,
    images,
    hooks,
    killer,
    mounter,
    events,
    clock,
    log,
    services: () => services.list(),
    node: () => view,
    volumePath: (pod, name) => volumes.pathOf(pod, name),
    unifiedCgroups: cgroups.unified,
    readNodeHosts: () => readText('/etc/hosts'),
  });
  const syncer = newPodSyncer({
    config,
    runtime: cri.runtime,
    starter,
    killer,
    reclaimer,
    cgroups,
    events,
    clock,
    log,
    readResolvConf: () => readText(config.resolvConf),
  });
  const pleg = newPleg({
    runtime,
    events: cri.events,
    clock,
    log,
    onChange: (uid) => pods.wake(uid),
    onListing: (listing) => pods.cleanUp(listing),
  });
  const monitor = newRuntimeMonitor({
    runtime: cri.runtime,
    clock,
    log,
    onChange: () => {
      nodeAgent.wake();
      pods.wakeAll();
    },
  });
  const nodeAgent = newNodeAgent({
    config,
    client,
    recorder,
    images: cri.image,
    machine: host.machine,
    health: () => monitor.health,
    clock,
    random,
    log,
  });
  const hasExited = (id: string): boolean => pleg.hasExited(id);
  const pods = newPodManager({
    config,
    informer: podInformer,
    statuses,
    runtime,
    killer,
    reclaimer,
    volumes,
    cgroups,
    log,
    hasExited,
    worker: {
      config,
      runtime,
      syncer,
      starter,
      killer,
      reclaimer,
      images,
      objects,
      volumes,
      probes,
      statuses,
      cgroups,
      events,
      clock,
      random,
      log,
      node: () => view,
      networkError: () => monitor.health.networkErrors[0],
      hasExited,
      admit: (pod) => admitPod(pod, pods.activePods(), allocatable),
    },
  });

  return {
    pods,
    unhealthyBecause: () => [...monitor.health.runtimeErrors, ...monitor.health.networkErrors][0],
    async run({ signal }) {
      const onAbort = (): void => lifetime.abort(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      const lease = { client, clock, random, log, nodeName: config.nodeName, nodeUid: () => nodeAgent.uid };
      const logs = { runtime: cri.runtime, clock, log, running: () => pods.runningContainers() };
      try {
        await Promise.all([
          monitor.run({ signal: lifetime.signal }),
          nodeAgent.run({ signal: lifetime.signal }),
          keepLease(lease, { signal: lifetime.signal }),
          watchClock({ clock, onJump: () => pods.wakeAll() }, { signal: lifetime.signal }),
          rotateLogs(logs, { signal: lifetime.signal }),
          startPods(lifetime.signal),
        ]);
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        signal.removeEventListener('abort', onAbort);
        lifetime.abort(new Error('the kubelet has ended'));
        probes.stopAll();
        objects.releaseAll();
      }
    },
  };

  /** Services must be known before the first container gets its environment, the pods before anything is taken for an orphan. */
  async function startPods(signal: AbortSignal): Promise<void> {
    await informers.start({ signal });
    await Promise.all([podInformer.whenSynced({ signal }), services.whenSynced({ signal })]);
    await Promise.all([pods.run({ signal }), pleg.run({ signal })]);
  }
}
