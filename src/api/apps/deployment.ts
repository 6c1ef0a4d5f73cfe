import type * as apps from '../generated/apps.v1.ts';
import { defineKind } from '../kind.ts';
import { nameAndAge } from '../table.ts';

export type Deployment = apps.Deployment;

export const Deployment = defineKind<Deployment>({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  shortNames: ['deploy'],
  categories: ['all'],
  namespaced: true,
  definition: 'apps.v1.Deployment',
  generation: true,
  status: {
    prepareForUpdate(object, old) {
      object.spec = old.spec;
    },
  },
  columns: nameAndAge.columns,
  row: nameAndAge.row,
});
