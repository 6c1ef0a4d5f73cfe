import type { FieldError } from '../field-error.ts';
import { index, invalid, required } from '../field-error.ts';
import type * as networking from '../generated/networking.v1.ts';
import { defineKind } from '../kind.ts';
import { resetMetadataForStatus } from '../meta/reset.ts';
import { AGE, age, NAME } from '../table.ts';
import { eachOf, validateImmutable } from '../validation/fields.ts';
import { anyCIDRFamily, canonicalCIDR, validateCIDR } from '../validation/ip.ts';

export type ServiceCIDR = networking.ServiceCIDR;

const PATH = 'spec.cidrs';
const ONE_EACH = 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64';

function validateServiceCIDR({ spec: { cidrs = [] } }: ServiceCIDR): FieldError[] {
  if (cidrs.length === 0) return [required(PATH, 'at least one CIDR required')];
  if (cidrs.length > 2) return [invalid(PATH, { CIDRs: cidrs }, 'may only hold up to 2 values')];
  const families = cidrs.map(anyCIDRFamily);
  const same = cidrs.length === 2 && families[0] !== undefined && families[0] === families[1];
  return [
    ...eachOf(cidrs, PATH, (cidr, at) => {
      const wrong = validateCIDR(cidr, at);
      const canonical = canonicalCIDR(cidr);
      return wrong.length > 0 || canonical === cidr
        ? wrong
        : [invalid(at, cidr, `must be in canonical form ("${canonical}")`)];
    }),
    ...(same ? [invalid(PATH, cidrs, ONE_EACH)] : []),
  ];
}

/** A second family may be added, and is looked at; nothing else changes. */
function validateUpdate(serviceCIDR: ServiceCIDR, { spec: { cidrs: old = [] } }: ServiceCIDR): FieldError[] {
  const { cidrs = [] } = serviceCIDR.spec;
  const grows = old.length === 1 && cidrs.length === 2;
  if (cidrs.length !== old.length && !grows) return validateImmutable(cidrs, old, PATH);
  return [
    ...old.flatMap((cidr, i) => validateImmutable(cidrs[i], cidr, index(PATH, i))),
    ...(grows ? validateServiceCIDR(serviceCIDR) : []),
  ];
}

/** Source: ValidateServiceCIDR in pkg/apis/networking/validation, pkg/registry/networking/servicecidr/strategy.go v1.36. */
export const ServiceCIDR = defineKind<ServiceCIDR>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'ServiceCIDR',
  plural: 'servicecidrs',
  namespaced: false,
  definition: 'networking.v1.ServiceCIDR',

  defaults(serviceCIDR) {
    serviceCIDR.spec ??= {};
    serviceCIDR.status ??= {};
  },
  validateCreate: validateServiceCIDR,
  validateUpdate,
  prepareForCreate(serviceCIDR) {
    serviceCIDR.status = {};
  },
  status: {
    prepareForUpdate(serviceCIDR, old) {
      serviceCIDR.spec = old.spec;
      resetMetadataForStatus(serviceCIDR, old);
    },
  },

  columns: [NAME, { name: 'CIDRs', type: 'string' }, AGE],
  row: (serviceCIDR, { nowMs }) => ({
    cells: [serviceCIDR.metadata.name, (serviceCIDR.spec.cidrs ?? []).join(','), age(serviceCIDR, nowMs)],
  }),
});
