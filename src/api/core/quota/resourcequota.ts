import type { FieldError } from '../../field-error.ts';
import { child, index, invalid, required } from '../../field-error.ts';
import type * as core from '../../generated/core.v1.ts';
import { defineKind } from '../../kind.ts';
import { canonicalQuantity } from '../../quantity.ts';
import { AGE, age, NAME } from '../../table.ts';
import { own } from '../../validation/equal.ts';
import { eachKey, invalidEach } from '../../validation/fields.ts';
import { isQualifiedName } from '../../validation/names.ts';
import { roundedToMilli } from '../pod/defaults.ts';
import { validateQuantity } from '../pod/requirements.ts';

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
  const errors = invalidEach(path, name, isQualifiedName(name));
  if (errors.length > 0 || name.includes('/') || STANDARD.has(name) || isHugePage(name)) return errors;
  return [invalid(path, name, 'must be a standard resource for quota')];
}

/** Whether a scope can be told of what the resource counts. Source: IsResourceQuotaScopeValidForResource in pkg/apis/core/helper v1.36. */
function isCounted(scope: string, name: string): boolean {
  if (scope === 'BestEffort') return name === 'pods';
  if (scope === 'VolumeAttributesClass') {
    return name === 'persistentvolumeclaims' || name.startsWith('requests.storage') || name.includes('/');
  }
  return POD_RESOURCES.has(name) || isHugePage(name) || name.includes('/');
}

function validateScopes(
  scopes: readonly string[],
  shown: unknown,
  hard: readonly string[],
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const scope of scopes) {
    if (!SCOPES.has(scope)) errors.push(invalid(path, shown, 'unsupported scope'));
    else if (!hard.every((name) => isCounted(scope, name))) {
      errors.push(invalid(path, shown, 'unsupported scope applied to resource'));
    }
  }
  for (const pair of CONFLICTS) {
    if (pair.every((scope) => scopes.includes(scope))) errors.push(invalid(path, shown, 'conflicting scopes'));
  }
  return errors;
}

/** Scopes that only are or are not, and take no values. */
const PLAIN: ReadonlySet<string> = new Set([
  'BestEffort',
  'NotBestEffort',
  'Terminating',
  'NotTerminating',
  'CrossNamespacePodAffinity',
]);

function validateSelector({ matchExpressions = [] }: core.ScopeSelector, path: string): FieldError[] {
  const at = child(path, 'matchExpressions');
  return matchExpressions.flatMap(({ scopeName, operator, values = [] }, i) => {
    const errors: FieldError[] = [];
    const operatorPath = child(index(at, i), 'operator');
    if (PLAIN.has(scopeName) && operator !== 'Exists') {
      const why =
        "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
      errors.push(invalid(operatorPath, operator ?? '', why));
    }
    switch (operator) {
      case 'In':
      case 'NotIn':
        if (values.length === 0) {
          errors.push(
            required(
              child(at, 'values'),
              "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
            ),
          );
        }
        break;
      case 'Exists':
      case 'DoesNotExist':
        if (values.length > 0) {
          errors.push(
            invalid(
              child(at, 'values'),
              values,
              "must be no value when `operator` is 'Exists' or 'DoesNotExist' for scope selector",
            ),
          );
        }
        break;
      default:
        errors.push(invalid(child(at, 'operator'), operator ?? '', 'not a valid selector operator'));
    }
    return errors;
  });
}

function validateResourceQuota({ spec }: ResourceQuota): FieldError[] {
  const { hard = {}, scopes = [], scopeSelector } = spec;
  const names = Object.keys(hard);
  const selected = (scopeSelector?.matchExpressions ?? []).map(({ scopeName }) => scopeName);
  const selectorPath = 'spec.scopeSelector.matchExpressions.scopeName';
  return [
    ...validateAmounts(hard, 'spec.hard'),
    ...validateScopes(scopes, scopes, names, 'spec.scopes'),
    ...(scopeSelector === undefined
      ? []
      : [
          ...validateSelector(scopeSelector, 'spec.scopeSelector'),
          ...validateScopes(selected, scopeSelector, names, selectorPath),
        ]),
  ];
}

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
    if (quota.spec.hard !== undefined) quota.spec.hard = roundedToMilli(quota.spec.hard);
  },
  validate: validateResourceQuota,
  validateUpdate: ({ spec }, old) => {
    const sorted = (scopes: readonly string[] = []): string[] => [...new Set(scopes)].toSorted();
    return sorted(spec.scopes).join('\0') === sorted(old.spec.scopes).join('\0')
      ? []
      : [invalid('spec.scopes', spec.scopes ?? [], 'field is immutable')];
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
