import type * as discovery from '../generated/discovery.v1.ts';
import { defineKind } from '../kind.ts';
import { nameAndAge } from '../table.ts';

export type EndpointSlice = discovery.EndpointSlice;

export const EndpointSlice = defineKind<EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
  definition: 'discovery.v1.EndpointSlice',
  generation: true,
  columns: nameAndAge.columns,
  row: nameAndAge.row,
});
