/** Requests for devices. Source: pkg/apis/resource/{v1/defaults.go,validation/validation.go} v1.36. */
import type { FieldError } from '../field-error.ts';
import { child, duplicate, invalid, invalidOmit, required, tooLong, tooMany } from '../field-error.ts';
import type {
  DeviceClassConfiguration,
  DeviceRequest,
  DeviceSelector,
  DeviceSubRequest,
  ResourceClaimSpec,
} from '../generated/resource.v1.ts';
import {
  eachOf,
  invalidEach,
  Seen,
  unchecked,
  validateDNS1123Label,
  validateDNS1123Subdomain,
  validateEnum,
} from '../validation/fields.ts';
import { byteLength, nameIsDNSSubdomain } from '../validation/names.ts';

export const RESOURCE_GROUP = 'resource.k8s.io';
const MODES = ['All', 'ExactCount'];
const EXACT_COUNT = 'ExactCount';
const MAX_REQUESTS = 32;
const MAX_CONSTRAINTS = 32;
const MAX_CONFIGS = 32;
const MAX_SELECTORS = 32;
const MAX_SUBREQUESTS = 8;
const EXPRESSION_MAX_BYTES = 10 * 1024;
const DRIVER_NAME_MAX = 63;

export function defaultClaimSpec(spec: ResourceClaimSpec): void {
  spec.devices ??= {};
  for (const { exactly, firstAvailable = [] } of spec.devices.requests ?? []) {
    for (const request of exactly === undefined ? firstAvailable : [exactly, ...firstAvailable]) {
      if ((request.allocationMode ?? '') === '') request.allocationMode = EXACT_COUNT;
      if (request.allocationMode === EXACT_COUNT && (request.count ?? 0) === 0) request.count = 1;
      for (const toleration of request.tolerations ?? []) toleration.operator ??= 'Equal';
    }
  }
}

export function validateClaimSpec({ devices = {} }: ResourceClaimSpec, path: string): FieldError[] {
  const { requests = [], constraints = [], config = [] } = devices;
  const at = child(path, 'devices');
  const names = new Seen();
  return [
    ...atMost(requests, MAX_REQUESTS, child(at, 'requests')),
    ...eachOf(requests, child(at, 'requests'), (request, requestPath) => [
      ...validateRequest(request, requestPath),
      ...(names.add(unchecked(request).name ?? '') ? [] : [duplicate(child(requestPath, 'name'), request.name)]),
    ]),
    ...atMost(constraints, MAX_CONSTRAINTS, child(at, 'constraints')),
    ...eachOf(constraints, child(at, 'constraints'), ({ matchAttribute, distinctAttribute }, constraintPath) =>
      matchAttribute === undefined && distinctAttribute === undefined
        ? [required(child(constraintPath, 'matchAttribute'))]
        : [],
    ),
    ...atMost(config, MAX_CONFIGS, child(at, 'config')),
    ...eachOf(config, child(at, 'config'), validateConfiguration),
  ];
}

const atMost = (list: readonly unknown[], max: number, path: string): FieldError[] =>
  list.length > max ? [tooMany(path, list.length, max)] : [];

function validateRequest(request: DeviceRequest, path: string): FieldError[] {
  const { name = '', exactly, firstAvailable = [] } = unchecked(request);
  const errors = validateDNS1123Label(name, child(path, 'name'));
  const some = firstAvailable.length > 0;
  if (exactly === undefined && !some) {
    return [...errors, required(path, 'exactly one of `exactly` or `firstAvailable` is required')];
  }
  if (exactly !== undefined && some) {
    return [
      ...errors,
      invalidOmit(path, 'exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set'),
    ];
  }
  if (exactly !== undefined) return [...errors, ...validateDevice(exactly, child(path, 'exactly'))];
  const at = child(path, 'firstAvailable');
  const names = new Seen();
  return [
    ...errors,
    ...atMost(firstAvailable, MAX_SUBREQUESTS, at),
    ...eachOf(firstAvailable, at, (sub, subPath) => [
      ...validateDNS1123Label(unchecked(sub).name ?? '', child(subPath, 'name')),
      ...(names.add(unchecked(sub).name ?? '') ? [] : [duplicate(child(subPath, 'name'), sub.name)]),
      ...validateDevice(sub, subPath),
    ]),
  ];
}

function validateDevice(
  device: Pick<DeviceSubRequest, 'deviceClassName' | 'allocationMode' | 'count' | 'selectors'>,
  path: string,
): FieldError[] {
  const { deviceClassName = '', allocationMode, count = 0, selectors } = unchecked(device);
  const at = child(path, 'deviceClassName');
  const countPath = child(path, 'count');
  return [
    ...(deviceClassName === ''
      ? [required(at)]
      : invalidEach(at, deviceClassName, nameIsDNSSubdomain(deviceClassName, false))),
    ...validateSelectors(selectors, child(path, 'selectors')),
    ...validateEnum(allocationMode, MODES, child(path, 'allocationMode')),
    ...(allocationMode === EXACT_COUNT && count <= 0 ? [invalid(countPath, count, 'must be greater than zero')] : []),
    ...(allocationMode === 'All' && count !== 0
      ? [invalid(countPath, count, "must not be specified when allocationMode is 'All'")]
      : []),
  ];
}

export const validateSelectors = (selectors: readonly DeviceSelector[] | undefined, path: string): FieldError[] => [
  ...atMost(selectors ?? [], MAX_SELECTORS, path),
  ...eachOf(selectors, path, ({ cel }, at) => {
    const expression = cel?.expression ?? '';
    const celPath = child(at, 'cel');
    if (cel === undefined) return [required(celPath)];
    if (expression === '') return [required(child(celPath, 'expression'))];
    return byteLength(expression) > EXPRESSION_MAX_BYTES
      ? [invalid(child(celPath, 'expression'), expression, `must be no more than ${EXPRESSION_MAX_BYTES} bytes`)]
      : [];
  }),
];

export function validateDriverName(driver: string, path: string): FieldError[] {
  if (driver === '') return [required(path)];
  const errors = validateDNS1123Subdomain(driver, path);
  if (byteLength(driver) > DRIVER_NAME_MAX) {
    errors.push(tooLong(path, DRIVER_NAME_MAX));
  }
  return errors;
}

export function validateConfiguration({ opaque }: DeviceClassConfiguration, path: string): FieldError[] {
  const at = child(path, 'opaque');
  if (opaque === undefined) return [required(at)];
  const { driver = '', parameters } = unchecked(opaque);
  return [
    ...validateDriverName(driver, child(at, 'driver')),
    ...validateParameters(parameters, child(at, 'parameters')),
  ];
}

function validateParameters(parameters: unknown, path: string): FieldError[] {
  if (parameters === undefined || parameters === null) return [required(path)];
  return typeof parameters === 'object' && !Array.isArray(parameters)
    ? []
    : [invalid(path, '<value omitted>', 'must be a valid JSON object')];
}
