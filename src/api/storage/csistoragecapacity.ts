import type { FieldError } from '../field-error.ts';
import { invalid } from '../field-error.ts';
import type * as storage from '../generated/storage.v1.ts';
import { defineKind } from '../kind.ts';
import { nodeSelectorWarnings } from '../validation/node-labels.ts';
import { canonicalQuantity, compareQuantity } from '../quantity.ts';
import { NAME } from '../table.ts';
import { hasInvalidSelector, invalidEach, validateImmutable, validateLabelSelector } from '../validation/fields.ts';
import { nameIsDNSSubdomain } from '../validation/names.ts';
import { STORAGE_GROUP } from './parameters.ts';

export type CSIStorageCapacity = storage.CSIStorageCapacity;

const notNegative = (quantity: string | undefined, path: string): FieldError[] =>
  quantity !== undefined && compareQuantity(quantity, '0') < 0
    ? [invalid(path, canonicalQuantity(quantity), 'must be greater than or equal to 0')]
    : [];

/** Source: pkg/apis/storage/validation, pkg/registry/storage/csistoragecapacity/strategy.go v1.36. */
export const CSIStorageCapacity = defineKind<CSIStorageCapacity>({
  group: STORAGE_GROUP,
  version: 'v1',
  kind: 'CSIStorageCapacity',
  plural: 'csistoragecapacities',
  namespaced: true,
  definition: 'storage.v1.CSIStorageCapacity',
  unconditionalUpdate: false,
  warnings: ({ nodeTopology }) => nodeSelectorWarnings(nodeTopology, 'nodeTopology'),

  validate: ({ storageClassName, nodeTopology, capacity }, old) => [
    ...validateLabelSelector(nodeTopology, 'nodeTopology', {
      invalidValues: hasInvalidSelector(old?.nodeTopology),
    }),
    ...invalidEach('storageClassName', storageClassName ?? '', nameIsDNSSubdomain(storageClassName ?? '', false)),
    ...notNegative(capacity, 'capacity'),
  ],
  validateUpdate: ({ storageClassName, nodeTopology }, old) => [
    ...validateImmutable(nodeTopology, old.nodeTopology, 'nodeTopology'),
    ...validateImmutable(storageClassName ?? '', old.storageClassName ?? '', 'storageClassName'),
  ],

  columns: [NAME, { name: 'StorageClassName', type: 'string' }, { name: 'Capacity', type: 'string' }],
  row: ({ metadata, storageClassName, capacity }) => ({
    cells: [metadata.name, storageClassName, capacity === undefined ? '<unset>' : canonicalQuantity(capacity)],
  }),
});
