/** What persistent volumes and claims have in common. Source: pkg/apis/core/{helper,validation} v1.36. */
import type { FieldError } from '../../field-error.ts';
import { child, forbiddenField, invalid, notSupported } from '../../field-error.ts';
import type { ObjectMeta } from '../../generated/meta.v1.ts';
import { canonicalQuantity, compareQuantity, parseQuantity, valueOf } from '../../quantity.ts';
import { invalidEach } from '../../validation/fields.ts';
import { nameIsDNSSubdomain } from '../../validation/names.ts';

/** Storage classes were an annotation once, which still wins. */
export const STORAGE_CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';

/** Of volumes and claims that name their class as was done before v1.8. */
export const classAnnotationWarnings = (annotations: Readonly<Record<string, string>> | undefined): string[] =>
  annotations?.[STORAGE_CLASS_ANNOTATION] === undefined
    ? []
    : [
        `metadata.annotations[${STORAGE_CLASS_ANNOTATION}]: deprecated since v1.8; use "storageClassName" attribute instead`,
      ];
export const VOLUME_MODES = ['Block', 'Filesystem'];

const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
const SHORT = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
] as const;

export const accessModesText = (modes: readonly string[] = []): string =>
  SHORT.filter(([mode]) => modes.includes(mode))
    .map(([, short]) => short)
    .join(',');

export const storageClassOf = ({
  metadata,
  spec,
}: {
  readonly metadata: Pick<ObjectMeta, 'annotations'>;
  readonly spec: { readonly storageClassName?: string | undefined };
}): string => metadata.annotations?.[STORAGE_CLASS_ANNOTATION] ?? spec.storageClassName ?? '';

export function validateAccessModes(modes: readonly string[] = [], path: string): FieldError[] {
  const errors = modes.filter((m) => !ACCESS_MODES.includes(m)).map((m) => notSupported(path, m, ACCESS_MODES));
  const others = modes.some((mode) => mode !== 'ReadWriteOncePod' && ACCESS_MODES.includes(mode));
  if (modes.includes('ReadWriteOncePod') && others) {
    errors.push(forbiddenField(path, 'may not use ReadWriteOncePod with other access modes'));
  }
  return errors;
}

export const validateClassName = (name: string | undefined, path: string): FieldError[] =>
  name === undefined || name === '' ? [] : invalidEach(path, name, nameIsDNSSubdomain(name, false));

export const validatePositiveQuantity = (quantity: string, path: string): FieldError[] =>
  compareQuantity(quantity, '0') <= 0 ? [invalid(path, canonicalQuantity(quantity), 'must be greater than zero')] : [];

/** Source: validateBasicResource in pkg/apis/core/validation v1.36. */
export const validateBasicResource = (quantity: string, path: string): FieldError[] =>
  compareQuantity(quantity, '0') < 0 && valueOf(quantity) < 0
    ? [invalid(path, valueOf(quantity), 'must be a valid resource quantity')]
    : [];

/** Less than a byte cannot be stored. */
export const fractionWarnings = (quantity: string | undefined, path: string): string[] => {
  if (quantity === undefined) return [];
  const { unscaled, exponent } = parseQuantity(quantity);
  const isWhole = exponent >= 0 || unscaled % 10n ** BigInt(-exponent) === 0n;
  return isWhole
    ? []
    : [`${path}: fractional byte value ${JSON.stringify(canonicalQuantity(quantity))} is invalid, must be an integer`];
};

/** `spec.a[key]`. */
export const storagePath = (path: string, ...names: readonly string[]): string => `${child(path, ...names)}[storage]`;
