/**
 * metadata.managedFields read and written: who owns which fields, in which version, since when.
 * Source: apimachinery pkg/util/managedfields/internal/managedfields.go v0.36.
 */
import type { ManagedFieldsEntry } from '../generated/meta.v1.ts';
import { FieldPathError } from './fieldpath/element.ts';
import { readFields, writeFields } from './fieldpath/fields-v1.ts';
import { type FieldSet, union } from './fieldpath/set.ts';
import { compareText, goQuote } from './fieldpath/text.ts';

/** managedFields that cannot be read; the message is upstream's. */
export class ManagedFieldsError extends Error {
  override readonly name = 'ManagedFieldsError';
}

export type Operation = 'Apply' | 'Update';

/** What one manager owns. */
export interface ManagedSet {
  readonly manager: string;
  readonly operation: Operation;
  /** Version the paths are of. */
  readonly apiVersion: string;
  readonly subresource: string;
  /** RFC 3339, in seconds. */
  readonly time: string | undefined;
  readonly set: FieldSet;
}

/** By {@link managerId}. */
export type Managed = ReadonlyMap<string, ManagedSet>;

export const NOTHING_MANAGED: Managed = new Map();

type Identity = Pick<ManagedSet, 'manager' | 'operation' | 'apiVersion' | 'subresource'>;

/** What tells entries apart: appliers are the same whatever version they apply in. The text is Go's JSON of it, by which conflicts are ordered. */
export function managerId({ manager, operation, apiVersion, subresource }: Identity): string {
  return JSON.stringify({
    ...(manager === '' ? {} : { manager }),
    operation,
    ...(operation === 'Apply' || apiVersion === '' ? {} : { apiVersion }),
    ...(subresource === '' ? {} : { subresource }),
  });
}

/** Lists of entries are not written to once they are there. */
const decoded = new WeakMap<readonly ManagedFieldsEntry[], Managed>();

/** Whether they have been read or written here, and so are shared by whoever has them. */
export const isKnownManaged = (entries: readonly ManagedFieldsEntry[]): boolean => decoded.has(entries);

/** The entry of an owner whose fields have not changed is taken over as it is stored. */
const entryOf = new WeakMap<ManagedSet, ManagedFieldsEntry>();

/** `stored`: {@link writeManaged} has made them, and nobody else. Throws ManagedFieldsError. */
export function readManaged(entries: readonly ManagedFieldsEntry[] | undefined, stored = false): Managed {
  if (entries === undefined || entries.length === 0) return NOTHING_MANAGED;
  const known = decoded.get(entries);
  if (known !== undefined) return known;
  const managed = new Map<string, ManagedSet>();
  entries.forEach((entry, i) => {
    const own = readEntry(entry, i);
    if (stored) entryOf.set(own, entry);
    managed.set(managerId(own), own);
  });
  decoded.set(entries, managed);
  return managed;
}

function readEntry(entry: ManagedFieldsEntry, index: number): ManagedSet {
  const { manager = '', operation, apiVersion = '', subresource = '', fieldsType = '', time } = entry;
  if (operation !== 'Apply' && operation !== 'Update')
    throw new ManagedFieldsError('operation must be `Apply` or `Update`');
  if (apiVersion === '') throw new ManagedFieldsError('apiVersion must not be empty');
  if (fieldsType === '') throw new ManagedFieldsError(`missing fieldsType in managed fields entry ${index}`);
  if (fieldsType !== 'FieldsV1')
    throw new ManagedFieldsError(`invalid fieldsType ${goQuote(fieldsType)} in managed fields entry ${index}`);
  try {
    return { manager, operation, apiVersion, subresource, time, set: readFields(entry.fieldsV1) };
  } catch (cause) {
    if (!(cause instanceof FieldPathError)) throw cause;
    throw new ManagedFieldsError(
      `error decoding versioned set from ${managerId({ manager, operation, apiVersion, subresource })}: error decoding set: ${cause.message}`,
      { cause },
    );
  }
}

const secondsOf = (time: string | undefined): number => {
  const ms = time === undefined ? 0 : Date.parse(time);
  return Number.isNaN(ms) ? 0 : Math.floor(ms / 1000);
};

/** Oldest first. */
const byTime = (a: ManagedSet, b: ManagedSet): number =>
  a.time === b.time ? 0 : secondsOf(a.time) - secondsOf(b.time);

function inOrder(a: ManagedSet, b: ManagedSet): number {
  if (a.operation !== b.operation) return a.operation < b.operation ? -1 : 1;
  return (
    byTime(a, b) ||
    compareText(a.manager, b.manager) ||
    compareText(a.apiVersion, b.apiVersion) ||
    compareText(a.subresource, b.subresource)
  );
}

/** The entries as they are stored; undefined when nobody owns anything. What they hold is shared: never write to it. */
export function writeManaged(managed: Managed): ManagedFieldsEntry[] | undefined {
  if (managed.size === 0) return undefined;
  const sorted = [...managed.values()].sort(inOrder);
  const entries = sorted.map(writeEntry);
  decoded.set(entries, managed);
  return entries;
}

function writeEntry(own: ManagedSet): ManagedFieldsEntry {
  const known = entryOf.get(own);
  if (known !== undefined) return known;
  const { manager, operation, apiVersion, subresource, time, set } = own;
  const entry: ManagedFieldsEntry = {
    ...(manager === '' ? {} : { manager }),
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: writeFields(set),
    ...(subresource === '' ? {} : { subresource }),
  };
  entryOf.set(own, entry);
  return entry;
}

/** Source: DefaultMaxUpdateManagers and capmanagers.go v0.36. */
const MAX_UPDATE_MANAGERS = 10;
const ANCIENT = 'ancient-changes';

/** Merges the oldest updaters, version by version, until there are no more than upstream keeps. Changes `managed`. */
export function capUpdateManagers(managed: Map<string, ManagedSet>): void {
  const updaters = [...managed].filter(([, { operation }]) => operation === 'Update');
  let left = updaters.length;
  if (left <= MAX_UPDATE_MANAGERS) return;
  updaters.sort(([aId, a], [bId, b]) => byTime(a, b) || compareText(aId, bId));
  /** Version → the oldest updater in it, which the second joins. */
  const first = new Map<string, string>();
  for (const [id, own] of updaters) {
    if (left <= MAX_UPDATE_MANAGERS) return;
    const { apiVersion } = own;
    const oldest = first.get(apiVersion);
    if (oldest === undefined) {
      first.set(apiVersion, id);
      continue;
    }
    const identity = { manager: ANCIENT, operation: 'Update', apiVersion, subresource: '' } as const;
    const bucket = managerId(identity);
    const there = id === bucket ? undefined : managed.get(bucket);
    const before = there ?? managed.get(oldest)!;
    if (there === undefined) managed.delete(oldest);
    managed.delete(id);
    managed.set(bucket, { ...identity, time: own.time, set: union(own.set, before.set) });
    left--;
  }
}
