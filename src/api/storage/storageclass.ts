import type { FieldError } from '../field-error.ts';
import { child, duplicate, forbiddenField, index, required } from '../field-error.ts';
import type { TopologySelectorTerm } from '../generated/core.v1.ts';
import type * as storage from '../generated/storage.v1.ts';
import { defineKind } from '../kind.ts';
import { topologyWarnings } from '../validation/node-labels.ts';
import { AGE, age, NAME } from '../table.ts';
import { semanticEqual } from '../validation/equal.ts';
import {
  eachOf,
  invalidEach,
  Seen,
  unchecked,
  validateEnum,
  validateImmutable,
  validateOptionalEnum,
  validateQualifiedName,
} from '../validation/fields.ts';
import { isQualifiedName } from '../validation/names.ts';
import { STORAGE_GROUP, validateParameters } from './parameters.ts';

export type StorageClass = storage.StorageClass;

const IS_DEFAULT = 'storageclass.kubernetes.io/is-default-class';
const BETA_IS_DEFAULT = 'storageclass.beta.kubernetes.io/is-default-class';
const RECLAIM_POLICIES = ['Delete', 'Retain'];
const BINDING_MODES = ['Immediate', 'WaitForFirstConsumer'];

export const isDefaultStorageClass = ({ metadata: { annotations = {} } }: StorageClass): boolean =>
  annotations[IS_DEFAULT] === 'true' || annotations[BETA_IS_DEFAULT] === 'true';

function validateStorageClass(storageClass: StorageClass): FieldError[] {
  const { provisioner = '' } = unchecked(storageClass);
  return [
    ...(provisioner === ''
      ? [required('provisioner')]
      : invalidEach('provisioner', provisioner, isQualifiedName(provisioner.toLowerCase()))),
    ...validateParameters(storageClass.parameters, 'parameters', { mayBeEmpty: true }),
    ...validateOptionalEnum(storageClass.reclaimPolicy, RECLAIM_POLICIES, 'reclaimPolicy'),
    ...validateEnum(storageClass.volumeBindingMode, BINDING_MODES, 'volumeBindingMode'),
    ...validateTopologies(storageClass.allowedTopologies, 'allowedTopologies'),
  ];
}

function validateTopologies(terms: readonly TopologySelectorTerm[] | undefined, path: string): FieldError[] {
  const seenTerms = new Seen();
  return eachOf(terms, path, ({ matchLabelExpressions = [] }, at) => {
    const errors: FieldError[] = [];
    const keys = new Seen();
    for (const [i, requirement] of matchLabelExpressions.entries()) {
      const { key = '', values = [] } = unchecked(requirement);
      const here = index(child(at, 'matchLabelExpressions'), i);
      const valuesPath = child(here, 'values');
      const seen = new Seen();
      if (values.length === 0) errors.push(required(valuesPath));
      for (const [j, value] of values.entries()) {
        if (!seen.add(value)) errors.push(duplicate(index(valuesPath, j), value));
      }
      errors.push(...validateQualifiedName(key, child(here, 'key')));
      if (!keys.add(key)) errors.push(duplicate(child(here, 'key'), key));
    }
    const whole = matchLabelExpressions.map(({ key, values }) => JSON.stringify([key, (values ?? []).toSorted()]));
    if (!seenTerms.add(whole.toSorted().join())) {
      errors.push(duplicate(child(at, 'matchLabelExpressions'), ''));
    }
    return errors;
  });
}

/** Source: pkg/apis/storage/{v1/defaults.go,validation}, pkg/registry/storage/storageclass/strategy.go v1.36. */
export const StorageClass = defineKind<StorageClass>({
  group: STORAGE_GROUP,
  version: 'v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  shortNames: ['sc'],
  namespaced: false,
  definition: 'storage.v1.StorageClass',

  defaults(storageClass) {
    storageClass.reclaimPolicy ??= 'Delete';
    storageClass.volumeBindingMode ??= 'Immediate';
  },
  validate: validateStorageClass,
  warnings: ({ allowedTopologies }) => topologyWarnings(allowedTopologies, 'allowedTopologies'),
  validateUpdate: (storageClass, old) => [
    ...(['parameters', 'provisioner', 'reclaimPolicy'] as const)
      .filter((field) => !semanticEqual(storageClass[field], old[field]))
      .map((field) => forbiddenField(field, `updates to ${field} are forbidden.`)),
    ...validateImmutable(storageClass.volumeBindingMode, old.volumeBindingMode, 'volumeBindingMode'),
  ],

  columns: [
    NAME,
    { name: 'Provisioner', type: 'string' },
    { name: 'ReclaimPolicy', type: 'string' },
    { name: 'VolumeBindingMode', type: 'string' },
    { name: 'AllowVolumeExpansion', type: 'string' },
    AGE,
  ],
  row: (storageClass, { nowMs }) => ({
    cells: [
      `${storageClass.metadata.name}${isDefaultStorageClass(storageClass) ? ' (default)' : ''}`,
      storageClass.provisioner,
      storageClass.reclaimPolicy ?? 'Delete',
      storageClass.volumeBindingMode ?? 'Immediate',
      storageClass.allowVolumeExpansion ?? false,
      age(storageClass, nowMs),
    ],
  }),
});
