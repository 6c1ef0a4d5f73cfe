import type { Container, Pod, Probe } from '#api';
import type { Clock, Logger } from '#util';
import { isRestartableInit } from '../resources/pod-resources.ts';
import { newestContainer, type RuntimePod } from '../runtime/model.ts';
import type { Prober } from './prober.ts';
import type { ProbeType } from './result.ts';

export type ProbeVerdict = 'success' | 'failure';

/** What the probes of a container have to say of it as it runs now. Absent: no verdict yet. */
export interface ProbeVerdicts {
  readonly liveness?: ProbeVerdict | undefined;
  readonly readiness?: ProbeVerdict | undefined;
  readonly startup?: ProbeVerdict | undefined;
}

export interface ProbeManager {
  /**
   * Starts and stops the probes of a pod so that each container that runs is probed as it says. `wasReady` names containers (by id) that the
   * last status had as ready or started: an agent that starts again believes it until a probe says otherwise.
   */
  update(pod: Pod, runtimePod: RuntimePod, options: { terminating: boolean; previously: PreviousStatus }): void;
  verdicts(containerId: string): ProbeVerdicts;
  stop(podUid: string): void;
  stopAll(): void;
}

/** What the API last said of a container instance. */
export type PreviousStatus = (
  containerId: string,
) => { readonly ready: boolean; readonly started: boolean } | undefined;

interface Loop {
  readonly type: ProbeType;
  readonly containerId: string;
  readonly stop: AbortController;
  verdict: ProbeVerdict | undefined;
}

interface LoopContext {
  pod: Pod;
  readonly container: Container;
  podIP: string;
}

const TYPES = ['Liveness', 'Readiness', 'Startup'] as const;
const FIELD = { Liveness: 'livenessProbe', Readiness: 'readinessProbe', Startup: 'startupProbe' } as const;

export interface ProbeManagerOptions {
  prober: Prober;
  clock: Clock;
  random: () => number;
  log: Logger;
  /** A verdict on a container of this pod has changed. */
  onChange: (podUid: string) => void;
}

/** Source of the rules: pkg/kubelet/prober/{prober_manager,worker}.go v1.36. */
export function newProbeManager({ prober, clock, random, log, onChange }: ProbeManagerOptions): ProbeManager {
  /** By pod, then by `container/type`. */
  const loops = new Map<string, Map<string, Loop>>();
  const contexts = new Map<string, LoopContext>();
  const byContainer = new Map<string, Partial<Record<ProbeType, Loop>>>();

  const startedOf = (containerId: string): boolean => {
    const startup = byContainer.get(containerId)?.Startup;
    return startup === undefined || startup.verdict === 'success';
  };

  /** Runs until the container is another one, the pod goes, or the verdict is final. */
  function run(key: string, uid: string, type: ProbeType, probe: Probe, loop: Loop, firstDelayMs: number): void {
    const { signal } = loop.stop;
    const periodMs = Math.max(1, probe.periodSeconds ?? 10) * 1000;
    let last: ProbeVerdict | undefined;
    let inARow = 0;
    let timer: Disposable | undefined;
    signal.addEventListener('abort', () => timer?.[Symbol.dispose](), { once: true });

    const settle = (result: ProbeVerdict): 'go on' | 'hold' => {
      inARow = last === result ? inARow + 1 : 1;
      last = result;
      const threshold = result === 'failure' ? (probe.failureThreshold ?? 3) : (probe.successThreshold ?? 1);
      if (inARow < threshold) return 'go on';
      if (loop.verdict !== result) {
        loop.verdict = result;
        onChange(uid);
      }
      // A container that is to be restarted, or has started, is probed no more by this probe.
      if (type === 'Startup' || (type === 'Liveness' && result === 'failure')) return 'hold';
      return 'go on';
    };

    const tick = async (): Promise<void> => {
      const context = contexts.get(key);
      if (context === undefined || signal.aborted) return;
      const nextAtMs = clock.monotonic() + periodMs;
      // The other probes wait until the container has started.
      if (type === 'Startup' || startedOf(loop.containerId)) {
        const target = {
          pod: context.pod,
          container: context.container,
          containerId: loop.containerId,
          podIP: context.podIP,
        };
        const result = await prober(type, probe, target, { signal });
        if (signal.aborted || (result !== undefined && settle(result) === 'hold')) return;
      }
      schedule(Math.max(0, nextAtMs - clock.monotonic()));
    };
    const schedule = (delayMs: number): void => {
      timer = clock.after(delayMs, () => {
        tick().catch((error: unknown) => {
          if (!signal.aborted) log.error('probe loop failed', { container: key, type, error });
        });
      });
    };
    schedule(firstDelayMs);
  }

  function start(
    pod: Pod,
    container: Container,
    type: ProbeType,
    instance: { id: string; startedAtMs: number },
    previous: ReturnType<PreviousStatus>,
  ): Loop | undefined {
    const probe = container[FIELD[type]];
    if (probe === undefined) return undefined;
    const believed = { Liveness: true, Readiness: previous?.ready ?? false, Startup: previous?.started ?? false }[type];
    const initial = believed ? 'success' : type === 'Readiness' ? 'failure' : undefined;
    const loop: Loop = { type, containerId: instance.id, stop: new AbortController(), verdict: initial };
    byContainer.set(instance.id, { ...byContainer.get(instance.id), [type]: loop });
    // A startup probe that has succeeded is not asked again.
    if (type === 'Startup' && believed) return loop;
    const periodMs = Math.max(1, probe.periodSeconds ?? 10) * 1000;
    const initialDelayMs = (probe.initialDelaySeconds ?? 0) * 1000;
    // Never longer than asked for, though the clock was set back since the start.
    const remainingMs = Math.min(instance.startedAtMs + initialDelayMs - clock.now(), initialDelayMs);
    // After a restart of the agent the probes of all its containers must not come at once.
    const jitterMs = previous !== undefined ? random() * periodMs : 0;
    const delayMs = Math.max(remainingMs, jitterMs, 0);
    run(`${pod.metadata.uid}/${container.name}`, pod.metadata.uid, type, probe, loop, delayMs);
    return loop;
  }

  function end(own: Map<string, Loop>, key: string): void {
    const loop = own.get(key);
    if (loop === undefined) return;
    loop.stop.abort(new Error('probe no longer needed'));
    own.delete(key);
    const { [loop.type]: _, ...others } = byContainer.get(loop.containerId) ?? {};
    if (Object.keys(others).length === 0) byContainer.delete(loop.containerId);
    else byContainer.set(loop.containerId, others);
  }

  function stop(podUid: string): void {
    const own = loops.get(podUid);
    for (const key of own?.keys() ?? []) if (own !== undefined) end(own, key);
    loops.delete(podUid);
    for (const key of contexts.keys()) if (key.startsWith(`${podUid}/`)) contexts.delete(key);
  }

  return {
    update(pod, runtimePod, { terminating, previously }) {
      const { uid } = pod.metadata;
      const own = loops.get(uid) ?? new Map<string, Loop>();
      loops.set(uid, own);
      const probed = [...pod.spec.containers, ...(pod.spec.initContainers ?? []).filter(isRestartableInit)];
      for (const container of probed) {
        const instance = newestContainer(runtimePod, container.name);
        const running = instance?.state === 'running';
        const podIP = pod.spec.hostNetwork === true ? (pod.status.hostIP ?? '') : (runtimePod.ips[0] ?? '');
        contexts.set(`${uid}/${container.name}`, { pod, container, podIP });
        for (const type of TYPES) {
          const key = `${container.name}/${type}`;
          // A pod that goes is asked only whether it is ready, so that its connections can be drained.
          const wanted = running && !(terminating && type !== 'Readiness');
          if (own.get(key)?.containerId !== instance?.id || !wanted) end(own, key);
          if (!wanted || own.has(key)) continue;
          const loop = start(
            pod,
            container,
            type,
            { id: instance.id, startedAtMs: instance.startedAtMs ?? clock.now() },
            previously(instance.id),
          );
          if (loop !== undefined) own.set(key, loop);
        }
      }
    },

    verdicts(containerId) {
      const own = byContainer.get(containerId);
      return { liveness: own?.Liveness?.verdict, readiness: own?.Readiness?.verdict, startup: own?.Startup?.verdict };
    },

    stop,
    stopAll() {
      for (const uid of loops.keys()) stop(uid);
    },
  };
}
