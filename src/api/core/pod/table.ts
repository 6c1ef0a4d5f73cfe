/** Pods as `kubectl get pods` shows them. Source: printPod in pkg/printers/internalversion/printers.go v1.36. */
import type { Container, ContainerStatus, Pod, PodStatus } from '../../generated/core.v1.ts';
import type { Column, Row } from '../../kind.ts';
import { AGE, age, NAME, orNone, sinceText } from '../../table.ts';
import { timeMs } from '../../time.ts';
import { isRestartableInitContainer } from './resources.ts';

export const podColumns: readonly Column[] = [
  NAME,
  { name: 'Ready', type: 'string' },
  { name: 'Status', type: 'string' },
  { name: 'Restarts', type: 'string' },
  AGE,
  { name: 'IP', type: 'string', priority: 1 },
  { name: 'Node', type: 'string', priority: 1 },
  { name: 'Nominated Node', type: 'string', priority: 1 },
  { name: 'Readiness Gates', type: 'string', priority: 1 },
];

type RowCondition = NonNullable<Row['conditions']>[number];
const completed = (reason: string, message: string): RowCondition[] => [
  { type: 'Completed', status: 'True', reason, message },
];

export function podRow(pod: Pod, { nowMs }: { readonly nowMs: number }): Row {
  const { spec, status } = pod;
  const { ready, reason, restarts, lastRestartMs } = summarize(pod);
  const sidecars = (spec.initContainers ?? []).filter(isRestartableInitContainer).length;
  const ago = restarts > 0 && lastRestartMs > 0 ? ` (${sinceText(lastRestartMs, nowMs)} ago)` : '';
  const cells = [
    pod.metadata.name,
    `${ready}/${spec.containers.length + sidecars}`,
    statusText(pod, reason),
    `${restarts}${ago}`,
    age(pod, nowMs),
    orNone(status.podIPs?.[0]?.ip ?? status.podIP),
    orNone(spec.nodeName),
    orNone(status.nominatedNodeName),
    readinessGates(pod),
  ];
  if (status.phase === 'Succeeded') {
    return { cells, conditions: completed('Succeeded', 'The pod has completed successfully.') };
  }
  if (status.phase === 'Failed') return { cells, conditions: completed('Failed', 'The pod failed.') };
  return { cells };
}

/** The STATUS column alone. */
export const podStatusText = (pod: Pod): string => statusText(pod, summarize(pod).reason);

function statusText({ metadata, status }: Pod, reason: string): string {
  if (metadata.deletionTimestamp === undefined) return reason;
  if (status.reason === 'NodeLost') return 'Unknown';
  return status.phase === 'Succeeded' || status.phase === 'Failed' ? reason : 'Terminating';
}

interface Summary {
  readonly ready: number;
  readonly reason: string;
  readonly restarts: number;
  /** 0 when no container has ended before. */
  readonly lastRestartMs: number;
}

/** Restarts of some containers and when the last of them was. */
class Restarts {
  count = 0;
  lastMs = 0;

  add({ restartCount, lastState }: ContainerStatus): void {
    this.count += restartCount;
    const finished = lastState?.terminated?.finishedAt;
    if (finished !== undefined) this.lastMs = Math.max(this.lastMs, timeMs(finished));
  }
}

function summarize(pod: Pod): Summary {
  const { spec, status } = pod;
  const all = new Restarts();
  const own = new Restarts();
  const byName = new Map((spec.initContainers ?? []).map((container) => [container.name, container]));
  let ready = 0;
  let initReason: string | undefined;
  for (const [i, container] of (status.initContainerStatuses ?? []).entries()) {
    const sidecar = isRestartableInitContainer(byName.get(container.name));
    all.add(container);
    if (sidecar) own.add(container);
    if (container.state?.terminated?.exitCode === 0) continue;
    if (sidecar && container.started === true) {
      if (container.ready) ready++;
      continue;
    }
    initReason = initReasonOf(container, i, spec.initContainers ?? []);
    break;
  }
  if (initReason !== undefined && !isTrue(status, 'Initialized')) {
    return { ready, reason: initReason, restarts: all.count, lastRestartMs: all.lastMs };
  }
  let reason = initReason ?? phaseReason(status);
  let hasRunning = false;
  let failure: string | undefined;
  for (const container of (status.containerStatuses ?? []).toReversed()) {
    own.add(container);
    const found = containerReason(container);
    if (found !== undefined) {
      reason = found;
      if ((container.state?.waiting?.reason ?? '') === '' && container.state?.terminated?.exitCode !== 0)
        failure = found;
    } else if (container.ready && container.state?.running !== undefined) {
      hasRunning = true;
      ready++;
    }
  }
  // A pod with one container done and another at work is running; else one that failed says more than one that is done.
  if (reason === 'Completed') {
    if (hasRunning && isTrue(status, 'Ready')) reason = 'Running';
    else if (failure !== undefined) reason = failure;
    else if (hasRunning) reason = 'NotReady';
  }
  return { ready, reason, restarts: own.count, lastRestartMs: own.lastMs };
}

const isTrue = ({ conditions = [] }: PodStatus, type: string): boolean =>
  conditions.some((condition) => condition.type === type && condition.status === 'True');

function phaseReason({ phase = '', reason = '', conditions = [] }: PodStatus): string {
  if (conditions.some((c) => c.type === 'PodScheduled' && c.reason === 'SchedulingGated')) return 'SchedulingGated';
  return reason === '' ? phase : reason;
}

function initReasonOf({ state }: ContainerStatus, i: number, initContainers: readonly Container[]): string {
  const { terminated, waiting } = state ?? {};
  if (terminated !== undefined) return `Init:${endReason(terminated)}`;
  const reason = waiting?.reason ?? '';
  return reason !== '' && reason !== 'PodInitializing' ? `Init:${reason}` : `Init:${i}/${initContainers.length}`;
}

function containerReason({ state }: ContainerStatus): string | undefined {
  const waiting = state?.waiting?.reason ?? '';
  if (waiting !== '') return waiting;
  return state?.terminated === undefined ? undefined : endReason(state.terminated);
}

function endReason({
  reason = '',
  signal = 0,
  exitCode,
}: {
  reason?: string | undefined;
  signal?: number | undefined;
  exitCode: number;
}): string {
  if (reason !== '') return reason;
  return signal === 0 ? `ExitCode:${exitCode}` : `Signal:${signal}`;
}

function readinessGates({ spec, status }: Pod): string {
  const gates = spec.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  return `${gates.filter(({ conditionType }) => isTrue(status, conditionType)).length}/${gates.length}`;
}
