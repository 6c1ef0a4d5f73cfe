import { type Draft, keyOf, labelSelectorAsSelector, Pod, ReplicaSet, StatusError } from '#api';
import { type Controller, type ControllerContext, Expectations, mapped, owned, slowStartBatch } from '#runtime';
import { messageOf } from '#util';
import { claim, controllerRef, isNamespaceTerminating, orphanNamespace } from '../common/claim.ts';
import { isActive, isTerminating } from '../common/pods.ts';
import { podsToDelete } from './ranking.ts';
import { nextAvailableMs, statusChanged, statusOf } from './status.ts';

/** Most pods created or deleted in one reconcile. Source: BurstReplicas in pkg/controller/replicaset/replica_set.go v1.36. */
const BURST_REPLICAS = 500;
const ORPHANS = 'orphan-pods';

/** Keeps `spec.replicas` pods of each ReplicaSet in existence, and tells in its status how they do. */
export function newReplicaSetController({ client, informers, recorder, clock }: ControllerContext): Controller {
  const replicaSets = informers.informer(ReplicaSet);
  const pods = informers.informer(Pod);
  pods.addIndex(ORPHANS, orphanNamespace);
  const expectations = new Expectations(clock);

  return {
    name: 'replicaset',
    concurrency: 5, // default of --concurrent-replicaset-syncs
    sources: [
      mapped(ReplicaSet, (rs, { type }) => {
        // One made again under the same name starts clean.
        if (type === 'delete') expectations.forget(keyOf(rs));
        return [keyOf(rs)];
      }),
      owned(Pod, ReplicaSet, expectations),
      mapped(Pod, (pod) => (orphanNamespace(pod).length === 0 ? [] : possibleOwners(pod))),
    ],

    async reconcile(key, { signal }) {
      const rs = replicaSets.get(key);
      if (rs === undefined) return undefined;

      // Until the watch has shown us our own last writes, the cache is older than we are: count nothing.
      const inStep = expectations.satisfied(key);
      const candidates = [...pods.controlledBy(rs.metadata.uid), ...pods.byIndex(ORPHANS, rs.metadata.namespace ?? '')];
      const selector = labelSelectorAsSelector(rs.spec.selector);
      const active = await claim({
        client,
        ownerKind: ReplicaSet,
        owner: rs,
        kind: Pod,
        selector,
        candidates: candidates.filter(isActive),
        signal,
      });
      const failure =
        inStep && rs.metadata.deletionTimestamp === undefined ? await manageReplicas(rs, active, signal) : undefined;

      // The status is written even after a failure, so that users see how far we came.
      const terminating = pods
        .controlledBy(rs.metadata.uid)
        .filter((pod) => isTerminating(pod) && selector.matches(pod.metadata.labels)).length;
      const observed = { rs, pods: active, terminating, failure, nowMs: clock.now() };
      const status = statusOf(observed);
      if (statusChanged(rs, status)) await client.updateStatus(ReplicaSet, { ...rs, status }, { signal });
      if (failure !== undefined) throw failure;
      const waitMs = nextAvailableMs(observed);
      return waitMs === undefined ? undefined : { requeueAfterMs: waitMs };
    },
  };

  function possibleOwners(pod: Pod): string[] {
    const { namespace = '', labels } = pod.metadata;
    return replicaSets
      .list(namespace)
      .filter((rs) => labelSelectorAsSelector(rs.spec.selector).matches(labels))
      .map(keyOf);
  }

  /** Creates or deletes what it takes; returns the first error. */
  async function manageReplicas(
    rs: ReplicaSet,
    active: readonly Pod[],
    signal: AbortSignal,
  ): Promise<Error | undefined> {
    const missing = (rs.spec.replicas ?? 1) - active.length;
    if (missing > 0) return createPods(rs, Math.min(missing, BURST_REPLICAS), signal);
    if (missing < 0) return deletePods(rs, active, Math.min(-missing, BURST_REPLICAS), signal);
    return undefined;
  }

  async function createPods(rs: ReplicaSet, count: number, signal: AbortSignal): Promise<Error | undefined> {
    const key = keyOf(rs);
    const draft = podFrom(rs);
    expectations.expectCreations(key, count);
    const { succeeded, error } = await slowStartBatch(count, async () => {
      try {
        const pod = await client.create(Pod, draft, { signal });
        recorder.event(rs, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
      } catch (failure) {
        // In a namespace that goes away every creation fails, and none is needed: no failure, no retry.
        if (isNamespaceTerminating(failure)) return;
        recorder.event(rs, 'Warning', 'FailedCreate', `Error creating: ${messageOf(failure)}`);
        throw failure;
      }
    });
    for (let skipped = succeeded; skipped < count; skipped++) expectations.creationObserved(key);
    return errorOf(error);
  }

  async function deletePods(
    rs: ReplicaSet,
    active: readonly Pod[],
    count: number,
    signal: AbortSignal,
  ): Promise<Error | undefined> {
    const key = keyOf(rs);
    const victims = podsToDelete(active, siblings(rs), count, clock.now());
    expectations.expectDeletions(key, victims.map(keyOf));
    const results = await Promise.allSettled(
      victims.map(async (pod) => {
        try {
          await client.delete(Pod, pod.metadata, { signal });
          recorder.event(rs, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`);
        } catch (failure) {
          expectations.deletionObserved(key, keyOf(pod));
          if (StatusError.is(failure, 'NotFound')) return;
          recorder.event(rs, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(failure)}`);
          throw failure;
        }
      }),
    );
    return errorOf(results.find((result) => result.status === 'rejected')?.reason);
  }

  /** Pods of all ReplicaSets that have the same owner. */
  function siblings(rs: ReplicaSet): readonly Pod[] {
    const owner = rs.metadata.ownerReferences?.find((ref) => ref.controller === true);
    const related = owner === undefined ? [rs] : replicaSets.controlledBy(owner.uid);
    return related.flatMap((each) => pods.controlledBy(each.metadata.uid));
  }
}

const errorOf = (thrown: unknown): Error | undefined =>
  thrown === undefined || thrown instanceof Error ? thrown : new Error('thrown: ' + JSON.stringify(thrown));

/** Source: controller.GetPodFromTemplate v1.36. */
function podFrom(rs: ReplicaSet): Draft<Pod> {
  const { metadata = {}, spec = { containers: [] } } = rs.spec.template ?? {};
  const { labels, annotations, finalizers } = metadata;
  return {
    metadata: {
      namespace: rs.metadata.namespace,
      generateName: `${rs.metadata.name}-`,
      labels,
      annotations,
      finalizers,
      ownerReferences: [controllerRef(ReplicaSet, rs)],
    },
    spec,
  };
}
