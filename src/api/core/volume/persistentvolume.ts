import type { FieldError } from '../../field-error.ts';
import { child, forbiddenField, index, keyPath, notSupported, required } from '../../field-error.ts';
import type * as core from '../../generated/core.v1.ts';
import { defineKind } from '../../kind.ts';
import { nodeTermWarnings } from '../../validation/node-labels.ts';
import { canonicalQuantity } from '../../quantity.ts';
import { AGE, age, NAME } from '../../table.ts';
import { formatTime } from '../../time.ts';
import { eachKey, validateImmutable, validateOptionalEnum } from '../../validation/fields.ts';
import { internalDiff } from '../internal/diff.ts';
import { internalEqual } from '../internal/print.ts';
import { defaultSharedSources, roundedToMilli } from '../pod/defaults.ts';
import { validateNodeSelector } from '../pod/scheduling.ts';
import {
  accessModesText,
  classAnnotationWarnings,
  storageClassOf,
  validateAccessModes,
  validateBasicResource,
  validateClassName,
  validatePositiveQuantity,
  VOLUME_MODES,
} from './modes.ts';
import { sourceOf, validateSource } from './sources.ts';

export type PersistentVolume = core.PersistentVolume;

const RECLAIM_POLICIES = ['Delete', 'Recycle', 'Retain'];

function validatePersistentVolume({ metadata, spec }: PersistentVolume): FieldError[] {
  const path = 'spec';
  const { accessModes = [], capacity = {}, persistentVolumeReclaimPolicy: policy = '', nodeAffinity } = spec;
  const { volumeAttributesClassName: attributes } = spec;
  const at = (...names: readonly string[]): string => child(path, ...names);
  const errors = accessModes.length === 0 ? [required(at('accessModes'))] : [];
  errors.push(...validateAccessModes(accessModes, at('accessModes')));
  if (Object.keys(capacity).length === 0) errors.push(required(at('capacity')));
  if (capacity['storage'] === undefined || Object.keys(capacity).length > 1) {
    const shown = Object.fromEntries(Object.entries(capacity).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    errors.push(notSupported(at('capacity'), spec.capacity && shown, ['storage']));
  }
  errors.push(
    ...eachKey(capacity, at('capacity'), (name, quantity) => [
      ...validateBasicResource(quantity, keyPath(at('capacity'), name)),
      ...validatePositiveQuantity(quantity, keyPath(at('capacity'), name)),
    ]),
  );
  if (policy !== '') {
    errors.push(...validateOptionalEnum(policy, RECLAIM_POLICIES, at('persistentVolumeReclaimPolicy')));
  }
  if (nodeAffinity !== undefined) {
    const requiredPath = at('nodeAffinity', 'required');
    errors.push(
      ...(nodeAffinity.required === undefined
        ? [required(requiredPath, 'must specify required node constraints')]
        : validateNodeSelector(nodeAffinity.required, requiredPath)),
    );
  }
  errors.push(...validateSource(spec, path, metadata.name));
  if (policy === 'Recycle' && /^\/(\.?\/)*\.?$/.test(spec.hostPath?.path ?? '')) {
    const why = "may not be 'recycle' for a hostPath mount of '/'";
    errors.push(forbiddenField(at('persistentVolumeReclaimPolicy'), why));
  }
  errors.push(...validateClassName(spec.storageClassName, at('storageClassName')));
  errors.push(...validateOptionalEnum(spec.volumeMode, VOLUME_MODES, at('volumeMode')));
  if (attributes !== undefined) {
    const attributesPath = at('volumeAttributesClassName');
    if (attributes === '') errors.push(required(attributesPath, 'an empty string is disallowed'));
    errors.push(...validateClassName(attributes, attributesPath));
    if (spec.csi === undefined) {
      errors.push(required(at('csi'), 'has to be specified when using volumeAttributesClassName'));
    }
  }
  return errors;
}

function validateUpdate({ spec }: PersistentVolume, { spec: old }: PersistentVolume): FieldError[] {
  const source = sourceOf(spec);
  // The secret for growing may come later.
  if (source.csi !== undefined && old.csi !== undefined && old.csi.controllerExpandSecretRef === undefined) {
    const { controllerExpandSecretRef: _, ...csi } = source.csi;
    source.csi = csi;
  }
  const before = sourceOf(old);
  const type = 'PersistentVolumeSource';
  const why = 'spec.persistentvolumesource is immutable after creation';
  return [
    ...(internalEqual(before, source, type)
      ? []
      : [forbiddenField('spec.persistentvolumesource', `${why}\n${internalDiff(before, source, type)}`)]),
    ...validateImmutable(spec.volumeMode, old.volumeMode, 'volumeMode'),
    ...(old.nodeAffinity === undefined ? [] : validateImmutable(spec.nodeAffinity, old.nodeAffinity, 'nodeAffinity')),
    ...(old.volumeAttributesClassName !== undefined && spec.volumeAttributesClassName === undefined
      ? [forbiddenField('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden')]
      : []),
  ];
}

/** Kinds of volumes that are no more. Source: warningsForPersistentVolumeSpecAndMeta in pkg/api/persistentvolume v1.36. */
const GONE = [
  ['photonPersistentDisk', 'spec.photonPersistentDisk: deprecated in v1.11, non-functional in v1.16+'],
  ['scaleIO', 'spec.scaleIO: deprecated in v1.16, non-functional in v1.22+'],
  ['storageos', 'spec.storageOS: deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'spec.glusterfs: deprecated in v1.25, non-functional in v1.26+'],
  ['rbd', 'spec.rbd: deprecated in v1.28, non-functional in v1.31+'],
  ['cephfs', 'spec.cephfs: deprecated in v1.28, non-functional in v1.31+'],
] as const;

function warnings({ metadata, spec }: PersistentVolume): string[] {
  return [
    ...classAnnotationWarnings(metadata.annotations),
    ...(spec.persistentVolumeReclaimPolicy === 'Recycle'
      ? [
          'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
        ]
      : []),
    ...(spec.nodeAffinity?.required?.nodeSelectorTerms ?? []).flatMap((term, i) =>
      nodeTermWarnings(term, index('spec.nodeAffinity.required.nodeSelectorTerms', i), false),
    ),
    ...GONE.filter(([source]) => spec[source] !== undefined).map(([, text]) => text),
  ];
}

/** Source: pkg/registry/core/persistentvolume/strategy.go v1.36. */
export const PersistentVolume = defineKind<PersistentVolume>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  shortNames: ['pv'],
  namespaced: false,
  definition: 'core.v1.PersistentVolume',

  defaults(volume) {
    volume.spec ??= {};
    volume.status ??= {};
    const { spec, status } = volume;
    if ((status.phase ?? '') === '') status.phase = 'Pending';
    if ((spec.persistentVolumeReclaimPolicy ?? '') === '') spec.persistentVolumeReclaimPolicy = 'Retain';
    spec.volumeMode ??= 'Filesystem';
    if (spec.capacity !== undefined) spec.capacity = roundedToMilli(spec.capacity);
    defaultSharedSources(spec);
  },
  validate: validatePersistentVolume,
  validateUpdate,
  warnings,
  prepareForCreate(volume) {
    const { creationTimestamp } = volume.metadata;
    volume.status = {
      phase: 'Pending',
      ...(creationTimestamp === undefined ? {} : { lastPhaseTransitionTime: creationTimestamp }),
    };
  },
  status: {
    prepareForUpdate(volume, old, { nowMs }) {
      volume.spec = old.spec;
      const { phase, lastPhaseTransitionTime: time } = volume.status;
      const before = old.status.lastPhaseTransitionTime;
      if (phase !== old.status.phase) {
        if (time === undefined || time === before) volume.status.lastPhaseTransitionTime = formatTime(nowMs);
      } else if (time === undefined && before !== undefined) volume.status.lastPhaseTransitionTime = before;
    },
  },

  columns: [
    NAME,
    { name: 'Capacity', type: 'string' },
    { name: 'Access Modes', type: 'string' },
    { name: 'Reclaim Policy', type: 'string' },
    { name: 'Status', type: 'string' },
    { name: 'Claim', type: 'string' },
    { name: 'StorageClass', type: 'string' },
    { name: 'VolumeAttributesClass', type: 'string' },
    { name: 'Reason', type: 'string' },
    AGE,
    { name: 'VolumeMode', type: 'string', priority: 1 },
  ],
  row(volume, { nowMs }) {
    const { metadata, spec, status } = volume;
    const { claimRef } = spec;
    return {
      cells: [
        metadata.name,
        canonicalQuantity(spec.capacity?.['storage'] ?? '0'),
        accessModesText(spec.accessModes),
        spec.persistentVolumeReclaimPolicy ?? '',
        metadata.deletionTimestamp === undefined ? (status.phase ?? '') : 'Terminating',
        claimRef === undefined ? '' : `${claimRef.namespace ?? ''}/${claimRef.name ?? ''}`,
        storageClassOf(volume),
        spec.volumeAttributesClassName ?? '<unset>',
        status.reason ?? '',
        age(volume, nowMs),
        spec.volumeMode ?? '<unset>',
      ],
    };
  },
});
