import type { Kind, KubeObject } from '#api';

export interface RangeAllocation extends KubeObject {
  readonly range: string;
  /** Which of the range are taken: a whole number with a bit for each, its bytes in base64. */
  readonly data: string;
}

/**
 * Kept, never served: one object says which node ports are taken. Source: RangeAllocation of core/v1, /ranges/servicenodeports of
 * pkg/registry/core/rest/storage_core.go v1.36.
 */
export const RangeAllocation: Kind = {
  group: '',
  version: 'v1',
  kind: 'RangeAllocation',
  plural: 'servicenodeportallocations',
  storagePrefix: 'ranges',
  namespaced: false,
  definition: '',
  columns: [],
  row: () => ({ cells: [] }),
};
