import type { Container, LifecycleHandler, Pod } from '#api';
import { isNotFound, type RuntimeService } from '#cri';
import { type Clock, type Logger, messageOf } from '#util';
import { ANNOTATION } from '../names.ts';
import { isRestartableInit } from '../resources/pod-resources.ts';
import type { RuntimeContainer, RuntimePod } from '../runtime/model.ts';
import type { KillReason } from './actions.ts';
import type { PodEvents } from './events.ts';
import type { HookRunner } from './hooks.ts';

/** Containers get this long at least, so that few are killed outright. Source: minimumGracePeriodInSeconds (kuberuntime_manager.go). */
const MIN_GRACE_SECONDS = 2;
/** When nobody says. Source: setTerminationGracePeriod (kuberuntime_container.go v1.36). */
const DEFAULT_GRACE_SECONDS = 2;

export interface Killer {
  killContainer(
    pod: Pod,
    instance: RuntimeContainer,
    options: {
      /** Text of the event; empty: upstream's usual one. */
      message: string;
      reason: KillReason;
      podIP: string;
      graceSeconds?: number | undefined;
      /** Waits, at most for the grace period, until others have ended. */
      turn?: ((graceMs: number) => Promise<void>) | undefined;
      signal: AbortSignal;
    },
  ): Promise<void>;
  /** Stops all containers at once (sidecars after the others, in reverse order), then the sandboxes. */
  killPod(
    pod: Pod,
    runtimePod: RuntimePod,
    options: { graceSeconds?: number | undefined; signal: AbortSignal },
  ): Promise<void>;
}

/** Seconds a container has from TERM to KILL. Source: setTerminationGracePeriod. */
export function gracePeriodSeconds(pod: Pod, container: Container | undefined, reason: KillReason): number {
  const { deletionGracePeriodSeconds } = pod.metadata;
  if (deletionGracePeriodSeconds !== undefined) return deletionGracePeriodSeconds;
  const probe = { StartupProbe: container?.startupProbe, LivenessProbe: container?.livenessProbe, Unknown: undefined }[
    reason
  ];
  return probe?.terminationGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
}

const specOf = ({ spec }: Pod, name: string): Container | undefined =>
  [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])].find(
    (container) => container.name === name,
  );

/** Of a container that is no longer in the spec the agent has noted the hook on the container itself. */
function preStopOf(container: Container | undefined, instance: RuntimeContainer): LifecycleHandler | undefined {
  if (container !== undefined) return container.lifecycle?.preStop;
  const noted = instance.annotations[ANNOTATION.preStopHandler];
  return noted === undefined ? undefined : (JSON.parse(noted) as LifecycleHandler);
}

export interface KillerOptions {
  runtime: RuntimeService;
  hooks: HookRunner;
  events: PodEvents;
  clock: Clock;
  log: Logger;
}

export function newKiller({ runtime, hooks, events, clock, log }: KillerOptions): Killer {
  /** Returns after the hook has ended or `graceMs` are over, whichever is first. */
  async function preStop(
    pod: Pod,
    container: Container,
    handler: LifecycleHandler,
    instance: RuntimeContainer,
    podIP: string,
    graceMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const timeout = new AbortController();
    using _ = clock.after(graceMs, () => timeout.abort(new Error('grace period over')));
    try {
      const target = { pod, container, containerId: instance.id, podIP };
      await hooks(handler, target, { signal: AbortSignal.any([signal, timeout.signal]) });
    } catch (error) {
      signal.throwIfAborted();
      log.warn('preStop hook failed', { pod: pod.metadata.name, container: container.name, error: messageOf(error) });
      // Not with the hook's own words: they may hold secrets.
      if (!timeout.signal.aborted)
        events.container(pod, container.name, 'Warning', 'FailedPreStopHook', 'PreStopHook failed');
    }
  }

  const killContainer: Killer['killContainer'] = async (
    pod,
    instance,
    { message, reason, podIP, graceSeconds, turn, signal },
  ) => {
    const container = specOf(pod, instance.name);
    const graceMs = (graceSeconds ?? gracePeriodSeconds(pod, container, reason)) * 1000;
    events.container(
      pod,
      instance.name,
      'Normal',
      'Killing',
      message === '' ? `Stopping container ${instance.name}` : message,
    );
    const startedAt = clock.monotonic();
    const leftMs = (): number => graceMs - Math.floor((clock.monotonic() - startedAt) / 1000) * 1000;
    const handler = preStopOf(container, instance);
    if (handler !== undefined && graceMs > 0) {
      await preStop(pod, container ?? { name: instance.name }, handler, instance, podIP, graceMs, signal);
    }
    if (turn !== undefined && leftMs() > 0) await turn(leftMs());
    const timeout = Math.max(MIN_GRACE_SECONDS, leftMs() / 1000);
    try {
      await runtime.stopContainer({ container_id: instance.id, timeout }, { signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };

  /** Sidecars wait for the regular containers and for the sidecars after them. Source: kuberuntime_termination_order.go. */
  function turns(
    pod: Pod,
    running: readonly RuntimeContainer[],
  ): Map<string, { wait: Promise<unknown>; done: () => void }> {
    const sidecars = (pod.spec.initContainers ?? []).filter(isRestartableInit).map(({ name }) => name);
    const ended = new Map(running.map(({ name }) => [name, Promise.withResolvers<void>()]));
    const before = (name: string): string[] => {
      const at = sidecars.indexOf(name);
      if (at < 0) return [];
      return [...ended.keys()].filter((other) => !sidecars.includes(other) || sidecars.indexOf(other) > at);
    };
    return new Map(
      [...ended].map(([name, { resolve }]) => [
        name,
        {
          wait: Promise.all(before(name).map((other) => ended.get(other)?.promise ?? Promise.resolve())),
          done: resolve,
        },
      ]),
    );
  }

  return {
    killContainer,

    async killPod(pod, runtimePod, { graceSeconds, signal }) {
      const running = runtimePod.containers.filter(({ state }) => state === 'running' || state === 'unknown');
      const order = turns(pod, running);
      const podIP = runtimePod.ips[0] ?? '';
      const results = await Promise.allSettled(
        running.map(async (instance) => {
          const own = order.get(instance.name);
          const turn = (graceMs: number): Promise<void> =>
            withinMs(clock, own?.wait ?? Promise.resolve(), graceMs, signal);
          try {
            await killContainer(pod, instance, { message: '', reason: 'Unknown', podIP, graceSeconds, turn, signal });
          } finally {
            own?.done();
          }
        }),
      );
      for (const { id } of runtimePod.sandboxes) {
        signal.throwIfAborted();
        try {
          await runtime.stopPodSandbox({ pod_sandbox_id: id }, { signal });
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
      }
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    },
  };
}

/** Resolves when the promise does, when the time is over, or rejects when aborted. The promise must not reject. */
function withinMs(clock: Clock, promise: Promise<unknown>, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const onAbort = (): void => end(() => reject(signal.reason as Error));
    const end = (settle: () => void): void => {
      timer[Symbol.dispose]();
      signal.removeEventListener('abort', onAbort);
      settle();
    };
    const timer = clock.after(ms, () => end(resolve));
    signal.addEventListener('abort', onAbort, { once: true });
    void promise.then(() => end(resolve));
  });
}
