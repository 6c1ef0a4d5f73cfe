import type { ContainerStatus, Pod, PodCondition } from '#api';
import { isRestartableInit } from '../resources/pod-resources.ts';
import { goList, goQuote, timeText } from '../text.ts';
import type { PodPhase } from './phase.ts';

/** Conditions this agent owns; the others are kept as they are. Source: PodConditionsByKubelet (pkg/kubelet/types/pod_status.go). */
const OWN = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'];

type Draft = Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>;

const met = (type: string): Draft => ({ type, status: 'True' });
const unmet = (type: string, reason?: string, message?: string): Draft => ({ type, status: 'False', reason, message });

interface Input {
  readonly pod: Pod;
  readonly phase: PodPhase;
  /** Init and regular containers. */
  readonly statuses: readonly ContainerStatus[];
  readonly sandboxReady: boolean;
}

/** Source of these: pkg/kubelet/status/generate.go v1.36. */
function containersReady(type: string, { pod, phase, statuses }: Input): Draft {
  const unknown: string[] = [];
  const unready: string[] = [];
  for (const { name } of [...(pod.spec.initContainers ?? []).filter(isRestartableInit), ...pod.spec.containers]) {
    const status = statuses.find((candidate) => candidate.name === name);
    if (status === undefined) unknown.push(name);
    else if (!status.ready) unready.push(name);
  }
  if (phase === 'Succeeded' && unknown.length === 0) return unmet(type, 'PodCompleted');
  if (phase === 'Failed') return unmet(type, 'PodFailed');
  const messages: string[] = [];
  if (unknown.length > 0) messages.push(`containers with unknown status: ${goList(unknown)}`);
  if (unready.length > 0) messages.push(`containers with unready status: ${goList(unready)}`);
  return messages.length === 0 ? met(type) : unmet(type, 'ContainersNotReady', messages.join(', '));
}

function ready(input: Input): Draft {
  const own = containersReady('Ready', input);
  if (own.status !== 'True') return own;
  const messages: string[] = [];
  for (const { conditionType } of input.pod.spec.readinessGates ?? []) {
    const condition = input.pod.status.conditions?.find(({ type }) => type === conditionType);
    if (condition === undefined)
      messages.push(`corresponding condition of pod readiness gate ${goQuote(conditionType)} does not exist.`);
    else if (condition.status !== 'True') {
      messages.push(
        `the status of pod readiness gate ${goQuote(conditionType)} is not "True", but ${condition.status}`,
      );
    }
  }
  return messages.length === 0 ? own : unmet('Ready', 'ReadinessGatesNotReady', messages.join(', '));
}

function initialized({ pod, phase, statuses }: Input): Draft {
  const unknown: string[] = [];
  const incomplete: string[] = [];
  for (const container of pod.spec.initContainers ?? []) {
    const status = statuses.find(({ name }) => name === container.name);
    const done = isRestartableInit(container) ? status?.started === true : status?.ready === true;
    if (status === undefined) unknown.push(container.name);
    else if (!done) incomplete.push(container.name);
  }
  if (phase === 'Succeeded' && unknown.length === 0) return { ...met('Initialized'), reason: 'PodCompleted' };
  const started = pod.spec.containers.some(({ name }) => {
    const status = statuses.find((candidate) => candidate.name === name);
    return (
      status?.state?.running !== undefined ||
      status?.state?.terminated !== undefined ||
      status?.lastState?.terminated !== undefined
    );
  });
  if (started) return met('Initialized');
  const messages: string[] = [];
  if (unknown.length > 0) messages.push(`containers with unknown status: ${goList(unknown)}`);
  if (incomplete.length > 0) messages.push(`containers with incomplete status: ${goList(incomplete)}`);
  return messages.length === 0
    ? met('Initialized')
    : unmet('Initialized', 'ContainersNotInitialized', messages.join(', '));
}

/** All conditions of the pod; a condition keeps the time of its last change. */
export function podConditions(
  input: Input,
  previous: readonly PodCondition[] | undefined,
  nowMs: number,
): PodCondition[] {
  const foreign = (input.pod.status.conditions ?? []).filter(({ type }) => !OWN.includes(type));
  const drafts: Draft[] = [
    input.sandboxReady ? met('PodReadyToStartContainers') : unmet('PodReadyToStartContainers'),
    initialized(input),
    ready(input),
    containersReady('ContainersReady', input),
    met('PodScheduled'),
  ];
  const own = drafts.map(({ type, status, reason, message }): PodCondition => {
    const old = previous?.find((condition) => condition.type === type);
    const lastTransitionTime =
      old?.status === status && old.lastTransitionTime !== undefined ? old.lastTransitionTime : timeText(nowMs);
    return { type, status, lastTransitionTime, observedGeneration: input.pod.metadata.generation, reason, message };
  });
  return [...foreign, ...own];
}
