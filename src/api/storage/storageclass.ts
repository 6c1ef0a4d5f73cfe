import type { FieldError } from '../field-error.ts';
import { child, duplicate, index, required } from '../field-error.ts';
import type { TopologySelectorTerm } from '../generated/core.v1.ts';
import type * as storage from '../generated/storage.v1.ts';
import { defineKind } from '../kind.ts';
import { topologyWarnings } from '../validation/node-labels.ts';
import { AGE, age, NAME } from '../table.ts';
import {
  eachOf,
  Seen,
  unchecked,
  validateImmutable,
  validateOptionalEnum,
  validateQualifiedName,
} from '../validation/fields.ts';
import { STORAGE_GROUP, validateParameters, validateProvisioner } from './parameters.ts';

export type StorageClass = storage.StorageClass;

const IS_DEFAULT = 'storageclass.kubernetes.io/is-default-class';
const BETA_IS_DEFAULT = 'storageclass.beta.kubernetes.io/is-default-class';
const RECLAIM_POLICIES = ['Delete', 'Retain'];
const IMMUTABLE = ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'] as const;
const BINDING_MODES = ['Immediate', 'WaitForFirstConsumer'];

export const isDefaultStorageClass = ({ metadata: { annotations = {} } }: StorageClass): boolean =>
  annotations[IS_DEFAULT] === 'true' || annotations[BETA_IS_DEFAULT] === 'true';

function validateStorageClass(storageClass: StorageClass): FieldError[] {
  const { provisioner = '' } = unchecked(storageClass);
  const { reclaimPolicy = '' } = storageClass;
  return [
    ...validateProvisioner(provisioner, 'provisioner'),
    ...validateParameters(storageClass.parameters, 'parameters', { mayBeEmpty: true }),
    ...(reclaimPolicy === '' ? [] : validateOptionalEnum(reclaimPolicy, RECLAIM_POLICIES, 'reclaimPolicy')),
    ...validateOptionalEnum(storageClass.volumeBindingMode, BINDING_MODES, 'volumeBindingMode'),
    ...validateTopologies(storageClass.allowedTopologies, 'allowedTopologies'),
  ];
}

function validateTopologies(terms: readonly TopologySelectorTerm[] | undefined, path: string): FieldError[] {
  // Upstream compares each term with as many empty ones as there are terms, then with those before it.
  const before = (terms ?? []).map(() => '');
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
    const values = new Map(matchLabelExpressions.map(({ key, values: of }) => [key, [...new Set(of)].toSorted()]));
    const whole = [...values]
      .map((entry) => JSON.stringify(entry))
      .toSorted()
      .join();
    errors.push(
      ...before.filter((other) => other === whole).map(() => duplicate(child(at, 'matchLabelExpressions'), '')),
    );
    before.push(whole);
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
  validateUpdate: (storageClass, old) =>
    IMMUTABLE.flatMap((field) => {
      const [value, before] = [storageClass[field], old[field]];
      return field === 'provisioner'
        ? validateImmutable(value ?? '', before ?? '', field)
        : validateImmutable(value, before, field);
    }),

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
