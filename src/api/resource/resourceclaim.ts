import type * as resource from '../generated/resource.v1.ts';
import { defineKind } from '../kind.ts';
import { resetMetadataForStatus } from '../meta/reset.ts';
import { validateTemplateMetadata } from '../meta/template.ts';
import { AGE, age, NAME } from '../table.ts';
import { validateImmutable } from '../validation/fields.ts';
import { defaultClaimSpec, validateClaimSpec } from './claimspec.ts';
import { validateStatusUpdate } from './claimstatus.ts';
import { RESOURCE_GROUP } from './lists.ts';

export type ResourceClaim = resource.ResourceClaim;
export type ResourceClaimTemplate = resource.ResourceClaimTemplate;

function stateText({ metadata, status }: ResourceClaim): string {
  const deleted = metadata.deletionTimestamp !== undefined;
  const states = deleted ? ['deleted'] : [];
  if (status.allocation !== undefined) {
    states.push('allocated', ...((status.reservedFor ?? []).length > 0 ? ['reserved'] : []));
  } else if (!deleted) states.push('pending');
  return states.join(',');
}

/** What drivers tell of a device goes with its allocation. Source: dropDeallocatedStatusDevices, same file as below. */
function dropDeallocated({ status }: ResourceClaim, old: ResourceClaim): void {
  const idOf = ({ driver, pool, device, shareID = '' }: DeviceName): string =>
    JSON.stringify([driver, pool, device, shareID]);
  const idsOf = ({ allocation }: resource.ResourceClaimStatus): string[] =>
    (allocation?.devices?.results ?? []).map(idOf);
  const gone = new Set(idsOf(old.status)).difference(new Set(idsOf(status)));
  const left = (status.devices ?? []).filter((device) => !gone.has(idOf(device)));
  if (left.length === 0) delete status.devices;
  else status.devices = left;
}

interface DeviceName {
  readonly driver: string;
  readonly pool: string;
  readonly device: string;
  readonly shareID?: string | undefined;
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
  // What cannot change is not looked at again.
  validate: ({ spec }, old) => (old === undefined ? validateClaimSpec(spec, 'spec') : []),
  changesFirst: true,
  validateUpdate: ({ spec }, old) => validateImmutable(spec, old.spec, 'spec'),
  prepareForCreate(claim) {
    claim.status = {};
  },
  status: {
    prepareForUpdate(claim, old) {
      claim.spec = old.spec;
      resetMetadataForStatus(claim, old);
      dropDeallocated(claim, old);
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
    template.spec.metadata ??= {};
    template.spec.spec ??= {};
    defaultClaimSpec(template.spec.spec);
  },
  validate: ({ spec }, old) => [
    ...validateTemplateMetadata(spec.metadata, 'spec.metadata'),
    ...validateClaimSpec(spec.spec, 'spec.spec', old !== undefined),
  ],
  changesFirst: true,
  validateUpdate: ({ spec }, old) => validateImmutable(spec, old.spec, 'spec'),

  columns: [NAME, AGE],
  row: (template, { nowMs }) => ({ cells: [template.metadata.name, age(template, nowMs)] }),
});
