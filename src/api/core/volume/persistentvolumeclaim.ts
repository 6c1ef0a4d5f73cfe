import type { FieldError } from '../../field-error.ts';
import { child, forbiddenField, invalid, notSupported, required } from '../../field-error.ts';
import type * as core from '../../generated/core.v1.ts';
import { defineKind } from '../../kind.ts';
import { canonicalQuantity, compareQuantity } from '../../quantity.ts';
import { AGE, age, NAME } from '../../table.ts';
import { eachKey, invalidEach, validateImmutable } from '../../validation/fields.ts';
import { isQualifiedName } from '../../validation/names.ts';
import { defaultRequirements, roundedToMilli } from '../pod/defaults.ts';
import { internalDiff } from '../internal/diff.ts';
import { internalEqual } from '../internal/print.ts';
import { isNativeResource } from '../pod/resources.ts';
import { normalizeDataSources, validatePersistentVolumeClaimSpec } from './claimspec.ts';
import {
  accessModesText,
  classAnnotationWarnings,
  fractionWarnings,
  STORAGE_CLASS_ANNOTATION,
  storageClassOf,
  storagePath,
  validateBasicResource,
} from './modes.ts';

export type PersistentVolumeClaim = core.PersistentVolumeClaim;

const RESIZE_STATUSES = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
  'NodeResizePending',
].toSorted();

/** Source: SetDefaults_PersistentVolumeClaim in pkg/apis/core/v1/defaults.go v1.36. */
export function defaultPersistentVolumeClaim(claim: PersistentVolumeClaim): void {
  claim.spec ??= {};
  claim.status ??= {};
  claim.spec.resources ??= {};
  if ((claim.status.phase ?? '') === '') claim.status.phase = 'Pending';
  claim.spec.volumeMode ??= 'Filesystem';
  defaultRequirements(claim.spec.resources);
  const { capacity, allocatedResources } = claim.status;
  if (capacity !== undefined) claim.status.capacity = roundedToMilli(capacity);
  if (allocatedResources !== undefined) claim.status.allocatedResources = roundedToMilli(allocatedResources);
}

/** What a bound claim may change: its size, upwards, and its attributes; everything else is what it was made with. */
function validateUpdate(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const now = { ...claim.spec };
  const before = { ...old.spec };
  // What was saved by an older version may lack the newer of the two fields.
  normalizeDataSources(before, before);
  const annotation = old.metadata.annotations?.[STORAGE_CLASS_ANNOTATION];
  const errors: FieldError[] = [];
  if ((before.volumeName ?? '') === '') before.volumeName = now.volumeName;
  const named = before.storageClassName === undefined && now.storageClassName !== undefined;
  if (named && (annotation === undefined || annotation === now.storageClassName)) {
    before.storageClassName = now.storageClassName;
  }
  if (
    !(named && annotation === now.storageClassName) &&
    claim.metadata.annotations?.[STORAGE_CLASS_ANNOTATION] !== annotation
  ) {
    errors.push(
      invalid(
        // The dots of the annotation are upstream's way to write this path.
        child('metadata', 'annotations', STORAGE_CLASS_ANNOTATION),
        claim.metadata.annotations?.[STORAGE_CLASS_ANNOTATION] ?? '',
        'field is immutable',
      ),
    );
  }
  const size = now.resources?.requests?.['storage'];
  const oldSize = before.resources?.requests?.['storage'];
  if (claim.status.phase === 'Bound') {
    if (now.resources?.requests !== undefined && oldSize !== undefined) {
      now.resources = { ...now.resources, requests: { ...now.resources.requests, storage: oldSize } };
    }
    if (now.volumeAttributesClassName !== undefined) now.volumeAttributesClassName = before.volumeAttributesClassName;
  }
  if (!internalEqual(before, now, 'PersistentVolumeClaimSpec')) {
    const why =
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
    errors.push(forbiddenField('spec', `${why}\n${internalDiff(before, now, 'PersistentVolumeClaimSpec')}`));
  }
  if (compareQuantity(size ?? '0', oldSize ?? '0') < 0) {
    const capacity = old.status.capacity?.['storage'] ?? '0';
    if (compareQuantity(size ?? '0', capacity) <= 0) {
      errors.push(forbiddenField('spec.resources.requests.storage', 'field can not be less than status.capacity'));
    }
  }
  errors.push(...validateImmutable(claim.spec.volumeMode, old.spec.volumeMode, 'volumeMode'));
  const attributes = claim.spec.volumeAttributesClassName;
  const applied = old.status.currentVolumeAttributesClassName !== undefined;
  if (applied && attributes !== old.spec.volumeAttributesClassName && (attributes ?? '') === '') {
    const what = attributes === undefined ? 'nil' : 'empty string';
    const why = `update to ${what} is forbidden when status.currentVolumeAttributesClassName is not nil`;
    errors.push(forbiddenField('spec.volumeAttributesClassName', why));
  }
  return errors;
}

function validateStatusUpdate({ spec, status }: PersistentVolumeClaim): FieldError[] {
  const statusesPath = 'status.allocatedResourceStatuses';
  const resourcesPath = 'status.allocatedResources';
  return [
    ...((spec.accessModes ?? []).length === 0 ? [required('Spec.accessModes')] : []),
    ...eachKey(status.capacity, 'status.capacity', (_name, quantity, at) => validateBasicResource(quantity, at)),
    ...Object.entries(status.allocatedResourceStatuses ?? {}).flatMap(([name, value]) => [
      ...validateResourceKey(name, statusesPath),
      ...(RESIZE_STATUSES.includes(value) ? [] : [notSupported(statusesPath, name, RESIZE_STATUSES)]),
    ]),
    ...eachKey(status.allocatedResources, resourcesPath, (name, quantity, at) => {
      const errors = validateResourceKey(name, resourcesPath);
      return errors.length > 0 ? errors : validateBasicResource(quantity, at);
    }),
  ];
}

/** Of Kubernetes' own resources a claim has storage only. Source: validatePersistentVolumeClaimResourceKey. */
function validateResourceKey(name: string, path: string): FieldError[] {
  const errors = invalidEach(path, name, isQualifiedName(name));
  if (errors.length > 0 || !isNativeResource(name) || name === 'storage') return errors;
  return [notSupported(path, name, ['storage'])];
}

/** Source: pkg/registry/core/persistentvolumeclaim/strategy.go v1.36. */
export const PersistentVolumeClaim = defineKind<PersistentVolumeClaim>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  shortNames: ['pvc'],
  namespaced: true,
  definition: 'core.v1.PersistentVolumeClaim',

  defaults: defaultPersistentVolumeClaim,
  validate: ({ spec }, old) => validatePersistentVolumeClaimSpec(spec, 'spec', old?.spec),
  validateUpdate,
  warnings: ({ metadata, spec }) => [
    ...classAnnotationWarnings(metadata.annotations),
    ...fractionWarnings(spec.resources?.requests?.['storage'], storagePath('spec.resources.requests')),
    ...fractionWarnings(spec.resources?.limits?.['storage'], storagePath('spec.resources.limits')),
  ],
  prepareForCreate(claim) {
    claim.status = { phase: 'Pending' };
    normalizeDataSources(claim.spec, undefined);
  },
  prepareForUpdate: (claim, old) => normalizeDataSources(claim.spec, old.spec),
  status: {
    prepareForUpdate(claim, old) {
      claim.spec = old.spec;
    },
    validateUpdate: validateStatusUpdate,
  },

  columns: [
    NAME,
    { name: 'Status', type: 'string' },
    { name: 'Volume', type: 'string' },
    { name: 'Capacity', type: 'string' },
    { name: 'Access Modes', type: 'string' },
    { name: 'StorageClass', type: 'string' },
    { name: 'VolumeAttributesClass', type: 'string' },
    AGE,
    { name: 'VolumeMode', type: 'string', priority: 1 },
  ],
  row(claim, { nowMs }) {
    const { metadata, spec, status } = claim;
    const bound = (spec.volumeName ?? '') !== '';
    return {
      cells: [
        metadata.name,
        metadata.deletionTimestamp === undefined ? (status.phase ?? '') : 'Terminating',
        spec.volumeName ?? '',
        bound ? canonicalQuantity(status.capacity?.['storage'] ?? '0') : '',
        bound ? accessModesText(status.accessModes) : '',
        storageClassOf(claim),
        spec.volumeAttributesClassName ?? '<unset>',
        age(claim, nowMs),
        spec.volumeMode ?? '<unset>',
      ],
    };
  },
});
