/**
 * Validation of `metadata`, the same for every kind.
 * Source: apimachinery pkg/api/validation/objectmeta.go v0.36 and ValidateObjectMeta of pkg/apis/core/validation v1.36.
 */
import { validateManagedFields } from '../apply/entries.ts';
import type { FieldError } from '../field-error.ts';
import { child, forbiddenField, index, invalid, required } from '../field-error.ts';
import type { ObjectMeta, OwnerReference } from '../generated/meta.v1.ts';
import { validateAnnotations, validateImmutable, validateLabels, validateNonnegative } from '../validation/fields.ts';
import type { NameRule } from '../validation/names.ts';
import { isQualifiedName, nameIsDNSLabel, nameIsDNSSubdomain } from '../validation/names.ts';
import { invalidEach } from '../validation/fields.ts';

const ORPHAN_DEPENDENTS = 'orphan';
const DELETE_DEPENDENTS = 'foregroundDeletion';
const STANDARD_FINALIZERS: readonly string[] = ['kubernetes', ORPHAN_DEPENDENTS, DELETE_DEPENDENTS];

const metadata = 'metadata';

export interface ObjectMetaRules {
  readonly namespaced: boolean;
  /** Default: DNS subdomain. */
  readonly validateName?: NameRule | undefined;
  /** Finalizers need no domain: kinds of core and its like ask for one, those of extensions do not. Default: false. */
  readonly anyFinalizers?: boolean | undefined;
}

/** All that is wrong with the metadata of a new object, whose name has been generated if need be. */
export function validateObjectMeta(
  meta: Partial<ObjectMeta>,
  { namespaced, validateName = nameIsDNSSubdomain, anyFinalizers = false }: ObjectMetaRules,
): FieldError[] {
  const errors: FieldError[] = [];
  const { name = '', generateName = '', namespace = '' } = meta;
  if (generateName !== '') {
    errors.push(...invalidEach(child(metadata, 'generateName'), generateName, validateName(generateName, true)));
  }
  if (name === '') errors.push(required(child(metadata, 'name'), 'name or generateName is required'));
  else errors.push(...invalidEach(child(metadata, 'name'), name, validateName(name, false)));
  const namespacePath = child(metadata, 'namespace');
  if (!namespaced) {
    if (namespace !== '') errors.push(forbiddenField(namespacePath, 'not allowed on this type'));
  } else if (namespace === '') errors.push(required(namespacePath));
  else errors.push(...invalidEach(namespacePath, namespace, nameIsDNSLabel(namespace, false)));
  errors.push(
    ...validateNonnegative(meta.generation, child(metadata, 'generation')),
    ...validateMaps(meta),
    ...validateFinalizers(meta.finalizers, anyFinalizers),
    ...validateManagedFields(meta.managedFields, child(metadata, 'managedFields')),
  );
  return errors;
}

/** All that is wrong with changing `old` metadata to `meta`. */
export function validateObjectMetaUpdate(
  meta: Partial<ObjectMeta>,
  old: Partial<ObjectMeta>,
  { anyFinalizers = false }: Pick<ObjectMetaRules, 'anyFinalizers'> = {},
): FieldError[] {
  const errors: FieldError[] = [];
  const at = (field: keyof ObjectMeta): string => child(metadata, field);
  if (old.deletionTimestamp !== undefined) {
    const known = new Set(old.finalizers);
    const added = (meta.finalizers ?? []).filter((finalizer) => !known.has(finalizer)).toSorted();
    if (added.length > 0) {
      // Go prints the list in its own syntax.
      const list = `[]string{${added.map((finalizer) => JSON.stringify(finalizer)).join(', ')}}`;
      errors.push(
        forbiddenField(
          at('finalizers'),
          `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`,
        ),
      );
    }
  }
  if ((meta.resourceVersion ?? '') === '') {
    errors.push(invalid(at('resourceVersion'), '', 'must be specified for an update'));
  }
  errors.push(...validateNonnegative(meta.generation, at('generation')));
  if ((meta.generation ?? 0) < (old.generation ?? 0)) {
    errors.push(invalid(at('generation'), meta.generation ?? 0, 'must not be decremented'));
  }
  for (const field of ['name', 'namespace', 'uid'] as const) {
    errors.push(...validateImmutable(meta[field] ?? '', old[field], at(field)));
  }
  for (const field of ['creationTimestamp', 'deletionTimestamp'] as const) {
    errors.push(...validateImmutable(meta[field], old[field], at(field)));
  }
  errors.push(
    ...validateImmutable(
      meta.deletionGracePeriodSeconds,
      old.deletionGracePeriodSeconds,
      at('deletionGracePeriodSeconds'),
    ),
    ...validateMaps(meta),
    ...(anyFinalizers ? [] : (meta.finalizers ?? [])).flatMap((name, i) =>
      validateFinalizerName(name, index(at('finalizers'), i), false),
    ),
  );
  return errors;
}

const validateMaps = (meta: Partial<ObjectMeta>): FieldError[] => [
  ...validateLabels(meta.labels, child(metadata, 'labels')),
  ...validateAnnotations(meta.annotations, child(metadata, 'annotations')),
  ...validateOwnerReferences(meta.ownerReferences ?? [], child(metadata, 'ownerReferences')),
];

/** Errors stand under the list itself, without the place in it. */
function validateOwnerReferences(references: readonly OwnerReference[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  let controller: string | undefined;
  for (const reference of references) {
    errors.push(...validateOwnerReference(reference, path));
    if (reference.controller !== true) continue;
    const name = `${reference.kind}/${reference.name}`;
    if (controller === undefined) controller = name;
    else {
      errors.push(
        invalid(
          path,
          references,
          `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`,
        ),
      );
    }
  }
  return errors;
}

/** The version in a text like `apps/v1`; '' when the text says none. */
const versionOf = (apiVersion: string): string => (/^(?:[^/]*\/)?([^/]*)$/.exec(apiVersion) ?? [])[1] ?? '';

function validateOwnerReference(reference: Partial<OwnerReference>, path: string): FieldError[] {
  const { apiVersion = '', kind = '' } = reference;
  const errors: FieldError[] = [];
  if (versionOf(apiVersion) === '') {
    errors.push(invalid(child(path, 'apiVersion'), apiVersion, 'version must not be empty'));
  }
  for (const field of ['kind', 'name', 'uid'] as const) {
    if ((reference[field] ?? '') === '') errors.push(invalid(child(path, field), '', 'must not be empty'));
  }
  if (/^\/?v1$/.test(apiVersion) && kind === 'Event') {
    errors.push(invalid(path, reference, '/v1, Kind=Event is disallowed from being an owner'));
  }
  return errors;
}

function validateFinalizers(finalizers: readonly string[] = [], anyFinalizers: boolean): FieldError[] {
  const path = child(metadata, 'finalizers');
  const errors = finalizers.flatMap((name) => invalidEach(path, name, isQualifiedName(name)));
  if (finalizers.includes(ORPHAN_DEPENDENTS) && finalizers.includes(DELETE_DEPENDENTS)) {
    errors.push(
      invalid(path, finalizers, `finalizer ${ORPHAN_DEPENDENTS} and ${DELETE_DEPENDENTS} cannot be both set`),
    );
  }
  if (!anyFinalizers)
    errors.push(...finalizers.flatMap((name, i) => validateFinalizerName(name, index(path, i), false)));
  return errors;
}

/** A finalizer is a standard one or carries a domain; `wellFormed` asks for the form as well. */
export const validateFinalizerName = (name: string, path: string, wellFormed: boolean): FieldError[] => [
  ...(wellFormed ? invalidEach(path, name, isQualifiedName(name)) : []),
  ...(name.includes('/') || STANDARD_FINALIZERS.includes(name)
    ? []
    : [invalid(path, name, 'name is neither a standard finalizer name nor is it fully qualified')]),
];
