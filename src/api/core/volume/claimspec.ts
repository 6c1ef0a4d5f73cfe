/** What a claim for storage asks for, of its own or in the template of a pod. Source: ValidatePersistentVolumeClaimSpec in pkg/apis/core/validation v1.36. */
import type { FieldError } from '../../field-error.ts';
import { child, invalid, required } from '../../field-error.ts';
import type * as core from '../../generated/core.v1.ts';
import {
  hasInvalidSelector,
  invalidEach,
  unchecked,
  validateDNS1123Subdomain,
  validateLabelSelector,
  validateOptionalEnum,
} from '../../validation/fields.ts';
import { nameIsDNSLabel } from '../../validation/names.ts';
import {
  storagePath,
  validateAccessModes,
  validateClassName,
  validatePositiveQuantity,
  VOLUME_MODES,
} from './modes.ts';

/** What was let in once may stay: values of selectors, and groups of sources. */
export function validatePersistentVolumeClaimSpec(
  spec: core.PersistentVolumeClaimSpec,
  path: string,
  old?: core.PersistentVolumeClaimSpec,
): FieldError[] {
  const invalidValues = old !== undefined && hasInvalidSelector(old.selector);
  const anyGroup = old?.dataSource?.apiGroup !== undefined || old?.dataSourceRef?.apiGroup !== undefined;
  const { accessModes = [], dataSource, dataSourceRef } = spec;
  const at = (...names: readonly string[]): string => child(path, ...names);
  const errors = accessModes.length === 0 ? [required(at('accessModes'), 'at least 1 access mode is required')] : [];
  errors.push(
    ...validateLabelSelector(spec.selector, at('selector'), { invalidValues }),
    ...validateAccessModes(accessModes, at('accessModes')),
  );
  const size = spec.resources?.requests?.['storage'];
  const sizePath = storagePath(path, 'resources');
  if (size === undefined) errors.push(required(sizePath));
  else errors.push(...validatePositiveQuantity(size, sizePath));
  errors.push(
    ...validateClassName(spec.storageClassName, at('storageClassName')),
    ...validateOptionalEnum(spec.volumeMode, VOLUME_MODES, at('volumeMode')),
    ...validateDataSource(dataSource, at('dataSource'), anyGroup),
    ...validateDataSource(dataSourceRef, at('dataSourceRef'), anyGroup),
  );
  if (dataSource !== undefined && dataSourceRef !== undefined) {
    if ((dataSourceRef.namespace ?? '') !== '') {
      // Upstream shows a path here, which has nothing to print.
      errors.push(invalid(path, {}, 'may not be specified when dataSourceRef.namespace is specified'));
    } else if (!isSameSource(dataSource, dataSourceRef)) {
      errors.push(invalid(path, {}, 'must match dataSourceRef'));
    }
  }
  errors.push(...validateClassName(spec.volumeAttributesClassName, at('volumeAttributesClassName')));
  return errors;
}

const isSameSource = (a: core.TypedLocalObjectReference, b: core.TypedObjectReference): boolean =>
  a.apiGroup === b.apiGroup && (a.kind ?? '') === (b.kind ?? '') && (a.name ?? '') === (b.name ?? '');

function validateDataSource(
  source: core.TypedObjectReference | undefined,
  path: string,
  anyGroup: boolean,
): FieldError[] {
  if (source === undefined) return [];
  const { name = '', kind = '', apiGroup = '', namespace = '' } = unchecked(source);
  const errors: FieldError[] = [];
  if (name === '') errors.push(required(child(path, 'name')));
  if (kind === '') errors.push(required(child(path, 'kind')));
  if (apiGroup === '' && kind !== 'PersistentVolumeClaim') {
    errors.push(invalid(path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"));
  }
  if (apiGroup !== '' && !anyGroup) errors.push(...validateDNS1123Subdomain(apiGroup, child(path, 'apiGroup')));
  if (namespace !== '') {
    errors.push(...invalidEach(child(path, 'namespace'), namespace, nameIsDNSLabel(namespace, false)));
  }
  return errors;
}

/**
 * dataSource and dataSourceRef say the same as long as only one was given; the old field of a new claim takes claims and snapshots only.
 * Sources in other namespaces are behind a gate that is off.
 * Source: DropDisabledFields, EnforceDataSourceBackwardsCompatibility, NormalizeDataSources in pkg/api/persistentvolumeclaim v1.36.
 */
export function normalizeDataSources(
  spec: core.PersistentVolumeClaimSpec,
  old: core.PersistentVolumeClaimSpec | undefined,
): void {
  if ((spec.dataSourceRef?.namespace ?? '') !== '' && old?.dataSourceRef === undefined) delete spec.dataSourceRef;
  const { dataSource, dataSourceRef } = spec;
  if (dataSource !== undefined && dataSourceRef === undefined) {
    const { kind, apiGroup = '' } = dataSource;
    const known =
      (kind === 'PersistentVolumeClaim' && apiGroup === '') ||
      (kind === 'VolumeSnapshot' && apiGroup === 'snapshot.storage.k8s.io');
    if (known || old?.dataSource !== undefined) spec.dataSourceRef = { ...dataSource };
    else delete spec.dataSource;
  } else if (dataSourceRef !== undefined && dataSource === undefined && (dataSourceRef.namespace ?? '') === '') {
    const { namespace: _, ...rest } = dataSourceRef;
    spec.dataSource = rest;
  }
}
