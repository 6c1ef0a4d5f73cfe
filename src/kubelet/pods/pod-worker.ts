import { mkdir, rm } from 'node:fs/promises';
import { setMaxListeners } from 'node:events';
import type { Pod, PodStatus } from '#api';
import { backoffMs, type Clock, type Logger, TokenBucket } from '#util';
import type { PodCgroups } from '../cgroups/pod-cgroups.ts';
import type { KubeletConfig } from '../config.ts';
import { podPaths } from '../names.ts';
import type { ImageManager } from '../images/image-manager.ts';
import type { ObjectStore } from '../objects/pod-objects.ts';
import type { PreviousStatus, ProbeManager } from '../probes/probe-manager.ts';
import { isRestartableInit } from '../resources/pod-resources.ts';
import { emptyRuntimePod, type RuntimePod } from '../runtime/model.ts';
import type { PodRuntime } from '../runtime/pod-runtime.ts';
import type { VolumeManager } from '../volumes/volume-manager.ts';
import { computePodActions } from './actions.ts';
import type { Rejection } from './admit.ts';
import type { ContainerStarter, NodeView } from './container-starter.ts';
import type { PodEvents } from './events.ts';
import { gracePeriodSeconds, type Killer } from './killer.ts';
import { isTerminal } from '../status/phase.ts';
import type { PodSyncer } from './pod-syncer.ts';
import type { Reclaimer } from './reclaim.ts';
import type { StartFailure } from './start-failure.ts';
import { computePodStatus, rejectedPodStatus } from '../status/pod-status.ts';
import type { StatusManager } from '../status/status-manager.ts';

/** How often a pod that could not be brought to its spec is tried again, beside what wakes it. Source: backOffPeriod (kubelet.go v1.36). */
const RETRY_MS = 10_000;
const NETWORK_RETRY_MS = 1000;
/** How often a pod is looked at because what it refers to changes all the time; a few changes are seen at once. */
const OBJECT_CHANGES = { perSecond: 1, burst: 5 };
/** The runtime tells of an exit before its own state follows. */
const EXIT_LAG = { baseMs: 20, maxMs: 500 };

export interface PodWorkerDependencies {
  config: KubeletConfig;
  runtime: PodRuntime;
  syncer: PodSyncer;
  starter: ContainerStarter;
  killer: Killer;
  reclaimer: Reclaimer;
  images: ImageManager;
  objects: ObjectStore;
  volumes: VolumeManager;
  probes: ProbeManager;
  statuses: StatusManager;
  cgroups: PodCgroups;
  events: PodEvents;
  clock: Clock;
  random: () => number;
  log: Logger;
  node: () => NodeView;
  /** Why pods with addresses of their own cannot be started now; undefined: they can. */
  networkError: () => string | undefined;
  /** Whether the runtime has told that this container has exited. */
  hasExited: (containerId: string) => boolean;
  /** Whether the node takes the pod. Asked once, of pods that never ran here. */
  admit: (pod: Pod) => Rejection | undefined;
}

/** `running`: brought to its spec; `terminating`: stopped; `terminated`: ended, its status remains; `finished`: nothing is left of it. */
export type PodWorkerPhase = 'running' | 'terminating' | 'terminated' | 'finished';

/**
 * The life of one pod on this node, from the first sight of it to its removal. Everything that happens to it happens here, one step after
 * the other; whoever learns something that may concern it calls `wake`. Source of the states: pkg/kubelet/pod_workers.go v1.36.
 */
export class PodWorker {
  readonly #deps: PodWorkerDependencies;
  readonly #adopted: ReadonlyMap<string, { ready: boolean; started: boolean }>;
  #pod: Pod;
  #phase: PodWorkerPhase = 'running';
  #runtimePod: RuntimePod;
  readonly #failures = new Map<string, StartFailure>();
  #verdict: { reason: string; message: string } | undefined;
  #admitted: boolean;
  /** The pod has gone from the API without having waited for us. */
  #gone = false;
  #reclaimed = false;
  /** Its end was reported by an earlier run of the agent: the status is not touched again. */
  readonly #frozen: boolean;
  readonly #objectChanges: TokenBucket;

  #dirty = true;
  #wakeUp: (() => void) | undefined;
  #timer: Disposable | undefined;
  #timerAtMs = Infinity;
  #attempt: AbortController | undefined;
  #errors = 0;
  #exitLags = 0;

  constructor(pod: Pod, dependencies: PodWorkerDependencies) {
    this.#deps = dependencies;
    this.#pod = pod;
    this.#objectChanges = new TokenBucket({ ...OBJECT_CHANGES, clock: dependencies.clock });
    this.#runtimePod = emptyRuntimePod(identity(pod));
    this.#frozen = isTerminal(pod.status.phase);
    this.#admitted = pod.status.startTime !== undefined;
    const statuses = [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])];
    this.#adopted = new Map(
      statuses.flatMap(({ containerID, ready, started }) =>
        containerID === undefined
          ? []
          : [[containerID.replace('containerd://', ''), { ready, started: started === true }] as const],
      ),
    );
    if (this.#frozen || pod.metadata.deletionTimestamp !== undefined) this.#phase = 'terminating';
  }

  get pod(): Pod {
    return this.#pod;
  }

  get phase(): PodWorkerPhase {
    return this.#phase;
  }

  /** Whether the API no longer has the pod. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Whether it counts against the node's resources. */
  get active(): boolean {
    return this.#admitted && (this.#phase === 'running' || this.#phase === 'terminating') && !this.#frozen;
  }

  get runtimePod(): RuntimePod {
    return this.#runtimePod;
  }

  /** Something may have changed: look again. */
  wake(): void {
    this.#dirty = true;
    this.#wakeUp?.();
  }

  /** A ConfigMap or Secret that the pod refers to has changed. */
  objectChanged(): void {
    if (this.#objectChanges.tryTake()) this.wake();
    else this.#wakeAfter(1000 / OBJECT_CHANGES.perSecond);
  }

  /** The pod has changed in the API. */
  update(pod: Pod): void {
    const before = this.#pod;
    this.#pod = pod;
    const { deletionTimestamp } = pod.metadata;
    if (deletionTimestamp !== undefined && this.#phase === 'running') return this.#terminate();
    const grace = (of: Pod): number => gracePeriodSeconds(of, undefined, 'Unknown');
    if (this.#phase === 'terminating' && deletionTimestamp !== undefined && grace(pod) < grace(before)) {
      this.#attempt?.abort(new Error('the grace period has become shorter'));
    }
    // The agent's own status coming back is no news.
    const specChanged =
      pod.metadata.generation !== before.metadata.generation || deletionTimestamp !== before.metadata.deletionTimestamp;
    const metadataChanged = JSON.stringify(shownMetadata(pod)) !== JSON.stringify(shownMetadata(before));
    const conditionsChanged = (pod.spec.readinessGates ?? []).length > 0;
    if (specChanged || metadataChanged || conditionsChanged) this.wake();
  }

  /** The pod has gone from the API. */
  removed(): void {
    this.#gone = true;
    if (this.#phase === 'running') this.#terminate();
    else this.wake();
  }

  /** A probe has come to another verdict. */
  probed(): void {
    // The loop may be busy for long, with an image for another container of this pod.
    if (this.#phase === 'running') this.#report();
    this.wake();
  }

  #terminate(): void {
    this.#phase = 'terminating';
    this.#attempt?.abort(new Error('the pod is being stopped'));
    this.wake();
  }

  /** Ends when nothing is left of the pod, or at the signal; then containers run on. */
  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    while (this.#phase !== 'finished' && !signal.aborted) {
      await this.#untilDirty(signal);
      if (signal.aborted) break;
      this.#dirty = false;
      this.#clearTimer();
      const attempt = new AbortController();
      this.#attempt = attempt;
      const either = AbortSignal.any([signal, attempt.signal]);
      setMaxListeners(0, either); // one per container, volume and probe of the pod
      try {
        await this.#step(either);
        this.#errors = 0;
      } catch (error) {
        if (signal.aborted) break;
        if (attempt.signal.aborted) this.#dirty = true;
        else {
          this.#deps.log.warn('pod could not be brought to its spec', {
            pod: this.#pod.metadata.name,
            phase: this.#phase,
            error,
          });
          this.#wakeAfter(
            backoffMs(this.#errors++, { baseMs: 500, maxMs: RETRY_MS, jitter: 0.5, random: this.#deps.random }),
          );
        }
      } finally {
        this.#attempt = undefined;
      }
    }
    this.#clearTimer();
  }

  #step(signal: AbortSignal): Promise<void> {
    switch (this.#phase) {
      case 'running':
        return this.#sync(signal);
      case 'terminating':
        return this.#stop(signal);
      case 'terminated':
        return this.#reclaim(signal);
      case 'finished':
        return Promise.resolve();
    }
  }

  async #sync(signal: AbortSignal): Promise<void> {
    const { volumes, objects, cgroups, syncer, probes, reclaimer, node, config } = this.#deps;
    await this.#read(signal);
    if (!this.#admitted && this.#runtimePod.containers.length === 0 && this.#rejected()) return;
    this.#admitted = true;
    const { startTime, phase } = this.#report();
    const over = this.#overDeadline(startTime);
    if (over) this.#report();
    if (over || isTerminal(phase)) return this.#terminate();
    if (!this.#networkReady()) return;

    const pod = this.#pod;
    volumes.prefetch(pod, { signal });
    // Before anything else of it: by its directory a pod that goes while no agent runs is found later.
    await mkdir(podPaths(config, pod).root, { recursive: true, mode: 0o750 });
    await cgroups.ensure(pod);
    const podObjects = await objects.of(pod, { signal });
    const { allocatable, memoryBytes } = node();
    const facts = { podIPs: this.#runtimePod.ips, hostIPs: [config.nodeIP], allocatable };
    const context = { objects: podObjects.referenced, facts, nodeMemoryBytes: memoryBytes };
    const { unmounted, retryAfterMs } = await volumes.setUp(pod, context, { signal });
    if (retryAfterMs !== undefined) this.#wakeAfter(retryAfterMs);
    if (unmounted.length > 0) return;

    const actions = computePodActions(pod, this.#runtimePod, (id) => probes.verdicts(id));
    const { started, failures } = await syncer.apply(
      pod,
      actions,
      {
        runtimePod: this.#runtimePod,
        objects: podObjects,
        onStarted: async (name) => {
          this.#failures.delete(name);
          await this.#read(signal);
          this.#report();
        },
        onFailed: (name, failure) => {
          this.#failures.set(name, failure);
          this.#report();
        },
      },
      { signal },
    );
    for (const failure of failures.values()) this.#wakeAfter(failure.retryAfterMs ?? this.#retryMs());
    const stopped = actions.createSandbox || actions.killPod || actions.kill.length > 0;
    if (failures.size > 0 || (started.length === 0 && stopped)) await this.#read(signal);
    await reclaimer.collect(this.#runtimePod, { signal });
    if (started.length > 0 || failures.size > 0 || stopped) {
      if (isTerminal(this.#report().phase)) this.#terminate();
    }
    // No event tells that a sidecar runs, and what comes after it waits for that.
    const sidecars = (pod.spec.initContainers ?? []).filter(isRestartableInit);
    if (sidecars.some(({ name }) => started.includes(name))) this.wake();
  }

  #retryMs(): number {
    return RETRY_MS * (1 + 0.5 * this.#deps.random());
  }

  /** Source: HandlePodAdditions and rejectPod (kubelet.go v1.36). */
  #rejected(): boolean {
    const { admit, events, statuses, clock } = this.#deps;
    const rejection = admit(this.#pod);
    if (rejection === undefined) return false;
    events.pod(this.#pod, 'Warning', rejection.reason, rejection.message);
    statuses.set(this.#pod, rejectedPodStatus(this.#pod, rejection.reason, rejection.message, clock.now()));
    this.#phase = 'terminated';
    this.wake();
    return true;
  }

  /** Source: active_deadline.go. */
  #overDeadline(startTime: string | undefined): boolean {
    const { activeDeadlineSeconds } = this.#pod.spec;
    if (activeDeadlineSeconds === undefined || startTime === undefined) return false;
    const leftMs = Date.parse(startTime) + activeDeadlineSeconds * 1000 - this.#deps.clock.now();
    if (leftMs > 0) {
      this.#wakeAfter(leftMs);
      return false;
    }
    const message = 'Pod was active on the node longer than the specified deadline';
    this.#deps.events.pod(this.#pod, 'Normal', 'DeadlineExceeded', message);
    this.#verdict = { reason: 'DeadlineExceeded', message };
    return true;
  }

  #networkReady(): boolean {
    const error = this.#pod.spec.hostNetwork === true ? undefined : this.#deps.networkError();
    if (error === undefined) return true;
    this.#deps.events.pod(this.#pod, 'Warning', 'NetworkNotReady', `network is not ready: ${error}`);
    this.#wakeAfter(NETWORK_RETRY_MS);
    return false;
  }

  async #stop(signal: AbortSignal): Promise<void> {
    const { killer } = this.#deps;
    await this.#read(signal);
    this.#report();
    const grace = gracePeriodSeconds(this.#pod, undefined, 'Unknown');
    // A pod removed by force leaves its processes a second.
    const graceSeconds = this.#gone ? Math.max(1, grace) : grace;
    await killer.killPod(this.#pod, this.#runtimePod, { graceSeconds, signal });
    await this.#read(signal);
    // The runtime's own state may lag behind what it told.
    if (this.#runtimePod.containers.some(({ state }) => state === 'running')) throw new Error('containers still run');
    this.#report({ terminal: true });
    this.#phase = 'terminated';
    this.wake();
  }

  /** What the pod held on the node goes; its containers and logs stay until it is deleted. Source: SyncTerminatedPod. */
  async #reclaim(signal: AbortSignal): Promise<void> {
    const { probes, volumes, cgroups, objects, images, starter, statuses, reclaimer, config } = this.#deps;
    const { uid, deletionTimestamp } = this.#pod.metadata;
    if (!this.#reclaimed) {
      probes.stop(uid);
      await volumes.tearDown(uid);
      await cgroups.remove(uid, { signal });
      objects.release(uid);
      images.forget(uid);
      starter.forget(uid);
      this.#reclaimed = true;
      if (!this.#gone) statuses.finish(this.#pod);
    }
    if (deletionTimestamp === undefined && !this.#gone) return;
    await reclaimer.removeAll(this.#runtimePod, { signal });
    await volumes.remove(uid);
    await rm(podPaths(config, this.#pod).logs, { recursive: true, force: true });
    this.#phase = 'finished';
  }

  /** Reads what the runtime has and brings the probes in line with it. */
  async #read(signal: AbortSignal): Promise<void> {
    const { runtime, probes, hasExited } = this.#deps;
    this.#runtimePod = await runtime.read(identity(this.#pod), { signal });
    const lagging = this.#runtimePod.containers.some(({ id, state }) => state === 'running' && hasExited(id));
    if (lagging) this.#wakeAfter(backoffMs(this.#exitLags++, EXIT_LAG));
    else this.#exitLags = 0;
    const previously: PreviousStatus = (id) => this.#adopted.get(id);
    probes.update(this.#pod, this.#runtimePod, { terminating: this.#phase !== 'running', previously });
  }

  #report({ terminal = false } = {}): PodStatus {
    const { statuses, probes, config, clock } = this.#deps;
    const previous = statuses.get(this.#pod.metadata.uid) ?? this.#pod.status;
    if (this.#frozen) return previous;
    const status = computePodStatus(this.#pod, previous, {
      runtimePod: this.#runtimePod,
      failureOf: (name) => this.#failures.get(name),
      verdictsOf: (id) => probes.verdicts(id),
      nowMs: clock.now(),
      hostIP: config.nodeIP,
      terminal,
      verdict: this.#verdict,
    });
    if (!this.#gone) statuses.set(this.#pod, status);
    return status;
  }

  #wakeAfter(delayMs: number): void {
    const atMs = this.#deps.clock.monotonic() + delayMs;
    if (atMs >= this.#timerAtMs) return;
    this.#clearTimer();
    this.#timerAtMs = atMs;
    this.#timer = this.#deps.clock.after(delayMs, () => this.wake());
  }

  #clearTimer(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#timerAtMs = Infinity;
  }

  #untilDirty(signal: AbortSignal): Promise<void> {
    if (this.#dirty || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wakeUp = (): void => {
        signal.removeEventListener('abort', wakeUp);
        this.#wakeUp = undefined;
        resolve();
      };
      this.#wakeUp = wakeUp;
      signal.addEventListener('abort', wakeUp, { once: true });
    });
  }
}

/** What a pod can see of its own metadata while it runs. */
const shownMetadata = ({ metadata: { labels, annotations } }: Pod): object => ({ labels, annotations });

function identity({ metadata: { uid, name, namespace = '' } }: Pod): { uid: string; name: string; namespace: string } {
  return { uid, name, namespace };
}
