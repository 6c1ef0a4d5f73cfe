import {
  formatTime,
  type Pod,
  type ReplicaSet,
  type ReplicaSetCondition,
  type ReplicaSetStatus,
  type ReplicationController,
  type ReplicationControllerStatus,
  selectorFromSet,
  semanticEqual,
} from '#api';
import { messageOf } from '#util';
import { availableAtMs, isAvailable, isReady } from '../common/pods.ts';

export type Replicated = ReplicaSet | ReplicationController;
export type ReplicatedStatus = ReplicaSetStatus & ReplicationControllerStatus;

export interface Observed {
  readonly owner: Replicated;
  /** Active pods of the owner. */
  readonly pods: readonly Pod[];
  /** Pods of the owner that are on their way out; undefined where the status does not count them. */
  readonly terminating: number | undefined;
  /** Why pods could not be created or deleted, if so. */
  readonly failure: unknown;
  readonly nowMs: number;
}

/** Source: pkg/controller/replicaset/replica_set_utils.go calculateStatus v1.36. */
export function statusOf({ owner, pods, terminating, failure, nowMs }: Observed): ReplicatedStatus {
  const template = selectorFromSet(owner.spec.template?.metadata?.labels);
  const { minReadySeconds = 0 } = owner.spec;
  const count = (test: (pod: Pod) => boolean): number => pods.reduce((sum, pod) => sum + (test(pod) ? 1 : 0), 0);
  return {
    ...owner.status,
    replicas: pods.length,
    fullyLabeledReplicas: count((pod) => template.matches(pod.metadata.labels)),
    readyReplicas: count(isReady),
    availableReplicas: count((pod) => isAvailable(pod, minReadySeconds, nowMs)),
    ...(terminating === undefined ? {} : { terminatingReplicas: terminating }),
    observedGeneration: owner.metadata.generation,
    conditions: conditionsOf(owner, pods.length, failure, nowMs),
  };
}

function conditionsOf(owner: Replicated, active: number, failure: unknown, nowMs: number): ReplicaSetCondition[] {
  const conditions = owner.status.conditions ?? [];
  const failed = conditions.some(({ type }) => type === 'ReplicaFailure');
  if (failure === undefined) return failed ? conditions.filter(({ type }) => type !== 'ReplicaFailure') : conditions;
  if (failed) return conditions;
  const reason = active < (owner.spec.replicas ?? 1) ? 'FailedCreate' : 'FailedDelete';
  return [
    ...conditions,
    {
      type: 'ReplicaFailure',
      status: 'True',
      reason,
      message: messageOf(failure),
      lastTransitionTime: formatTime(nowMs),
    },
  ];
}

export const statusChanged = (owner: Replicated, status: ReplicatedStatus): boolean =>
  !semanticEqual(owner.status, status);

/** How long until the next ready pod counts as available; undefined if none waits for that. */
export function nextAvailableMs({ owner, pods, nowMs }: Observed): number | undefined {
  const waits = pods
    .map((pod) => availableAtMs(pod, owner.spec.minReadySeconds ?? 0))
    .filter((at) => at !== undefined && at > nowMs)
    .map((at) => (at ?? 0) - nowMs);
  return waits.length === 0 ? undefined : Math.min(...waits);
}
