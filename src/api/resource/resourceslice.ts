import { validateNodeSelector } from '../core/pod/scheduling.ts';
import type { FieldError } from '../field-error.ts';
import { child, invalid, required } from '../field-error.ts';
import type * as resource from '../generated/resource.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';
import { unchecked, validateImmutable } from '../validation/fields.ts';
import { dropDisabledDeviceFields, validateCounterSet, validateDevice, validateNodeName } from './device.ts';
import { RESOURCE_GROUP, validateDriverName, validatePoolName, validateSet } from './lists.ts';

export type ResourceSlice = resource.ResourceSlice;

const MAX_DEVICES = 128;
/** With taints, counters or lists of attributes. */
const MAX_DEMANDING_DEVICES = 64;
const MAX_COUNTER_SETS = 8;
const PLACES = ['nodeName', 'nodeSelector', 'allNodes', 'perDeviceNodeSelection'] as const;

function validateResourceSlice({ spec }: ResourceSlice, before?: ResourceSlice): FieldError[] {
  const { driver = '', pool, devices, sharedCounters } = unchecked(spec);
  const old = before?.spec;
  const {
    name: poolName = '',
    generation = 0,
    resourceSliceCount = 0,
  } = unchecked(pool ?? {}) as Partial<resource.ResourcePool>;
  const oldDevices = new Map((old?.devices ?? []).map((device) => [device.name, device]));
  const perDevice = spec.perDeviceNodeSelection === true;
  return [
    ...validateDriverName(driver, 'spec.driver'),
    ...validatePoolName(poolName, 'spec.pool.name'),
    ...(resourceSliceCount <= 0
      ? [invalid('spec.pool.resourceSliceCount', resourceSliceCount, 'must be greater than zero')]
      : []),
    ...(generation < 0 ? [invalid('spec.pool.generation', generation, 'must be greater than or equal to zero')] : []),
    ...(old === undefined
      ? []
      : [
          ...validateImmutable(poolName, old.pool.name, 'spec.pool.name'),
          ...validateImmutable(driver, old.driver, 'spec.driver'),
          ...validateImmutable(spec.nodeName, old.nodeName, 'spec.nodeName'),
        ]),
    ...validatePlace(spec),
    ...(sharedCounters !== undefined && devices !== undefined
      ? [invalid('spec', '', 'only one of `sharedCounters` or `devices` is allowed')]
      : []),
    ...validateSet(
      devices,
      devices?.some(isDemanding) === true ? MAX_DEMANDING_DEVICES : MAX_DEVICES,
      'spec.devices',
      (device, at) => validateDevice(device, oldDevices.get(device.name), at, perDevice),
      (device) => unchecked(device).name ?? '',
    ),
    ...validateSet(
      sharedCounters,
      MAX_COUNTER_SETS,
      'spec.sharedCounters',
      validateCounterSet,
      (set) => unchecked(set).name ?? '',
    ),
  ];
}

const isDemanding = ({ taints = [], consumesCounters = [], attributes = {} }: resource.Device): boolean =>
  taints.length > 0 ||
  consumesCounters.length > 0 ||
  Object.values(attributes).some(({ bools, ints, strings, versions }) =>
    [bools, ints, strings, versions].some((list) => list !== undefined),
  );

function validatePlace(spec: resource.ResourceSliceSpec): FieldError[] {
  const { nodeName, nodeSelector } = spec;
  const errors: FieldError[] = [];
  if (nodeName === '') {
    errors.push(invalid('spec.nodeName', nodeName, 'must be either unset or set to a non-empty string'));
  } else if (nodeName !== undefined) errors.push(...validateNodeName(nodeName, 'spec.nodeName'));
  if (nodeSelector !== undefined) {
    const terms = unchecked(nodeSelector).nodeSelectorTerms;
    errors.push(...validateNodeSelector(nodeSelector, 'spec.nodeSelector'));
    if (terms?.length !== 1) {
      const why = 'must have exactly one node selector term';
      errors.push(invalid('spec.nodeSelector.nodeSelectorTerms', terms, why));
    }
  }
  for (const field of ['allNodes', 'perDeviceNodeSelection'] as const) {
    if (spec[field] === false) {
      errors.push(invalid(child('spec', field), false, 'must be either unset or set to true'));
    }
  }
  const set = PLACES.filter((place) => spec[place] !== undefined && spec[place] !== false && spec[place] !== '');
  const why = `exactly one of ${PLACES.map((place) => `\`${place}\``).join(', ')} is required`;
  if (set.length === 0) errors.push(required('spec', why));
  if (set.length > 1) {
    const names = `{${set.map((place) => `\`${place}\``).join(', ')}}`;
    errors.push(invalid('spec', names, `${why}, but multiple fields are set`));
  }
  return errors;
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
  warnings({ spec }) {
    const { driver = '' } = unchecked(spec);
    const why = 'contains uppercase characters';
    return driver === driver.toLowerCase()
      ? []
      : [`spec.driver: driver names should be lowercase; ${JSON.stringify(driver)} ${why}`];
  },
  prepareForCreate: ({ spec }) => dropDisabledDeviceFields(spec.devices),
  prepareForUpdate: ({ spec }, old) => dropDisabledDeviceFields(spec.devices, old.spec.devices),
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
