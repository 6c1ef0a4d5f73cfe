import { Node, Pod, StatusError } from '#api';
import { type Controller, type ControllerContext, mapped } from '#runtime';
import { deletePod, type Disruption, markFailed } from '../common/disruption.ts';
import { isTerminal, isTerminating } from '../common/pods.ts';

/** Source of these: pkg/controller/podgc/gc_controller.go v1.36. */
const CHECK_PERIOD_MS = 20_000;
const QUARANTINE_MS = 40_000;
const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';

export interface PodGCOptions {
  /** Default of --terminated-pod-gc-threshold: 12500. 0 turns that part off. */
  readonly terminatedPodThreshold?: number;
}

/** The one key: each round looks at all pods. */
const ALL = 'all';

/** Deletes pods that nobody else will: terminated ones beyond a threshold, those of nodes that are gone, and those deleted before they had a node. */
export function newPodGCController(
  { client, informers, clock }: ControllerContext,
  { terminatedPodThreshold = 12_500 }: PodGCOptions = {},
): Controller {
  const pods = informers.informer(Pod);
  const nodes = informers.informer(Node);
  /** When a node that pods name was first missed, by name. */
  const missingSince = new Map<string, number>();

  return {
    name: 'podgc',
    concurrency: 1,
    sources: [
      mapped(Node, (_node, { type }) => (type === 'update' ? [] : [ALL])),
      // Whatever else there is to do waits for the next round.
      mapped(Pod, (pod, { type }) =>
        isStranded(pod) || (type === 'add' && namesUnknownNode(pod) && !missingSince.has(pod.spec.nodeName ?? ''))
          ? [ALL]
          : [],
      ),
    ],

    async reconcile(_key, { signal }) {
      const all = pods.list();
      const failures = [
        ...(await each(all.filter(isStranded), (pod) => end(pod, undefined, signal))),
        ...(await collectOutOfService(all, signal)),
        ...(await collectOrphaned(all, signal)),
        ...(await each(beyondThreshold(all), (pod) => end(pod, undefined, signal))),
      ];
      if (failures[0] !== undefined) throw failures[0];
      return { requeueAfterMs: CHECK_PERIOD_MS };
    },
  };

  function namesUnknownNode({ spec }: Pod): boolean {
    return (spec.nodeName ?? '') !== '' && nodes.get(spec.nodeName ?? '') === undefined;
  }

  /** Pods of nodes that do not exist any more, and have not for some time. */
  async function collectOrphaned(all: readonly Pod[], signal: AbortSignal): Promise<Error[]> {
    const now = clock.monotonic();
    const missing = new Set(
      all.map(({ spec }) => spec.nodeName ?? '').filter((name) => name !== '' && nodes.get(name) === undefined),
    );
    for (const name of missingSince.keys()) if (!missing.has(name)) missingSince.delete(name);
    const gone = new Set<string>();
    for (const name of missing) {
      const since = missingSince.get(name) ?? now;
      missingSince.set(name, since);
      if (now - since >= QUARANTINE_MS && (await isGone(name, signal))) gone.add(name);
    }
    const why = { reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists' };
    return each(
      all.filter(({ spec }) => gone.has(spec.nodeName ?? '')),
      (pod) => end(pod, why, signal),
    );
  }

  /** Terminating pods of nodes that an operator has declared dead. */
  async function collectOutOfService(all: readonly Pod[], signal: AbortSignal): Promise<Error[]> {
    const dead = new Set(
      nodes
        .list()
        .filter(
          ({ spec, status }) =>
            spec.taints?.some(({ key }) => key === OUT_OF_SERVICE) === true &&
            status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') !== true,
        )
        .map(({ metadata }) => metadata.name),
    );
    if (dead.size === 0) return [];
    return each(
      all.filter((pod) => isTerminating(pod) && dead.has(pod.spec.nodeName ?? '')),
      (pod) => end(pod, undefined, signal),
    );
  }

  /** Terminated pods that are too many: evicted ones first, then the oldest. */
  function beyondThreshold(all: readonly Pod[]): Pod[] {
    if (terminatedPodThreshold === 0) return [];
    const terminated = all.filter(isTerminal);
    const isEvicted = ({ status }: Pod): number => (status.phase === 'Failed' && status.reason === 'Evicted' ? 0 : 1);
    const age = ({ metadata }: Pod): string => metadata.creationTimestamp;
    return terminated
      .toSorted((a, b) => isEvicted(a) - isEvicted(b) || (age(a) < age(b) ? -1 : 1))
      .slice(0, Math.max(0, terminated.length - terminatedPodThreshold));
  }

  async function isGone(name: string, signal: AbortSignal): Promise<boolean> {
    try {
      await client.get(Node, { name }, { signal });
      return false;
    } catch (error) {
      if (StatusError.is(error, 'NotFound')) return true;
      throw error;
    }
  }

  /** Deletes a pod that has no kubelet to see it off. */
  async function end(pod: Pod, why: Disruption | undefined, signal: AbortSignal): Promise<void> {
    if (!isTerminal(pod)) await markFailed(pod, why, { client, nowMs: clock.now(), signal });
    await deletePod(pod, { client, signal, force: true });
  }
}

/** Deleted before it was given a node. */
const isStranded = ({ metadata, spec }: Pod): boolean =>
  metadata.deletionTimestamp !== undefined && (spec.nodeName ?? '') === '';

async function each(pods: readonly Pod[], fn: (pod: Pod) => Promise<void>): Promise<Error[]> {
  const failures: Error[] = [];
  for (const pod of pods) {
    try {
      await fn(pod);
    } catch (error) {
      failures.push(error instanceof Error ? error : new Error(String(error)));
    }
  }
  return failures;
}
