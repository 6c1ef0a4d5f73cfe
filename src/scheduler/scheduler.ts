/**
 * The scheduler: gives every pod that has no node one, by filtering and scoring the nodes it knows, and binds it through the API. Invariants: what it
 * has placed counts at once, before the API shows it, so that two pods never get the same room; a pod it could not place is tried again after
 * whatever may change that. It starts nothing and moves nothing that runs: pods of lower priority are not evicted, volumes are not looked at.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { equalValues, keyOf, Namespace, Node, Pod, podRequests, ReplicaSet, Service, StatusError } from '#api';
import type { Client, EventRecorder, InformerEvent, Informers } from '#client';
import { type Clock, type Logger, messageOf } from '#util';
import { SchedulerCache } from './cache.ts';
import { newDefaultSelector } from './default-selector.ts';
import { type Cluster, EVENT } from './framework.ts';
import { podInfo } from './nodeinfo.ts';
import { bindPod, markUnscheduled, PodWrites } from './pod-writes.ts';
import { SchedulingQueue } from './queue.ts';
import { type Decision, schedule } from './schedule.ts';

/** Source: v1.DefaultSchedulerName. */
const DEFAULT_SCHEDULER_NAME = 'default-scheduler';
/** Longest text of an event. Source: NoteLengthLimit in pkg/apis/core/validation v1.36. */
const MAX_EVENT_CHARS = 1024;
/** How long pods are placed one after the other before everything else in the process gets its turn. */
const SLICE_MS = 10;
/** Ended pods take no room. Source: newPodInformer in pkg/scheduler/scheduler.go v1.36. */
const NOT_ENDED = 'status.phase!=Succeeded,status.phase!=Failed';

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
  /** Resolves when the signal has aborted and all writes under way are through. */
  run(options: { signal: AbortSignal }): Promise<void>;
}

export function newScheduler(options: SchedulerOptions): Scheduler {
  const { client, informers, recorder, clock, random, log, name = DEFAULT_SCHEDULER_NAME } = options;
  const pods = informers.informer(Pod, { fieldSelector: NOT_ENDED });
  const nodes = informers.informer(Node);
  const namespaces = informers.informer(Namespace, { metadataOnly: true });
  const defaultSelector = newDefaultSelector(informers.informer(Service), informers.informer(ReplicaSet));
  const cache = new SchedulerCache();
  const queue = new SchedulingQueue(clock);
  const writes = new PodWrites();
  const cluster: Cluster = {
    get nodes() {
      return cache.nodes;
    },
    nodesWithImage: (image) => cache.nodesWithImage(image),
    defaultSelector,
    namespaceLabels: (namespace) => namespaces.get(namespace)?.metadata.labels ?? {},
  };

  const mine = ({ metadata, spec }: Pod): boolean =>
    spec.schedulerName === name &&
    metadata.deletionTimestamp === undefined &&
    (spec.schedulingGates ?? []).length === 0;

  function onPod({ type, object: pod, old }: InformerEvent<Pod>): void {
    const { uid } = pod.metadata;
    if (type === 'delete') {
      queue.delete(uid);
      if (cache.isPlaced(uid)) makeRoom(uid);
    } else if ((pod.spec.nodeName ?? '') !== '') {
      queue.delete(uid);
      onAssigned(pod, old);
    } else if (mine(pod)) {
      queue.set(pod);
    } else {
      queue.delete(uid);
      // It is to be deleted before its binding is through: that binding will fail.
      if (cache.isAssumed(uid)) makeRoom(uid);
    }
  }

  function makeRoom(uid: string): void {
    cache.removePod(uid);
    queue.moveAll(EVENT.podDelete);
  }

  function onAssigned(pod: Pod, old: Pod | undefined): void {
    const { uid } = pod.metadata;
    if (old === undefined || !cache.isPlaced(uid) || cache.isAssumed(uid)) {
      cache.setPod(pod);
      return queue.moveAll(EVENT.podAdd);
    }
    if (!changesRoom(pod, old)) return cache.refreshPod(pod);
    cache.setPod(pod);
    const event = podEvent(pod, old);
    if (event !== 0) queue.moveAll(event);
  }

  function onNode({ type, object: node, old }: InformerEvent<Node>): void {
    if (type === 'delete') {
      cache.removeNode(node.metadata.name);
      return queue.moveAll(EVENT.nodeDelete);
    }
    cache.setNode(node);
    const event = old === undefined ? EVENT.nodeAdd : nodeEvent(node, old);
    if (event !== 0) queue.moveAll(event);
  }

  function scheduleOne({ metadata: { uid } }: Pod, signal: AbortSignal): void {
    const pod = queue.taken(uid);
    if (pod === undefined) return;
    let decision: Decision;
    try {
      const info = podInfo(pod);
      decision = schedule(info, cluster, random());
      if (decision.nodeName !== undefined) cache.assume(info, decision.nodeName);
    } catch (error) {
      log.error('Pod not scheduled', { pod: keyOf(pod), error });
      queue.failed(uid, 'error');
      return report(pod, 'SchedulerError', messageOf(error), signal);
    }
    if (decision.nodeName !== undefined) {
      const { nodeName } = decision;
      // Binding takes a round trip; the next pod need not wait for it.
      return writes.start(uid, () => bind(pod, nodeName, signal));
    }
    queue.failed(uid, { wakeOn: decision.wakeOn });
    report(pod, 'Unschedulable', decision.message, signal);
  }

  async function bind(pod: Pod, nodeName: string, signal: AbortSignal): Promise<void> {
    const { uid } = pod.metadata;
    try {
      await bindPod(client, pod, nodeName, signal);
      recorder.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${keyOf(pod)} to ${nodeName}`);
    } catch (error) {
      if (cache.forget(uid)) queue.moveAll(EVENT.podDelete);
      queue.failed(uid, 'error');
      if (signal.aborted || StatusError.is(error, 'NotFound')) return;
      log.warn('Binding failed', { pod: keyOf(pod), nodeName, error });
      report(pod, 'SchedulerError', `running Bind plugin "DefaultBinder": ${messageOf(error)}`, signal);
    }
  }

  /** Source: handleSchedulingFailure of schedule_one.go v1.36. */
  function report(pod: Pod, reason: 'Unschedulable' | 'SchedulerError', message: string, signal: AbortSignal): void {
    const short = message.length <= MAX_EVENT_CHARS ? message : `${message.slice(0, MAX_EVENT_CHARS - 4)} ...`;
    recorder.event(pod, 'Warning', 'FailedScheduling', short);
    writes.start(pod.metadata.uid, async () => {
      const current = pods.get(keyOf(pod)); // it may have changed meanwhile, by the last such report
      if (current?.metadata.uid !== pod.metadata.uid || (current.spec.nodeName ?? '') !== '') return;
      try {
        await markUnscheduled(current, reason, message, { client, clock, signal });
      } catch (error) {
        // The pod is tried again anyway; what is lost is the word about it.
        if (!signal.aborted) log.warn('Status of a pod without node not written', { pod: keyOf(pod), error });
      }
    });
  }

  return {
    async run({ signal }) {
      using handlers = new DisposableStack();
      handlers.use(nodes.addHandler(onNode));
      handlers.use(pods.addHandler(onPod));
      handlers.defer(() => queue.close());
      const stop = (): void => queue.close();
      signal.addEventListener('abort', stop);
      handlers.defer(() => signal.removeEventListener('abort', stop));
      // Only then: a pod must not be judged by the first few nodes that arrive.
      await informers.start({ signal }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
      if (signal.aborted) return;
      let sliceEnd = clock.monotonic() + SLICE_MS;
      for (let pod = await queue.take(); pod !== undefined; pod = await queue.take()) {
        scheduleOne(pod, signal);
        await writes.room();
        if (clock.monotonic() < sliceEnd) continue;
        await nextTurn();
        sliceEnd = clock.monotonic() + SLICE_MS;
      }
      await writes.settled();
    },
  };
}

/** Whether a pod on a node changed in what others may have to do with. Most changes are of its status. */
const changesRoom = (pod: Pod, old: Pod): boolean =>
  pod.metadata.deletionTimestamp !== old.metadata.deletionTimestamp ||
  !equalValues(pod.metadata.labels, old.metadata.labels) ||
  !equalValues(pod.spec, old.spec);

/** Source: PodSchedulingPropertiesChange in pkg/scheduler/framework/events.go v1.36. */
function podEvent(pod: Pod, old: Pod): number {
  const [now, before] = [podRequests(pod), podRequests(old)];
  const less = Object.entries(before).some(([resource, amount]) => (now[resource] ?? 0) < amount);
  const labels = equalValues(pod.metadata.labels, old.metadata.labels) ? 0 : EVENT.podLabels;
  return labels | (less ? EVENT.podScaleDown : 0);
}

/** Heartbeats change a node every few seconds; only what plugins look at can let a pod in. Source: NodeSchedulingPropertiesChange, same file. */
function nodeEvent(node: Node, old: Node): number {
  let event = 0;
  if (!equalValues(node.status.allocatable, old.status.allocatable)) event |= EVENT.nodeAllocatable;
  if (!equalValues(node.metadata.labels, old.metadata.labels)) event |= EVENT.nodeLabels;
  if (!equalValues(node.spec.taints, old.spec.taints) || node.spec.unschedulable !== old.spec.unschedulable)
    event |= EVENT.nodeTaints;
  return event;
}
