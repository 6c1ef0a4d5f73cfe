/** What webhooks and policies have in common. Source: pkg/apis/admissionregistration/{v1/defaults.go,validation} v1.36. */
import type { FieldError } from '../field-error.ts';
import { child, duplicate, forbiddenField, index, invalid, notSupported, required, tooMany } from '../field-error.ts';
import type {
  MatchCondition,
  MatchResources,
  NamedRuleWithOperations,
  ParamKind,
  ParamRef,
  RuleWithOperations,
  Variable,
} from '../generated/admissionregistration.v1.ts';
import type { LabelSelector } from '../generated/meta.v1.ts';
import {
  eachOf,
  invalidEach,
  Seen,
  unchecked,
  validateEnum,
  validateLabelSelector,
  validateOptionalEnum,
  validateQualifiedName,
} from '../validation/fields.ts';
import { isDNS1123Subdomain, isPathSegmentName, isDNS1035Label } from '../validation/names.ts';

export const ADMISSION_GROUP = 'admissionregistration.k8s.io';
export const FAILURE_POLICIES = ['Fail', 'Ignore'];
export const MATCH_POLICIES = ['Equivalent', 'Exact'];
export const REINVOCATION_POLICIES = ['IfNeeded', 'Never'];
const SCOPES = ['*', 'Cluster', 'Namespaced'];
const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const MAX_CONDITIONS = 64;
/** Words of CEL that are no names. */
const RESERVED: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

export function defaultRules(rules: readonly (RuleWithOperations | NamedRuleWithOperations)[] | undefined): void {
  for (const rule of rules ?? []) rule.scope ??= '*';
}

export function defaultMatchResources(match: MatchResources): void {
  match.matchPolicy ??= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  defaultRules(match.resourceRules);
  defaultRules(match.excludeResourceRules);
}

export function validateRule(rule: RuleWithOperations, path: string): FieldError[] {
  const { apiGroups = [], apiVersions = [], resources = [], operations = [], scope } = rule;
  const errors: FieldError[] = [];
  if (operations.length === 0) errors.push(required(child(path, 'operations')));
  errors.push(...onlyStar(operations, path, 'operations', "if '*' is present, must not specify other operations"));
  for (const [i, operation] of operations.entries()) {
    if (!OPERATIONS.includes(operation)) {
      errors.push(notSupported(index(child(path, 'operations'), i), operation, OPERATIONS));
    }
  }
  const lists = { apiGroups, apiVersions } as const;
  for (const [field, list] of Object.entries(lists)) {
    const what = field === 'apiGroups' ? 'API groups' : 'API versions';
    if (list.length === 0) errors.push(required(child(path, field)));
    errors.push(...onlyStar(list, path, field, `if '*' is present, must not specify other ${what}`));
  }
  for (const [i, version] of apiVersions.entries()) {
    if (version === '') errors.push(required(index(child(path, 'apiVersions'), i)));
  }
  if (resources.length === 0) errors.push(required(child(path, 'resources')));
  errors.push(...validateResources(resources, child(path, 'resources')));
  return [...errors, ...validateOptionalEnum(scope, SCOPES, child(path, 'scope'))];
}

const onlyStar = (list: readonly string[], path: string, field: string, why: string): FieldError[] =>
  list.length > 1 && list.includes('*') ? [invalid(child(path, field), list, why)] : [];

/** `pods`, `pods/status`, `*`, `pods/*`, `*` with a subresource: none that one before it covers. */
function validateResources(resources: readonly string[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const [wholes, everywhere] = [new Set<string>(), new Set<string>()];
  let last = '';
  for (const [i, resource] of resources.entries()) {
    const at = index(path, i);
    if (resource === '') {
      errors.push(required(at));
      continue;
    }
    const slash = resource.indexOf('/');
    if (slash < 0) {
      last = resource;
      continue;
    }
    const [name, sub] = [resource.slice(0, slash), resource.slice(slash + 1)];
    const covered = (by: string): FieldError =>
      invalid(at, resource, `if '${by}' is present, must not specify ${resource}`);
    if (wholes.has(name)) errors.push(covered(`${name}/*`));
    if (everywhere.has(sub)) errors.push(covered(`*/${sub}`));
    if (sub === '*') wholes.add(name);
    if (name === '*') everywhere.add(sub);
  }
  if (resources.length > 1 && resources.includes('*/*')) {
    errors.push(invalid(path, resources, "if '*/*' is present, must not specify other resources"));
  }
  // Upstream looks at the last of those without a subresource only.
  if (resources.includes('*') && last !== '*') {
    const why = "if '*' is present, must not specify other resources without subresources";
    errors.push(invalid(path, resources, why));
  }
  return errors;
}

export function validateMatchResources(match: MatchResources, path: string): FieldError[] {
  const named = (field: 'resourceRules' | 'excludeResourceRules'): FieldError[] =>
    eachOf(match[field], child(path, field), (rule, at) => {
      const names = new Seen();
      return [
        ...eachOf(rule.resourceNames, child(at, 'resourceNames'), (name, nameAt) => [
          ...invalidEach(nameAt, name, isPathSegmentName(name)),
          ...(names.add(name) ? [] : [duplicate(nameAt, name)]),
        ]),
        ...validateRule(rule, at),
      ];
    });
  return [
    ...validateOptionalEnum(match.matchPolicy, MATCH_POLICIES, child(path, 'matchPolicy')),
    ...validateLabelSelector(match.namespaceSelector, child(path, 'namespaceSelector')),
    ...validateLabelSelector(match.objectSelector, child(path, 'objectSelector')),
    ...named('resourceRules'),
    ...named('excludeResourceRules'),
  ];
}

export function validateMatchConditions(conditions: readonly MatchCondition[] | undefined, path: string): FieldError[] {
  const names = new Seen();
  const count = (conditions ?? []).length;
  return [
    ...(count > MAX_CONDITIONS ? [tooMany(path, count, MAX_CONDITIONS)] : []),
    ...eachOf(conditions, path, (condition, at) => {
      const { name = '', expression = '' } = unchecked(condition);
      const namePath = child(at, 'name');
      return [
        ...(expression.trim() === '' ? [required(child(at, 'expression'))] : []),
        ...(name === '' ? [required(namePath)] : validateQualifiedName(name, namePath)),
        ...(name === '' || names.add(name) ? [] : [duplicate(namePath, name)]),
      ];
    }),
  ];
}

export const validateVariables = (variables: readonly Variable[] | undefined, path: string): FieldError[] =>
  eachOf(variables, path, (variable, at) => {
    const { name = '', expression = '' } = unchecked(variable);
    const namePath = child(at, 'name');
    const errors: FieldError[] = [];
    if (name.trim() === '') errors.push(required(namePath, 'name is not specified'));
    else if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || RESERVED.has(name)) {
      errors.push(invalid(namePath, name, 'must be a valid CEL identifier'));
    }
    if (expression.trim() === '') errors.push(required(child(at, 'expression'), 'expression is not specified'));
    return errors;
  });

export function validateParamKind(paramKind: ParamKind | undefined, path: string): FieldError[] {
  if (paramKind === undefined) return [];
  const { apiVersion = '', kind = '' } = paramKind;
  const kindPath = child(path, 'kind');
  const wrong = isDNS1035Label(kind.toLowerCase());
  const mixed = 'may have mixed case, but should otherwise match: ';
  return [
    ...validateParamVersion(apiVersion, child(path, 'apiVersion')),
    ...(kind === ''
      ? [required(kindPath)]
      : wrong.length === 0
        ? []
        : [invalid(kindPath, kind, mixed + wrong.join(','))]),
  ];
}

function validateParamVersion(apiVersion: string, path: string): FieldError[] {
  if (apiVersion === '') return [required(path)];
  const parts = apiVersion.split('/');
  if (parts.length > 2) return [invalid(path, apiVersion, `unexpected GroupVersion string: ${apiVersion}`)];
  const [version = '', group = ''] = parts.toReversed();
  const joined = (value: string, why: readonly string[]): FieldError[] =>
    why.length === 0 ? [] : [invalid(path, value, why.join(','))];
  return [
    ...(group === '' ? [] : joined(group, isDNS1123Subdomain(group))),
    ...(version === ''
      ? [invalid(path, apiVersion, 'version must be specified')]
      : joined(version, isDNS1035Label(version))),
  ];
}

export function validateParamRef(ref: ParamRef | undefined, path: string): FieldError[] {
  if (ref === undefined) return [];
  const { name = '', selector, parameterNotFoundAction: action = '' } = ref;
  const at = child(path, 'parameterNotFoundAction');
  const both = name !== '' && selector !== undefined;
  const exclusive = (field: string): FieldError[] =>
    both ? [forbiddenField(child(path, field), 'name and selector are mutually exclusive')] : [];
  return [
    ...(name === '' ? [] : invalidEach(child(path, 'name'), name, isPathSegmentName(name))),
    ...exclusive('name'),
    ...validateLabelSelector(selector, child(path, 'selector')),
    ...exclusive('selector'),
    ...(name === '' && selector === undefined ? [required(path, 'one of name or selector must be specified')] : []),
    ...validateEnum(action, ['Deny', 'Allow'], at),
  ];
}

export const paramKindText = (paramKind: ParamKind | undefined): string =>
  paramKind === undefined ? '<unset>' : `${paramKind.apiVersion ?? ''}/${paramKind.kind ?? ''}`;

/** `*` where nothing says whether the parameter has a namespace. */
export function paramRefText(ref: ParamRef | undefined): string {
  if (ref === undefined) return '<unset>';
  const { name = '', namespace = '', selector } = ref;
  if (name !== '') return `${namespace === '' ? '*' : namespace}/${name}`;
  return selector === undefined ? '<unset>' : selectorText(selector);
}

/** A selector as Go prints its generated type. Source: LabelSelector.String in apimachinery pkg/apis/meta/v1/generated.pb.go v0.36. */
function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.entries(matchLabels)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}: ${value},`);
  const expressions = matchExpressions.map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  return `&LabelSelector{MatchLabels:map[string]string{${labels.join('')}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},}`;
}
