/** Devices of a slice. Source: pkg/apis/resource/validation/validation.go v1.36. */
import { validateNodeSelector } from '../core/pod/scheduling.ts';
import type { FieldError } from '../field-error.ts';
import { child, invalid, required, tooLong } from '../field-error.ts';
import type { CounterSet, Device, DeviceAttribute, DeviceCounterConsumption } from '../generated/resource.v1.ts';
import { semanticEqual } from '../validation/equal.ts';
import { eachOf, invalidEach, unchecked, validateDNS1123Label } from '../validation/fields.ts';
import { byteLength, nameIsDNSSubdomain } from '../validation/names.ts';
import { validateCapacity } from './capacity.ts';
import { validateBinding, validateDeviceKey, validateMap, validateSet, validateSlice, validateTaint } from './lists.ts';

const MAX_PROPERTIES = 32;
const MAX_ATTRIBUTE_VALUES = 48;
const MAX_TAINTS = 16;
const MAX_COUNTER_SETS_USED = 2;
const MAX_COUNTERS = 32;
const VALUE_MAX_BYTES = 64;
const LISTS = ['bools', 'ints', 'strings', 'versions'] as const;
const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/;

/** `perDevice`: each device says on which nodes it is. */
export function validateDevice(
  device: Device,
  old: Device | undefined,
  path: string,
  perDevice: boolean,
): FieldError[] {
  const { name = '', attributes = {}, capacity = {}, allowMultipleAllocations = false } = unchecked(device);
  const properties = Object.keys(attributes).length + Object.keys(capacity).length;
  const values = Object.values(attributes).reduce((sum, attribute) => sum + valuesOf(attribute), 0);
  const unlimited = Number.POSITIVE_INFINITY;
  return [
    ...validateDNS1123Label(name, child(path, 'name')),
    ...(properties > MAX_PROPERTIES
      ? [invalid(path, properties, `the total number of attributes and capacities must not exceed ${MAX_PROPERTIES}`)]
      : []),
    ...(values > MAX_ATTRIBUTE_VALUES
      ? [invalid(path, values, `the total number of attribute values must not exceed ${MAX_ATTRIBUTE_VALUES}`)]
      : []),
    ...validateMap(attributes, unlimited, child(path, 'attributes'), validateDeviceKey, validateAttribute),
    ...(old !== undefined && semanticEqual(old.capacity ?? {}, capacity)
      ? []
      : validateMap(capacity, unlimited, child(path, 'capacity'), validateDeviceKey, (value, at) =>
          validateCapacity(value, at, allowMultipleAllocations),
        )),
    ...(old !== undefined && semanticEqual(old.taints ?? [], device.taints ?? [])
      ? []
      : validateSlice(device.taints, MAX_TAINTS, child(path, 'taints'), validateTaint)),
    ...validateSet(
      device.consumesCounters,
      MAX_COUNTER_SETS_USED,
      child(path, 'consumesCounters'),
      validateConsumption,
      (consumption) => unchecked(consumption).counterSet ?? '',
    ),
    ...validatePlace(device, path, perDevice),
    ...validateBinding(device, path),
  ];
}

const valuesOf = (attribute: DeviceAttribute): number =>
  Math.max(
    1,
    LISTS.reduce((sum, list) => sum + (attribute[list] ?? []).length, 0),
  );

function validateAttribute(attribute: DeviceAttribute, path: string): FieldError[] {
  const set = (['bool', 'int', 'string', 'version', ...LISTS] as const).filter((f) => attribute[f] !== undefined);
  const strings = child(path, 'strings');
  const errors = [
    ...(attribute.string === undefined ? [] : validateLength(attribute.string, child(path, 'string'))),
    ...(attribute.version === undefined ? [] : validateVersion(attribute.version, child(path, 'version'))),
    ...LISTS.flatMap((list) =>
      attribute[list]?.length === 0 ? [invalid(child(path, list), [], 'must not be empty if specified')] : [],
    ),
    ...eachOf(attribute.strings, strings, validateLength),
    ...eachOf(attribute.versions, child(path, 'versions'), validateVersion),
  ];
  if (set.length === 1) return errors;
  return [...errors, invalid(path, set.length === 0 ? '' : attribute, 'exactly one value must be specified')];
}

const validateLength = (value: string, path: string): FieldError[] =>
  byteLength(value) > VALUE_MAX_BYTES ? [tooLong(path, VALUE_MAX_BYTES)] : [];

const validateVersion = (version: string, path: string): FieldError[] => [
  ...(SEMVER.test(version) ? [] : [invalid(path, version, 'must be a string compatible with semver.org spec 2.0.0')]),
  ...validateLength(version, path),
];

const validateCounters = (counters: CounterSet['counters'] | undefined, path: string): FieldError[] =>
  Object.keys(counters ?? {}).length === 0
    ? [required(path)]
    : validateMap(counters, MAX_COUNTERS, path, validateDNS1123Label, () => []);

const validateSetName = (name: string, path: string): FieldError[] =>
  name === '' ? [required(path)] : validateDNS1123Label(name, path);

function validateConsumption(consumption: DeviceCounterConsumption, path: string): FieldError[] {
  const { counterSet = '', counters } = unchecked(consumption);
  return [
    ...validateSetName(counterSet, child(path, 'counterSet')),
    ...validateCounters(counters, child(path, 'counters')),
  ];
}

export function validateCounterSet(set: CounterSet, path: string): FieldError[] {
  const { name = '', counters } = unchecked(set);
  return [...validateSetName(name, child(path, 'name')), ...validateCounters(counters, child(path, 'counters'))];
}

export const validateNodeName = (name: string, path: string): FieldError[] =>
  invalidEach(path, name, nameIsDNSSubdomain(name, false));

function validatePlace(device: Device, path: string, perDevice: boolean): FieldError[] {
  const { nodeName, nodeSelector, allNodes } = device;
  if (!perDevice) {
    const why =
      '`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec';
    return nodeName === undefined && nodeSelector === undefined && allNodes === undefined
      ? []
      : [invalid(path, null, why)];
  }
  const errors: FieldError[] = [];
  const at = child(path, 'nodeName');
  if (nodeName === '') errors.push(invalid(at, nodeName, 'must not be empty'));
  else if (nodeName !== undefined) errors.push(...validateNodeName(nodeName, at));
  errors.push(...validateNodeSelector(nodeSelector, child(path, 'nodeSelector')));
  if (allNodes === false) errors.push(invalid(child(path, 'allNodes'), false, 'must be either unset or set to true'));
  const set = [
    ...((nodeName ?? '') === '' ? [] : ['`nodeName`']),
    ...(nodeSelector === undefined ? [] : ['`nodeSelector`']),
    ...(allNodes === true ? ['`allNodes`'] : []),
  ];
  const why =
    'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec';
  if (set.length === 0) errors.push(required(path, why));
  if (set.length > 1) errors.push(invalid(path, `{${set.join(', ')}}`, why));
  return errors;
}

/** DRAListTypeAttributes and DRANodeAllocatableResources are off in v1.36: their fields go unless a device of old has them. */
export function dropDisabledDeviceFields(devices: readonly Device[] | undefined, old?: readonly Device[]): void {
  const hasList = (attribute: DeviceAttribute): boolean => LISTS.some((list) => attribute[list] !== undefined);
  if (old?.some(({ attributes }) => Object.values(attributes ?? {}).some(hasList)) !== true) {
    for (const { attributes } of devices ?? []) {
      for (const attribute of Object.values(attributes ?? {})) for (const list of LISTS) delete attribute[list];
    }
  }
  if (old?.some(({ nodeAllocatableResourceMappings: mappings }) => mappings !== undefined) === true) return;
  for (const device of devices ?? []) delete device.nodeAllocatableResourceMappings;
}
