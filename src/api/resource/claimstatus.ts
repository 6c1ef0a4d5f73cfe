/** What devices a claim was given, and what they say of themselves. Source: pkg/apis/resource/validation/validation.go v1.36. */
import { validateNodeSelector } from '../core/pod/scheduling.ts';
import type { FieldError } from '../field-error.ts';
import {
  child,
  duplicate,
  forbiddenField,
  index,
  invalid,
  notSupported,
  required,
  tooLong,
  tooMany,
} from '../field-error.ts';
import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceRequestAllocationResult,
  NetworkDeviceData,
  ResourceClaim,
  ResourceClaimConsumerReference,
} from '../generated/resource.v1.ts';
import { validateConditions } from '../validation/conditions.ts';
import { eachOf, unchecked, validateDNS1123Label, validateImmutable } from '../validation/fields.ts';
import { validateInterfaceAddress } from '../validation/ip.ts';
import { byteLength } from '../validation/names.ts';
import {
  MAX_CONFIGS,
  requestNamesOf,
  validateConfiguration,
  validateRequestRef,
  validateRequestRefs,
} from './claimspec.ts';
import type { RequestNames } from './claimspec.ts';
import {
  validateBinding,
  validateDriverName,
  validateParameters,
  validatePoolName,
  validateSet,
  validateShareID,
  validateSlice,
} from './lists.ts';

const MAX_RESERVED_FOR = 256;
const MAX_RESULTS = 32;
const MAX_CONDITIONS = 8;
const DATA_MAX_BYTES = 10 * 1024;
const INTERFACE_MAX_BYTES = 256;
const HARDWARE_MAX_BYTES = 128;
const MAX_IPS = 16;
const SOURCES = ['FromClaim', 'FromClass'];

/** Once given, devices stay given until nobody uses them any more. */
export function validateStatusUpdate({ spec, status, metadata }: ResourceClaim, old: ResourceClaim): FieldError[] {
  const { reservedFor = [], allocation, devices } = status;
  const path = 'status.reservedFor';
  const uidOf = (consumer: ResourceClaimConsumerReference): string => unchecked(consumer).uid ?? '';
  const errors = [
    ...validateSet(reservedFor, MAX_RESERVED_FOR, path, validateConsumer, uidOf),
    ...validateDevices(devices, new Set((allocation?.devices?.results ?? []).map(deviceID)), 'status.devices'),
  ];
  if (reservedFor.length > 0 && allocation === undefined) {
    errors.push(forbiddenField(path, 'may not be specified when `allocated` is not set'));
  } else if (metadata.deletionTimestamp !== undefined) {
    const before = new Set((old.status.reservedFor ?? []).map((consumer) => JSON.stringify(entriesOf(consumer))));
    if (reservedFor.some((consumer) => !before.has(JSON.stringify(entriesOf(consumer))))) {
      const why = 'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set';
      errors.push(forbiddenField(path, why));
    }
  }
  if (allocation === undefined) return errors;
  const at = 'status.allocation';
  return old.status.allocation === undefined
    ? [...errors, ...validateAllocation(allocation, at, requestNamesOf(spec))]
    : [...errors, ...validateImmutable(allocation, old.status.allocation, at)];
}

const entriesOf = ({ apiGroup = '', resource, name, uid }: ResourceClaimConsumerReference): string[] => [
  apiGroup,
  resource,
  name,
  uid,
];

const validateConsumer = (consumer: ResourceClaimConsumerReference, path: string): FieldError[] =>
  (['resource', 'name', 'uid'] as const).flatMap((field) =>
    (unchecked(consumer)[field] ?? '') === '' ? [required(child(path, field))] : [],
  );

const validateAllocation = (
  { devices, nodeSelector }: AllocationResult,
  path: string,
  names: RequestNames,
): FieldError[] => {
  const at = child(path, 'devices');
  return [
    ...validateSlice(devices?.results, MAX_RESULTS, child(at, 'results'), (result, p) =>
      validateResult(result, p, names),
    ),
    ...validateSlice(devices?.config, 2 * MAX_CONFIGS, child(at, 'config'), (config, p) =>
      validateGivenConfiguration(config, p, names),
    ),
    ...validateNodeSelector(nodeSelector, child(path, 'nodeSelector')),
  ];
};

function validateResult(result: DeviceRequestAllocationResult, path: string, names: RequestNames): FieldError[] {
  const { request = '', driver = '', pool = '', device = '', shareID } = unchecked(result);
  return [
    ...validateRequestRef(request, child(path, 'request'), names),
    ...validateDriverName(driver, child(path, 'driver')),
    ...validatePoolName(pool, child(path, 'pool')),
    ...validateDNS1123Label(device, child(path, 'device')),
    ...validateBinding(result, path),
    ...validateShareID(shareID, child(path, 'shareID')),
  ];
}

function validateGivenConfiguration(
  config: DeviceAllocationConfiguration,
  path: string,
  names: RequestNames,
): FieldError[] {
  const { source = '' } = unchecked(config);
  const at = child(path, 'source');
  return [
    ...(source === '' ? [required(at)] : SOURCES.includes(source) ? [] : [notSupported(at, source, SOURCES)]),
    ...validateRequestRefs(config.requests, child(path, 'requests'), names),
    ...validateConfiguration(config, path),
  ];
}

/** `driver/pool/device`, and the share of it. */
function deviceID(device: Pick<AllocatedDeviceStatus, 'driver' | 'pool' | 'device' | 'shareID'>): string {
  const { driver = '', pool = '', device: name = '', shareID = '' } = unchecked(device);
  return [driver, pool, name, ...(shareID === '' ? [] : [shareID])].join('/');
}

/** As upstream prints it: its internal type, by Go's names. */
function internalID(status: AllocatedDeviceStatus): object {
  const { driver = '', pool = '', device = '', shareID = '' } = unchecked(status);
  return { Driver: driver, Pool: pool, Device: device, ShareID: shareID };
}

function validateDevices(
  devices: readonly AllocatedDeviceStatus[] | undefined,
  given: ReadonlySet<string>,
  path: string,
): FieldError[] {
  const ids = (devices ?? []).map(deviceID);
  return [
    ...eachOf(devices, path, (device, at) => validateDevice(device, at, given)),
    ...ids.flatMap((id, i) => (ids.indexOf(id) < i ? [duplicate(index(path, i), internalID(devices![i]!))] : [])),
  ];
}

function validateDevice(status: AllocatedDeviceStatus, path: string, given: ReadonlySet<string>): FieldError[] {
  const { driver = '', pool = '', device = '', shareID, conditions = [], data, networkData } = unchecked(status);
  const at = child(path, 'conditions');
  const id = deviceID(status);
  return [
    ...validateDriverName(driver, child(path, 'driver')),
    ...validatePoolName(pool, child(path, 'pool')),
    ...validateDNS1123Label(device, child(path, 'device')),
    ...validateShareID(shareID, child(path, 'shareID')),
    ...(given.has(id) ? [] : [invalid(path, internalID(status), 'must be an allocated device in the claim')]),
    ...(conditions.length > MAX_CONDITIONS ? [tooMany(at, conditions.length, MAX_CONDITIONS)] : []),
    ...validateConditions(conditions, at),
    ...(data === undefined ? [] : validateParameters(data, child(path, 'data'), DATA_MAX_BYTES)),
    ...(networkData === undefined ? [] : validateNetworkData(networkData, child(path, 'networkData'))),
  ];
}

const validateNetworkData = (
  { interfaceName = '', hardwareAddress = '', ips }: NetworkDeviceData,
  path: string,
): FieldError[] => [
  ...(byteLength(interfaceName) > INTERFACE_MAX_BYTES
    ? [tooLong(child(path, 'interfaceName'), INTERFACE_MAX_BYTES)]
    : []),
  ...(byteLength(hardwareAddress) > HARDWARE_MAX_BYTES
    ? [tooLong(child(path, 'hardwareAddress'), HARDWARE_MAX_BYTES)]
    : []),
  ...validateSet(ips, MAX_IPS, child(path, 'ips'), validateInterfaceAddress, (ip) => ip),
];
