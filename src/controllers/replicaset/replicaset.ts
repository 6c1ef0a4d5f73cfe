import {
  type Draft,
  type Kind,
  keyOf,
  labelSelectorAsSelector,
  Pod,
  ReplicaSet,
  ReplicationController,
  type Selector,
  selectorFromSet,
  StatusError,
} from '#api';
import { type Controller, type ControllerContext, Expectations, mapped, owned, slowStartBatch } from '#runtime';
import { messageOf } from '#util';
import { claim, controllerRef, isNamespaceTerminating, orphanNamespace } from '../common/claim.ts';
import { isActive, isTerminating } from '../common/pods.ts';
import { podsToDelete } from './ranking.ts';
import { nextAvailableMs, type Replicated, type ReplicatedStatus, statusChanged, statusOf } from './status.ts';

/** Most pods created or deleted in one reconcile. Source: BurstReplicas in pkg/controller/replicaset/replica_set.go v1.36. */
const BURST_REPLICAS = 500;
const ORPHANS = 'orphan-pods';

/** What ReplicaSets and ReplicationControllers, their elder form, differ in. */
interface Replicating<T extends Replicated> {
  readonly name: string;
  readonly kind: Kind<T>;
  readonly selectorOf: (owner: T) => Selector;
  /** Whether the status counts pods on their way out. */
  readonly countsTerminating: boolean;
  readonly withStatus: (owner: T, status: ReplicatedStatus) => T;
}

/** Keeps `spec.replicas` pods of each ReplicaSet in existence, and tells in its status how they do. */
export const newReplicaSetController = (context: ControllerContext): Controller =>
  newReplicatingController(context, {
    name: 'replicaset',
    kind: ReplicaSet,
    selectorOf: ({ spec }) => labelSelectorAsSelector(spec.selector),
    countsTerminating: true,
    withStatus: (owner, status) => ({ ...owner, status }),
  });

/** The same for ReplicationControllers. Source: pkg/controller/replication/{replication_controller,conversion}.go v1.36. */
export const newReplicationController = (context: ControllerContext): Controller =>
  newReplicatingController(context, {
    name: 'replicationcontroller',
    kind: ReplicationController,
    selectorOf: ({ spec }) => selectorFromSet(spec.selector),
    countsTerminating: false,
    withStatus: (owner, status) => ({ ...owner, status }),
  });

function newReplicatingController<T extends Replicated>(
  { client, informers, recorder, clock }: ControllerContext,
  { name, kind, selectorOf, countsTerminating, withStatus }: Replicating<T>,
): Controller {
  const owners = informers.informer(kind);
  const pods = informers.informer(Pod);
  pods.addIndex(ORPHANS, orphanNamespace);
  const expectations = new Expectations(clock);

  return {
    name,
    concurrency: 5, // default of --concurrent-replicaset-syncs and --concurrent-rc-syncs
    sources: [
      mapped(kind, (rs, { type }) => {
        // One made again under the same name starts clean.
        if (type === 'delete') expectations.forget(keyOf(rs));
        return [keyOf(rs)];
      }),
      owned(Pod, kind, expectations),
      mapped(Pod, (pod) => (orphanNamespace(pod).length === 0 ? [] : possibleOwners(pod))),
    ],

    async reconcile(key, { signal }) {
      const rs = owners.get(key);
      if (rs === undefined) return undefined;

      // Until the watch has shown us our own last writes, the cache is older than we are: count nothing.
      const inStep = expectations.satisfied(key);
      const candidates = [...pods.controlledBy(rs.metadata.uid), ...pods.byIndex(ORPHANS, rs.metadata.namespace ?? '')];
      const selector = selectorOf(rs);
      const active = await claim({
        client,
        ownerKind: kind,
        owner: rs,
        kind: Pod,
        selector,
        candidates: candidates.filter(isActive),
        signal,
      });
      const failure =
        inStep && rs.metadata.deletionTimestamp === undefined ? await manageReplicas(rs, active, signal) : undefined;

      // The status is written even after a failure, so that users see how far we came.
      const observed = {
        owner: rs,
        pods: active,
        terminating: countsTerminating ? terminatingOf(rs, selector) : undefined,
        failure,
        nowMs: clock.now(),
      };
      const status = statusOf(observed);
      if (statusChanged(rs, status)) await client.updateStatus(kind, withStatus(rs, status), { signal });
      if (failure !== undefined) throw failure;
      const waitMs = nextAvailableMs(observed);
      return waitMs === undefined ? undefined : { requeueAfterMs: waitMs };
    },
  };

  function terminatingOf(rs: T, selector: Selector): number {
    const controlled = pods.controlledBy(rs.metadata.uid);
    return controlled.filter((pod) => isTerminating(pod) && selector.matches(pod.metadata.labels)).length;
  }

  function possibleOwners(pod: Pod): string[] {
    const { namespace = '', labels } = pod.metadata;
    return owners
      .list(namespace)
      .filter((rs) => selectorOf(rs).matches(labels))
      .map(keyOf);
  }

  /** Creates or deletes what it takes; returns the first error. */
  async function manageReplicas(rs: T, active: readonly Pod[], signal: AbortSignal): Promise<Error | undefined> {
    const missing = (rs.spec.replicas ?? 1) - active.length;
    if (missing > 0) return createPods(rs, Math.min(missing, BURST_REPLICAS), signal);
    if (missing < 0) return deletePods(rs, active, Math.min(-missing, BURST_REPLICAS), signal);
    return undefined;
  }

  async function createPods(rs: T, count: number, signal: AbortSignal): Promise<Error | undefined> {
    const key = keyOf(rs);
    const draft = podFrom(kind, rs);
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
    rs: T,
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

  /** Pods of all that have the same owner. */
  function siblings(rs: T): readonly Pod[] {
    const owner = rs.metadata.ownerReferences?.find((ref) => ref.controller === true);
    const related = owner === undefined ? [rs] : owners.controlledBy(owner.uid);
    return related.flatMap((each) => pods.controlledBy(each.metadata.uid));
  }
}

const errorOf = (thrown: unknown): Error | undefined =>
  thrown === undefined || thrown instanceof Error ? thrown : new Error('thrown: ' + JSON.stringify(thrown));

/** Source: controller.GetPodFromTemplate v1.36. */
function podFrom<T extends Replicated>(kind: Kind<T>, rs: T): Draft<Pod> {
  const { metadata = {}, spec = { containers: [] } } = rs.spec.template ?? {};
  const { labels, annotations, finalizers } = metadata;
  return {
    metadata: {
      namespace: rs.metadata.namespace,
      generateName: `${rs.metadata.name}-`,
      labels,
      annotations,
      finalizers,
      ownerReferences: [controllerRef(kind, rs)],
    },
    spec,
  };
}
