import type { FieldError } from '../field-error.ts';
import { child, index, invalid, notSupported, required } from '../field-error.ts';
import type * as apiextensions from '../generated/apiextensions.v1.ts';
import { defineKind } from '../kind.ts';
import { DEFAULT_COLUMNS, defaultRow } from '../table.ts';
import { semanticEqual } from '../validation/equal.ts';
import { eachOf, invalidEach, Seen, unchecked, validateEnum, validateImmutable } from '../validation/fields.ts';
import { isDNS1035Label, isDNS1123Subdomain } from '../validation/names.ts';

export type CustomResourceDefinition = apiextensions.CustomResourceDefinition;

const SCOPES = ['Cluster', 'Namespaced'];
const STRATEGIES = ['None', 'Webhook'];
const DEFAULT_PORT = 443;
const ESTABLISHED = 'Established';

/** Source: SetDefaults_CustomResourceDefinition* in apiextensions-apiserver pkg/apis/apiextensions/v1/defaults.go v0.36. */
function defaultDefinition(definition: CustomResourceDefinition): void {
  definition.spec ??= { group: '', names: { kind: '', plural: '' }, scope: '', versions: [] };
  definition.status ??= {};
  const { spec } = definition;
  spec.names ??= { kind: '', plural: '' };
  if ((spec.names.singular ?? '') === '') spec.names.singular = (spec.names.kind ?? '').toLowerCase();
  if ((spec.names.listKind ?? '') === '' && (spec.names.kind ?? '') !== '') {
    spec.names.listKind = `${spec.names.kind}List`;
  }
  spec.conversion ??= { strategy: 'None' };
  const service = spec.conversion.webhook?.clientConfig?.service;
  if (service !== undefined) service.port ??= DEFAULT_PORT;
}

function validateDefinition({ metadata, spec }: CustomResourceDefinition): FieldError[] {
  const { group = '', scope, versions = [] } = unchecked(spec);
  const wanted = `${spec.names.plural ?? ''}.${group}`;
  const seen = new Seen();
  const stored = versions.filter(({ storage }) => storage).length;
  const errors: FieldError[] = [];
  if (metadata.name !== wanted) {
    errors.push(invalid('metadata.name', metadata.name, 'must be spec.names.plural+"."+spec.group'));
  }
  if (group === '') errors.push(required('spec.group'));
  else if (!group.includes('.')) errors.push(invalid('spec.group', group, 'should be a domain with at least one dot'));
  else errors.push(...invalidEach('spec.group', group, isDNS1123Subdomain(group)));
  errors.push(
    ...validateEnum(scope, SCOPES, 'spec.scope'),
    ...eachOf(versions, 'spec.versions', (version, at) => {
      const { name = '' } = unchecked(version);
      return [
        ...invalidEach(child(at, 'name'), name, isDNS1035Label(name)),
        ...(seen.add(name)
          ? []
          : [
              invalid(
                'spec.versions',
                versions.map((v) => v.name),
                'must contain unique version names',
              ),
            ]),
        ...validateVersion(version, at),
      ];
    }),
  );
  if (stored !== 1) {
    const why = 'must have exactly one version marked as storage version';
    errors.push(
      invalid(
        'spec.versions',
        versions.map(({ name }) => name),
        why,
      ),
    );
  }
  if (spec.preserveUnknownFields === true) {
    const why =
      'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
    errors.push(invalid('spec.preserveUnknownFields', true, why));
  }
  return [
    ...errors,
    ...validateNames(spec.names, 'spec.names'),
    ...validateConversion(spec.conversion, 'spec.conversion'),
  ];
}

function validateVersion(version: apiextensions.CustomResourceDefinitionVersion, path: string): FieldError[] {
  const { schema, subresources, deprecationWarning, deprecated } = version;
  const errors: FieldError[] = [];
  if (schema?.openAPIV3Schema === undefined) {
    errors.push(required(child(path, 'schema', 'openAPIV3Schema'), 'schemas are required'));
  } else if (schema.openAPIV3Schema.type !== 'object') {
    const at = child(path, 'schema', 'openAPIV3Schema', 'type');
    errors.push(
      (schema.openAPIV3Schema.type ?? '') === ''
        ? required(at, 'must not be empty at the root')
        : invalid(at, schema.openAPIV3Schema.type, 'must be object at the root'),
    );
  }
  if (deprecated !== true && deprecationWarning !== undefined) {
    const at = child(path, 'deprecationWarning');
    errors.push(invalid(at, deprecationWarning, 'can only be set for deprecated versions'));
  }
  const scale = subresources?.scale;
  if (scale !== undefined) {
    const at = child(path, 'subresources', 'scale');
    const paths = { specReplicasPath: '.spec.', statusReplicasPath: '.status.' } as const;
    for (const [field, prefix] of Object.entries(paths) as [keyof typeof paths, string][]) {
      const value = unchecked(scale)[field] ?? '';
      if (value === '') errors.push(required(child(at, field)));
      else if (!value.startsWith(prefix)) {
        errors.push(invalid(child(at, field), value, `should be a json path under ${prefix.slice(0, -1)}`));
      }
    }
  }
  return errors;
}

function validateNames(names: apiextensions.CustomResourceDefinitionNames, path: string): FieldError[] {
  const { plural = '', singular = '', kind = '', listKind = '', shortNames = [], categories = [] } = unchecked(names);
  const label = (value: string, at: string): FieldError[] => invalidEach(at, value, isDNS1035Label(value));
  const same = kind !== '' && kind === listKind;
  return [
    ...label(plural, child(path, 'plural')),
    ...(singular === '' ? [] : label(singular, child(path, 'singular'))),
    ...(kind === '' ? [required(child(path, 'kind'))] : label(kind.toLowerCase(), child(path, 'kind'))),
    ...(listKind === '' ? [required(child(path, 'listKind'))] : label(listKind.toLowerCase(), child(path, 'listKind'))),
    ...shortNames.flatMap((name, i) => label(name, index(child(path, 'shortNames'), i))),
    ...(same ? [invalid(child(path, 'listKind'), listKind, 'kind and listKind may not be the same')] : []),
    ...categories.flatMap((name, i) => label(name, index(child(path, 'categories'), i))),
  ];
}

function validateConversion(
  conversion: apiextensions.CustomResourceConversion | undefined,
  path: string,
): FieldError[] {
  const { strategy = '', webhook } = unchecked(conversion ?? { strategy: '' });
  const errors: FieldError[] = [];
  if (strategy === '') errors.push(required(child(path, 'strategy')));
  else if (!STRATEGIES.includes(strategy)) errors.push(notSupported(child(path, 'strategy'), strategy, STRATEGIES));
  if (strategy !== 'Webhook') return errors;
  const config = webhook?.clientConfig;
  const at = child(path, 'webhookClientConfig');
  if (config === undefined) errors.push(required(at, 'required when strategy is set to Webhook'));
  else if ((config.url === undefined) === (config.service === undefined)) {
    errors.push(required(at, 'exactly one of url or service is required'));
  }
  if ((unchecked(webhook ?? { conversionReviewVersions: [] }).conversionReviewVersions ?? []).length === 0) {
    errors.push(required(child(path, 'conversionReviewVersions')));
  }
  return errors;
}

/** Group, and once objects may be there names and scope, are for good. */
function validateUpdate(definition: CustomResourceDefinition, old: CustomResourceDefinition): FieldError[] {
  const established = (old.status.conditions ?? []).some(
    ({ type, status }) => type === ESTABLISHED && status === 'True',
  );
  const { spec } = definition;
  return [
    ...validateImmutable(spec.group, old.spec.group, 'spec.group'),
    ...validateImmutable(spec.names.plural, old.spec.names.plural, 'spec.names.plural'),
    ...(established
      ? [
          ...validateImmutable(spec.scope, old.spec.scope, 'spec.scope'),
          ...validateImmutable(spec.names.kind, old.spec.names.kind, 'spec.names.kind'),
        ]
      : []),
    ...(definition.status.storedVersions ?? []).flatMap((stored, i) =>
      (spec.versions ?? []).some(({ name }) => name === stored)
        ? []
        : [
            invalid(
              index('status.storedVersions', i),
              stored,
              'missing from spec.versions; v1 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions'.replaceAll(
                'v1',
                stored,
              ),
            ),
          ],
    ),
  ];
}

/** The version objects are stored in counts as one that has been. */
function rememberStorageVersion(definition: CustomResourceDefinition): void {
  const stored = (definition.spec.versions ?? []).find(({ storage }) => storage)?.name;
  const versions = definition.status.storedVersions ?? [];
  if (stored === undefined || versions.includes(stored)) return;
  definition.status = { ...definition.status, storedVersions: [...versions, stored] };
}

/**
 * The definition as an object like any other; what it defines is served elsewhere. Source: apiextensions-apiserver
 * pkg/{apis/apiextensions/validation,registry/customresourcedefinition/strategy.go} v0.36.
 */
export const CustomResourceDefinition = defineKind<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  namespaced: false,
  definition: 'apiextensions.v1.CustomResourceDefinition',
  storagePrefix: 'apiextensions.k8s.io/customresourcedefinitions',
  unconditionalUpdate: false,

  defaults: defaultDefinition,
  validate: validateDefinition,
  validateUpdate,
  generation: true,
  prepareForCreate(definition) {
    definition.status = {};
    rememberStorageVersion(definition);
  },
  prepareForUpdate: (definition, old) => {
    if (!semanticEqual(definition.spec.versions, old.spec.versions)) rememberStorageVersion(definition);
  },
  status: {
    prepareForUpdate(definition, old) {
      definition.spec = old.spec;
    },
    validateUpdate: ({ status }) =>
      (status.storedVersions ?? []).length === 0
        ? [invalid('status.storedVersions', [], 'must have at least one stored version')]
        : [],
  },

  columns: DEFAULT_COLUMNS,
  row: defaultRow,
});
