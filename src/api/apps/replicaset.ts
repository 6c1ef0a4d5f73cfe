import type * as apps from '../generated/apps.v1.ts';
import { defineKind } from '../kind.ts';
import { nameAndAge } from '../table.ts';

export type ReplicaSet = apps.ReplicaSet;

export const ReplicaSet = defineKind<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  shortNames: ['rs'],
  categories: ['all'],
  namespaced: true,
  definition: 'apps.v1.ReplicaSet',
  generation: true,
  status: {
    prepareForUpdate(object, old) {
      object.spec = old.spec;
    },
  },
  columns: nameAndAge.columns,
  row: nameAndAge.row,
});
