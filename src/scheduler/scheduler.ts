/**
 * The scheduler: gives every pod that has no node one, by filtering and scoring the nodes it knows, and binds it through the API. Invariant: what it
 * has placed counts at once, before the API shows it, so that two pods never get the same room. It starts nothing and moves nothing that runs.
 */
import { equalValues, formatTime, Node, Pod, isPodTerminal, type PodCondition, StatusError } from '#api';
import type { Client, EventRecorder, Informers } from '#client';
import { type Clock, type Logger, messageOf } from '#util';
import { SchedulerCache } from './cache.ts';
import { podInfo } from './nodeinfo.ts';
import { SchedulingQueue } from './queue.ts';
import { schedule } from './schedule.ts';

/** Source: v1.DefaultSchedulerName. */
const DEFAULT_SCHEDULER_NAME = 'default-scheduler';

export interface SchedulerOptions {
  readonly client: Client;
  readonly informers: Informers;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  /** In [0,1). */
  readonly random: () => number;
  readonly log: Logger;
  /** Pods with this `schedulerName` are its own. Default `default-scheduler`. */
  readonly name?: string;
}

export interface Scheduler {
  /** Resolves when the signal has aborted and all bindings under way are through. */
  run(options: { signal: AbortSignal }): Promise<void>;
}

export function newScheduler(options: SchedulerOptions): Scheduler {
  const { client, informers, recorder, clock, random, log, name = DEFAULT_SCHEDULER_NAME } = options;
  const cache = new SchedulerCache();
  const queue = new SchedulingQueue(clock);
  const binding = new Set<Promise<void>>();

  const mine = (pod: Pod): boolean =>
    pod.spec.schedulerName === name &&
    pod.metadata.deletionTimestamp === undefined &&
    (pod.spec.schedulingGates ?? []).length === 0;

  function onPod(pod: Pod, deleted: boolean): void {
    const { uid } = pod.metadata;
    if ((pod.spec.nodeName ?? '') === '') {
      if (deleted) cache.removePod(uid);
      if (deleted || !mine(pod)) queue.delete(uid);
      else if (!cache.isPlaced(uid)) queue.set(pod);
      return;
    }
    queue.delete(uid);
    if (deleted || isPodTerminal(pod)) {
      cache.removePod(uid);
      queue.moveAll(); // there is room again
    } else {
      cache.setPod(pod);
    }
  }

  function onNode(node: Node, old: Node | undefined, deleted: boolean): void {
    if (deleted) return cache.removeNode(node.metadata.name);
    cache.setNode(node);
    if (old === undefined || !sameForPods(node, old)) queue.moveAll();
  }

  async function scheduleOne(pod: Pod, signal: AbortSignal): Promise<void> {
    const decision = schedule(pod, cache.nodes(), random());
    if (decision.nodeName === undefined) return await reject(pod, decision.message, signal);
    const { nodeName } = decision;
    cache.setPod({ ...pod, spec: { ...pod.spec, nodeName } }, podInfo(pod));
    // Binding takes a round trip; the next pod need not wait for it.
    const bound = bind(pod, nodeName, signal).finally(() => binding.delete(bound));
    binding.add(bound);
  }

  async function bind(pod: Pod, nodeName: string, signal: AbortSignal): Promise<void> {
    const { name: podName, namespace, uid } = pod.metadata;
    const body = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: podName, namespace, uid },
      target: { kind: 'Node', name: nodeName },
    };
    try {
      await client.createSubresource(Pod, { namespace, name: podName }, 'binding', body, { signal });
      recorder.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${podName} to ${nodeName}`);
    } catch (error) {
      cache.removePod(uid);
      if (signal.aborted || StatusError.is(error, 'NotFound')) return;
      log.warn('Binding failed', { pod: `${namespace}/${podName}`, nodeName, error });
      recorder.event(pod, 'Warning', 'FailedScheduling', `binding rejected: ${messageOf(error)}`);
      queue.failed(uid, { retry: true });
    }
  }

  async function reject(pod: Pod, message: string, signal: AbortSignal): Promise<void> {
    queue.failed(pod.metadata.uid, { retry: false });
    recorder.event(pod, 'Warning', 'FailedScheduling', message);
    const condition: Partial<PodCondition> = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
    };
    const known = pod.status.conditions?.find((c) => c.type === 'PodScheduled');
    if (known?.status === 'False' && known.reason === condition.reason && known.message === message) return;
    const { name: podName, namespace } = pod.metadata;
    const since = known?.status === 'False' ? known.lastTransitionTime : formatTime(clock.now());
    const patch = { status: { conditions: [{ ...condition, lastTransitionTime: since }] } };
    try {
      await client.patch(Pod, { namespace, name: podName }, patch, { subresource: 'status', signal });
    } catch (error) {
      // The pod is tried again anyway; what is lost is the word about it.
      if (!signal.aborted && !StatusError.is(error, 'NotFound'))
        log.warn('Status of an unschedulable pod not written', { pod: `${namespace}/${podName}`, error });
    }
  }

  return {
    async run({ signal }) {
      const pods = informers.informer(Pod);
      const nodes = informers.informer(Node);
      await informers.start({ signal }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
      if (signal.aborted) return;
      using handlers = new DisposableStack();
      // Nodes first: a pod that is seen before any node would be turned away.
      handlers.use(nodes.addHandler(({ type, object, old }) => onNode(object, old, type === 'delete')));
      handlers.use(pods.addHandler(({ type, object }) => onPod(object, type === 'delete')));
      const stop = (): void => queue.close();
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
      for (let pod = await queue.take(); pod !== undefined; pod = await queue.take()) await scheduleOne(pod, signal);
      await Promise.all(binding);
    },
  };
}

/** Heartbeats change a node every few seconds; only what plugins look at can let a pod in. */
function sameForPods(a: Node, b: Node): boolean {
  return (
    equalValues(a.spec, b.spec) &&
    equalValues(a.metadata.labels, b.metadata.labels) &&
    equalValues(a.status.allocatable, b.status.allocatable)
  );
}
