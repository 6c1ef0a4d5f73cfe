import type * as core from '../generated/core.v1.ts';
import { defineKind } from '../kind.ts';
import { nameAndAge } from '../table.ts';

export type Service = core.Service;

export const Service = defineKind<Service>({
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  shortNames: ['svc'],
  categories: ['all'],
  namespaced: true,
  definition: 'core.v1.Service',
  storagePrefix: 'services/specs',
  status: {
    prepareForUpdate(object, old) {
      object.spec = old.spec;
    },
  },
  columns: nameAndAge.columns,
  row: nameAndAge.row,
});
