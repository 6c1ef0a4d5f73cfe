/** Validation of a container's mounts and block devices. Source: ValidateVolumeMounts, ValidateVolumeDevices in pkg/apis/core/validation v1.36. */
import type { FieldError } from '../../../field-error.ts';
import { child, forbiddenField, index, invalid, notFoundField, notSupported, required } from '../../../field-error.ts';
import type { Container, VolumeMount } from '../../../generated/core.v1.ts';
import { Seen, validateLocalDescendingPath, validateOptionalEnum, unchecked } from '../../../validation/fields.ts';
import type { Volumes } from './volumes.ts';

export const validateMounts = (container: Container, path: string, volumes: Volumes): FieldError[] => [
  ...validateVolumeMounts(container, child(path, 'volumeMounts'), volumes),
  ...validateVolumeDevices(container, child(path, 'volumeDevices'), volumes),
];

function validateVolumeMounts(container: Container, path: string, volumes: Volumes): FieldError[] {
  const errors: FieldError[] = [];
  const paths = new Seen();
  const devices = container.volumeDevices ?? [];
  for (const [i, mount] of (container.volumeMounts ?? []).entries()) {
    const at = index(path, i);
    const { name = '', mountPath = '' } = unchecked(mount);
    if (name === '') errors.push(required(child(at, 'name')));
    if (!volumes.has(name)) errors.push(notFoundField(child(at, 'name'), name));
    if (mountPath === '') errors.push(required(child(at, 'mountPath')));
    if (!paths.add(mountPath)) errors.push(invalid(child(at, 'mountPath'), mountPath, 'must be unique'));
    if (devices.some((device) => device.name === name)) {
      errors.push(invalid(child(at, 'name'), name, 'must not already exist in volumeDevices'));
    }
    if (devices.some((device) => device.devicePath === mountPath)) {
      errors.push(invalid(child(at, 'mountPath'), mountPath, 'must not already exist as a path in volumeDevices'));
    }
    errors.push(
      ...validateSubPaths(mount, at, path),
      ...validatePropagation(mount, container, child(path, 'mountPropagation')),
      ...validateRecursiveReadOnly(mount, child(path, 'recursiveReadOnly')),
    );
  }
  return errors;
}

/** Some of these carry the path of the list instead of the mount: upstream's slip, kept. */
function validateSubPaths({ subPath = '', subPathExpr = '' }: VolumeMount, at: string, listPath: string): FieldError[] {
  const errors: FieldError[] = [];
  if (subPath !== '') errors.push(...validateLocalDescendingPath(subPath, child(listPath, 'subPath')));
  if (subPathExpr !== '') {
    if (subPath !== '') {
      errors.push(invalid(child(at, 'subPathExpr'), subPathExpr, 'subPathExpr and subPath are mutually exclusive'));
    }
    errors.push(...validateLocalDescendingPath(subPathExpr, child(listPath, 'subPathExpr')));
  }
  return errors;
}

function validatePropagation(
  { mountPropagation }: VolumeMount,
  { securityContext }: Container,
  path: string,
): FieldError[] {
  const errors = validateOptionalEnum(mountPropagation, ['Bidirectional', 'HostToContainer', 'None'], path);
  if (mountPropagation === 'Bidirectional' && securityContext?.privileged !== true) {
    errors.push(forbiddenField(path, 'Bidirectional mount propagation is available only to privileged containers'));
  }
  return errors;
}

function validateRecursiveReadOnly(
  { recursiveReadOnly: mode, readOnly, mountPropagation = 'None' }: VolumeMount,
  path: string,
): FieldError[] {
  if (mode === undefined || mode === 'Disabled') return [];
  if (mode !== 'Enabled' && mode !== 'IfPossible') {
    return [notSupported(path, mode, ['Disabled', 'Enabled', 'IfPossible'])];
  }
  return [
    ...(readOnly === true ? [] : [forbiddenField(path, 'may only be specified when readOnly is true')]),
    ...(mountPropagation === 'None'
      ? []
      : [forbiddenField(path, 'may only be specified when mountPropagation is None or not specified')]),
  ];
}

function validateVolumeDevices(container: Container, path: string, volumes: Volumes): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Seen();
  const paths = new Seen();
  const mounts = container.volumeMounts ?? [];
  for (const [i, { name = '', devicePath = '' }] of (container.volumeDevices ?? []).entries()) {
    const namePath = child(index(path, i), 'name');
    const devicePathPath = child(index(path, i), 'devicePath');
    const volume = volumes.get(name);
    if (name === '') errors.push(required(namePath));
    else if (!names.add(name)) errors.push(invalid(namePath, name, 'must be unique'));
    if (volume === undefined) errors.push(notFoundField(namePath, name));
    else if (volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined) {
      const why = 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode';
      errors.push(invalid(namePath, name, why));
    }
    if (devicePath === '') errors.push(required(devicePathPath));
    if (paths.has(devicePath)) errors.push(invalid(devicePathPath, devicePath, 'must be unique'));
    if (devicePath.split('/').includes('..')) {
      errors.push(invalid(devicePathPath, devicePath, "can not contain backsteps ('..')"));
    } else paths.add(devicePath);
    if (mounts.some((mount) => mount.name === name)) {
      errors.push(invalid(namePath, name, 'must not already exist in volumeMounts'));
    }
    if (mounts.some((mount) => mount.mountPath === devicePath)) {
      errors.push(invalid(devicePathPath, devicePath, 'must not already exist as a path in volumeMounts'));
    }
  }
  return errors;
}
