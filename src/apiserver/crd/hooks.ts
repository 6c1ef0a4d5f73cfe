import { type CustomResourceDefinition, equalValues, type KubeObject, parseStructural } from '#api';
import type { ResourceHooks } from '../registry/scope.ts';
import { ruleErrors } from './rules/rules.ts';
import { CLEANUP_FINALIZER, setCondition } from './conditions.ts';

/**
 * The first request to delete a definition marks it; it goes when its objects are gone. Source: Delete of apiextensions-apiserver
 * pkg/registry/customresourcedefinition/etcd.go v0.36.
 */
export const definitionHooks: ResourceHooks = {
  /** Rules in CEL. Source: ValidateCustomResourceDefinition of pkg/apis/apiextensions/validation v0.36. */
  validate(object, old) {
    const { spec } = object as CustomResourceDefinition;
    const before = old === undefined ? [] : (old as CustomResourceDefinition).spec.versions;
    return spec.versions.flatMap(({ name, schema }, i) => {
      const props = schema?.openAPIV3Schema;
      if (props === undefined) return [];
      const known = before.find((version) => version.name === name)?.schema?.openAPIV3Schema;
      const isUnchanged = known !== undefined && equalValues(known, props);
      return ruleErrors(parseStructural(props), `spec.versions[${i}].schema.openAPIV3Schema`, { isUnchanged });
    });
  },
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
