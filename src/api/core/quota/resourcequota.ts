import { equalValues } from '../../equality.ts';
import type { FieldError } from '../../field-error.ts';
import { child, invalid, required } from '../../field-error.ts';
import type * as core from '../../generated/core.v1.ts';
import { defineKind } from '../../kind.ts';
import { canonicalQuantity } from '../../quantity.ts';
import { AGE, age, NAME } from '../../table.ts';
import { own } from '../../validation/equal.ts';
import { eachKey } from '../../validation/fields.ts';
import { roundedToMilli } from '../pod/defaults.ts';
import { validateQuantity, validateResourceName } from '../pod/requirements.ts';

export type ResourceQuota = core.ResourceQuota;

const COMPUTE = ['cpu', 'memory', 'ephemeral-storage'];
const STANDARD: ReadonlySet<string> = new Set([
  ...COMPUTE,
  ...COMPUTE.flatMap((name) => [`requests.${name}`, `limits.${name}`]),
  'requests.storage',
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'persistentvolumeclaims',
  'configmaps',
  'services.nodeports',
  'services.loadbalancers',
]);
const SCOPES: ReadonlySet<string> = new Set([
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'PriorityClass',
  'CrossNamespacePodAffinity',
  'VolumeAttributesClass',
]);
const CONFLICTS = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const;
const POD_RESOURCES: ReadonlySet<string> = new Set([
  'pods',
  ...COMPUTE,
  ...COMPUTE.flatMap((name) => [`requests.${name}`, `limits.${name}`]),
]);

const isHugePage = (name: string): boolean => name.startsWith('hugepages-') || name.startsWith('requests.hugepages-');

function validateName(name: string, path: string): FieldError[] {
  const errors = validateResourceName(name, path);
  if (!name.includes('/') && !STANDARD.has(name) && !isHugePage(name)) {
    errors.push(invalid(path, name, 'must be a standard resource for quota'));
  }
  return errors;
}

/** Whether a scope can be told of what the resource counts. Source: IsResourceQuotaScopeValidForResource in pkg/apis/core/helper v1.36. */
function isCounted(scope: string, name: string): boolean {
  if (scope === 'BestEffort') return name === 'pods';
  if (scope === 'VolumeAttributesClass') {
    return name === 'persistentvolumeclaims' || name.startsWith('requests.storage') || name.includes('/');
  }
  return POD_RESOURCES.has(name) || name.includes('/');
}

/** Resources a scope says nothing of, one error for each. */
const validateCounted = (scope: string, hard: readonly string[], shown: unknown, path: string): FieldError[] =>
  hard
    .filter((name) => SCOPES.has(scope) && (STANDARD.has(name) || isHugePage(name)) && !isCounted(scope, name))
    .map(() => invalid(path, shown, 'unsupported scope applied to resource'));

const validateConflicts = (scopes: readonly string[], shown: readonly string[], path: string): FieldError[] =>
  CONFLICTS.filter((pair) => pair.every((scope) => scopes.includes(scope))).map(() =>
    invalid(path, shown, 'conflicting scopes'),
  );

const validateScopes = (scopes: readonly string[], hard: readonly string[], path: string): FieldError[] => [
  ...scopes.flatMap((scope) => [
    ...(SCOPES.has(scope) ? [] : [invalid(path, scopes, 'unsupported scope')]),
    ...validateCounted(scope, hard, scopes, path),
  ]),
  ...validateConflicts(scopes, scopes, path),
];

/** Scopes that only are or are not, and take no values. */
const PLAIN: ReadonlySet<string> = new Set([
  'BestEffort',
  'NotBestEffort',
  'Terminating',
  'NotTerminating',
  'CrossNamespacePodAffinity',
]);

/** As upstream prints it: the internal type, by Go's names. */
const internalSelector = ({ matchExpressions }: core.ScopeSelector): object => ({
  MatchExpressions:
    matchExpressions?.map(({ scopeName, operator, values }) => ({
      ScopeName: scopeName ?? '',
      Operator: operator ?? '',
      Values: values ?? null,
    })) ?? null,
});

/** Upstream leaves the place in the list out of all these paths. */
function validateSelector(selector: core.ScopeSelector, { hard, scopes = [] }: core.ResourceQuotaSpec): FieldError[] {
  const path = 'spec.scopeSelector.matchExpressions';
  const names = Object.keys(hard ?? {}).toSorted();
  const { matchExpressions = [] } = selector;
  return [
    ...matchExpressions.flatMap((expression) => [
      ...(SCOPES.has(expression.scopeName)
        ? []
        : [invalid(child(path, 'scopeName'), expression.scopeName ?? '', 'unsupported scope')]),
      ...validateCounted(expression.scopeName, names, internalSelector(selector), path),
      ...validateOperator(expression, path),
    ]),
    ...validateConflicts(
      matchExpressions.map(({ scopeName }) => scopeName),
      scopes,
      path,
    ),
  ];
}

function validateOperator(
  { scopeName, operator, values = [] }: core.ScopedResourceSelectorRequirement,
  path: string,
): FieldError[] {
  const [operatorPath, valuesPath] = [child(path, 'operator'), child(path, 'values')];
  const errors: FieldError[] = [];
  if (PLAIN.has(scopeName) && operator !== 'Exists') {
    const why =
      "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
    errors.push(invalid(operatorPath, operator ?? '', why));
  }
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length > 0) return errors;
      return [
        ...errors,
        required(valuesPath, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"),
      ];
    case 'Exists':
    case 'DoesNotExist':
      if (values.length === 0) return errors;
      return [
        ...errors,
        invalid(valuesPath, values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"),
      ];
    default:
      return [...errors, invalid(operatorPath, operator ?? '', 'not a valid selector operator')];
  }
}

const validateResourceQuota = ({ spec }: ResourceQuota): FieldError[] => [
  ...validateAmounts(spec.hard, 'spec.hard'),
  ...validateScopes(spec.scopes ?? [], Object.keys(spec.hard ?? {}).toSorted(), 'spec.scopes'),
  ...(spec.scopeSelector === undefined ? [] : validateSelector(spec.scopeSelector, spec)),
];

const validateAmounts = (list: Readonly<Record<string, string>> | undefined, path: string): FieldError[] =>
  eachKey(list, path, (name, quantity, at) => [...validateName(name, at), ...validateQuantity(name, quantity, at)]);

/** `cpu: 1/2, memory: 0/1Gi`: what is used of what there is. */
const usageText = ({ status }: ResourceQuota, limits: boolean): string =>
  Object.keys(status.hard ?? {})
    .toSorted()
    .filter((name) => name.startsWith('limits.') === limits)
    .map((name) => {
      const [used, hard] = [own(status.used, name) ?? '0', own(status.hard, name) ?? '0'];
      return `${name}: ${canonicalQuantity(used)}/${canonicalQuantity(hard)}`;
    })
    .join(', ');

/** Source: ValidateResourceQuota in pkg/apis/core/validation, pkg/registry/core/resourcequota/strategy.go v1.36. */
export const ResourceQuota = defineKind<ResourceQuota>({
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  shortNames: ['quota'],
  namespaced: true,
  definition: 'core.v1.ResourceQuota',

  defaults(quota) {
    quota.spec ??= {};
    quota.status ??= {};
    const { spec, status } = quota;
    if (spec.hard !== undefined) spec.hard = roundedToMilli(spec.hard);
    if (status.hard !== undefined) status.hard = roundedToMilli(status.hard);
    if (status.used !== undefined) status.used = roundedToMilli(status.used);
  },
  validate: validateResourceQuota,
  validateUpdate: ({ spec }, old) => {
    const sorted = (scopes: readonly string[] = []): string[] => [...new Set(scopes)].toSorted();
    return equalValues(sorted(spec.scopes), sorted(old.spec.scopes))
      ? []
      : [invalid('spec.scopes', spec.scopes, 'field is immutable')];
  },
  prepareForCreate(quota) {
    quota.status = {};
  },
  status: {
    prepareForUpdate(quota, old) {
      quota.spec = old.spec;
    },
    validateUpdate: ({ status }) => [
      ...validateAmounts(status.hard, 'status.hard'),
      ...validateAmounts(status.used, 'status.used'),
    ],
  },

  columns: [NAME, { name: 'Request', type: 'string' }, { name: 'Limit', type: 'string' }, AGE],
  row: (quota, { nowMs }) => ({
    cells: [quota.metadata.name, usageText(quota, false), usageText(quota, true), age(quota, nowMs)],
  }),
});
