/** Source: apimachinery pkg/util/managedfields/internal/conflict.go and structured-merge-diff merge/conflict.go v6.4. */
import type { StatusCause } from '../generated/meta.v1.ts';
import { StatusError } from '../status.ts';
import { pathText } from './fieldpath/element.ts';
import { type FieldSet, type Path, pathsOf } from './fieldpath/set.ts';
import { compareText, goQuote } from './fieldpath/text.ts';
import type { Managed, ManagedSet } from './managed.ts';

export interface Conflict {
  /** Id of the manager that owns the field. */
  readonly id: string;
  readonly manager: ManagedSet;
  readonly path: Path;
}

/** What an apply would take from others, without force. */
export class ApplyConflicts extends Error {
  override readonly name = 'ApplyConflicts';
  readonly conflicts: readonly Conflict[];

  constructor(conflicts: readonly Conflict[]) {
    super(conflictMessage(conflicts));
    this.conflicts = conflicts;
  }

  /** 409 with a cause for each field. */
  toStatusError(): StatusError {
    const causes = this.conflicts.map(({ manager, path }): StatusCause => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${managerText(manager)}`,
      field: pathText(path),
    }));
    return new StatusError('Conflict', this.message, { cause: this, details: { causes } });
  }
}

/** Managers in the order of their ids, the fields of each in the order of sets. */
export function conflictsOf(managers: Managed, sets: ReadonlyMap<string, FieldSet>): Conflict[] {
  return [...sets]
    .toSorted(([a], [b]) => compareText(a, b))
    .flatMap(([id, set]) => pathsOf(set).map((path): Conflict => ({ id, manager: managers.get(id)!, path })));
}

/** Times stand in no message: managers are told apart without them. */
function managerText({ manager, operation, apiVersion, subresource }: ManagedSet): string {
  const name = `${goQuote(manager)}${subresource === '' ? '' : ` with subresource ${goQuote(subresource)}`}`;
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}

function conflictMessage(conflicts: readonly Conflict[]): string {
  const [first, ...others] = conflicts;
  if (first !== undefined && others.length === 0)
    return `Apply failed with 1 conflict: conflict with ${managerText(first.manager)}: ${pathText(first.path)}`;
  const lines: string[] = [];
  let id: string | undefined;
  for (const conflict of conflicts) {
    if (conflict.id !== id) lines.push(`conflicts with ${managerText(conflict.manager)}:`);
    id = conflict.id;
    lines.push(`- ${pathText(conflict.path)}`);
  }
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}
