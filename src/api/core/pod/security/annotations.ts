/**
 * What older versions wrote into annotations of pods: seccomp and AppArmor profiles.
 * Source: ValidatePodSpecificAnnotations and around in pkg/apis/core/validation, applyAppArmorVersionSkew in pkg/registry/core/pod/strategy.go v1.36.
 */
import type { FieldError } from '../../../field-error.ts';
import { child, forbiddenField, invalid, keyPath } from '../../../field-error.ts';
import type { AppArmorProfile, Pod, PodSpec, SeccompProfile } from '../../../generated/core.v1.ts';
import type { ObjectMeta } from '../../../generated/meta.v1.ts';
import { own, semanticEqual } from '../../../validation/equal.ts';
import { validateLocalDescendingPath } from '../../../validation/fields.ts';
import { visitContainers } from '../visit.ts';

export const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';
const DELETION_COST_ANNOTATION = 'controller.kubernetes.io/pod-deletion-cost';
const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod';
const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/';
const APPARMOR = 'container.apparmor.security.beta.kubernetes.io/';
const LOCALHOST = 'localhost/';
const RUNTIME_DEFAULT = 'runtime/default';
const UNCONFINED = 'unconfined';
const MAX_INT32 = 2_147_483_647;

type Annotations = Readonly<Record<string, string>>;

export function validatePodAnnotations(annotations: Annotations = {}, spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const mirror = own(annotations, MIRROR_ANNOTATION);
  if (mirror !== undefined && (spec.nodeName ?? '') === '') {
    const why = 'must set spec.nodeName if mirror pod annotation is set';
    errors.push(invalid(keyPath(path, MIRROR_ANNOTATION), mirror, why));
  }
  const cost = own(annotations, DELETION_COST_ANNOTATION);
  // No plus sign, no leading zeros. Source: GetDeletionCostFromPodAnnotations.
  const isInt32 = cost === undefined || (/^(0|-?[1-9]\d{0,9})$/.test(cost) && Math.abs(Number(cost)) <= MAX_INT32);
  if (!isInt32) errors.push(invalid(keyPath(path, DELETION_COST_ANNOTATION), cost, 'must be a 32bit integer'));
  for (const [key, profile] of Object.entries(annotations)) {
    if (key === SECCOMP_POD || key.startsWith(SECCOMP_CONTAINER)) {
      errors.push(...validateSeccomp(profile, child(path, key)));
    }
  }
  for (const [key, profile] of Object.entries(annotations)) {
    if (key.startsWith(APPARMOR)) errors.push(...validateAppArmor(key, profile, spec, keyPath(path, key)));
  }
  return errors;
}

function validateSeccomp(profile: string, path: string): FieldError[] {
  if ([RUNTIME_DEFAULT, 'docker/default', UNCONFINED].includes(profile)) return [];
  return profile.startsWith(LOCALHOST)
    ? validateLocalDescendingPath(profile.slice(LOCALHOST.length), path)
    : [invalid(path, profile, 'must be a valid seccomp profile')];
}

function validateAppArmor(key: string, profile: string, spec: PodSpec, path: string): FieldError[] {
  const name = key.slice(APPARMOR.length);
  const known = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
  const wellFormed = ['', RUNTIME_DEFAULT, UNCONFINED].includes(profile) || profile.startsWith(LOCALHOST);
  return [
    ...(known.some((container) => container.name === name) ? [] : [invalid(path, name, 'container not found')]),
    ...(wellFormed ? [] : [invalid(path, profile, `invalid AppArmor profile name: ${JSON.stringify(profile)}`)]),
  ];
}

/** Annotation and field, where both are there, say the same. */
export function validateProfilesMatch(
  { annotations = {} }: Pick<Partial<ObjectMeta>, 'annotations'>,
  spec: PodSpec,
  path: string,
): FieldError[] {
  const match = (
    what: string,
    annotation: string | undefined,
    field: SeccompProfile | AppArmorProfile | undefined,
    at: string,
  ): FieldError[] => {
    if (annotation === undefined || field === undefined) return [];
    const wrong = (name: string, part: string): FieldError[] => [
      forbiddenField(child(at, name), `${what} ${part} in annotation and field must match`),
    ];
    switch (field.type) {
      case 'Unconfined':
        return annotation === UNCONFINED ? [] : wrong('type', 'type');
      case 'RuntimeDefault':
        return annotation === RUNTIME_DEFAULT || (what === 'seccomp' && annotation === 'docker/default')
          ? []
          : wrong('type', 'type');
      case 'Localhost':
        if (!annotation.startsWith(LOCALHOST)) return wrong('type', 'type');
        return annotation.slice(LOCALHOST.length) === field.localhostProfile
          ? []
          : wrong('localhostProfile', 'profile');
      default:
        return [];
    }
  };
  const ofPod = spec.securityContext;
  const at = (base: string, field: string): string => child(base, 'securityContext', field);
  return [
    ...match('seccomp', own(annotations, SECCOMP_POD), ofPod?.seccompProfile, at(path, 'seccompProfile')),
    ...visitContainers(spec, path, ({ name, securityContext }, base) => {
      const annotation = own(annotations, `${SECCOMP_CONTAINER}${name ?? ''}`);
      return match('seccomp', annotation, securityContext?.seccompProfile, at(base, 'seccompProfile'));
    }),
    ...(spec.os?.name === 'windows'
      ? []
      : visitContainers(spec, path, ({ name, securityContext }, base) => {
          const field = securityContext?.appArmorProfile ?? ofPod?.appArmorProfile;
          return match('apparmor', own(annotations, `${APPARMOR}${name ?? ''}`), field, at(base, 'appArmorProfile'));
        })),
  ];
}

/** Of annotations only those may change that nobody else depends on. Source: ValidatePodSpecificAnnotationUpdates. */
export function validateAnnotationUpdates(pod: Pod, old: Pod): FieldError[] {
  const path = 'metadata.annotations';
  const now = pod.metadata.annotations ?? {};
  const before = old.metadata.annotations ?? {};
  const say = (key: string, verb: string): FieldError[] => {
    if (key.startsWith(APPARMOR)) return [forbiddenField(keyPath(path, key), `may not ${verb} AppArmor annotations`)];
    return key === MIRROR_ANNOTATION
      ? [forbiddenField(keyPath(path, key), `may not ${verb} mirror pod annotation`)]
      : [];
  };
  return [
    ...Object.entries(before).flatMap(([key, value]) => (own(now, key) === value ? [] : say(key, 'remove or update'))),
    ...Object.keys(now).flatMap((key) => (Object.hasOwn(before, key) ? [] : say(key, 'add'))),
    ...validatePodAnnotations(now, pod.spec, path),
  ];
}

const profileOf = (annotation: string): AppArmorProfile | undefined => {
  if (annotation === UNCONFINED) return { type: 'Unconfined' };
  if (annotation === RUNTIME_DEFAULT) return { type: 'RuntimeDefault' };
  return annotation.startsWith(LOCALHOST)
    ? { type: 'Localhost', localhostProfile: annotation.slice(LOCALHOST.length) }
    : undefined;
};

/**
 * What an annotation says becomes the field of the container, unless the pod's own profile says the same.
 */
export function syncAppArmor({ spec, metadata }: Pod): void {
  if (spec.os?.name === 'windows') return;
  for (const container of [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])]) {
    const annotation = own(metadata.annotations, `${APPARMOR}${container.name ?? ''}`);
    if (annotation === undefined || container.securityContext?.appArmorProfile !== undefined) continue;
    const profile = profileOf(annotation);
    const ofPod = spec.securityContext?.appArmorProfile;
    if (profile === undefined || (ofPod !== undefined && semanticEqual(profile, ofPod))) continue;
    container.securityContext = { ...container.securityContext, appArmorProfile: profile };
  }
}

/** `path` is '' for a pod. Source: warningsForPodSpecAndMeta in pkg/api/pod/warnings.go. */
export function profileWarnings(annotations: Annotations = {}, spec: PodSpec, path: string): string[] {
  const at = (key: string): string => keyPath(child(path, 'metadata', 'annotations'), key);
  const seccomp = (key: string): string =>
    `${at(key)}: non-functional in v1.27+; use the "seccompProfile" field instead`;
  const ofPod = spec.securityContext;
  const podKey = Object.hasOwn(annotations, SECCOMP_POD) && ofPod?.seccompProfile === undefined ? [SECCOMP_POD] : [];
  const containers = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
  return [
    ...podKey.map(seccomp),
    ...containers.flatMap(({ name, securityContext }) => {
      const [seccompKey, appArmorKey] = [`${SECCOMP_CONTAINER}${name ?? ''}`, `${APPARMOR}${name ?? ''}`];
      const annotation = own(annotations, appArmorKey);
      const profile = securityContext?.appArmorProfile;
      const read = annotation === undefined ? undefined : profileOf(annotation);
      const same = ofPod?.appArmorProfile !== undefined && semanticEqual(ofPod.appArmorProfile, read);
      // In a new pod the annotation has become the field already.
      const told =
        annotation === undefined ||
        (path === '' ? profile !== undefined && !semanticEqual(profile, read) : profile !== undefined);
      return [
        ...(Object.hasOwn(annotations, seccompKey) && securityContext?.seccompProfile === undefined
          ? [seccomp(seccompKey)]
          : []),
        ...(told || (profile === undefined && same)
          ? []
          : [`${at(appArmorKey)}: deprecated since v1.30; use the "appArmorProfile" field instead`]),
      ];
    }),
  ];
}
