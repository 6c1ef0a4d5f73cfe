import { validateNodeSelector } from '../core/pod/scheduling.ts';
import type { FieldError } from '../field-error.ts';
import { child, duplicate, invalid, invalidOmit, required, tooMany } from '../field-error.ts';
import type * as resource from '../generated/resource.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';
import {
  eachOf,
  invalidEach,
  Seen,
  unchecked,
  validateDNS1123Label,
  validateImmutable,
  validateNonnegative,
} from '../validation/fields.ts';
import { isDNS1123Subdomain, nameIsDNSSubdomain } from '../validation/names.ts';
import { RESOURCE_GROUP, validateDriverName } from './claimspec.ts';

export type ResourceSlice = resource.ResourceSlice;

const MAX_DEVICES = 128;
const PLACES = ['nodeName', 'nodeSelector', 'allNodes', 'perDeviceNodeSelection'] as const;

function validateResourceSlice({ spec }: ResourceSlice): FieldError[] {
  const { driver = '', pool, devices = [], nodeName, nodeSelector } = unchecked(spec);
  const { name: poolName = '', generation, resourceSliceCount = 0 } = pool ?? {};
  const set = PLACES.filter((place) => spec[place] !== undefined && spec[place] !== false && spec[place] !== '');
  const names = new Seen();
  const places = PLACES.map((place) => `\`${place}\``).join(', ');
  return [
    ...validateDriverName(driver, 'spec.driver'),
    ...(poolName === ''
      ? [required('spec.pool.name')]
      : poolName.split('/').flatMap((part) => invalidEach('spec.pool.name', poolName, isDNS1123Subdomain(part)))),
    ...(resourceSliceCount <= 0
      ? [invalid('spec.pool.resourceSliceCount', resourceSliceCount, 'must be greater than zero')]
      : []),
    ...validateNonnegative(generation, 'spec.pool.generation'),
    ...(nodeName === undefined || nodeName === ''
      ? []
      : invalidEach('spec.nodeName', nodeName, nameIsDNSSubdomain(nodeName, false))),
    ...validateNodeSelector(nodeSelector, 'spec.nodeSelector'),
    ...(set.length === 0 ? [required('spec', `exactly one of ${places} is required`)] : []),
    ...(set.length > 1
      ? [invalidOmit('spec', `exactly one of ${places} is required, but multiple fields are set`)]
      : []),
    ...(devices.length > MAX_DEVICES ? [tooMany('spec.devices', devices.length, MAX_DEVICES)] : []),
    ...eachOf(devices, 'spec.devices', (device, at) => {
      const { name = '' } = unchecked(device);
      return [
        ...validateDNS1123Label(name, child(at, 'name')),
        ...(names.add(name) ? [] : [duplicate(child(at, 'name'), name)]),
      ];
    }),
  ];
}

/** Source: pkg/apis/resource/validation, pkg/registry/resource/resourceslice/strategy.go v1.36. */
export const ResourceSlice = defineKind<ResourceSlice>({
  group: RESOURCE_GROUP,
  version: 'v1',
  kind: 'ResourceSlice',
  plural: 'resourceslices',
  namespaced: false,
  definition: 'resource.v1.ResourceSlice',

  defaults(slice) {
    slice.spec ??= { driver: '', pool: { name: '', generation: 0, resourceSliceCount: 0 } };
    slice.spec.pool ??= { name: '', generation: 0, resourceSliceCount: 0 };
  },
  validate: validateResourceSlice,
  validateUpdate: ({ spec }, { spec: old }) => [
    ...validateImmutable(spec.driver, old.driver, 'spec.driver'),
    ...validateImmutable(spec.pool.name, old.pool.name, 'spec.pool.name'),
    ...validateImmutable(spec.nodeName, old.nodeName, 'spec.nodeName'),
  ],
  generation: true,

  columns: [
    NAME,
    { name: 'Node', type: 'string' },
    { name: 'Driver', type: 'string' },
    { name: 'Pool', type: 'string' },
    AGE,
  ],
  row: (slice, { nowMs }) => ({
    cells: [slice.metadata.name, slice.spec.nodeName ?? '', slice.spec.driver, slice.spec.pool.name, age(slice, nowMs)],
  }),
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
    'spec.driver': ({ spec }) => spec.driver,
  },
});
