import type * as core from '../generated/core.v1.ts';
import { defineKind } from '../kind.ts';
import { nameAndAge } from '../table.ts';

export type Endpoints = core.Endpoints;

export const Endpoints = defineKind<Endpoints>({
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  singular: 'endpoints',
  shortNames: ['ep'],
  namespaced: true,
  definition: 'core.v1.Endpoints',
  storagePrefix: 'services/endpoints',
  createOnUpdate: true,
  columns: nameAndAge.columns,
  row: nameAndAge.row,
});
