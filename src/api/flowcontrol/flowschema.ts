import type { FieldError } from '../field-error.ts';
import { child, forbiddenField, invalid, notSupported, required } from '../field-error.ts';
import type * as flowcontrol from '../generated/flowcontrol.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';
import { eachOf, invalidEach, unchecked } from '../validation/fields.ts';
import { isDNS1123Subdomain, nameIsDNSSubdomain } from '../validation/names.ts';

export type FlowSchema = flowcontrol.FlowSchema;

export const FLOWCONTROL_GROUP = 'flowcontrol.apiserver.k8s.io';
const DEFAULT_PRECEDENCE = 1000;
const MAX_PRECEDENCE = 10_000;
const METHODS = ['ByNamespace', 'ByUser'];
const SUBJECT_KINDS = ['Group', 'ServiceAccount', 'User'];
const SUBJECT_FIELDS = { Group: 'group', ServiceAccount: 'serviceAccount', User: 'user' } as const;

function validateFlowSchema({ metadata, spec }: FlowSchema): FieldError[] {
  const { matchingPrecedence = 0, distinguisherMethod: method, rules } = spec;
  const level = spec.priorityLevelConfiguration.name ?? '';
  const at = 'spec.matchingPrecedence';
  const levelPath = 'spec.priorityLevelConfiguration.name';
  const errors: FieldError[] = [];
  if (matchingPrecedence <= 0) errors.push(invalid(at, matchingPrecedence, 'must be a positive value'));
  if (matchingPrecedence > MAX_PRECEDENCE) {
    errors.push(invalid(at, matchingPrecedence, `must not be greater than ${MAX_PRECEDENCE}`));
  }
  if (matchingPrecedence === 1 && metadata.name !== 'exempt') {
    errors.push(invalid(at, matchingPrecedence, "only the schema named 'exempt' may have matchingPrecedence 1"));
  }
  if (method !== undefined && !METHODS.includes(method.type)) {
    errors.push(notSupported('spec.distinguisherMethod.type', method.type ?? '', METHODS));
  }
  if (level === '') errors.push(required(levelPath, 'must reference a priority level'));
  else errors.push(...invalidEach(levelPath, level, nameIsDNSSubdomain(level, false)));
  return [...errors, ...eachOf(rules, 'spec.rules', validateRule)];
}

function validateRule(rule: flowcontrol.PolicyRulesWithSubjects, path: string): FieldError[] {
  const { subjects = [], resourceRules = [], nonResourceRules = [] } = unchecked(rule);
  return [
    ...(subjects.length === 0 ? [required(child(path, 'subjects'), 'subjects must contain at least one value')] : []),
    ...eachOf(subjects, child(path, 'subjects'), validateSubject),
    ...(resourceRules.length + nonResourceRules.length === 0
      ? [required(path, 'at least one of resourceRules and nonResourceRules has to be non-empty')]
      : []),
    ...eachOf(resourceRules, child(path, 'resourceRules'), validateResourceRule),
    ...eachOf(nonResourceRules, child(path, 'nonResourceRules'), (nonResource, at) => {
      const { verbs = [], nonResourceURLs = [] } = unchecked(nonResource);
      return [
        ...(verbs.length === 0 ? [required(child(at, 'verbs'), 'verbs must contain at least one value')] : []),
        ...(nonResourceURLs.length === 0
          ? [required(child(at, 'nonResourceURLs'), 'nonResourceURLs must contain at least one value')]
          : []),
      ];
    }),
  ];
}

function validateResourceRule(rule: flowcontrol.ResourcePolicyRule, path: string): FieldError[] {
  const { verbs = [], apiGroups = [], resources = [], namespaces = [], clusterScope = false } = unchecked(rule);
  const errors: FieldError[] = [];
  if (verbs.length === 0) errors.push(required(child(path, 'verbs'), 'verbs must contain at least one value'));
  if (apiGroups.length === 0) {
    errors.push(required(child(path, 'apiGroups'), 'resource rules must supply at least one api group'));
  }
  if (resources.length === 0) {
    errors.push(required(child(path, 'resources'), 'resource rules must supply at least one resource'));
  }
  if (namespaces.length === 0 && !clusterScope) {
    const why = 'resource rules that are not cluster scoped must supply at least one namespace';
    errors.push(required(child(path, 'namespaces'), why));
  } else if (namespaces.length > 1 && namespaces.includes('*')) {
    errors.push(invalid(child(path, 'namespaces'), namespaces, "'*' may only be specified on its own"));
  }
  return errors;
}

function validateSubject(subject: flowcontrol.Subject, path: string): FieldError[] {
  const { kind = '' } = unchecked(subject);
  if (!SUBJECT_KINDS.includes(kind)) return [notSupported(child(path, 'kind'), kind, SUBJECT_KINDS)];
  const expected = SUBJECT_FIELDS[kind as keyof typeof SUBJECT_FIELDS];
  const errors: FieldError[] = [];
  for (const field of Object.values(SUBJECT_FIELDS)) {
    const at = child(path, field);
    const value = subject[field];
    if (field !== expected) {
      if (value !== undefined)
        errors.push(forbiddenField(at, `${field} is forbidden when subject kind is not '${kind}'`));
    } else if (value === undefined) errors.push(required(at, `${field} is required when subject kind is '${kind}'`));
    else if ((value.name ?? '') === '') errors.push(required(child(at, 'name')));
  }
  const account = subject.serviceAccount;
  if (expected !== 'serviceAccount' || account === undefined) return errors;
  const at = child(path, 'serviceAccount');
  if ((account.namespace ?? '') === '') {
    errors.push(required(child(at, 'namespace'), 'must specify namespace for service account'));
  }
  if ((account.name ?? '') !== '' && account.name !== '*') {
    errors.push(...invalidEach(child(at, 'name'), account.name, isDNS1123Subdomain(account.name)));
  }
  return errors;
}

/** Source: pkg/apis/flowcontrol/{v1/defaults.go,validation}, pkg/registry/flowcontrol/flowschema/strategy.go v1.36. */
export const FlowSchema = defineKind<FlowSchema>({
  group: FLOWCONTROL_GROUP,
  version: 'v1',
  kind: 'FlowSchema',
  plural: 'flowschemas',
  namespaced: false,
  definition: 'flowcontrol.v1.FlowSchema',
  unconditionalUpdate: false,

  defaults(schema) {
    schema.spec ??= { priorityLevelConfiguration: { name: '' } };
    schema.spec.priorityLevelConfiguration ??= { name: '' };
    schema.status ??= {};
    if ((schema.spec.matchingPrecedence ?? 0) === 0) schema.spec.matchingPrecedence = DEFAULT_PRECEDENCE;
  },
  validate: validateFlowSchema,
  generation: true,
  prepareForCreate(schema) {
    schema.status = {};
  },
  status: {
    prepareForUpdate(schema, old) {
      schema.spec = old.spec;
    },
  },

  columns: [
    NAME,
    { name: 'PriorityLevel', type: 'string' },
    { name: 'MatchingPrecedence', type: 'string' },
    { name: 'DistinguisherMethod', type: 'string' },
    AGE,
    { name: 'MissingPL', type: 'string' },
  ],
  row: (schema, { nowMs }) => {
    const { metadata, spec, status } = schema;
    return {
      cells: [
        metadata.name,
        spec.priorityLevelConfiguration.name,
        spec.matchingPrecedence ?? 0,
        spec.distinguisherMethod?.type ?? '<none>',
        age(schema, nowMs),
        (status.conditions ?? []).find(({ type }) => type === 'Dangling')?.status ?? '?',
      ],
    };
  },
});
