import {
  type Deployment,
  type DeploymentCondition,
  type DeploymentStatus,
  formatTime,
  type ReplicaSet,
  timeMs,
} from '#api';
import { fenceposts, sizeOf, total, totalSize } from './replicasets.ts';

/** Conditions and progress of a rollout. Pure. Source: pkg/controller/deployment/{sync,progress}.go v1.36. */

/** As good as no deadline. Source: util.HasProgressDeadline. */
const NO_DEADLINE = 2 ** 31 - 1;

type Conditions = readonly DeploymentCondition[];

export const hasDeadline = ({ spec }: Deployment): boolean =>
  spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds !== NO_DEADLINE;

export const conditionOf = ({ conditions }: DeploymentStatus, type: string): DeploymentCondition | undefined =>
  conditions?.find((condition) => condition.type === type);

export function newCondition(
  type: string,
  status: string,
  reason: string,
  message: string,
  nowMs: number,
): DeploymentCondition {
  const at = formatTime(nowMs);
  return { type, status, reason, message, lastUpdateTime: at, lastTransitionTime: at };
}

const withoutCondition = (conditions: Conditions = [], type: string): DeploymentCondition[] =>
  conditions.filter((condition) => condition.type !== type);

/** Puts a condition in, unless one of the same status and reason is there; keeps the time of the last transition. */
export function withCondition(conditions: Conditions = [], condition: DeploymentCondition): DeploymentCondition[] {
  const current = conditions.find(({ type }) => type === condition.type);
  if (current?.status === condition.status && current.reason === condition.reason) return [...conditions];
  const lastTransitionTime =
    current?.status === condition.status ? current.lastTransitionTime : condition.lastTransitionTime;
  return [...withoutCondition(conditions, condition.type), { ...condition, lastTransitionTime }];
}

/** A Progressing condition that says the rollout is paused or goes on; lack of progress already reported stands. */
export function pausedConditions({ spec, status }: Deployment, nowMs: number): DeploymentCondition[] {
  const conditions = status.conditions ?? [];
  const current = conditionOf(status, 'Progressing');
  if (spec.progressDeadlineSeconds === undefined || current?.reason === 'ProgressDeadlineExceeded') return conditions;
  const saidPaused = current?.reason === 'DeploymentPaused';
  if (spec.paused === true && !saidPaused) {
    return withCondition(
      conditions,
      newCondition('Progressing', 'Unknown', 'DeploymentPaused', 'Deployment is paused', nowMs),
    );
  }
  if (spec.paused !== true && saidPaused) {
    return withCondition(
      conditions,
      newCondition('Progressing', 'Unknown', 'DeploymentResumed', 'Deployment is resumed', nowMs),
    );
  }
  return conditions;
}

/** Counts, and whether enough is available. */
export function countStatus(
  deployment: Deployment,
  newRS: ReplicaSet | undefined,
  all: readonly ReplicaSet[],
  nowMs: number,
): DeploymentStatus {
  const available = total(all, ({ status }) => status.availableReplicas);
  const enough = available >= sizeOf(deployment) - fenceposts(deployment).maxUnavailable;
  const condition = enough
    ? newCondition('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.', nowMs)
    : newCondition(
        'Available',
        'False',
        'MinimumReplicasUnavailable',
        'Deployment does not have minimum availability.',
        nowMs,
      );
  return {
    observedGeneration: deployment.metadata.generation,
    replicas: total(all, ({ status }) => status.replicas),
    updatedReplicas: newRS?.status.replicas ?? 0,
    readyReplicas: total(all, ({ status }) => status.readyReplicas),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, totalSize(all) - available),
    terminatingReplicas: total(all, ({ status }) => status.terminatingReplicas),
    collisionCount: deployment.status.collisionCount,
    conditions: withCondition(deployment.status.conditions, condition),
  };
}

/** All pods are of the new template, available, and no old ones are left. */
export const isComplete = ({ metadata, spec }: Deployment, status: DeploymentStatus): boolean =>
  (status.updatedReplicas ?? 0) === (spec.replicas ?? 1) &&
  (status.replicas ?? 0) === (spec.replicas ?? 1) &&
  (status.availableReplicas ?? 0) === (spec.replicas ?? 1) &&
  (status.observedGeneration ?? 0) >= (metadata.generation ?? 0);

function isProgressing({ status: before }: Deployment, now: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus): number => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  return (
    (now.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(now) < old(before) ||
    (now.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (now.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

/** When the rollout is to be called stuck, milliseconds since the epoch; undefined when it cannot be. */
function deadlineMs({ spec }: Deployment, condition: DeploymentCondition | undefined): number | undefined {
  if (condition?.lastUpdateTime === undefined || condition.reason === 'NewReplicaSetAvailable') return undefined;
  return timeMs(condition.lastUpdateTime) + (spec.progressDeadlineSeconds ?? 0) * 1000;
}

/** {@link countStatus} with how the rollout gets on. `deployment` holds the status before. */
export function rolloutStatus(
  deployment: Deployment,
  newRS: ReplicaSet | undefined,
  all: readonly ReplicaSet[],
  nowMs: number,
): DeploymentStatus {
  const status = countStatus(deployment, newRS, all, nowMs);
  const conditions = failureConditions(progressConditions(deployment, status, newRS, nowMs), newRS, all);
  return { ...status, conditions };
}

function progressConditions(
  deployment: Deployment,
  status: DeploymentStatus,
  newRS: ReplicaSet | undefined,
  nowMs: number,
): DeploymentCondition[] {
  const conditions = status.conditions ?? [];
  if (!hasDeadline(deployment)) return withoutCondition(conditions, 'Progressing');
  const current = conditionOf(deployment.status, 'Progressing');
  // Nothing is being rolled out: do not judge progress.
  if (status.replicas === status.updatedReplicas && current?.reason === 'NewReplicaSetAvailable') return conditions;

  const who = newRS === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${newRS.metadata.name}"`;
  if (isComplete(deployment, status)) {
    const message = `${who} has successfully progressed.`;
    return withCondition(conditions, newCondition('Progressing', 'True', 'NewReplicaSetAvailable', message, nowMs));
  }
  if (isProgressing(deployment, status)) {
    // Each step renews lastUpdateTime, which the deadline counts from, even when status and reason stay.
    const condition = newCondition('Progressing', 'True', 'ReplicaSetUpdated', `${who} is progressing.`, nowMs);
    const lastTransitionTime = current?.status === 'True' ? current.lastTransitionTime : condition.lastTransitionTime;
    return [...withoutCondition(conditions, 'Progressing'), { ...condition, lastTransitionTime }];
  }
  const deadline = deadlineMs(deployment, conditionOf(status, 'Progressing'));
  if (deadline === undefined || deadline >= nowMs) return conditions;
  const message = `${who} has timed out progressing.`;
  return withCondition(conditions, newCondition('Progressing', 'False', 'ProgressDeadlineExceeded', message, nowMs));
}

/** What keeps a ReplicaSet from making pods is shown on its Deployment, that of the newest first. */
function failureConditions(
  conditions: DeploymentCondition[],
  newRS: ReplicaSet | undefined,
  all: readonly ReplicaSet[],
): DeploymentCondition[] {
  const sets = newRS === undefined ? all : [newRS, ...all];
  const failure = sets.flatMap(({ status }) => status.conditions ?? []).find(({ type }) => type === 'ReplicaFailure');
  if (failure === undefined) return withoutCondition(conditions, 'ReplicaFailure');
  return withCondition(conditions, { ...failure, lastUpdateTime: failure.lastTransitionTime });
}

/** When to look again whether a rollout is stuck; undefined if there is nothing to look for. */
export function progressCheckMs(deployment: Deployment, status: DeploymentStatus, nowMs: number): number | undefined {
  const condition = conditionOf(status, 'Progressing');
  if (!hasDeadline(deployment) || condition === undefined || condition.reason === 'ProgressDeadlineExceeded')
    return undefined;
  if (isComplete(deployment, status)) return undefined;
  const deadline = deadlineMs(deployment, condition);
  // A second more, so that the clock has surely passed the deadline.
  return deadline === undefined ? undefined : Math.max(0, deadline - nowMs) + 1000;
}
