import { type Pod, timeMs } from '#api';
import { isActive, isReady, podCondition } from '../common/pods.ts';

/** Source: core/v1 PodDeletionCost. */
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

/** What a pod is judged by when one must go, in this order; the smallest goes first. */
interface Standing {
  readonly pod: Pod;
  readonly rank: readonly number[];
}

/**
 * The `count` pods to delete first. Those that would be missed least: not on a node, not running, not ready, cheap by annotation, on a node
 * with many of `related`, ready for a short time, often restarted, young. Source: controller.ActivePodsWithRanks and
 * getPodsRankedByRelatedPodsOnSameNode v1.36.
 */
export function podsToDelete(
  pods: readonly Pod[],
  related: readonly Pod[],
  count: number,
  nowMs: number,
): readonly Pod[] {
  if (count >= pods.length) return pods;
  const onNode = new Map<string, number>();
  for (const pod of related) {
    if (!isActive(pod)) continue;
    const node = pod.spec.nodeName ?? '';
    onNode.set(node, (onNode.get(node) ?? 0) + 1);
  }
  const standings = pods.map((pod): Standing => ({
    pod,
    rank: rankOf(pod, onNode.get(pod.spec.nodeName ?? '') ?? 0, nowMs),
  }));
  standings.sort(compare);
  return standings.slice(0, count).map(({ pod }) => pod);
}

const PHASES: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

function rankOf(pod: Pod, neighbours: number, nowMs: number): number[] {
  const ready = isReady(pod);
  const readySince = ready ? podCondition(pod, 'Ready')?.lastTransitionTime : undefined;
  const [restarts, sidecarRestarts] = maxRestarts(pod);
  return [
    (pod.spec.nodeName ?? '') === '' ? 0 : 1,
    PHASES[pod.status.phase ?? ''] ?? 0,
    ready ? 1 : 0,
    deletionCost(pod),
    -neighbours,
    ready ? ageBucket(readySince, nowMs) : 0,
    -restarts,
    -sidecarRestarts,
    ageBucket(pod.metadata.creationTimestamp, nowMs),
  ];
}

/** Ages count by their magnitude only, so that which of several long-lived pods goes is left to chance. Source: LogarithmicScaleDown. */
function ageBucket(since: string | undefined, nowMs: number): number {
  if (since === undefined || since === '') return -1;
  const ageSeconds = (nowMs - timeMs(since)) / 1000;
  return ageSeconds <= 0 ? 0 : Math.max(0, Math.floor(Math.log2(ageSeconds * 1e9)));
}

function compare(a: Standing, b: Standing): number {
  for (const [i, value] of a.rank.entries()) {
    const difference = value - (b.rank[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.pod.metadata.uid < b.pod.metadata.uid ? -1 : 1;
}

/** An annotation that is no int32 counts as none. */
function deletionCost({ metadata }: Pod): number {
  const text = metadata.annotations?.[DELETION_COST];
  if (text === undefined || !/^(0|-?[1-9][0-9]*)$/.test(text)) return 0;
  const cost = Number(text);
  return Math.abs(cost) > 2 ** 31 - 1 ? 0 : cost;
}

/** Most restarts of a regular container, and of a sidecar. */
function maxRestarts({ spec, status }: Pod): [number, number] {
  const sidecars = new Set(spec.initContainers?.filter((c) => c.restartPolicy === 'Always').map((c) => c.name));
  const most = (counts: readonly number[]): number => counts.reduce((a, b) => Math.max(a, b), 0);
  return [
    most((status.containerStatuses ?? []).map((c) => c.restartCount)),
    most((status.initContainerStatuses ?? []).filter((c) => sidecars.has(c.name)).map((c) => c.restartCount)),
  ];
}
