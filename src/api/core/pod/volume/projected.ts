/** Files a pod gets from several places in one volume. Source: validateProjectionSources, validateDownwardAPIVolumeFile in pkg/apis/core/validation v1.36. */
import type { FieldError } from '../../../field-error.ts';
import { child, forbiddenField, index, invalid, required } from '../../../field-error.ts';
import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  ProjectedVolumeSource,
  VolumeProjection,
} from '../../../generated/core.v1.ts';
import { eachOf, Seen, validateFileMode, validateLocalNonReservedPath } from '../../../validation/fields.ts';
import { validateObjectFieldSelector, validateResourceFieldSelector } from '../downward.ts';

const VOLUME_FIELDS = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];
const MIN_SECONDS = 600;

const text = (value: string | undefined): string => value ?? '';

export const validateKeyToPath = ({ key, path: file, mode }: Partial<KeyToPath>, path: string): FieldError[] => [
  ...(text(key) === '' ? [required(child(path, 'key'))] : []),
  ...(text(file) === '' ? [required(child(path, 'path'))] : []),
  ...validateLocalNonReservedPath(text(file), child(path, 'path')),
  ...validateFileMode(mode, child(path, 'mode')),
];

export const validateDownwardAPIFile = (file: DownwardAPIVolumeFile, path: string): FieldError[] => [
  ...(text(file.path) === '' ? [required(child(path, 'path'))] : []),
  ...validateLocalNonReservedPath(text(file.path), child(path, 'path')),
  ...validateSelectors(file, path),
  ...validateFileMode(file.mode, child(path, 'mode')),
];

function validateSelectors({ fieldRef, resourceFieldRef }: DownwardAPIVolumeFile, path: string): FieldError[] {
  if (fieldRef === undefined && resourceFieldRef === undefined) {
    return [required(path, 'one of fieldRef and resourceFieldRef is required')];
  }
  if (fieldRef === undefined) {
    return validateResourceFieldSelector(resourceFieldRef!, child(path, 'resourceFieldRef'), true);
  }
  return [
    ...validateObjectFieldSelector(fieldRef, VOLUME_FIELDS, child(path, 'fieldRef')),
    ...(resourceFieldRef === undefined
      ? []
      : [invalid(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously')]),
  ];
}

export function validateProjected({ sources = [], defaultMode }: ProjectedVolumeSource, path: string): FieldError[] {
  const paths = new Seen();
  const conflicting = (file: string | undefined, shown: string): FieldError[] =>
    text(file) === '' || paths.add(file!) ? [] : [invalid(path, shown, 'conflicting duplicate paths')];
  return [
    ...validateFileMode(defaultMode, child(path, 'defaultMode')),
    ...eachOf(sources, child(path, 'sources'), (source, at) => validateProjection(source, at, path, conflicting)),
  ];
}

/** Bundles and certificates behind gates that are off are gone before anybody looks. */
function validateProjection(
  source: VolumeProjection,
  at: string,
  volumePath: string,
  conflicting: (file: string | undefined, shown: string) => FieldError[],
): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['secret', 'configMap'] as const) {
    const projection: { name?: string | undefined; items?: KeyToPath[] | undefined } | undefined = source[field];
    if (projection === undefined) continue;
    if (text(projection.name) === '') errors.push(required(child(at, field, 'name')));
    for (const [i, item] of (projection.items ?? []).entries()) {
      errors.push(...validateKeyToPath(item, index(child(at, field, 'items'), i)));
      errors.push(...conflicting(item.path, text(projection.name)));
    }
  }
  for (const file of source.downwardAPI?.items ?? []) {
    errors.push(...validateDownwardAPIFile(file, child(at, 'downwardAPI')), ...conflicting(file.path, file.path));
  }
  errors.push(...validateToken(source.serviceAccountToken, at, volumePath));
  if (Object.values(source).filter((value) => value !== undefined).length > 1) {
    errors.push(forbiddenField(at, 'may not specify more than 1 volume type per source'));
  }
  return errors;
}

function validateToken(token: VolumeProjection['serviceAccountToken'], at: string, volumePath: string): FieldError[] {
  if (token === undefined) return [];
  const errors: FieldError[] = [];
  const seconds = token.expirationSeconds ?? 3600;
  const secondsPath = child(at, 'serviceAccountToken', 'expirationSeconds');
  if (seconds < MIN_SECONDS) {
    errors.push(invalid(secondsPath, seconds, 'may not specify a duration less than 10 minutes'));
  }
  if (seconds > 2 ** 32) {
    errors.push(invalid(secondsPath, seconds, 'may not specify a duration larger than 2^32 seconds'));
  }
  // Upstream names the path of the volume here, not of the source.
  const path = child(volumePath, 'path');
  if (text(token.path) === '') errors.push(required(path));
  else errors.push(...validateLocalNonReservedPath(token.path, path));
  return errors;
}
