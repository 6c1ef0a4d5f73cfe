import { validateCSIDriverName } from '../core/pod/volume/sources.ts';
import type { FieldError } from '../field-error.ts';
import { forbiddenField, required } from '../field-error.ts';
import type * as storage from '../generated/storage.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';
import { invalidEach, unchecked, validateImmutable } from '../validation/fields.ts';
import { nameIsDNSSubdomain } from '../validation/names.ts';
import { STORAGE_GROUP } from './parameters.ts';

export type VolumeAttachment = storage.VolumeAttachment;

function validateVolumeAttachment({ spec }: VolumeAttachment): FieldError[] {
  const { attacher = '', nodeName = '', source = {} } = unchecked(spec);
  const { persistentVolumeName: volume, inlineVolumeSpec: inline } = source;
  const path = 'spec.source';
  const which = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  return [
    ...validateCSIDriverName(attacher, 'spec.attacher'),
    ...(volume === undefined && inline === undefined ? [required(path, which)] : []),
    ...(volume !== undefined && inline !== undefined ? [forbiddenField(path, which)] : []),
    ...(volume === '' && inline === undefined
      ? [required(`${path}.persistentVolumeName`, 'must specify non empty persistentVolumeName')]
      : []),
    ...invalidEach('spec.nodeName', nodeName, nameIsDNSSubdomain(nodeName, false)),
  ];
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
    attachment.status ??= { attached: false };
    attachment.status.attached ??= false;
  },
  validate: validateVolumeAttachment,
  validateUpdate: ({ spec }, old) => validateImmutable(spec, old.spec, 'spec'),
  prepareForCreate(attachment) {
    attachment.status = { attached: false };
  },
  status: {
    prepareForUpdate(attachment, old) {
      attachment.spec = old.spec;
    },
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
