import { decodeObject } from '../codec/target.ts';
import { apiVersionOf, type Kind, type KubeObject } from '../kind.ts';
import { excludeFields, includeFields } from './filter.ts';
import { type FieldManager, type FieldManagerOptions, newFieldManager } from './field-manager.ts';
import { definitionType } from './typed/definition-type.ts';
import type { ApplyType } from './typed/type.ts';
import type { SetFilter } from './updater.ts';

const STATUS = excludeFields('status');
const SPEC = excludeFields('spec');

/** Of kinds whose status is written without touching metadata. */
const SPEC_AND_METADATA = excludeFields('spec', 'metadata');

/** What writes through a path set back, beside status for the object and spec for its status. Source: GetResetFields of pkg/registry v1.36. */
const FILTERS: Readonly<Record<string, SetFilter>> = {
  'Deployment/status': excludeFields('spec', 'metadata.labels'),
  'Pod/status': excludeFields('spec', 'metadata.deletionTimestamp', 'metadata.ownerReferences'),
  'Pod/ephemeralcontainers': includeFields('spec.ephemeralContainers'),
  'Pod/resize': includeFields(
    'spec.containers.*.resources',
    'spec.containers.*.resizePolicy',
    'spec.initContainers.*.resources',
    'spec.initContainers.*.resizePolicy',
  ),
  'CertificateSigningRequest/': excludeFields('spec', 'status'),
  'CertificateSigningRequest/status': excludeFields('spec', 'status.conditions'),
  'CertificateSigningRequest/approval': excludeFields('spec', 'status.certificate'),
  'Namespace/finalize': STATUS,
  'APIService/status': SPEC_AND_METADATA,
  'DeviceTaintRule/status': SPEC_AND_METADATA,
  'FlowSchema/status': SPEC_AND_METADATA,
  'PriorityLevelConfiguration/status': SPEC_AND_METADATA,
  'ResourceClaim/status': SPEC_AND_METADATA,
  'ValidatingAdmissionPolicy/status': SPEC_AND_METADATA,
  'VolumeAttachment/status': SPEC_AND_METADATA,
};

/** What of a kind managers of fields have to know; a {@link Kind} is one, and so is what is written through its scale. */
export type ManagedKind = Pick<Kind, 'group' | 'version' | 'kind' | 'definition' | 'custom' | 'defaults' | 'status'>;

/** The type of a kind's objects, whether it is built in or custom. */
export const applyTypeOf = ({ custom, definition }: ManagedKind): ApplyType =>
  custom === undefined ? definitionType(definition) : custom.type;

/** By version, the filter of a path. That of a custom object keeps to its own version, that of its status does not. */
function filterOf(kind: ManagedKind, subresource: string): (apiVersion: string) => SetFilter | undefined {
  const isCustom = kind.custom !== undefined;
  const special = isCustom ? undefined : FILTERS[`${kind.kind}/${subresource}`];
  if (special !== undefined) return () => special;
  if (kind.status === undefined) return () => undefined;
  if (subresource === 'status') return () => (isCustom ? SPEC_AND_METADATA : SPEC);
  const own = apiVersionOf(kind);
  return (apiVersion) => (subresource === '' && (!isCustom || apiVersion === own) ? STATUS : undefined);
}

export type KindFieldManagerOptions = Pick<FieldManagerOptions, 'now' | 'report' | 'convert'> & {
  /** Default: '', the object itself. */
  readonly subresource?: string;
  /** Default: upstream's. */
  readonly filter?: FieldManagerOptions['filter'];
};

/** The field manager of a kind, one for each path it is written through. */
export function kindFieldManager(
  kind: ManagedKind,
  { subresource = '', ...options }: KindFieldManagerOptions,
): FieldManager {
  return newFieldManager({
    kind,
    subresource,
    type: applyTypeOf(kind),
    complete(value) {
      const object: KubeObject = decodeObject(value, kind, { fieldValidation: 'Ignore' }).object;
      kind.defaults?.(object);
      return object;
    },
    filter: filterOf(kind, subresource),
    ...options,
  });
}
