import type * as core from '../generated/core.v1.ts';
import { defineKind } from '../kind.ts';
import { nameAndAge } from '../table.ts';

export type Pod = core.Pod;

export const Pod = defineKind<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  shortNames: ['po'],
  categories: ['all'],
  namespaced: true,
  definition: 'core.v1.Pod',
  generation: true,
  status: {
    prepareForUpdate(object, old) {
      object.spec = old.spec;
    },
  },
  columns: nameAndAge.columns,
  row: nameAndAge.row,
});
