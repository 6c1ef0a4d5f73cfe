/** Requests for devices. Source: pkg/apis/resource/{v1/defaults.go,validation/validation.go} v1.36. */
import type { FieldError } from '../field-error.ts';
import { child, invalid, notSupported, required, tooLong } from '../field-error.ts';
import type {
  DeviceClassConfiguration,
  DeviceConstraint,
  DeviceRequest,
  DeviceSelector,
  DeviceSubRequest,
  ResourceClaimSpec,
} from '../generated/resource.v1.ts';
import { eachOf, invalidEach, unchecked, validateDNS1123Label } from '../validation/fields.ts';
import { byteLength, nameIsDNSSubdomain } from '../validation/names.ts';
import {
  validateDriverName,
  validateFullyQualifiedName,
  validateParameters,
  validateSet,
  validateSlice,
  validateToleration,
} from './lists.ts';

const MODES = ['All', 'ExactCount'];
const EXACT_COUNT = 'ExactCount';
const MAX_REQUESTS = 32;
const MAX_CONSTRAINTS = 32;
export const MAX_CONFIGS = 32;
const MAX_SELECTORS = 32;
const MAX_SUBREQUESTS = 8;
const EXPRESSION_MAX_BYTES = 10 * 1024;
const PARAMETERS_MAX_BYTES = 10 * 1024;

export function defaultClaimSpec(spec: ResourceClaimSpec): void {
  spec.devices ??= {};
  for (const { exactly, firstAvailable = [] } of spec.devices.requests ?? []) {
    for (const request of exactly === undefined ? firstAvailable : [exactly, ...firstAvailable]) {
      if ((request.allocationMode ?? '') === '') request.allocationMode = EXACT_COUNT;
      if (request.allocationMode === EXACT_COUNT && (request.count ?? 0) === 0) request.count = 1;
      for (const toleration of request.tolerations ?? []) {
        if ((toleration.operator ?? '') === '') toleration.operator = 'Equal';
      }
    }
  }
}

/** Names of requests and, of each, those of the alternatives it is made of. */
export type RequestNames = ReadonlyMap<string, ReadonlySet<string>>;

export const requestNamesOf = ({ devices }: ResourceClaimSpec): RequestNames =>
  new Map(
    (devices?.requests ?? []).map((request) => {
      const { name = '', firstAvailable = [] } = unchecked(request);
      return [name, new Set(firstAvailable.map((sub) => unchecked(sub).name ?? ''))];
    }),
  );

const nameOf = (named: { readonly name: string }): string => unchecked(named).name ?? '';

/** `stored`: it has been as it is, and only its change is refused. */
export function validateClaimSpec(spec: ResourceClaimSpec, path: string, stored = false): FieldError[] {
  const { requests, constraints, config } = spec.devices ?? {};
  const at = child(path, 'devices');
  const names = requestNamesOf(spec);
  return [
    ...validateSet(requests, MAX_REQUESTS, child(at, 'requests'), (r, p) => validateRequest(r, p, stored), nameOf),
    ...validateSlice(constraints, MAX_CONSTRAINTS, child(at, 'constraints'), (constraint, p) =>
      validateConstraint(constraint, p, names),
    ),
    ...validateSlice(config, MAX_CONFIGS, child(at, 'config'), (item, p) => [
      ...validateRequestRefs(item.requests, child(p, 'requests'), names),
      ...validateConfiguration(item, p, stored),
    ]),
  ];
}

function validateRequest(request: DeviceRequest, path: string, stored: boolean): FieldError[] {
  const { name = '', exactly, firstAvailable = [] } = unchecked(request);
  const errors = validateDNS1123Label(name, child(path, 'name'));
  const one = 'exactly one of `exactly` or `firstAvailable` is required';
  const some = firstAvailable.length > 0;
  if (exactly === undefined && !some) return [...errors, required(path, one)];
  if (exactly !== undefined && some) {
    return [...errors, invalid(path, null, `${one}, but multiple fields are set`)];
  }
  if (exactly !== undefined) return [...errors, ...validateDevice(exactly, child(path, 'exactly'), stored)];
  const validateSub = (sub: DeviceSubRequest, at: string): FieldError[] => [
    ...validateDNS1123Label(nameOf(sub), child(at, 'name')),
    ...validateDevice(sub, at, stored),
  ];
  return [
    ...errors,
    ...validateSet(firstAvailable, MAX_SUBREQUESTS, child(path, 'firstAvailable'), validateSub, nameOf),
  ];
}

function validateDevice(device: Omit<DeviceSubRequest, 'name'>, path: string, stored: boolean): FieldError[] {
  const { deviceClassName = '', allocationMode = '', count = 0, selectors, tolerations } = unchecked(device);
  const at = child(path, 'deviceClassName');
  const countPath = child(path, 'count');
  return [
    ...(deviceClassName === ''
      ? [required(at)]
      : invalidEach(at, deviceClassName, nameIsDNSSubdomain(deviceClassName, false))),
    ...validateSelectors(selectors, child(path, 'selectors'), stored),
    ...(MODES.includes(allocationMode) ? [] : [notSupported(child(path, 'allocationMode'), allocationMode, MODES)]),
    ...(allocationMode === EXACT_COUNT && count <= 0 ? [invalid(countPath, count, 'must be greater than zero')] : []),
    ...(allocationMode === 'All' && count !== 0
      ? [invalid(countPath, count, "must not be specified when allocationMode is 'All'")]
      : []),
    ...eachOf(tolerations, child(path, 'tolerations'), validateToleration),
  ];
}

function validateConstraint(
  { requests, matchAttribute, distinctAttribute }: DeviceConstraint,
  path: string,
  names: RequestNames,
): FieldError[] {
  const errors = validateRequestRefs(requests, child(path, 'requests'), names);
  if (matchAttribute !== undefined) {
    return [...errors, ...validateFullyQualifiedName(matchAttribute, child(path, 'matchAttribute'))];
  }
  if (distinctAttribute !== undefined) {
    return [...errors, ...validateFullyQualifiedName(distinctAttribute, child(path, 'distinctAttribute'))];
  }
  // Upstream speaks of several although there is none.
  const why = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set';
  return [...errors, required(path, why)];
}

export const validateRequestRefs = (
  refs: readonly string[] | undefined,
  path: string,
  names: RequestNames,
): FieldError[] =>
  validateSet(
    refs,
    MAX_REQUESTS,
    path,
    (ref, at) => validateRequestRef(ref, at, names),
    (ref) => ref,
  );

/** `request` or `request/alternative`. */
export function validateRequestRef(ref: string, path: string, names: RequestNames): FieldError[] {
  const [request = '', alternative, ...more] = ref.split('/');
  const why = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
  if (more.length > 0) return [invalid(path, ref, why)];
  const known = alternative === undefined ? names.has(request) : names.get(request)?.has(alternative) === true;
  return [
    ...ref.split('/').flatMap((part) => validateDNS1123Label(part, path)),
    ...(known ? [] : [invalid(path, ref, why)]),
  ];
}

/** The expressions themselves are not read here. */
export const validateSelectors = (
  selectors: readonly DeviceSelector[] | undefined,
  path: string,
  stored = false,
): FieldError[] =>
  validateSlice(selectors, MAX_SELECTORS, path, ({ cel }, at) => {
    const expression = cel?.expression ?? '';
    const celPath = child(at, 'cel');
    if (cel === undefined) return [required(celPath)];
    if (stored) return [];
    if (expression === '') return [required(child(celPath, 'expression'))];
    return byteLength(expression) > EXPRESSION_MAX_BYTES
      ? [tooLong(child(celPath, 'expression'), EXPRESSION_MAX_BYTES)]
      : [];
  });

export function validateConfiguration(
  { opaque }: DeviceClassConfiguration,
  path: string,
  stored = false,
): FieldError[] {
  const at = child(path, 'opaque');
  if (opaque === undefined) return [required(at)];
  const { driver = '', parameters } = unchecked(opaque);
  return [
    ...validateDriverName(driver, child(at, 'driver')),
    ...validateParameters(parameters, child(at, 'parameters'), PARAMETERS_MAX_BYTES, stored),
  ];
}
