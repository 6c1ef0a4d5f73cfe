import { type KubeObject, type Namespace } from '#api';
import { setDeletion } from './delete.ts';
import type { ResourceHooks } from './scope.ts';

/**
 * A namespace is deleted in two steps: it is marked Terminating, and goes when its content and then its `spec.finalizers` are gone.
 * Source: pkg/registry/core/namespace/storage/storage.go Delete v1.36.
 */
export const namespaceHooks: ResourceHooks = {
  beginDelete(object: KubeObject, nowMs: number) {
    const namespace = object as Namespace;
    if (namespace.metadata.deletionTimestamp === undefined) {
      setDeletion(namespace, nowMs, 0);
      delete namespace.metadata.deletionGracePeriodSeconds;
    }
    namespace.status = { ...namespace.status, phase: 'Terminating' };
    return (namespace.spec.finalizers ?? []).length > 0 || (namespace.metadata.finalizers ?? []).length > 0;
  },
  mayGo: (object) => ((object as Namespace).spec.finalizers ?? []).length === 0,
};
