import { apiVersionOf, type Kind, type KubeObject, type OwnerReference, type Selector, StatusError } from '#api';
import type { Client } from '#client';

/** The reference a controlled object carries. Source: metav1.NewControllerRef. */
export const controllerRef = <T extends KubeObject>(kind: Kind<T>, { metadata }: T): OwnerReference => ({
  apiVersion: apiVersionOf(kind),
  kind: kind.kind,
  name: metadata.name,
  uid: metadata.uid,
  controller: true,
  blockOwnerDeletion: true,
});

export interface ClaimOptions<O extends KubeObject, T extends KubeObject> {
  readonly client: Client;
  readonly ownerKind: Kind<O>;
  readonly owner: O;
  readonly kind: Kind<T>;
  readonly selector: Selector;
  /** Whose controller is the owner, or nobody. */
  readonly candidates: readonly T[];
  readonly signal: AbortSignal;
}

/**
 * Which of the candidates belong to the owner: what it controls and selects, and orphans it selects, which it adopts. What it controls and
 * no longer selects is let go. Source: pkg/controller/controller_ref_manager.go v1.36.
 */
export async function claim<O extends KubeObject, T extends KubeObject>(options: ClaimOptions<O, T>): Promise<T[]> {
  const { client, ownerKind, owner, kind, selector, candidates, signal } = options;
  const owns = (object: T): boolean =>
    object.metadata.ownerReferences?.some((ref) => ref.controller === true && ref.uid === owner.metadata.uid) === true;
  const selects = ({ metadata }: T): boolean => selector.matches(metadata.labels);
  const leaving = owner.metadata.deletionTimestamp !== undefined;
  let mayAdopt: Promise<void> | undefined;

  const claimed = await Promise.all(
    candidates.map(async (object) => {
      if (owns(object)) {
        if (selects(object)) return object;
        if (!leaving) await release(object);
        return undefined;
      }
      if (leaving || !selects(object) || object.metadata.deletionTimestamp !== undefined) return undefined;
      mayAdopt ??= checkOwnerLives();
      await mayAdopt;
      return adopt(object);
    }),
  );
  return claimed.filter((object) => object !== undefined);

  /** The cache may not know yet that the owner is being deleted; adopting then would undo an orphaning. */
  async function checkOwnerLives(): Promise<void> {
    const fresh = await client.get(ownerKind, owner.metadata, { signal });
    const what = `${ownerKind.kind} ${owner.metadata.namespace ?? ''}/${owner.metadata.name}`;
    if (fresh.metadata.uid !== owner.metadata.uid) {
      throw new StatusError(
        'Conflict',
        `original ${what} is gone: got uid ${fresh.metadata.uid}, wanted ${owner.metadata.uid}`,
      );
    }
    if (fresh.metadata.deletionTimestamp !== undefined) {
      throw new StatusError('Conflict', `${what} has just been deleted at ${fresh.metadata.deletionTimestamp}`);
    }
  }

  async function adopt(object: T): Promise<T | undefined> {
    const { namespace, name, uid } = object.metadata;
    const patch = { metadata: { ownerReferences: [controllerRef(ownerKind, owner)], uid } };
    try {
      return await client.patch(kind, { namespace, name }, patch, { signal });
    } catch (error) {
      if (StatusError.is(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async function release(object: T): Promise<void> {
    const { namespace, name, uid } = object.metadata;
    const patch = { metadata: { ownerReferences: [{ $patch: 'delete', uid: owner.metadata.uid }], uid } };
    try {
      await client.patch(kind, { namespace, name }, patch, { signal });
    } catch (error) {
      // Gone, or made anew under its name: not ours to release any more.
      if (!StatusError.is(error, 'NotFound', 'Invalid')) throw error;
    }
  }
}

/** Index values of objects nobody controls: their namespace. */
export const orphanNamespace = ({ metadata }: KubeObject): readonly string[] =>
  metadata.ownerReferences?.some((ref) => ref.controller === true) === true ? [] : [metadata.namespace ?? ''];

/** A create failed because the namespace is going away; nothing in it will be created any more. Source: v1.NamespaceTerminatingCause. */
export const isNamespaceTerminating = (error: unknown): boolean =>
  StatusError.is(error, 'Forbidden') &&
  error.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating') === true;
