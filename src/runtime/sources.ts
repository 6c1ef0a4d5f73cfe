import { apiVersionOf, keyOf, type Kind, type KubeObject } from '#api';
import type { InformerEvent, InformerOptions } from '#client';
import type { Expectations } from './expectations.ts';
import type { Source } from './types.ts';

/** Each change of an object wakes the object's own key. */
export function primary<T extends KubeObject>(kind: Kind<T>, options?: InformerOptions): Source {
  return { kind, ...(options === undefined ? {} : { options }), keys: ({ object }) => [keyOf(object)] };
}

/**
 * Each change of a `kind` object wakes the `ownerKind` object that controls it, and the one that did before. Tells `expectations` of the
 * creations and deletions it sees; an object that is terminating counts as deleted.
 */
export function owned<T extends KubeObject, O extends KubeObject>(
  kind: Kind<T>,
  ownerKind: Kind<O>,
  expectations?: Expectations,
): Source {
  return {
    kind,
    keys(event) {
      const { type, object, old } = event;
      const owner = controllerKey(object, ownerKind);
      if (owner !== undefined && expectations !== undefined) {
        const leaving = type === 'delete' || object.metadata.deletionTimestamp !== undefined;
        if (leaving) expectations.deletionObserved(owner, keyOf(object));
        else if (type === 'add') expectations.creationObserved(owner);
      }
      const before = old === undefined ? undefined : controllerKey(old, ownerKind);
      return [...new Set([owner, before])].filter((key) => key !== undefined);
    },
  };
}

/** Each change of a `kind` object wakes the keys that `keysOf` names; an update asks for both the old and the new object. */
export function mapped<T extends KubeObject>(
  kind: Kind<T>,
  keysOf: (object: T, event: InformerEvent<T>) => readonly string[],
  options?: InformerOptions,
): Source {
  return {
    kind,
    ...(options === undefined ? {} : { options }),
    keys(event) {
      // The informer of `kind` delivers objects of T.
      const typed = event as InformerEvent<T>;
      const keys = keysOf(typed.object, typed);
      return typed.old === undefined ? keys : [...new Set([...keys, ...keysOf(typed.old, typed)])];
    },
  };
}

/** Key of the `ownerKind` object that controls `object`. Source: metav1.GetControllerOf. */
export function controllerKey(
  object: KubeObject,
  ownerKind: Pick<Kind, 'group' | 'version' | 'kind' | 'namespaced'>,
): string | undefined {
  const owner = object.metadata.ownerReferences?.find((ref) => ref.controller === true);
  if (owner?.kind !== ownerKind.kind || groupOf(owner.apiVersion) !== groupOf(apiVersionOf(ownerKind)))
    return undefined;
  const { namespace } = object.metadata;
  return ownerKind.namespaced && namespace !== undefined && namespace !== ''
    ? `${namespace}/${owner.name}`
    : owner.name;
}

const groupOf = (apiVersion: string): string => (apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '');
