/** Validation of a pod's volumes. Source: ValidateVolumes in pkg/apis/core/validation/validation.go v1.36. */
import type { FieldError } from '../../../field-error.ts';
import { child, duplicate, forbiddenField, index, invalid, required } from '../../../field-error.ts';
import type { Volume } from '../../../generated/core.v1.ts';
import { invalidEach, Seen, validateDNS1123Label } from '../../../validation/fields.ts';
import { nameIsDNSSubdomain } from '../../../validation/names.ts';
import { validateISCSILength } from './iscsi.ts';
import { type Source, sourcesOf, validateOne, type VolumeContext } from './sources.ts';

/** Volumes by name, those only that are valid themselves. */
export type Volumes = ReadonlyMap<string, Volume>;

/** Paths that are spelled differently in messages than in objects. */
const PATHS: Partial<Record<Source, string>> = { gcePersistentDisk: 'persistentDisk' };
const PATHS_OF_TOO_MANY: Partial<Record<Source, string>> = { cephfs: 'cephFS', downwardAPI: 'downwarAPI' };

export function validateVolumes(
  volumes: readonly Volume[] = [],
  path: string,
  context: VolumeContext,
): { volumes: Volumes; errors: FieldError[] } {
  const errors: FieldError[] = [];
  const valid = new Map<string, Volume>();
  const names = new Seen();
  const created = new Set(
    context.podName === undefined ? [] : volumes.filter((v) => v.ephemeral).map((v) => `${context.podName}-${v.name}`),
  );
  for (const [i, volume] of volumes.entries()) {
    const at = index(path, i);
    const name = volume.name ?? '';
    const own = [
      ...validateVolumeSource(volume, at, context),
      ...(name === '' ? [required(child(at, 'name'))] : validateDNS1123Label(name, child(at, 'name'))),
      ...(names.has(name) ? [duplicate(child(at, 'name'), name)] : []),
    ];
    if (own.length === 0) {
      names.add(name);
      valid.set(name, volume);
    } else errors.push(...own);
    const claim = volume.persistentVolumeClaim?.claimName;
    if (claim !== undefined && created.has(claim)) {
      const why = 'must not reference a PVC that gets created for an ephemeral volume';
      errors.push(invalid(child(at, 'persistentVolumeClaim', 'claimName'), claim, why));
    }
  }
  return { volumes: valid, errors };
}

function validateVolumeSource(volume: Volume, path: string, context: VolumeContext): FieldError[] {
  const [first, ...others] = sourcesOf(volume);
  if (first === undefined) return [required(path, 'must specify a volume type')];
  return [
    ...validateOne(volume, first, child(path, PATHS[first] ?? first), context),
    ...others.map((source) =>
      forbiddenField(child(path, PATHS_OF_TOO_MANY[source] ?? source), 'may not specify more than 1 volume type'),
    ),
    ...validateNames(volume, path, context),
  ];
}

/** What depends on the volume's name beside its source. */
function validateNames({ name, iscsi, ephemeral }: Volume, path: string, { podName }: VolumeContext): FieldError[] {
  const errors = iscsi === undefined ? [] : validateISCSILength(name ?? '', iscsi, child(path, 'name'), name ?? '');
  if (ephemeral !== undefined && podName !== undefined && podName !== '' && (name ?? '') !== '') {
    const claim = `${podName}-${name}`;
    const messages = nameIsDNSSubdomain(claim, false).map((message) => `PVC name ${JSON.stringify(claim)}: ${message}`);
    errors.push(...invalidEach(child(path, 'name'), name, messages));
  }
  return errors;
}
