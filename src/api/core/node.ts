import type * as core from '../generated/core.v1.ts';
import { defineKind } from '../kind.ts';
import { nameAndAge } from '../table.ts';

export type Node = core.Node;

export const Node = defineKind<Node>({
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  shortNames: ['no'],
  namespaced: false,
  definition: 'core.v1.Node',
  storagePrefix: 'minions',
  status: {
    prepareForUpdate(object, old) {
      object.spec = old.spec;
    },
  },
  columns: nameAndAge.columns,
  row: nameAndAge.row,
});
