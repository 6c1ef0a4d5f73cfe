import { forbiddenField } from '../field-error.ts';
import type * as storage from '../generated/storage.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';
import { semanticEqual } from '../validation/equal.ts';
import { STORAGE_GROUP, validateParameters, validateProvisioner } from './parameters.ts';

export type VolumeAttributesClass = storage.VolumeAttributesClass;

/** Source: pkg/apis/storage/validation, pkg/registry/storage/volumeattributesclass/strategy.go v1.36. */
export const VolumeAttributesClass = defineKind<VolumeAttributesClass>({
  group: STORAGE_GROUP,
  version: 'v1',
  kind: 'VolumeAttributesClass',
  plural: 'volumeattributesclasses',
  shortNames: ['vac'],
  namespaced: false,
  definition: 'storage.v1.VolumeAttributesClass',

  validate: ({ driverName, parameters }) => [
    ...validateProvisioner(driverName ?? '', 'driverName'),
    ...validateParameters(parameters, 'parameters', { mayBeEmpty: false }),
  ],
  changesFirst: true,
  validateUpdate: (attributesClass, old) =>
    (['driverName', 'parameters'] as const)
      .filter((field) => !semanticEqual(attributesClass[field], old[field]))
      .map((field) => forbiddenField(field, `updates to ${field} are forbidden.`)),

  columns: [NAME, { name: 'DriverName', type: 'string' }, AGE],
  row: (attributesClass, { nowMs }) => ({
    cells: [attributesClass.metadata.name, attributesClass.driverName, age(attributesClass, nowMs)],
  }),
});
