import type * as coordination from '../generated/coordination.v1.ts';
import { defineKind } from '../kind.ts';
import { nameAndAge } from '../table.ts';

export type Lease = coordination.Lease;

export const Lease = defineKind<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
  definition: 'coordination.v1.Lease',
  createOnUpdate: true,
  unconditionalUpdate: false,
  columns: nameAndAge.columns,
  row: nameAndAge.row,
});
