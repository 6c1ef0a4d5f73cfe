import type { Node, Taint, Toleration } from '#api';

/** Taints that say what is wrong with a node. Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go v1.36. */
const NOT_READY = 'node.kubernetes.io/not-ready';
const UNREACHABLE = 'node.kubernetes.io/unreachable';
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';

/** Condition type → status → key of the NoSchedule taint. */
const BY_CONDITION: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Ready: { False: NOT_READY, Unknown: UNREACHABLE },
  MemoryPressure: { True: 'node.kubernetes.io/memory-pressure' },
  DiskPressure: { True: 'node.kubernetes.io/disk-pressure' },
  NetworkUnavailable: { True: 'node.kubernetes.io/network-unavailable' },
  PIDPressure: { True: 'node.kubernetes.io/pid-pressure' },
};
const OURS: ReadonlySet<string> = new Set([
  ...Object.values(BY_CONDITION).flatMap((byStatus) => Object.values(byStatus)),
  UNSCHEDULABLE,
]);

export const readyStatus = ({ status }: Node): string =>
  status.conditions?.find(({ type }) => type === 'Ready')?.status ?? 'Unknown';

/** The taints a node should have, the same list if nothing changes. `evict`: its pods are to be sent away while it is not ready. */
export function wantedTaints(
  node: Node,
  { evict, now }: { readonly evict: boolean; readonly now: string },
): readonly Taint[] {
  const current = node.spec.taints ?? [];
  const noSchedule = new Set(
    (node.status.conditions ?? [])
      .map(({ type, status }) => BY_CONDITION[type]?.[status])
      .filter((key) => key !== undefined),
  );
  if (node.spec.unschedulable === true) noSchedule.add(UNSCHEDULABLE);
  const ready = readyStatus(node);
  const known = node.status.conditions?.some(({ type }) => type === 'Ready') === true;
  const noExecute = !evict || ready === 'True' ? undefined : ready === 'False' ? NOT_READY : UNREACHABLE;

  const keep = ({ key, effect }: Taint): boolean => {
    // A new node is admitted with this taint and keeps it until its kubelet has spoken.
    if (key === NOT_READY && !known) return true;
    if (effect === 'NoSchedule' && OURS.has(key)) return noSchedule.has(key);
    // While no more nodes may be emptied, those that are being emptied go on being so.
    if (effect === 'NoExecute' && (key === NOT_READY || key === UNREACHABLE))
      return ready !== 'True' && (noExecute ?? key) === key;
    return true;
  };
  const has = (key: string, effect: string): boolean =>
    current.some((taint) => taint.key === key && taint.effect === effect);
  const added: Taint[] = [...noSchedule]
    .filter((key) => !has(key, 'NoSchedule'))
    .map((key) => ({ key, effect: 'NoSchedule', timeAdded: now }));
  if (noExecute !== undefined && !has(noExecute, 'NoExecute'))
    added.push({ key: noExecute, effect: 'NoExecute', timeAdded: now });
  const kept = current.filter(keep);
  return added.length === 0 && kept.length === current.length ? current : [...kept, ...added];
}

/** Source: v1.Toleration.ToleratesTaint. */
function tolerates({ key = '', operator = 'Equal', value = '', effect = '' }: Toleration, taint: Taint): boolean {
  if (effect !== '' && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  return operator === 'Exists' || (operator === 'Equal' && value === (taint.value ?? ''));
}

/**
 * How long a pod may stay on a node with these NoExecute taints, seconds: 0 when it tolerates one of them not at all, Infinity when it
 * tolerates all for ever. Source: pkg/controller/tainteviction GetMatchingTolerations, getMinTolerationTime.
 */
export function toleratedSeconds(taints: readonly Taint[], tolerations: readonly Toleration[]): number {
  let shortest = Number.POSITIVE_INFINITY;
  for (const taint of taints) {
    const matching = tolerations.filter((toleration) => tolerates(toleration, taint));
    const first = matching[0];
    if (first === undefined) return 0;
    shortest = Math.min(shortest, Math.max(0, first.tolerationSeconds ?? Number.POSITIVE_INFINITY));
  }
  return shortest;
}
