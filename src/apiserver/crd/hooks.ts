import type { CustomResourceDefinition, KubeObject } from '#api';
import type { ResourceHooks } from '../registry/scope.ts';
import { CLEANUP_FINALIZER, setCondition } from './conditions.ts';

/**
 * The first request to delete a definition marks it; it goes when its objects are gone. Source: Delete of apiextensions-apiserver
 * pkg/registry/customresourcedefinition/etcd.go v0.36.
 */
export const definitionHooks: ResourceHooks = {
  beginDelete(object: KubeObject, nowMs: number): boolean {
    const { metadata } = object;
    if (metadata.deletionTimestamp !== undefined) return false;
    metadata.deletionTimestamp = `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
    const finalizers = metadata.finalizers ?? [];
    if (!finalizers.includes(CLEANUP_FINALIZER)) metadata.finalizers = [...finalizers, CLEANUP_FINALIZER];
    setCondition(
      object as CustomResourceDefinition,
      {
        type: 'Terminating',
        status: 'True',
        reason: 'InstanceDeletionPending',
        message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
      },
      nowMs,
    );
    return true;
  },
};
