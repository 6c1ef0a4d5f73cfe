import {
  formatTime,
  type Pod,
  type ReplicaSet,
  type ReplicaSetCondition,
  type ReplicaSetStatus,
  selectorFromSet,
  semanticEqual,
} from '#api';
import { messageOf } from '#util';
import { availableAtMs, isAvailable, isReady } from '../common/pods.ts';

export interface Observed {
  readonly rs: ReplicaSet;
  /** Active pods of the ReplicaSet. */
  readonly pods: readonly Pod[];
  /** Pods of the ReplicaSet that are on their way out. */
  readonly terminating: number;
  /** Why pods could not be created or deleted, if so. */
  readonly failure: unknown;
  readonly nowMs: number;
}

/** Source: pkg/controller/replicaset/replica_set_utils.go calculateStatus v1.36. */
export function statusOf({ rs, pods, terminating, failure, nowMs }: Observed): ReplicaSetStatus {
  const template = selectorFromSet(rs.spec.template?.metadata?.labels);
  const { minReadySeconds = 0 } = rs.spec;
  const count = (test: (pod: Pod) => boolean): number => pods.reduce((sum, pod) => sum + (test(pod) ? 1 : 0), 0);
  return {
    ...rs.status,
    replicas: pods.length,
    fullyLabeledReplicas: count((pod) => template.matches(pod.metadata.labels)),
    readyReplicas: count(isReady),
    availableReplicas: count((pod) => isAvailable(pod, minReadySeconds, nowMs)),
    terminatingReplicas: terminating,
    observedGeneration: rs.metadata.generation,
    conditions: conditionsOf(rs, pods.length, failure, nowMs),
  };
}

function conditionsOf(rs: ReplicaSet, active: number, failure: unknown, nowMs: number): ReplicaSetCondition[] {
  const conditions = rs.status.conditions ?? [];
  const failed = conditions.some(({ type }) => type === 'ReplicaFailure');
  if (failure === undefined) return failed ? conditions.filter(({ type }) => type !== 'ReplicaFailure') : conditions;
  if (failed) return conditions;
  const reason = active < (rs.spec.replicas ?? 1) ? 'FailedCreate' : 'FailedDelete';
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

export const statusChanged = (rs: ReplicaSet, status: ReplicaSetStatus): boolean => !semanticEqual(rs.status, status);

/** How long until the next ready pod counts as available; undefined if none waits for that. */
export function nextAvailableMs({ rs, pods, nowMs }: Observed): number | undefined {
  const waits = pods
    .map((pod) => availableAtMs(pod, rs.spec.minReadySeconds ?? 0))
    .filter((at) => at !== undefined && at > nowMs)
    .map((at) => (at ?? 0) - nowMs);
  return waits.length === 0 ? undefined : Math.min(...waits);
}
