import type * as apiextensions from '../generated/apiextensions.v1.ts';
import { defineKind } from '../kind.ts';
import { DEFAULT_COLUMNS, defaultRow } from '../table.ts';
import { formatWarnings, validateDefinition, validateStatus } from './validate.ts';

export type CustomResourceDefinition = apiextensions.CustomResourceDefinition;

const DEFAULT_PORT = 443;

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
  if ((definition.status.storedVersions ?? []).length === 0) rememberStorageVersion(definition);
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
  anyFinalizers: true,

  defaults: defaultDefinition,
  validate: validateDefinition,
  generation: true,
  prepareForCreate(definition) {
    definition.status = {};
    rememberStorageVersion(definition);
  },
  prepareForUpdate: rememberStorageVersion,
  warnings: formatWarnings,
  status: {
    prepareForUpdate(definition, old) {
      definition.spec = old.spec;
    },
    validateUpdate: ({ status }) => validateStatus(status),
  },

  columns: DEFAULT_COLUMNS,
  row: defaultRow,
});
