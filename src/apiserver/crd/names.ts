/** Which names of definitions are accepted: within a group no two may have the same. Source: apiextensions-apiserver pkg/controller/status/naming_controller.go v0.36. */
import { type CustomResourceDefinition, deepClone, equalValues } from '#api';
import { type Condition, establishedAfterNaming, isNews, setCondition } from './conditions.ts';

type Names = NonNullable<CustomResourceDefinition['status']['acceptedNames']>;

const NO_NAMES: Names = { plural: '', kind: '' };

interface Claimed {
  readonly resources: ReadonlySet<string>;
  readonly kinds: ReadonlySet<string>;
}

function claimedIn(group: string, definitions: Iterable<CustomResourceDefinition>): Claimed {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const { spec, status } of definitions) {
    if (spec.group !== group || status.acceptedNames === undefined) continue;
    const { plural, singular = '', shortNames = [], kind, listKind = '' } = status.acceptedNames;
    for (const name of [plural, singular, ...shortNames]) resources.add(name);
    for (const name of [kind, listKind]) kinds.add(name);
  }
  return { resources, kinds };
}

const conflictOf = (requested: string, accepted: string, used: ReadonlySet<string>): string | undefined =>
  requested === accepted || !used.has(requested) ? undefined : `${JSON.stringify(requested)} is already in use`;

/**
 * A copy of the definition with the names it may have and the conditions that say so; undefined when nothing changes. `definitions` are all there
 * are, this one among them.
 */
export function judgeNames(
  definition: CustomResourceDefinition,
  definitions: Iterable<CustomResourceDefinition>,
  nowMs: number,
): CustomResourceDefinition | undefined {
  const { names, group } = definition.spec;
  const accepted = definition.status.acceptedNames ?? NO_NAMES;
  if (equalValues(names, accepted)) return undefined;
  const { next, conflict } = acceptNames(names, accepted, claimedIn(group, definitions));
  const namesAccepted: Condition =
    conflict === undefined
      ? { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' }
      : { type: 'NamesAccepted', status: 'False', ...conflict };
  if (equalValues(next, accepted) && !isNews(definition, namesAccepted)) return undefined;
  const changed = deepClone(definition);
  changed.status.acceptedNames = next;
  setCondition(changed, namesAccepted, nowMs);
  setCondition(changed, establishedAfterNaming(definition, conflict === undefined), nowMs);
  return changed;
}

interface Conflict {
  readonly reason: string;
  readonly message: string;
}

/** Takes each name that is free; of several conflicts the last is told. */
function acceptNames(
  wanted: Names,
  accepted: Names,
  { resources, kinds }: Claimed,
): { readonly next: Names; readonly conflict: Conflict | undefined } {
  const next: Names = { ...accepted };
  let conflict: Conflict | undefined;
  const take = (field: 'plural' | 'singular' | 'kind' | 'listKind', used: ReadonlySet<string>): void => {
    const message = conflictOf(wanted[field] ?? '', accepted[field] ?? '', used);
    if (message === undefined) next[field] = wanted[field] ?? '';
    else conflict = { reason: `${field[0]!.toUpperCase()}${field.slice(1)}Conflict`, message };
  };
  take('plural', resources);
  take('singular', resources);
  const own = new Set(accepted.shortNames);
  const messages = (wanted.shortNames ?? []).flatMap((name) => {
    const message = own.has(name) ? undefined : conflictOf(name, '', resources);
    return message === undefined ? [] : [message];
  });
  if (messages.length > 0) conflict = { reason: 'ShortNamesConflict', message: aggregate(messages) };
  else assign(next, 'shortNames', wanted.shortNames);
  take('kind', kinds);
  take('listKind', kinds);
  assign(next, 'categories', wanted.categories);
  return { next, conflict };
}

function assign(names: Names, field: 'shortNames' | 'categories', value: string[] | undefined): void {
  if (value === undefined) delete names[field];
  else names[field] = value;
}

/** Source: utilerrors.Aggregate, apimachinery pkg/util/errors v0.36. */
function aggregate(messages: readonly string[]): string {
  const distinct = [...new Set(messages)];
  return distinct.length === 1 ? distinct[0]! : `[${distinct.join(', ')}]`;
}
