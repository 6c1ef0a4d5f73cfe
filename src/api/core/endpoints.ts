import type { FieldError } from '../field-error.ts';
import { child, required } from '../field-error.ts';
import type * as core from '../generated/core.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, firstThree, NAME } from '../table.ts';
import { semanticEqual } from '../validation/equal.ts';
import {
  eachOf,
  invalidEach,
  PROTOCOLS,
  validateDNS1123Label,
  validateEnum,
  validateQualifiedName,
} from '../validation/fields.ts';
import { validateIP, validateNonSpecialIP } from '../validation/ip.ts';
import { isPortNumber, nameIsDNSSubdomain } from '../validation/names.ts';

export type Endpoints = core.Endpoints;

const validateSubset = (
  { addresses = [], notReadyAddresses = [], ports = [] }: core.EndpointSubset,
  path: string,
): FieldError[] => [
  ...(addresses.length === 0 && notReadyAddresses.length === 0
    ? [required(path, 'must specify `addresses` or `notReadyAddresses`')]
    : []),
  ...eachOf(addresses, child(path, 'addresses'), validateAddress),
  ...eachOf(notReadyAddresses, child(path, 'notReadyAddresses'), validateAddress),
  ...eachOf(ports, child(path, 'ports'), (port, at) => validatePort(port, at, ports.length > 1)),
];

const validateAddress = (
  { ip = '', hostname = '', nodeName }: Partial<core.EndpointAddress>,
  path: string,
): FieldError[] => [
  ...validateIP(ip, child(path, 'ip')),
  ...(hostname === '' ? [] : validateDNS1123Label(hostname, child(path, 'hostname'))),
  ...(nodeName === undefined
    ? []
    : invalidEach(child(path, 'nodeName'), nodeName, nameIsDNSSubdomain(nodeName, false))),
  ...validateNonSpecialIP(ip, child(path, 'ip')),
];

function validatePort(
  { name = '', port = 0, protocol, appProtocol }: Partial<core.EndpointPort>,
  path: string,
  named: boolean,
): FieldError[] {
  const errors =
    name === '' ? (named ? [required(child(path, 'name'))] : []) : validateDNS1123Label(name, child(path, 'name'));
  return [
    ...errors,
    ...invalidEach(child(path, 'port'), port, isPortNumber(port)),
    ...validateEnum(protocol, PROTOCOLS, child(path, 'protocol')),
    ...(appProtocol === undefined ? [] : validateQualifiedName(appProtocol, child(path, 'appProtocol'))),
  ];
}

/** `ip:port` of every ready address, port by port; addresses alone where there are no ports. Source: formatEndpoints in printers.go v1.36. */
function addressTexts({ subsets = [] }: Endpoints): string[] {
  return subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(({ ip }) => ip)
      : ports.flatMap(({ port }) => addresses.map(({ ip }) => `${ip.includes(':') ? `[${ip}]` : ip}:${port}`)),
  );
}

/** Source: ValidateEndpoints in pkg/apis/core/validation, pkg/registry/core/endpoint v1.36. */
export const Endpoints = defineKind<Endpoints>({
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  singular: 'endpoints',
  shortNames: ['ep'],
  namespaced: true,
  definition: 'core.v1.Endpoints',
  storagePrefix: 'services/endpoints',
  createOnUpdate: true,
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',

  defaults({ subsets = [] }) {
    for (const port of subsets.flatMap(({ ports = [] }) => ports)) {
      if ((port.protocol ?? '') === '') port.protocol = 'TCP';
    }
  },
  // What was valid once may stay as it is.
  validate({ subsets }, old) {
    const errors = eachOf(subsets, 'subsets', validateSubset);
    return errors.length > 0 && old !== undefined && semanticEqual(subsets, old.subsets) ? [] : errors;
  },

  columns: [NAME, { name: 'Endpoints', type: 'string' }, AGE],
  row: (endpoints, { nowMs }) => ({
    cells: [
      endpoints.metadata.name,
      (endpoints.subsets ?? []).length === 0 ? '<none>' : firstThree(addressTexts(endpoints)),
      age(endpoints, nowMs),
    ],
  }),
});
