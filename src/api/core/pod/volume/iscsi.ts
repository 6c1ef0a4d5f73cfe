/** iSCSI, of pods and of persistent volumes. Source: validateISCSIVolumeSource, validateISCSIPersistentVolumeSource in pkg/apis/core/validation v1.36. */
import type { FieldError } from '../../../field-error.ts';
import { child, invalid, required } from '../../../field-error.ts';
import type { ISCSIVolumeSource } from '../../../generated/core.v1.ts';
import { unchecked } from '../../../validation/fields.ts';
import { byteLength, inclusiveRangeError } from '../../../validation/names.ts';

const FORMATS = {
  iqn: /iqn\.\d{4}-\d{2}\.([a-zA-Z0-9.-]+)(:[^,;*&$|\s]+)$/,
  eui: /^eui.[a-zA-Z0-9]{16}$/,
  naa: /^naa.[a-zA-Z0-9]{32}$/,
} as const;
const TOTAL_MAX = 64;
const LUN_MAX = 255;

type Source = Omit<ISCSIVolumeSource, 'secretRef'> & { readonly secretRef?: unknown };

/** Names begin with one of three words, each with a form of its own. */
function validateName(name: string, path: string, otherwise: string): FieldError[] {
  const kind = (['iqn', 'eui', 'naa'] as const).find((prefix) => name.startsWith(prefix));
  if (kind === undefined) return [invalid(path, name, otherwise)];
  return FORMATS[kind].test(name) ? [] : [invalid(path, name, 'must be valid format')];
}

/** Longer names do not fit into what the initiator is called. `field` is how messages call the field. */
export const validateISCSILength = (
  volumeName: string,
  { initiatorName, targetPortal }: Pick<Source, 'initiatorName' | 'targetPortal'>,
  path: string,
  shown: string,
): FieldError[] =>
  initiatorName !== undefined && byteLength(`${volumeName}:${targetPortal ?? ''}`) > TOTAL_MAX
    ? [
        invalid(
          path,
          shown,
          'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.',
        ),
      ]
    : [];

/** `otherwise` is said of a name that begins with none of the words; `more` are further errors of the portal and of the secret. */
export function validateISCSI(
  source: Source,
  path: string,
  otherwise: string,
  more: { readonly portal?: readonly FieldError[]; readonly secret?: readonly FieldError[] } = {},
): FieldError[] {
  const { targetPortal = '', iqn = '', lun = 0, initiatorName } = unchecked(source);
  const errors = targetPortal === '' ? [required(child(path, 'targetPortal'))] : [];
  errors.push(...(more.portal ?? []));
  const iqnPath = child(path, 'iqn');
  errors.push(...(iqn === '' ? [required(iqnPath)] : validateName(iqn, iqnPath, otherwise)));
  if (lun < 0 || lun > LUN_MAX) errors.push(invalid(child(path, 'lun'), lun, inclusiveRangeError(0, LUN_MAX)));
  const authenticated = source.chapAuthDiscovery === true || source.chapAuthSession === true;
  if (authenticated && source.secretRef === undefined) errors.push(required(child(path, 'secretRef')));
  errors.push(...(more.secret ?? []));
  return initiatorName === undefined
    ? errors
    : [...errors, ...validateName(initiatorName, child(path, 'initiatorname'), otherwise)];
}
