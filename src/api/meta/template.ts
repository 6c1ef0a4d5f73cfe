/** Metadata of templates: labels and annotations, and nothing else. Source: ValidateTemplateObjectMeta in pkg/apis/core/validation v1.36. */
import type { FieldError } from '../field-error.ts';
import { child, forbiddenField } from '../field-error.ts';
import type { ObjectMeta } from '../generated/meta.v1.ts';
import { validateAnnotations, validateLabels } from '../validation/fields.ts';

/** In the order of Go's struct, with paths as upstream makes them of Go's names. */
const OTHERS = [
  ['name', 'name'],
  ['generateName', 'generateName'],
  ['namespace', 'namespace'],
  ['selfLink', 'selfLink'],
  ['uid', 'uID'],
  ['resourceVersion', 'resourceVersion'],
  ['generation', 'generation'],
  ['creationTimestamp', 'creationTimestamp'],
  ['deletionTimestamp', 'deletionTimestamp'],
  ['deletionGracePeriodSeconds', 'deletionGracePeriodSeconds'],
  ['ownerReferences', 'ownerReferences'],
  ['finalizers', 'finalizers'],
  ['managedFields', 'managedFields'],
] as const satisfies readonly (readonly [keyof ObjectMeta, string])[];

export const validateTemplateMetadata = (metadata: Partial<ObjectMeta> = {}, path: string): FieldError[] => [
  ...validateAnnotations(metadata.annotations, child(path, 'annotations')),
  ...validateLabels(metadata.labels, child(path, 'labels')),
  ...OTHERS.filter(([field]) => {
    const value = metadata[field];
    return value !== undefined && value !== '' && !(field === 'generation' && value === 0);
  }).map(([, shown]) => forbiddenField(child(path, shown), 'cannot be set')),
];
