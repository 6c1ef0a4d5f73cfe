import { formatTime, type NamespaceCondition } from '#api';

/** What is left of a namespace that is being deleted. */
export interface Remains {
  /** `plural.group` → objects. */
  readonly objects: ReadonlyMap<string, number>;
  /** Finalizer → objects that carry it. */
  readonly finalizers: ReadonlyMap<string, number>;
  /** Messages of deletions that failed. */
  readonly failures: readonly string[];
}

/** Type, and reason and message when all is well. Source: pkg/controller/namespace/deletion/status_condition_utils.go v1.36. */
const CONDITIONS = [
  ['NamespaceDeletionDiscoveryFailure', 'ResourcesDiscovered', 'All resources successfully discovered'],
  ['NamespaceDeletionGroupVersionParsingFailure', 'ParsedGroupVersions', 'All legacy kube types successfully parsed'],
  [
    'NamespaceDeletionContentFailure',
    'ContentDeleted',
    'All content successfully deleted, may be waiting on finalization',
  ],
  ['NamespaceContentRemaining', 'ContentRemoved', 'All content successfully removed'],
  ['NamespaceFinalizersRemaining', 'ContentRemoved', 'All content successfully removed'],
] as const;

/** The conditions of a terminating namespace, the old ones where nothing changed. */
export function deletionConditions(
  old: readonly NamespaceCondition[],
  remains: Remains,
  nowMs: number,
): NamespaceCondition[] {
  const troubles = troublesOf(remains);
  const ours = new Set<string>(CONDITIONS.map(([type]) => type));
  return [
    ...old.filter(({ type }) => !ours.has(type)),
    ...CONDITIONS.map(([type, okReason, okMessage]): NamespaceCondition => {
      const trouble = troubles.get(type);
      const status = trouble === undefined ? 'False' : 'True';
      const before = old.find((condition) => condition.type === type);
      const lastTransitionTime = before?.status === status ? before.lastTransitionTime : formatTime(nowMs);
      return { type, status, ...(trouble ?? { reason: okReason, message: okMessage }), lastTransitionTime };
    }),
  ];
}

function troublesOf({ objects, finalizers, failures }: Remains): Map<string, { reason: string; message: string }> {
  const troubles = new Map<string, { reason: string; message: string }>();
  if (failures.length > 0) {
    const message = `Failed to delete all resource types, ${failures.length} remaining: ${failures.toSorted().join(', ')}`;
    troubles.set('NamespaceDeletionContentFailure', { reason: 'ContentDeletionFailed', message });
  }
  const list = (map: ReadonlyMap<string, number>, verb: string): string =>
    [...map]
      .map(([name, count]) => `${name} ${verb} ${count} resource instances`)
      .toSorted()
      .join(', ');
  if (objects.size > 0) {
    const message = `Some resources are remaining: ${list(objects, 'has')}`;
    troubles.set('NamespaceContentRemaining', { reason: 'SomeResourcesRemain', message });
  }
  if (finalizers.size > 0) {
    const message = `Some finalizers are remaining: ${list(finalizers, 'in')}`;
    troubles.set('NamespaceFinalizersRemaining', { reason: 'SomeFinalizersRemain', message });
  }
  return troubles;
}
