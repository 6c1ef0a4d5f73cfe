import {
  type CustomResourceDefinition,
  equalValues,
  type FieldError,
  judgeDefinition,
  type KubeObject,
  parseStructural,
} from '#api';
import type { Clock } from '#util';
import { paced } from '../registry/pace.ts';
import type { ResourceHooks } from '../registry/scope.ts';
import { judgePatterns } from './patterns.ts';
import { ruleErrors } from './rules/rules.ts';
import { CLEANUP_FINALIZER, setCondition } from './conditions.ts';

/**
 * The first request to delete a definition marks it; it goes when its objects are gone. Source: Delete of apiextensions-apiserver
 * pkg/registry/customresourcedefinition/etcd.go v0.36.
 */
export const definitionHooks = (clock: Clock): ResourceHooks => ({
  async prepareValidation(object, old) {
    const definitions = [object as CustomResourceDefinition, old as CustomResourceDefinition | undefined] as const;
    const errors = await judgePatterns(...definitions, clock);
    if (errors.length === 0) await paced(clock, judgeDefinition(...definitions));
    return errors;
  },
  /** Rules in CEL, in turns. Source: ValidateCustomResourceDefinition of pkg/apis/apiextensions/validation v0.36. */
  validate: (object, old) =>
    paced(clock, rulesOf(object as CustomResourceDefinition, old as CustomResourceDefinition | undefined)),
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
});

function* rulesOf(
  { spec }: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): Generator<void, FieldError[]> {
  const errors: FieldError[] = [];
  const before = new Map(old?.spec.versions.toReversed().map((version) => [version.name, version]));
  for (const [i, { name, schema }] of spec.versions.entries()) {
    const props = schema?.openAPIV3Schema;
    if (props === undefined) continue;
    const known = before.get(name)?.schema?.openAPIV3Schema;
    const isUnchanged = known !== undefined && equalValues(known, props);
    yield;
    const path = `spec.versions[${i}].schema.openAPIV3Schema`;
    for (const error of yield* ruleErrors(parseStructural(props), path, { isUnchanged })) errors.push(error);
  }
  return errors;
}
