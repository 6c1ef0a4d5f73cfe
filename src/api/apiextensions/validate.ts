/**
 * Definitions as a whole, new and changed. Source: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go and
 * pkg/apihelpers/helpers.go v0.36. What takes CEL is validated by the server.
 */
import { finished } from '#util';
import { equalValues } from '../equality.ts';
import { child, type FieldError, index, invalid, keyPath, required } from '../field-error.ts';
import type * as apiextensions from '../generated/apiextensions.v1.ts';
import { parseStructural, pruneDefaults } from '../structural/structural.ts';
import { isRequestURI } from '../structural/values/uri.ts';
import { knownFormat } from '../structural/values/formats.ts';
import { validateImmutable } from '../validation/fields.ts';
import { validateCABundle } from '../validation/webhook.ts';
import { type InternalSpec, internalSpec, schemasOf } from './internal.ts';
import { validateListItems, validateSetItems } from './list-check.ts';
import { hasInvalidType } from './schema-check.ts';
import { everySchema, someSchema } from './schema-walk.ts';
import { isReviewVersion, type SpecRules, validateNames, validateSpec } from './spec-check.ts';
import { unreadable, validateStructural } from './structural-check.ts';
import { MAX_SELECTABLE_FIELDS } from './version-check.ts';

type Definition = apiextensions.CustomResourceDefinition;

const NEW: SpecRules = {
  requireSchema: true,
  requireReviewVersion: true,
  requireValidPropertyType: true,
  requireStructuralSchema: true,
  requirePrunedDefaults: true,
  requireAtomicSetType: true,
  requireMapListKeys: true,
  // Nothing is called before the definition is established.
  allowInvalidCABundle: true,
  allowTooManySelectable: new Set(),
};

/** What has been judged in steps, and against what it was. */
const judged = new WeakMap<Definition, { readonly old: Definition | undefined; readonly errors: FieldError[] }>();

/** Judges a definition in steps, so that {@link validateDefinition} need not. */
export function* judgeDefinition(definition: Definition, old: Definition | undefined): Generator<void, void> {
  judged.set(definition, { old, errors: yield* definitionErrors(definition, old) });
}

/** All that is wrong with a definition; `old` is what it was before an update. */
export function validateDefinition(definition: Definition, old: Definition | undefined): FieldError[] {
  const known = judged.get(definition);
  if (known !== undefined && known.old === old) return known.errors;
  return finished(definitionErrors(definition, old));
}

function* definitionErrors(definition: Definition, old: Definition | undefined): Generator<void, FieldError[]> {
  const { spec, status, metadata } = definition;
  const internal = internalSpec(spec);
  const before = old === undefined ? undefined : internalSpec(old.spec);
  const wanted = `${spec.names.plural ?? ''}.${spec.group ?? ''}`;
  yield;
  const rules = old === undefined || before === undefined ? NEW : rulesAfter(old, before, internal);
  yield;
  return [
    ...(old === undefined && metadata.name !== wanted
      ? [invalid('metadata.name', metadata.name, 'must be spec.names.plural+"."+spec.group')]
      : []),
    ...(yield* validateSpec(internal, rules, 'spec')),
    ...(old === undefined ? [] : validateNamesKept(definition, old)),
    ...validateStatus(status),
    ...validateStoredVersions(status.storedVersions, internal, 'status.storedVersions'),
    ...validateApproval(definition, old),
    ...validatePreserving(spec, old?.spec),
  ];
}

export const validateStatus = (status: apiextensions.CustomResourceDefinitionStatus): FieldError[] =>
  validateNames(status.acceptedNames, 'status.acceptedNames');

/** Nothing is made stricter than what is stored. */
function rulesAfter(old: Definition, before: InternalSpec, spec: InternalSpec): SpecRules {
  const schemas = schemasOf(before);
  const none = (isSuch: (schema: apiextensions.JSONSchemaProps) => boolean): boolean =>
    !schemas.some((schema) => someSchema(schema, isSuch));
  const reviewVersions = old.spec.conversion?.webhook?.conversionReviewVersions ?? [];
  return {
    requireSchema:
      before.schema?.openAPIV3Schema !== undefined ||
      (before.versions ?? []).every(({ schema }) => schema?.openAPIV3Schema !== undefined),
    requireReviewVersion: reviewVersions.length === 0 || reviewVersions.some(isReviewVersion),
    requireValidPropertyType: none(hasInvalidType),
    requireStructuralSchema: !schemas.some(isNotStructural),
    requirePrunedDefaults: !schemas.some(hasUnprunedDefaults),
    requireAtomicSetType: none((schema) => validateSetItems(schema, '').length > 0),
    requireMapListKeys: none((schema) => validateListItems(schema, '').length > 0),
    allowInvalidCABundle: allowsInvalidCABundle(old),
    allowTooManySelectable: tooManyBefore(before, spec),
  };
}

const isNotStructural = (schema: apiextensions.JSONSchemaProps): boolean =>
  unreadable(schema) !== undefined || validateStructural(schema, '').length > 0;

function hasUnprunedDefaults(schema: apiextensions.JSONSchemaProps): boolean {
  if (isNotStructural(schema)) return false;
  const structural = parseStructural(schema);
  return structural.holds.defaults && pruneDefaults(structural) !== structural;
}

const isEstablished = ({ status }: Definition): boolean =>
  (status.conditions ?? []).some(({ type, status: value }) => type === 'Established' && value === 'True');

function allowsInvalidCABundle(old: Definition): boolean {
  if (!isEstablished(old)) return true;
  const bundle = old.spec.conversion?.webhook?.clientConfig?.caBundle ?? '';
  return bundle !== '' && validateCABundle(bundle, '').length > 0;
}

function tooManyBefore(before: InternalSpec, spec: InternalSpec): ReadonlySet<string> {
  const names = new Set<string>();
  const compare = (
    name: string,
    old: InternalSpec['selectableFields'],
    now: InternalSpec['selectableFields'],
  ): void => {
    if ((old ?? []).length > MAX_SELECTABLE_FIELDS && equalValues(old, now)) names.add(name);
  };
  compare('', before.selectableFields, spec.selectableFields);
  const versions = new Map(before.versions?.toReversed().map((version) => [version.name, version]));
  for (const { name, selectableFields } of spec.versions ?? []) {
    const old = versions.get(name);
    compare(name, old?.selectableFields, selectableFields);
  }
  return names;
}

/** Objects are stored below group and plural; once there may be any, scope and kind are for good too. */
const validateNamesKept = ({ spec }: Definition, old: Definition): FieldError[] => [
  ...(isEstablished(old)
    ? [
        ...validateImmutable(spec.scope, old.spec.scope, 'spec.scope'),
        ...validateImmutable(spec.names.kind, old.spec.names.kind, 'spec.names.kind'),
      ]
    : []),
  ...validateImmutable(spec.group, old.spec.group, 'spec.group'),
  ...validateImmutable(spec.names.plural, old.spec.names.plural, 'spec.names.plural'),
];

function validateStoredVersions(
  stored: readonly string[] | undefined,
  { versions = [] }: InternalSpec,
  path: string,
): FieldError[] {
  if (stored === undefined || stored.length === 0)
    return [invalid(path, stored, 'must have at least one stored version')];
  const names = new Set((versions ?? []).map(({ name }) => name));
  const last = new Map(stored.map((name, i) => [name, i]));
  return [
    ...(versions ?? [])
      .filter(({ name, storage }) => storage && !last.has(name))
      .map(({ name }) => invalid(path, stored, `must have the storage version ${name}`)),
    ...stored.flatMap((name, i) => {
      if (names.has(name) || last.get(name) !== i) return [];
      const why = `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`;
      return [invalid(index(path, i), name, why)];
    }),
  ];
}

const APPROVED_ANNOTATION = 'api-approved.kubernetes.io';
const PULL_REQUEST = 'https://github.com/kubernetes/enhancements/pull/1111';

type Approval = 'Missing' | 'Bypassed' | 'Approved' | 'Invalid';

function approvalOf({ metadata }: Definition): Approval {
  const annotation = metadata.annotations?.[APPROVED_ANNOTATION] ?? '';
  if (annotation === '') return 'Missing';
  if (annotation.startsWith('unapproved')) return 'Bypassed';
  return isRequestURI(annotation) && /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?]/.test(annotation) ? 'Approved' : 'Invalid';
}

/** Groups of Kubernetes' own take an approval, or word that there is none. */
function validateApproval(definition: Definition, old: Definition | undefined): FieldError[] {
  if (!/(?:^|\.)(?:k8s|kubernetes)\.io$/.test(definition.spec.group ?? '')) return [];
  const approval = approvalOf(definition);
  if (old !== undefined && approvalOf(old) === approval) return [];
  const at = keyPath(child('metadata', 'annotations'), APPROVED_ANNOTATION);
  const must = `protected groups must have approval annotation "${APPROVED_ANNOTATION}"`;
  if (approval === 'Missing') return [required(at, `${must}, see ${PULL_REQUEST}`)];
  if (approval !== 'Invalid') return [];
  const why = `${must} with either a URL or a reason starting with "unapproved", see ${PULL_REQUEST}`;
  return [invalid(at, definition.metadata.annotations?.[APPROVED_ANNOTATION], why)];
}

function validatePreserving(
  spec: apiextensions.CustomResourceDefinitionSpec,
  old: apiextensions.CustomResourceDefinitionSpec | undefined,
): FieldError[] {
  if (spec.preserveUnknownFields !== true || old?.preserveUnknownFields === true) return [];
  const why = 'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
  return [invalid('spec.preserveUnknownFields', true, why)];
}

/** Formats nobody checks; on an update only new ones. Source: pkg/registry/customresourcedefinition/strategy.go v0.36. */
export function formatWarnings(definition: Definition, old: Definition | undefined): string[] {
  const known = new Set(old === undefined ? [] : unknownFormats(old));
  return unknownFormats(definition)
    .filter((format) => !known.has(format))
    .map((format) => `unrecognized format ${JSON.stringify(format)}`);
}

const unknownFormats = ({ spec }: Definition): string[] =>
  schemasOf(internalSpec(spec)).flatMap((schema) => {
    const unknown: string[] = [];
    for (const { format = '', type = '' } of everySchema(schema))
      if (format !== '' && knownFormat({ format, type, intOrString: false }) === '') unknown.push(format);
    return unknown;
  });
