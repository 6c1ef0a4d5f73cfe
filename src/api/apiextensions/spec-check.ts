/** The spec of a definition. Source: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go v0.36. */
import { addErrors, child, type FieldError, forbiddenField, index, invalid, required } from '../field-error.ts';
import type * as apiextensions from '../generated/apiextensions.v1.ts';
import { invalidEach, type Unchecked, unchecked, validateEnum } from '../validation/fields.ts';
import { isDNS1035Label, isDNS1123Subdomain } from '../validation/names.ts';
import { validateCABundle, validateWebhookService, validateWebhookURL } from '../validation/webhook.ts';
import { type InternalSpec, schemasOf } from './internal.ts';
import { printedVersions } from './printed.ts';
import { type SchemaRules, validateSchema } from './schema-check.ts';
import { someSchema } from './schema-walk.ts';
import { unreadable } from './structural-check.ts';
import {
  validateColumns,
  validateDeprecation,
  validateSelectableFields,
  validateSubresources,
} from './version-check.ts';

/** What was wrong before an update is let be, and what is in use stays. */
export interface SpecRules extends SchemaRules {
  readonly requireSchema: boolean;
  readonly requireReviewVersion: boolean;
  readonly allowInvalidCABundle: boolean;
  /** Versions that had too many selectable fields; '' for those of all. */
  readonly allowTooManySelectable: ReadonlySet<string>;
}

const SCOPES = ['Cluster', 'Namespaced'];
const STRATEGIES = ['None', 'Webhook'];
const REVIEW_VERSIONS = ['v1', 'v1beta1'];
const DEFAULT_PORT = 443;

/** All that is wrong in one error. */
const invalidOnce = (path: string, value: string, wrong: readonly string[], before = ''): FieldError[] =>
  wrong.length === 0 ? [] : [invalid(path, value, before + wrong.join(','))];

/** In steps. */
export function* validateSpec(spec: InternalSpec, given: SpecRules, path: string): Generator<void, FieldError[]> {
  const { group = '', scope } = spec;
  const at = (...names: string[]): string => child(path, ...names);
  const preserves = spec.preserveUnknownFields === true;
  const schemas = schemasOf(spec);
  const hasDefaults = schemas.some((schema) => someSchema(schema, hasDefault));
  const needsStructure = !preserves || hasDefaults || schemas.some((schema) => someSchema(schema, isExtended));
  const rules = { ...given, requireStructuralSchema: given.requireStructuralSchema || needsStructure };
  const errors: FieldError[] = [];
  if (group === '') errors.push(required(at('group')));
  else if (isDNS1123Subdomain(group).length > 0)
    addErrors(errors, invalidOnce(at('group'), group, isDNS1123Subdomain(group)));
  else if (!group.includes('.')) errors.push(invalid(at('group'), group, 'should be a domain with at least one dot'));
  addErrors(errors, [...validateEnum(scope, SCOPES, at('scope')), ...validateHasSchemas(spec, rules, preserves, path)]);
  if (hasDefaults && preserves) {
    errors.push(invalid(at('preserveUnknownFields'), true, 'must be false in order to use defaults in the schema'));
  }
  return [
    ...errors,
    ...(yield* validateVersions(spec, rules, path)),
    ...(['plural', 'singular', 'kind', 'listKind'] as const).flatMap((name) =>
      (spec.names?.[name] ?? '') === '' ? [required(at('names', name))] : [],
    ),
    ...validateNames(spec.names, at('names')),
    ...(yield* validateShared(spec, rules, path)),
    ...validateConversion(spec, rules, preserves, at('conversion')),
  ];
}

const hasDefault = (schema: apiextensions.JSONSchemaProps): boolean => (schema.default ?? undefined) !== undefined;

const isExtended = (schema: apiextensions.JSONSchemaProps): boolean =>
  schema['x-kubernetes-embedded-resource'] === true ||
  schema['x-kubernetes-preserve-unknown-fields'] !== undefined ||
  schema['x-kubernetes-int-or-string'] === true ||
  (schema['x-kubernetes-list-map-keys'] ?? []).length > 0 ||
  schema['x-kubernetes-list-type'] !== undefined ||
  (schema['x-kubernetes-validations'] ?? []).length > 0;

function validateHasSchemas(spec: InternalSpec, rules: SpecRules, preserves: boolean, path: string): FieldError[] {
  if (spec.schema?.openAPIV3Schema !== undefined || (preserves && !rules.requireSchema)) return [];
  return (spec.versions ?? []).flatMap(({ schema, served }, i) => {
    const at = child(index(child(path, 'versions'), i), 'schema', 'openAPIV3Schema');
    if (schema?.openAPIV3Schema !== undefined) return [];
    if (rules.requireSchema) return [required(at)];
    return served ? [required(at, 'because otherwise all fields are pruned')] : [];
  });
}

function* validateVersions(spec: InternalSpec, rules: SpecRules, path: string): Generator<void, FieldError[]> {
  const versions = spec.versions ?? [];
  const at = child(path, 'versions');
  const shared = spec.subresources?.status !== undefined;
  const errors: FieldError[] = [];
  for (const [i, version] of versions.entries()) {
    const { name, schema, subresources, selectableFields = [] } = version;
    const own = index(at, i);
    const hasStatus = subresources === undefined ? shared : subresources.status !== undefined;
    const props = schema?.openAPIV3Schema;
    errors.push(
      ...invalidOnce(child(own, 'name'), name, isDNS1035Label(name)),
      ...validateDeprecation(version.deprecated, version.deprecationWarning, child(own, 'deprecationWarning')),
      ...(yield* validateSchema(schema, hasStatus, rules, child(own, 'schema'))),
      ...validateSubresources(subresources, child(own, 'subresources')),
      ...validateColumns(version.additionalPrinterColumns, child(own, 'additionalPrinterColumns')),
      ...(selectableFields.length === 0
        ? []
        : props === undefined
          ? [
              invalid(
                child(own, 'selectableFields'),
                '',
                'may only be set when `version.schema.openAPIV3Schema` is not included',
              ),
            ]
          : validateSelectable(selectableFields, props, own, rules.allowTooManySelectable.has(name))),
    );
    yield;
  }
  const shown = (why: string): FieldError => invalid(at, printedVersions(spec.versions), why);
  if (new Set(versions.map(({ name }) => name)).size < versions.length) {
    errors.push(shown('must contain unique version names'));
  }
  if (versions.filter(({ storage }) => storage).length !== 1) {
    errors.push(shown('must have exactly one version marked as storage version'));
  }
  return [
    ...errors,
    ...(spec.version === '' ? [] : invalidOnce(child(path, 'version'), spec.version, isDNS1035Label(spec.version))),
  ];
}

/** Selectable fields of a version, or of all (`path` being the spec's). */
function validateSelectable(
  fields: readonly apiextensions.SelectableField[],
  schema: apiextensions.JSONSchemaProps,
  path: string,
  allowTooMany: boolean,
): FieldError[] {
  const why = unreadable(schema);
  return [
    ...(why === undefined ? [] : [invalid(child(path, 'schema', 'openAPIV3Schema'), '', why)]),
    ...validateSelectableFields(fields, schema, child(path, 'selectableFields'), allowTooMany),
  ];
}

/** What is the same in all versions; its schema is still called the validation. */
function* validateShared(spec: InternalSpec, rules: SpecRules, path: string): Generator<void, FieldError[]> {
  const { schema, subresources, additionalPrinterColumns, selectableFields = [], versions = [] } = spec;
  const hasStatus = [subresources, ...(versions ?? []).map((version) => version.subresources)].some(
    (declared) => declared?.status !== undefined,
  );
  const fieldsAt = child(path, 'selectableFields');
  return [
    ...(yield* validateSchema(schema, hasStatus, rules, child(path, 'validation'))),
    ...validateSubresources(subresources, child(path, 'subresources')),
    ...validateColumns(additionalPrinterColumns, child(path, 'additionalPrinterColumns')),
    ...(selectableFields.length === 0
      ? []
      : schema === undefined
        ? [invalid(fieldsAt, '', 'may only be set when validations.schema is included')]
        : validateSelectable(
            selectableFields,
            schema.openAPIV3Schema ?? {},
            path,
            rules.allowTooManySelectable.has(''),
          )),
  ];
}

/** Names there are; in a spec some are required besides. */
export function validateNames(
  names: Unchecked<apiextensions.CustomResourceDefinitionNames> | undefined,
  path: string,
): FieldError[] {
  const { plural = '', singular = '', kind = '', listKind = '', shortNames = [], categories = [] } = names ?? {};
  const label = (value: string, at: string): FieldError[] => invalidOnce(at, value, isDNS1035Label(value));
  const kindly = (value: string, at: string): FieldError[] =>
    invalidOnce(at, value, isDNS1035Label(value.toLowerCase()), 'may have mixed case, but should otherwise match: ');
  return [
    ...(plural === '' ? [] : label(plural, child(path, 'plural'))),
    ...(singular === '' ? [] : label(singular, child(path, 'singular'))),
    ...(kind === '' ? [] : kindly(kind, child(path, 'kind'))),
    ...(listKind === '' ? [] : kindly(listKind, child(path, 'listKind'))),
    ...shortNames.flatMap((name, i) => label(name, index(child(path, 'shortNames'), i))),
    ...(kind !== '' && kind === listKind
      ? [invalid(child(path, 'listKind'), listKind, 'kind and listKind may not be the same')]
      : []),
    ...categories.flatMap((name, i) => label(name, index(child(path, 'categories'), i))),
  ];
}

function validateConversion(spec: InternalSpec, rules: SpecRules, preserves: boolean, path: string): FieldError[] {
  if (spec.conversion === undefined) return [];
  const { strategy = '', webhook } = unchecked(spec.conversion);
  const errors: FieldError[] = [];
  if (strategy !== 'None' && preserves) {
    errors.push(invalid(child(path, 'strategy'), strategy, 'must be None if spec.preserveUnknownFields is true'));
  }
  addErrors(errors, validateEnum(strategy, STRATEGIES, child(path, 'strategy')));
  const { clientConfig, conversionReviewVersions: versions = [] } = unchecked(
    webhook ?? { conversionReviewVersions: [] },
  );
  const configPath = child(path, 'webhookClientConfig');
  const versionsPath = child(path, 'conversionReviewVersions');
  if (strategy !== 'Webhook') {
    const why = 'should not be set when strategy is not set to Webhook';
    if (clientConfig !== undefined) errors.push(forbiddenField(configPath, why));
    if (versions.length > 0) errors.push(forbiddenField(versionsPath, why));
    return errors;
  }
  return [
    ...errors,
    ...(clientConfig === undefined
      ? [required(configPath, 'required when strategy is set to Webhook')]
      : validateClientConfig(clientConfig, rules.allowInvalidCABundle, configPath)),
    ...validateReviewVersions(versions, rules.requireReviewVersion, versionsPath),
  ];
}

function validateClientConfig(
  { url, service, caBundle = '' }: apiextensions.WebhookClientConfig,
  allowInvalidCABundle: boolean,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (url !== undefined && service === undefined) addErrors(errors, validateWebhookURL(url, child(path, 'url')));
  else if (service !== undefined && url === undefined) {
    const { port = DEFAULT_PORT } = service;
    addErrors(errors, validateWebhookService({ ...service, port }, child(path, 'service')));
  } else errors.push(required(path, 'exactly one of url or service is required'));
  if (caBundle !== '' && !allowInvalidCABundle) addErrors(errors, validateCABundle(caBundle, child(path, 'caBundle')));
  return errors;
}

export const isReviewVersion = (version: string): boolean => REVIEW_VERSIONS.includes(version);

function validateReviewVersions(versions: readonly string[], requireKnown: boolean, path: string): FieldError[] {
  if (versions.length === 0) return [required(path)];
  const seen = new Set<string>();
  const errors = versions.flatMap((version, i) => {
    const isSecond = seen.has(version);
    seen.add(version);
    return isSecond
      ? [invalid(index(path, i), version, 'duplicate version')]
      : invalidEach(index(path, i), version, isDNS1035Label(version));
  });
  if (requireKnown && !versions.some(isReviewVersion)) {
    errors.push(invalid(path, versions, `must include at least one of ${REVIEW_VERSIONS.join(', ')}`));
  }
  return errors;
}
