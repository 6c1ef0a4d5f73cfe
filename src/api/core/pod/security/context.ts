/** Validation of security contexts. Source: ValidateSecurityContext, validatePodSpecSecurityContext in pkg/apis/core/validation v1.36. */
import type { FieldError } from '../../../field-error.ts';
import {
  child,
  duplicate,
  forbiddenField,
  index,
  invalid,
  notSupported,
  required,
  tooLong,
} from '../../../field-error.ts';
import type {
  AppArmorProfile,
  PodSecurityContext,
  PodSpec,
  SeccompProfile,
  SecurityContext,
} from '../../../generated/core.v1.ts';
import {
  eachOf,
  invalidEach,
  Seen,
  validateLocalDescendingPath,
  validateOptionalEnum,
} from '../../../validation/fields.ts';
import { byteLength, isUnixID } from '../../../validation/names.ts';
import { visitContainers } from '../visit.ts';
import { validateWindowsOptions } from './windows.ts';

const PROFILE_TYPES = ['Localhost', 'RuntimeDefault', 'Unconfined'];
const SYSCTL = '[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const SYSCTL_PATTERN = `^(${SYSCTL}[\\./])*${SYSCTL}$`;
const sysctlRegexp = new RegExp(SYSCTL_PATTERN);
const SYSCTL_MAX = 253;
/** PATH_MAX - 1. */
const PROFILE_MAX = 4095;

const id = (value: number | undefined, path: string): FieldError[] =>
  value === undefined ? [] : invalidEach(path, value, isUnixID(value));

function profileType(type: string | undefined, path: string, what: string): FieldError[] {
  if (type === undefined || type === '') return [required(path, `type is required when ${what} is set`)];
  return PROFILE_TYPES.includes(type) ? [] : [notSupported(path, type, PROFILE_TYPES)];
}

function validateSeccomp(profile: SeccompProfile | undefined, path: string): FieldError[] {
  if (profile === undefined) return [];
  const at = child(path, 'localhostProfile');
  const errors = profileType(profile.type, child(path, 'type'), 'seccompProfile');
  if (profile.type === 'Localhost') {
    if (profile.localhostProfile === undefined) {
      errors.push(required(at, 'must be set when seccomp type is Localhost'));
    } else errors.push(...validateLocalDescendingPath(profile.localhostProfile, at));
  } else if (profile.localhostProfile !== undefined) {
    // Upstream prints its internal type, by Go's names.
    const shown = { Type: profile.type ?? '', LocalhostProfile: profile.localhostProfile };
    errors.push(invalid(at, shown, 'can only be set when seccomp type is Localhost'));
  }
  return errors;
}

function validateAppArmor(profile: AppArmorProfile | undefined, path: string): FieldError[] {
  if (profile === undefined) return [];
  const at = child(path, 'localhostProfile');
  const { type, localhostProfile } = profile;
  const errors = profileType(type, child(path, 'type'), 'appArmorProfile');
  if (type === 'Localhost') {
    if (localhostProfile === undefined || localhostProfile === '') {
      errors.push(required(at, 'must be set when AppArmor type is Localhost'));
    } else {
      if (localhostProfile.trim() !== localhostProfile) {
        errors.push(invalid(at, localhostProfile, 'must not be padded with whitespace'));
      }
      if (byteLength(localhostProfile) > PROFILE_MAX) errors.push(tooLong(at, PROFILE_MAX));
    }
  } else if (PROFILE_TYPES.includes(type) && localhostProfile !== undefined) {
    errors.push(invalid(at, localhostProfile, 'can only be set when AppArmor type is Localhost'));
  }
  return errors;
}

/** Of one container. `hostUsers` is false when the pod has a user namespace of its own. */
export function validateSecurityContext(
  context: SecurityContext | undefined,
  path: string,
  hostUsers: boolean,
): FieldError[] {
  if (context === undefined) return [];
  const errors = [
    ...id(context.runAsUser, child(path, 'runAsUser')),
    ...id(context.runAsGroup, child(path, 'runAsGroup')),
    ...validateOptionalEnum(context.procMount, ['Default', 'Unmasked'], child(path, 'procMount')),
  ];
  if (hostUsers && context.procMount === 'Unmasked') {
    errors.push(invalid(child(path, 'procMount'), 'Unmasked', '`hostUsers` must be false to use `Unmasked`'));
  }
  errors.push(...validateSeccomp(context.seccompProfile, child(path, 'seccompProfile')));
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged === true) {
      errors.push(invalid(path, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'));
    }
    if (context.capabilities?.add?.includes('CAP_SYS_ADMIN') === true) {
      errors.push(
        invalid(path, context, 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN'),
      );
    }
  }
  return [
    ...errors,
    ...validateWindowsOptions(context.windowsOptions, child(path, 'windowsOptions')),
    ...validateAppArmor(context.appArmorProfile, child(path, 'appArmorProfile')),
  ];
}

export function validatePodSecurityContext(spec: PodSpec, path: string): FieldError[] {
  const context = spec.securityContext;
  if (context === undefined) return [];
  const errors = [
    ...id(context.fsGroup, child(path, 'fsGroup')),
    ...id(context.runAsUser, child(path, 'runAsUser')),
    ...id(context.runAsGroup, child(path, 'runAsGroup')),
    ...eachOf(context.supplementalGroups, child(path, 'supplementalGroups'), id),
  ];
  if (spec.shareProcessNamespace === true && spec.hostPID === true) {
    errors.push(
      invalid(child(path, 'shareProcessNamespace'), true, 'ShareProcessNamespace and HostPID cannot both be enabled'),
    );
  }
  return [
    ...errors,
    ...validateSysctls(spec, context, child(path, 'sysctls')),
    ...validateOptionalEnum(
      context.fsGroupChangePolicy,
      ['Always', 'OnRootMismatch'],
      child(path, 'fsGroupChangePolicy'),
    ),
    ...validateSeccomp(context.seccompProfile, child(path, 'seccompProfile')),
    ...validateWindowsOptions(context.windowsOptions, child(path, 'windowsOptions')),
    ...validateAppArmor(context.appArmorProfile, child(path, 'appArmorProfile')),
    ...validateOptionalEnum(
      context.supplementalGroupsPolicy,
      ['Merge', 'Strict'],
      child(path, 'supplementalGroupsPolicy'),
    ),
    // MountOption has to wait for SELinuxMount, which is off in v1.36.
    ...validateOptionalEnum(context.seLinuxChangePolicy, ['Recursive'], child(path, 'seLinuxChangePolicy')),
  ];
}

/** Namespaces of sysctls. Source: component-helpers/node/util/sysctl/namespace.go. */
const NET_SYSCTL = /^net\./;
const IPC_SYSCTL = /^(kernel\.shm|kernel\.msg|kernel\.sem$|fs\.mqueue\.)/;

/** A slash first of all separators makes slashes separators and dots plain. Source: NormalizeName, same file. */
function dottedSysctl(name: string): string {
  const first = /[./]/.exec(name)?.[0];
  return first === '/' ? name.replaceAll(/[./]/g, (c) => (c === '/' ? '.' : '/')) : name;
}

function validateSysctls(spec: PodSpec, { sysctls = [] }: PodSecurityContext, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Seen();
  for (const [i, { name = '' }] of sysctls.entries()) {
    const at = child(index(path, i), 'name');
    if (name === '') errors.push(required(at));
    else if (name.length > SYSCTL_MAX || !sysctlRegexp.test(name)) {
      errors.push(invalid(at, name, `must have at most ${SYSCTL_MAX} characters and match regex ${SYSCTL_PATTERN}`));
    } else if (!names.add(name)) errors.push(duplicate(at, name));
    const dotted = dottedSysctl(name);
    if (spec.hostNetwork === true && NET_SYSCTL.test(dotted)) {
      errors.push(invalid(at, name, "may not be specified when 'hostNetwork' is true"));
    } else if (spec.hostIPC === true && IPC_SYSCTL.test(dotted)) {
      errors.push(invalid(at, name, "may not be specified when 'hostIPC' is true"));
    }
  }
  return errors;
}

/** A pod with users of its own has to have the other namespaces of its own too. */
export function validateHostUsers(spec: PodSpec, path: string): FieldError[] {
  if (spec.hostUsers !== false) return [];
  const why = 'when `hostUsers` is false';
  return [
    ...(spec.hostNetwork === true ? [forbiddenField(child(path, 'hostNetwork'), why)] : []),
    // Upstream spells these two with a capital.
    ...(spec.hostPID === true ? [forbiddenField(child(path, 'HostPID'), why)] : []),
    ...(spec.hostIPC === true ? [forbiddenField(child(path, 'HostIPC'), why)] : []),
    ...visitContainers(spec, path, ({ volumeDevices = [] }, at) =>
      volumeDevices.length > 0 ? [forbiddenField(child(at, 'volumeDevices'), why)] : [],
    ),
  ];
}
