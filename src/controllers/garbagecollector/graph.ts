import { keyOf, type Kind, type KubeObject, type OwnerReference } from '#api';
import type { InformerEvent } from '#client';

/** Source: metav1.FinalizerOrphanDependents, FinalizerDeleteDependents. */
export const ORPHAN = 'orphan';
export const FOREGROUND = 'foregroundDeletion';

/** Enough to find an object again. */
export interface Item {
  readonly kind: Kind;
  /** `namespace/name` or name. */
  readonly key: string;
  readonly uid: string;
}

/** Work queue key of an item: kind, uid and name in one text. */
export const itemKey = ({ kind, key, uid }: Item): string =>
  `${kind.plural}.${kind.version}.${kind.group}|${uid}|${key}`;

export const hasFinalizer = ({ metadata }: KubeObject, finalizer: string): boolean =>
  metadata.finalizers?.includes(finalizer) === true;
export const isLeaving = ({ metadata }: KubeObject): boolean => metadata.deletionTimestamp !== undefined;
export const deletesDependents = (object: KubeObject): boolean => isLeaving(object) && hasFinalizer(object, FOREGROUND);
export const orphansDependents = (object: KubeObject): boolean => isLeaving(object) && hasFinalizer(object, ORPHAN);

const NO_OWNERS: readonly OwnerReference[] = [];
export const ownersOf = ({ metadata }: KubeObject): readonly OwnerReference[] => metadata.ownerReferences ?? NO_OWNERS;

/** The kind a reference names, if it is known, and the owner, if the caches have it with that very uid. */
export type FindOwner = (
  ref: OwnerReference,
  namespace: string | undefined,
) => { readonly kind: Kind | undefined; readonly object: KubeObject | undefined };

/**
 * Who depends on whom, by uid. Only dependents are kept (objects without owners cost nothing); the objects themselves are in the caches
 * of the informers.
 */
export class Graph {
  readonly #dependents = new Map<string, Map<string, Item>>();
  readonly #find: FindOwner;

  constructor(find: FindOwner) {
    this.#find = find;
  }

  dependentsOf(uid: string): Item[] {
    return [...(this.#dependents.get(uid)?.values() ?? [])];
  }

  hasDependents(uid: string): boolean {
    return this.#dependents.has(uid);
  }

  /** Takes an event in; returns the items that now need a look. */
  observe(kind: Kind, { type, object, old }: InformerEvent<KubeObject>): Item[] {
    const item: Item = { kind, key: keyOf(object), uid: object.metadata.uid };
    if (type === 'delete') return this.#removed(item, object);
    const before = old === undefined ? NO_OWNERS : ownersOf(old);
    const now = ownersOf(object);
    const look: Item[] = [];
    if (before.length > 0 || now.length > 0) {
      for (const { uid } of before) if (!now.some((ref) => ref.uid === uid)) this.#drop(uid, item.uid);
      for (const { uid } of now) this.#file(uid, item);
      look.push(...this.#ownersFreed(object, before, now));
      if (this.#needsCheck(object, before, now)) look.push(item);
    }
    const starts = (test: (o: KubeObject) => boolean): boolean => test(object) && (old === undefined || !test(old));
    if (starts(deletesDependents) || starts(orphansDependents)) look.push(item);
    return look;
  }

  #removed(item: Item, object: KubeObject): Item[] {
    const owners = ownersOf(object);
    for (const { uid } of owners) this.#drop(uid, item.uid);
    return [...this.dependentsOf(item.uid), ...this.#ownersFreed(object, owners, NO_OWNERS)];
  }

  /** Owners that wait for their dependents and for which this one no longer stands in the way. */
  #ownersFreed({ metadata }: KubeObject, before: readonly OwnerReference[], now: readonly OwnerReference[]): Item[] {
    return before
      .filter(
        (ref) => !now.some((after) => after.uid === ref.uid && after.blockOwnerDeletion === ref.blockOwnerDeletion),
      )
      .flatMap((ref) => {
        const { kind, object } = this.#find(ref, metadata.namespace);
        if (kind === undefined || object === undefined || !deletesDependents(object)) return [];
        return [{ kind, key: keyOf(object), uid: ref.uid }];
      });
  }

  /** An owner is new to the object and either missing or on its way out. */
  #needsCheck(object: KubeObject, before: readonly OwnerReference[], now: readonly OwnerReference[]): boolean {
    if (isLeaving(object)) return false;
    return now.some((ref) => {
      if (before.some(({ uid }) => uid === ref.uid)) return false;
      const owner = this.#find(ref, object.metadata.namespace).object;
      return owner === undefined || deletesDependents(owner);
    });
  }

  #file(owner: string, item: Item): void {
    const items = this.#dependents.get(owner);
    if (items === undefined) this.#dependents.set(owner, new Map([[item.uid, item]]));
    else items.set(item.uid, item);
  }

  #drop(owner: string, uid: string): void {
    const items = this.#dependents.get(owner);
    if (items === undefined) return;
    items.delete(uid);
    if (items.size === 0) this.#dependents.delete(owner);
  }
}
