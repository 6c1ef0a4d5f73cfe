import type { FieldError } from '../field-error.ts';
import { child, invalid, required } from '../field-error.ts';
import type * as networking from '../generated/networking.v1.ts';
import { defineKind } from '../kind.ts';
import { age, NAME } from '../table.ts';
import { semanticEqual } from '../validation/equal.ts';
import { invalidEach, unchecked, validateDNS1123Subdomain } from '../validation/fields.ts';
import { validateCanonicalIP } from '../validation/ip.ts';
import { isPathSegmentName, type NameRule } from '../validation/names.ts';

export type IPAddress = networking.IPAddress;

const nameIsCanonicalIP: NameRule = (name) =>
  validateCanonicalIP(name, '').map(({ message }) => message.replace(/^Invalid value: ".*?": /, ''));

/** The parent is shown as upstream's internal type is: its fields have no JSON names. */
function validateUpdate({ spec: { parentRef } }: IPAddress, old: IPAddress): FieldError[] {
  if (semanticEqual(parentRef, old.spec.parentRef)) return [];
  const { group = '', resource = '', namespace = '', name = '' } = unchecked(parentRef ?? {});
  const shown = parentRef && { Group: group, Resource: resource, Namespace: namespace, Name: name };
  return [invalid('spec.parentRef', shown, 'field is immutable')];
}

function validateParent(parent: networking.ParentReference | undefined, path: string): FieldError[] {
  if (parent === undefined) return [required(path)];
  const { group = '', resource = '', name = '', namespace = '' } = unchecked(parent);
  const segment = (value: string, field: string): FieldError[] =>
    invalidEach(child(path, field), value, isPathSegmentName(value));
  return [
    ...(group === '' ? [] : validateDNS1123Subdomain(group, child(path, 'group'))),
    ...(resource === '' ? [required(child(path, 'resource'))] : segment(resource, 'resource')),
    ...(name === '' ? [required(child(path, 'name'))] : segment(name, 'name')),
    ...(namespace === '' ? [] : segment(namespace, 'namespace')),
  ];
}

function parentText({ spec: { parentRef } }: IPAddress): string {
  const { group = '', resource = '', namespace = '', name = '' } = unchecked(parentRef ?? {});
  const what = group === '' ? resource : `${resource}.${group}`;
  return `${what.toLowerCase()}${namespace === '' ? '' : `/${namespace}`}/${name}`;
}

/** Source: ValidateIPAddress in pkg/apis/networking/validation, pkg/registry/networking/ipaddress/strategy.go v1.36. */
export const IPAddress = defineKind<IPAddress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IPAddress',
  plural: 'ipaddresses',
  shortNames: ['ip'],
  namespaced: false,
  definition: 'networking.v1.IPAddress',

  defaults(address) {
    address.spec ??= {} as networking.IPAddressSpec;
  },
  validateName: nameIsCanonicalIP,
  validate: ({ spec }) => validateParent(spec.parentRef, 'spec.parentRef'),
  validateUpdate,

  columns: [NAME, { name: 'ParentRef', type: 'string' }],
  // Upstream gives an age that no column is for.
  row: (address, { nowMs }) => ({ cells: [address.metadata.name, parentText(address), age(address, nowMs)] }),
});
