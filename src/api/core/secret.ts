import type * as core from '../generated/core.v1.ts';
import { defineKind } from '../kind.ts';
import { nameAndAge } from '../table.ts';

export type Secret = core.Secret;

export const Secret = defineKind<Secret>({
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
  definition: 'core.v1.Secret',
  columns: nameAndAge.columns,
  row: nameAndAge.row,
});
