import type { FieldError } from '../../field-error.ts';
import { child, forbiddenField, invalid, keyPath, notSupported, required } from '../../field-error.ts';
import type * as core from '../../generated/core.v1.ts';
import { defineKind } from '../../kind.ts';
import { canonicalQuantity, compareQuantity } from '../../quantity.ts';
import { AGE, age, NAME } from '../../table.ts';
import { semanticEqual } from '../../validation/equal.ts';
import {
  eachKey,
  invalidEach,
  unchecked,
  validateDNS1123Subdomain,
  validateImmutable,
  validateLabelSelector,
  validateOptionalEnum,
} from '../../validation/fields.ts';
import { nameIsDNSLabel } from '../../validation/names.ts';
import { validateQuantity } from '../pod/requirements.ts';
import {
  accessModesText,
  fractionWarnings,
  STORAGE_CLASS_ANNOTATION,
  storageClassOf,
  storagePath,
  validateAccessModes,
  validateClassName,
  validatePositiveQuantity,
  VOLUME_MODES,
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
}

function validatePersistentVolumeClaimSpec(spec: core.PersistentVolumeClaimSpec, path: string): FieldError[] {
  const { accessModes = [], dataSource, dataSourceRef } = spec;
  const at = (...names: readonly string[]): string => child(path, ...names);
  const errors = accessModes.length === 0 ? [required(at('accessModes'), 'at least 1 access mode is required')] : [];
  errors.push(
    ...validateLabelSelector(spec.selector, at('selector')),
    ...validateAccessModes(accessModes, at('accessModes')),
  );
  const size = spec.resources?.requests?.['storage'];
  const sizePath = storagePath(path, 'resources');
  if (size === undefined) errors.push(required(sizePath));
  else errors.push(...validatePositiveQuantity(size, sizePath));
  errors.push(
    ...validateClassName(spec.storageClassName, at('storageClassName')),
    ...validateOptionalEnum(spec.volumeMode, VOLUME_MODES, at('volumeMode')),
    ...validateDataSource(dataSource, at('dataSource')),
    ...validateDataSource(dataSourceRef, at('dataSourceRef')),
  );
  if (dataSource !== undefined && dataSourceRef !== undefined) {
    if ((dataSourceRef.namespace ?? '') !== '') {
      const why = 'may not be specified when dataSourceRef.namespace is specified';
      errors.push(invalid(path, at('dataSource'), why));
    } else if (!(['apiGroup', 'kind', 'name'] as const).every((field) => dataSource[field] === dataSourceRef[field])) {
      errors.push(invalid(path, at('dataSource'), 'must match dataSourceRef'));
    }
  }
  errors.push(...validateClassName(spec.volumeAttributesClassName, at('volumeAttributesClassName')));
  return errors;
}

function validateDataSource(source: core.TypedObjectReference | undefined, path: string): FieldError[] {
  if (source === undefined) return [];
  const { name = '', kind = '', apiGroup = '', namespace = '' } = unchecked(source);
  const errors: FieldError[] = [];
  if (name === '') errors.push(required(child(path, 'name')));
  if (kind === '') errors.push(required(child(path, 'kind')));
  if (apiGroup !== '') errors.push(...validateDNS1123Subdomain(apiGroup, child(path, 'apiGroup')));
  else if (kind !== 'PersistentVolumeClaim') {
    errors.push(invalid(path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"));
  }
  if (namespace !== '') {
    errors.push(...invalidEach(child(path, 'namespace'), namespace, nameIsDNSLabel(namespace, false)));
  }
  return errors;
}

/**
 * dataSource and dataSourceRef say the same as long as only one was given; the old field takes claims and snapshots only.
 * Source: NormalizeDataSources, EnforceDataSourceBackwardsCompatibility in pkg/api/persistentvolumeclaim v1.36.
 */
function normalizeDataSources({ spec }: PersistentVolumeClaim): void {
  const { dataSource, dataSourceRef } = spec;
  if (dataSource !== undefined && dataSourceRef === undefined) {
    const { kind, apiGroup = '' } = dataSource;
    const known =
      (kind === 'PersistentVolumeClaim' && apiGroup === '') ||
      (kind === 'VolumeSnapshot' && apiGroup === 'snapshot.storage.k8s.io');
    if (known) spec.dataSourceRef = { ...dataSource };
    else delete spec.dataSource;
  } else if (dataSourceRef !== undefined && dataSource === undefined && (dataSourceRef.namespace ?? '') === '') {
    const { namespace: _, ...rest } = dataSourceRef;
    spec.dataSource = rest;
  }
}

/** What a bound claim may change: its size, upwards, and its attributes; everything else is what it was made with. */
function validateUpdate(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const now = { ...claim.spec };
  const before = { ...old.spec };
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
        keyPath('metadata.annotations', STORAGE_CLASS_ANNOTATION),
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
  if (!semanticEqual(now, before)) {
    const why =
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
    errors.push(forbiddenField('spec', why));
  }
  if (compareQuantity(size ?? '0', oldSize ?? '0') < 0) {
    const capacity = old.status.capacity?.['storage'] ?? '0';
    if (compareQuantity(size ?? '0', capacity) <= 0) {
      errors.push(forbiddenField('spec.resources.requests.storage', 'field can not be less than status.capacity'));
    }
  }
  errors.push(...validateImmutable(claim.spec.volumeMode, old.spec.volumeMode, 'volumeMode'));
  const attributes = claim.spec.volumeAttributesClassName ?? '';
  if (old.spec.volumeAttributesClassName !== undefined && attributes === '') {
    const what = claim.spec.volumeAttributesClassName === undefined ? 'nil' : 'an empty string';
    errors.push(forbiddenField('spec.volumeAttributesClassName', `update from non-nil value to ${what} is forbidden`));
  }
  return errors;
}

function validateStatusUpdate({ spec, status }: PersistentVolumeClaim): FieldError[] {
  const statusesPath = 'status.allocatedResourceStatus';
  return [
    ...((spec.accessModes ?? []).length === 0 ? [required('Spec.accessModes')] : []),
    ...eachKey(status.capacity, 'status.capacity', (_name, quantity, at) => validateQuantity('', quantity, at)),
    ...Object.entries(status.allocatedResourceStatuses ?? {}).flatMap(([name, value]) =>
      RESIZE_STATUSES.includes(value) ? [] : [notSupported(statusesPath, name, RESIZE_STATUSES)],
    ),
    ...eachKey(status.allocatedResources, 'status.allocatedResources', (_name, quantity, at) =>
      validateQuantity('', quantity, at),
    ),
  ];
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
  validate: ({ spec }) => validatePersistentVolumeClaimSpec(spec, 'spec'),
  validateUpdate,
  warnings: ({ spec }) =>
    fractionWarnings(spec.resources?.requests?.['storage'], storagePath('spec.resources.requests')),
  prepareForCreate(claim) {
    claim.status = { phase: 'Pending' };
    normalizeDataSources(claim);
  },
  prepareForUpdate: normalizeDataSources,
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
