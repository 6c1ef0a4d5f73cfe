import { defaultSharedSources } from '../core/pod/defaults.ts';
import { validateCSIDriverName } from '../core/pod/volume/sources.ts';
import { validateAccessModes } from '../core/volume/modes.ts';
import { validateSource } from '../core/volume/sources.ts';
import type { FieldError } from '../field-error.ts';
import { child, forbiddenField, invalid, required, tooLong } from '../field-error.ts';
import type { PersistentVolumeSpec } from '../generated/core.v1.ts';
import type * as storage from '../generated/storage.v1.ts';
import { defineKind } from '../kind.ts';
import { resetMetadataForStatus } from '../meta/reset.ts';
import { AGE, age, NAME } from '../table.ts';
import { semanticEqual } from '../validation/equal.ts';
import { invalidEach, unchecked } from '../validation/fields.ts';
import { byteLength, inclusiveRangeError, nameIsDNSSubdomain } from '../validation/names.ts';
import { STORAGE_GROUP } from './parameters.ts';

export type VolumeAttachment = storage.VolumeAttachment;

const METADATA_MAX_BYTES = 256 * 1024;
const MESSAGE_MAX_BYTES = 1024;

function validateVolumeAttachment({ spec, status }: VolumeAttachment): FieldError[] {
  const { attacher = '', nodeName = '', source = {} } = unchecked(spec);
  const { persistentVolumeName: volume, inlineVolumeSpec: inline } = source;
  const path = 'spec.source';
  const volumePath = `${path}.persistentVolumeName`;
  const which = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  return [
    ...validateCSIDriverName(attacher, 'spec.attacher'),
    ...(volume === undefined && inline === undefined ? [required(path, which)] : []),
    ...(volume !== undefined && inline !== undefined ? [forbiddenField(path, which)] : []),
    ...(volume === '' && inline === undefined
      ? [required(volumePath, 'must specify non empty persistentVolumeName')]
      : []),
    ...(volume === undefined && inline !== undefined ? validateInline(inline, `${path}.inlineVolumeSpec`) : []),
    ...invalidEach('spec.nodeName', nodeName, nameIsDNSSubdomain(nodeName, false)),
    ...validateStatus(status),
    ...(volume === undefined ? [] : invalidEach(volumePath, volume, nameIsDNSSubdomain(volume, false))),
  ];
}

/** A volume that is no object of its own. Source: ValidatePersistentVolumeSpec in pkg/apis/core/validation v1.36. */
function validateInline(spec: PersistentVolumeSpec, path: string): FieldError[] {
  const { accessModes = [], capacity = {}, persistentVolumeReclaimPolicy: policy = '', volumeMode } = spec;
  const inContext = 'in the context of inline volumes';
  const forbid = (field: string, why = `may not be specified ${inContext}`): FieldError =>
    forbiddenField(child(path, field), why);
  return [
    ...(spec.claimRef === undefined ? [] : [forbid('claimRef')]),
    ...(Object.keys(capacity).length === 0 ? [] : [forbid('capacity')]),
    ...(spec.csi === undefined ? [required(child(path, 'csi'), `has to be specified ${inContext}`)] : []),
    ...(accessModes.length === 0 ? [required(child(path, 'accessModes'))] : []),
    ...validateAccessModes(accessModes, child(path, 'accessModes')),
    ...(policy === '' || policy === 'Retain'
      ? []
      : [forbid('persistentVolumeReclaimPolicy', `may only be Retain ${inContext}`)]),
    ...(spec.nodeAffinity === undefined ? [] : [forbid('nodeAffinity')]),
    ...validateSource(spec, path, ''),
    ...((spec.storageClassName ?? '') === '' ? [] : [forbid('storageClassName')]),
    ...(volumeMode === undefined || volumeMode === 'Filesystem'
      ? []
      : [forbid('volumeMode', `may not specify volumeMode other than Filesystem ${inContext}`)]),
  ];
}

function validateStatus({
  attachmentMetadata = {},
  attachError,
  detachError,
}: storage.VolumeAttachmentStatus): FieldError[] {
  const bytes = Object.entries(attachmentMetadata).reduce((n, [k, v]) => n + byteLength(k) + byteLength(v), 0);
  return [
    ...(bytes > METADATA_MAX_BYTES ? [tooLong('status.attachmentMetadata', METADATA_MAX_BYTES)] : []),
    ...validateVolumeError(attachError, 'status.attachError'),
    ...validateVolumeError(detachError, 'status.detachError'),
  ];
}

const validateVolumeError = ({ message = '', errorCode = 0 }: storage.VolumeError = {}, path: string): FieldError[] => [
  // Upstream names the wrong limit.
  ...(byteLength(message) > MESSAGE_MAX_BYTES ? [tooLong(child(path, 'message'), METADATA_MAX_BYTES)] : []),
  ...(errorCode < 0 ? [invalid(child(path, 'errorCode'), errorCode, inclusiveRangeError(0, 2 ** 31 - 1))] : []),
];

function validateUpdate({ spec }: VolumeAttachment, old: VolumeAttachment): FieldError[] {
  if (semanticEqual(spec, old.spec)) return [];
  const { attacher, nodeName, source } = spec;
  // Shown as upstream's internal type is: its fields have no JSON names.
  const shown = {
    Attacher: attacher,
    Source: {
      PersistentVolumeName: source.persistentVolumeName ?? null,
      InlineVolumeSpec: source.inlineVolumeSpec ?? null,
    },
    NodeName: nodeName,
  };
  return [invalid('spec', shown, 'field is immutable')];
}

/** Source: pkg/apis/storage/validation, pkg/registry/storage/volumeattachment/strategy.go v1.36. */
export const VolumeAttachment = defineKind<VolumeAttachment>({
  group: STORAGE_GROUP,
  version: 'v1',
  kind: 'VolumeAttachment',
  plural: 'volumeattachments',
  namespaced: false,
  definition: 'storage.v1.VolumeAttachment',
  unconditionalUpdate: false,

  defaults(attachment) {
    attachment.spec ??= { attacher: '', nodeName: '', source: {} };
    attachment.spec.source ??= {};
    if (attachment.spec.source.inlineVolumeSpec !== undefined)
      defaultSharedSources(attachment.spec.source.inlineVolumeSpec);
    attachment.status ??= { attached: false };
    attachment.status.attached ??= false;
  },
  validate: validateVolumeAttachment,
  validateUpdate,
  prepareForCreate(attachment) {
    attachment.status = { attached: false };
  },
  status: {
    prepareForUpdate(attachment, old) {
      attachment.spec = old.spec;
      resetMetadataForStatus(attachment, old);
    },
    validateUpdate: validateVolumeAttachment,
  },

  columns: [
    NAME,
    { name: 'Attacher', type: 'string', format: 'name' },
    { name: 'PV', type: 'string' },
    { name: 'Node', type: 'string' },
    { name: 'Attached', type: 'boolean' },
    AGE,
  ],
  row: (attachment, { nowMs }) => ({
    cells: [
      attachment.metadata.name,
      attachment.spec.attacher,
      attachment.spec.source.persistentVolumeName ?? '',
      attachment.spec.nodeName,
      attachment.status.attached,
      age(attachment, nowMs),
    ],
  }),
});
