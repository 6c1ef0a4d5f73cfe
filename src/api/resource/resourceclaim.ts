import type { FieldError } from '../field-error.ts';
import { child, duplicate, forbiddenField, required, tooMany } from '../field-error.ts';
import type * as resource from '../generated/resource.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';
import { eachOf, Seen, unchecked, validateImmutable } from '../validation/fields.ts';
import { defaultClaimSpec, RESOURCE_GROUP, validateClaimSpec } from './claimspec.ts';

export type ResourceClaim = resource.ResourceClaim;
export type ResourceClaimTemplate = resource.ResourceClaimTemplate;

const MAX_RESERVED_FOR = 256;

/** Once given, devices stay given until nobody uses them any more. */
function validateStatusUpdate({ status, metadata }: ResourceClaim, old: ResourceClaim): FieldError[] {
  const { reservedFor = [], allocation } = status;
  const path = 'status.reservedFor';
  const uids = new Seen();
  const errors = reservedFor.length > MAX_RESERVED_FOR ? [tooMany(path, reservedFor.length, MAX_RESERVED_FOR)] : [];
  errors.push(
    ...eachOf(reservedFor, path, (consumer, at) => {
      const { resource: plural = '', name = '', uid = '' } = unchecked(consumer);
      return [
        ...(plural === '' ? [required(child(at, 'resource'))] : []),
        ...(name === '' ? [required(child(at, 'name'))] : []),
        ...(uid === '' ? [required(child(at, 'uid'))] : []),
        ...(uids.add(uid) ? [] : [duplicate(child(at, 'uid'), uid)]),
      ];
    }),
  );
  if (reservedFor.length > 0 && allocation === undefined) {
    errors.push(forbiddenField(path, 'may not be specified when `allocated` is not set'));
  } else if (metadata.deletionTimestamp !== undefined) {
    const before = new Set((old.status.reservedFor ?? []).map(({ uid }) => uid));
    if (reservedFor.some(({ uid }) => !before.has(uid))) {
      errors.push(
        forbiddenField(
          path,
          'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set',
        ),
      );
    }
  }
  if (old.status.allocation !== undefined && allocation !== undefined) {
    errors.push(...validateImmutable(allocation, old.status.allocation, 'status.allocation'));
  }
  return errors;
}

function stateText({ metadata, status }: ResourceClaim): string {
  const deleted = metadata.deletionTimestamp !== undefined;
  const states = deleted ? ['deleted'] : [];
  if (status.allocation !== undefined) {
    states.push('allocated', ...((status.reservedFor ?? []).length > 0 ? ['reserved'] : []));
  } else if (!deleted) states.push('pending');
  return states.join(',');
}

/** Source: pkg/registry/resource/resourceclaim/strategy.go v1.36. */
export const ResourceClaim = defineKind<ResourceClaim>({
  group: RESOURCE_GROUP,
  version: 'v1',
  kind: 'ResourceClaim',
  plural: 'resourceclaims',
  namespaced: true,
  definition: 'resource.v1.ResourceClaim',

  defaults(claim) {
    claim.spec ??= {};
    claim.status ??= {};
    defaultClaimSpec(claim.spec);
  },
  validate: ({ spec }) => validateClaimSpec(spec, 'spec'),
  validateUpdate: ({ spec }, old) => validateImmutable(spec, old.spec, 'spec'),
  prepareForCreate(claim) {
    claim.status = {};
  },
  status: {
    prepareForUpdate(claim, old) {
      claim.spec = old.spec;
    },
    validateUpdate: validateStatusUpdate,
  },

  columns: [NAME, { name: 'State', type: 'string' }, AGE],
  row: (claim, { nowMs }) => ({ cells: [claim.metadata.name, stateText(claim), age(claim, nowMs)] }),
});

/** Source: pkg/registry/resource/resourceclaimtemplate/strategy.go v1.36. */
export const ResourceClaimTemplate = defineKind<ResourceClaimTemplate>({
  group: RESOURCE_GROUP,
  version: 'v1',
  kind: 'ResourceClaimTemplate',
  plural: 'resourceclaimtemplates',
  namespaced: true,
  definition: 'resource.v1.ResourceClaimTemplate',

  defaults(template) {
    template.spec ??= { spec: {} };
    template.spec.spec ??= {};
    defaultClaimSpec(template.spec.spec);
  },
  validate: ({ spec }) => validateClaimSpec(spec.spec, 'spec.spec'),
  validateUpdate: ({ spec }, old) => validateImmutable(spec, old.spec, 'spec'),

  columns: [NAME, AGE],
  row: (template, { nowMs }) => ({ cells: [template.metadata.name, age(template, nowMs)] }),
});
