import { equalValues } from '../equality.ts';
import type { FieldError } from '../field-error.ts';
import { child, duplicate, index, invalid, required, tooMany } from '../field-error.ts';
import type * as discovery from '../generated/discovery.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, firstThree, NAME } from '../table.ts';
import {
  eachOf,
  invalidEach,
  PROTOCOLS,
  Seen,
  validateDNS1123Label,
  validateEnum,
  validateImmutable,
  validateOptionalEnum,
  validateQualifiedName,
  unchecked,
} from '../validation/fields.ts';
import { ipFamily, ipWarnings, validateCanonicalIP, validateIP, validateNonSpecialIP } from '../validation/ip.ts';
import { isDNS1123Label, isDNS1123Subdomain, isLabelValue, nameIsDNSSubdomain } from '../validation/names.ts';

export type EndpointSlice = discovery.EndpointSlice;

const MAX_ENDPOINTS = 1000;
const MAX_ADDRESSES = 100;
const MAX_PORTS = 20_000;
const MAX_HINTS = 8;
const TYPES = ['FQDN', 'IPv4', 'IPv6'];
const MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by';
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** Endpoints that have not changed are not looked at again: what may be in them was less strict once. */
function validateSlice({ addressType, endpoints = [], ports = [] }: EndpointSlice, old?: EndpointSlice): FieldError[] {
  const unchanged = old !== undefined && equalValues(endpoints, old.endpoints ?? []);
  return [
    ...validateEnum(addressType, TYPES, 'addressType'),
    ...(ports.length > MAX_PORTS ? [tooMany('ports', ports.length, MAX_PORTS)] : validatePorts(ports)),
    ...(unchanged
      ? []
      : endpoints.length > MAX_ENDPOINTS
        ? [tooMany('endpoints', endpoints.length, MAX_ENDPOINTS)]
        : eachOf(endpoints, 'endpoints', (endpoint, at) => validateEndpoint(endpoint, at, addressType))),
  ];
}

function validateEndpoint(endpoint: discovery.Endpoint, path: string, addressType: string): FieldError[] {
  const { addresses = [], nodeName, hostname } = unchecked(endpoint);
  const at = child(path, 'addresses');
  const errors: FieldError[] = [];
  if (addresses.length === 0) errors.push(required(at, 'must contain at least 1 address'));
  else if (addresses.length > MAX_ADDRESSES) errors.push(tooMany(at, addresses.length, MAX_ADDRESSES));
  for (const [i, address] of addresses.entries()) errors.push(...validateAddress(address, at, i, addressType));
  if (nodeName !== undefined) {
    errors.push(...invalidEach(child(path, 'nodeName'), nodeName, nameIsDNSSubdomain(nodeName, false)));
  }
  if (hostname !== undefined) errors.push(...validateDNS1123Label(hostname, child(path, 'hostname')));
  return [...errors, ...validateHints(endpoint.hints, child(path, 'hints'))];
}

function validateHints(hints: discovery.EndpointHints | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['forZones', 'forNodes'] as const) {
    const list = hints?.[field] ?? [];
    const at = child(path, field);
    const names = new Seen();
    if (list.length > MAX_HINTS) return [...errors, tooMany(at, list.length, MAX_HINTS)];
    for (const [i, { name = '' }] of list.entries()) {
      const namePath = child(index(at, i), 'name');
      const messages = field === 'forZones' ? isLabelValue(name) : nameIsDNSSubdomain(name, false);
      if (!names.add(name)) errors.push(duplicate(namePath, name));
      errors.push(...invalidEach(namePath, name, messages));
    }
  }
  return errors;
}

function validateAddress(address: string, list: string, i: number, addressType: string): FieldError[] {
  const path = index(list, i);
  switch (addressType) {
    case 'IPv4':
    case 'IPv6': {
      const wrong = addressType === 'IPv4' ? validateIP(address, path) : validateCanonicalIP(address, path);
      if (wrong.length > 0) return wrong;
      // Upstream blames the list.
      const other =
        ipFamily(address) === addressType ? [] : [invalid(list, address, `must be an ${addressType} address`)];
      return [...other, ...validateNonSpecialIP(address, path)];
    }
    case 'FQDN':
      return validateFQDN(address, path);
    default:
      return [];
  }
}

/** Source: IsFullyQualifiedDomainName in apimachinery pkg/util/validation v0.36. */
function validateFQDN(address: string, path: string): FieldError[] {
  if (address === '') return [required(path)];
  const name = address.replace(/\.$/, '');
  const messages = isDNS1123Subdomain(name);
  if (messages.length > 0) return [invalid(path, name, messages.join(','))];
  const labels = name.split('.');
  if (labels.length < 2) {
    return [invalid(path, name, 'should be a domain with at least two segments separated by dots')];
  }
  const label = labels.find((l) => isDNS1123Label(l).length > 0);
  return label === undefined ? [] : [invalid(path, label, isDNS1123Label(label).join(','))];
}

function validatePorts(ports: readonly discovery.EndpointPort[]): FieldError[] {
  const names = new Seen();
  return eachOf(ports, 'ports', ({ name = '', protocol, appProtocol }, at) => [
    ...(name === '' ? [] : validateDNS1123Label(name, child(at, 'name'))),
    ...(names.add(name) ? [] : [duplicate(child(at, 'name'), name)]),
    ...(protocol === undefined ? [required(child(at, 'protocol'))] : []),
    ...validateOptionalEnum(protocol, PROTOCOLS, child(at, 'protocol')),
    ...(appProtocol === undefined ? [] : validateQualifiedName(appProtocol, child(at, 'appProtocol'))),
  ]);
}

const portTexts = ({ ports = [] }: EndpointSlice): string[] =>
  ports.map(({ name, port }) => (port === undefined ? (name ?? '*') : String(port)));

const orUnset = (text: string): string => (text === '' ? '<unset>' : text);

const CONTROLLERS = ['endpointslice-controller.k8s.io', 'endpointslicemirroring-controller.k8s.io'];

function warnings({ metadata, addressType, endpoints = [] }: EndpointSlice, old: EndpointSlice | undefined): string[] {
  const deprecated = old === undefined && addressType === 'FQDN';
  return [
    // The field is not of a spec; upstream has it so.
    ...(deprecated ? ['spec.addressType: FQDN endpoints are deprecated'] : []),
    ...(CONTROLLERS.includes(metadata.labels?.[MANAGED_BY_LABEL] ?? '')
      ? []
      : endpoints.flatMap((endpoint, i) =>
          (unchecked(endpoint).addresses ?? []).flatMap((address, j) =>
            ipWarnings(address, index(child(index('endpoints', i), 'addresses'), j)),
          ),
        )),
  ];
}

/** Source: pkg/apis/discovery/{v1/defaults.go,validation}, pkg/registry/discovery/endpointslice/strategy.go v1.36. */
export const EndpointSlice = defineKind<EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
  definition: 'discovery.v1.EndpointSlice',
  generation: true,
  generationMetadata: ['labels'],

  defaults(slice) {
    for (const port of slice.ports ?? []) {
      port.name ??= '';
      port.protocol ??= 'TCP';
    }
    // Go writes the struct even when nobody sent it.
    for (const endpoint of slice.endpoints ?? []) endpoint.conditions ??= {};
  },
  validate: validateSlice,
  warnings,
  prepareForCreate: (slice) => dropTopology(slice),
  prepareForUpdate: dropTopology,
  validateUpdate: (slice, old) => validateImmutable(slice.addressType ?? '', old.addressType ?? '', 'addressType'),

  columns: [
    NAME,
    { name: 'AddressType', type: 'string' },
    { name: 'Ports', type: 'string' },
    { name: 'Endpoints', type: 'string' },
    AGE,
  ],
  row: (slice, { nowMs }) => ({
    cells: [
      slice.metadata.name,
      slice.addressType,
      orUnset(firstThree(portTexts(slice))),
      orUnset(firstThree((slice.endpoints ?? []).flatMap(({ addresses }) => addresses))),
      age(slice, nowMs),
    ],
  }),
});

/** A field of older versions that v1 shows but does not let anybody write. */
function dropTopology({ endpoints = [] }: EndpointSlice, old?: EndpointSlice): void {
  if (!endpoints.some(({ deprecatedTopology }) => deprecatedTopology !== undefined)) return;
  if (old !== undefined && equalValues(endpoints, old.endpoints ?? [])) return;
  for (const endpoint of endpoints) delete endpoint.deprecatedTopology;
}

/** The service a slice belongs to; undefined when it belongs to none. */
export const sliceServiceName = ({ metadata }: EndpointSlice): string | undefined =>
  metadata.labels?.[SERVICE_NAME_LABEL];
