/**
 * Managed fields of an object seen through its scale subresource, and back: the one field both know is the number of replicas.
 * Source: apimachinery pkg/util/managedfields/scalehandler.go v0.36.
 */
import type { ManagedFieldsEntry } from '../generated/meta.v1.ts';
import { fieldElement } from './fieldpath/element.ts';
import { difference, hasPath, isEmptySet, type Path, setOf } from './fieldpath/set.ts';
import { type ManagedSet, readManaged, writeManaged } from './managed.ts';

const SCALE_VERSION = 'autoscaling/v1';
const REPLICAS: Path = ['spec', 'replicas'].map(fieldElement);

/** Version of the object → where its number of replicas is: `spec.replicas`; undefined where that version has no scale. */
export type ReplicasPaths = Readonly<Record<string, string | undefined>>;

const pathIn = (paths: ReplicasPaths, apiVersion: string): Path | undefined =>
  paths[apiVersion]?.split('.').map(fieldElement);

/** The managedFields of the scale of an object. Throws ManagedFieldsError. */
export function managedFieldsOfScale(
  parent: readonly ManagedFieldsEntry[] | undefined,
  paths: ReplicasPaths,
): ManagedFieldsEntry[] | undefined {
  const owners = new Map<string, ManagedSet>();
  for (const [id, owner] of readManaged(parent)) {
    const path = pathIn(paths, owner.apiVersion);
    if (path === undefined || !hasPath(owner.set, path)) continue;
    owners.set(id, { ...owner, apiVersion: SCALE_VERSION, set: setOf(REPLICAS) });
  }
  return writeManaged(owners);
}

/**
 * The managedFields of an object whose scale has been written: who lost the replicas there loses them here, who gained them gains them.
 * `apiVersion` is the object's own. Throws ManagedFieldsError.
 */
export function managedFieldsFromScale(
  parent: readonly ManagedFieldsEntry[] | undefined,
  scale: readonly ManagedFieldsEntry[] | undefined,
  apiVersion: string,
  paths: ReplicasPaths,
): ManagedFieldsEntry[] | undefined {
  const owners = new Map<string, ManagedSet>();
  const scalers = [...readManaged(scale).values()];
  for (const [id, owner] of readManaged(parent)) {
    if (!Object.hasOwn(paths, owner.apiVersion)) continue;
    const path = pathIn(paths, owner.apiVersion);
    if (path === undefined || !hasPath(owner.set, path)) {
      owners.set(id, owner);
      continue;
    }
    const still = scalers.findIndex((scaler) => isSame(scaler, owner));
    if (still >= 0) {
      owners.set(id, owner);
      scalers.splice(still, 1);
      continue;
    }
    const set = difference(owner.set, setOf(path));
    if (!isEmptySet(set)) owners.set(id, { ...owner, set });
  }
  const own = pathIn(paths, apiVersion);
  for (const scaler of scalers) {
    if (own === undefined || !hasPath(scaler.set, REPLICAS)) continue;
    owners.set(`scale ${owners.size}`, { ...scaler, apiVersion, set: setOf(own) });
  }
  return writeManaged(owners);
}

/** The same manager, whatever version its fields are of. */
const isSame = (a: ManagedSet, b: ManagedSet): boolean =>
  a.manager === b.manager && a.operation === b.operation && a.subresource === b.subresource;
