import type { FieldError } from '../field-error.ts';
import { child, duplicate, forbiddenField, invalid, notSupported, required } from '../field-error.ts';
import type * as flowcontrol from '../generated/flowcontrol.v1.ts';
import { defineKind } from '../kind.ts';
import { resetMetadataForStatus } from '../meta/reset.ts';
import { AGE, age, NAME } from '../table.ts';
import { own, semanticEqual } from '../validation/equal.ts';
import { eachOf, invalidEach, Seen, unchecked } from '../validation/fields.ts';
import { nameIsDNSLabel, nameIsDNSSubdomain } from '../validation/names.ts';

export type FlowSchema = flowcontrol.FlowSchema;

export const FLOWCONTROL_GROUP = 'flowcontrol.apiserver.k8s.io';
const DEFAULT_PRECEDENCE = 1000;
const MAX_PRECEDENCE = 10_000;
const METHODS = ['ByNamespace', 'ByUser'];
const SUBJECT_KINDS = ['Group', 'ServiceAccount', 'User'];
const SUBJECT_FIELDS = { ServiceAccount: 'serviceAccount', User: 'user', Group: 'group' } as const;
const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];

const everything = (...groups: readonly string[]): flowcontrol.PolicyRulesWithSubjects => ({
  subjects: groups.map((name) => ({ kind: 'Group', group: { name } })),
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], clusterScope: true }],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
});
/** What these two say is fixed. Source: MandatoryFlowSchemas in apiserver pkg/apis/flowcontrol/bootstrap v1.36. */
const MANDATORY: Readonly<Record<string, flowcontrol.FlowSchemaSpec>> = {
  exempt: {
    matchingPrecedence: 1,
    priorityLevelConfiguration: { name: 'exempt' },
    rules: [everything('system:masters')],
  },
  'catch-all': {
    matchingPrecedence: MAX_PRECEDENCE,
    priorityLevelConfiguration: { name: 'catch-all' },
    distinguisherMethod: { type: 'ByUser' },
    rules: [everything('system:unauthenticated', 'system:authenticated')],
  },
};

function validateFlowSchema({ metadata, spec, status }: FlowSchema): FieldError[] {
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
    // Shown as upstream's internal type is: its fields have no JSON names.
    errors.push(notSupported('spec.distinguisherMethod.type', { Type: method.type ?? '' }, METHODS));
  }
  if (level === '') errors.push(required(levelPath, 'must reference a priority level'));
  else errors.push(...invalidEach(levelPath, level, nameIsDNSSubdomain(level, false)));
  errors.push(...eachOf(rules, 'spec.rules', validateRule));
  const fixed = own(MANDATORY, metadata.name);
  if (fixed !== undefined && !semanticEqual(spec, fixed)) {
    errors.push(invalid('spec', spec, `spec of '${metadata.name}' must equal the fixed value`));
  }
  return [...errors, ...validateFlowConditions(status.conditions)];
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
        ...validateVerbs(verbs, child(at, 'verbs')),
        ...validateURLs(nonResourceURLs, child(at, 'nonResourceURLs')),
      ];
    }),
  ];
}

function validateResourceRule(rule: flowcontrol.ResourcePolicyRule, path: string): FieldError[] {
  const { verbs = [], apiGroups = [], resources = [], namespaces = [], clusterScope = false } = unchecked(rule);
  const errors = validateVerbs(verbs, child(path, 'verbs'));
  for (const [field, list, one, many] of [
    ['apiGroups', apiGroups, 'api group', 'api groups'],
    ['resources', resources, 'resource', 'resources'],
  ] as const) {
    if (list.length === 0) errors.push(required(child(path, field), `resource rules must supply at least one ${one}`));
    else errors.push(...validateStar(list, child(path, field), many));
  }
  const at = child(path, 'namespaces');
  if (namespaces.length === 0 && !clusterScope) {
    errors.push(required(at, 'resource rules that are not cluster scoped must supply at least one namespace'));
  } else if (namespaces.includes('*')) errors.push(...validateStar(namespaces, at, 'namespaces'));
  else {
    const intro = "each member of this list must be '*' or a DNS-1123 label; ";
    const wrong = (name: string): string[] => nameIsDNSLabel(name, false).map((why) => intro + why);
    errors.push(...eachOf(namespaces, at, (name, here) => invalidEach(here, name, wrong(name))));
  }
  return errors;
}

/** Everything, or some things, but not both. */
const validateStar = (list: readonly string[], path: string, what: string): FieldError[] =>
  list.length > 1 && list.includes('*')
    ? [invalid(path, list, `if '*' is present, must not specify other ${what}`)]
    : [];

function validateVerbs(verbs: readonly string[], path: string): FieldError[] {
  if (verbs.length === 0) return [required(path, 'verbs must contain at least one value')];
  if (verbs.includes('*')) return validateStar(verbs, path, 'verbs');
  return verbs.every((verb) => VERBS.includes(verb)) ? [] : [notSupported(path, verbs, VERBS)];
}

function validateURLs(urls: readonly string[], path: string): FieldError[] {
  if (urls.length === 0) return [required(path, 'nonResourceURLs must contain at least one value')];
  if (urls.includes('*')) return validateStar(urls, path, 'non-resource URLs');
  return eachOf(urls, path, (url, at) => {
    const why = urlFault(url);
    return why === undefined ? [] : [invalid(at, url, why)];
  });
}

/** Source: ValidateNonResourceURLPath. */
function urlFault(url: string): string | undefined {
  if (url === '') return 'must not be empty';
  if (url === '/') return undefined;
  if (!url.startsWith('/')) return 'must start with slash';
  if (url.includes(' ')) return 'must not contain white-space';
  if (url.includes('//')) return 'must not contain double slash';
  const stars = url.split('*').length - 1;
  return stars > 1 || (stars === 1 && !url.endsWith('/*')) ? 'wildcard can only do suffix matching' : undefined;
}

function validateSubject(subject: flowcontrol.Subject, path: string): FieldError[] {
  const { kind = '' } = unchecked(subject);
  if (!SUBJECT_KINDS.includes(kind)) return [notSupported(child(path, 'kind'), kind, SUBJECT_KINDS)];
  const field = SUBJECT_FIELDS[kind as keyof typeof SUBJECT_FIELDS];
  const at = child(path, field);
  const value = subject[field];
  const errors: FieldError[] = [];
  if (value === undefined) errors.push(required(at, `${field} is required when subject kind is '${kind}'`));
  else if ((value.name ?? '') === '') errors.push(required(child(at, 'name')));
  if (kind === 'ServiceAccount' && subject.serviceAccount !== undefined) {
    errors.push(...validateAccount(subject.serviceAccount, at));
  }
  for (const [other, name] of Object.entries(SUBJECT_FIELDS)) {
    if (other === kind || subject[name] === undefined) continue;
    errors.push(forbiddenField(child(path, name), `${name} is forbidden when subject kind is not '${other}'`));
  }
  return errors;
}

function validateAccount(account: flowcontrol.ServiceAccountSubject, path: string): FieldError[] {
  const { name = '', namespace = '' } = unchecked(account);
  const at = child(path, 'namespace');
  return [
    ...(name === '' || name === '*' ? [] : invalidEach(child(path, 'name'), name, nameIsDNSSubdomain(name, false))),
    ...(namespace === ''
      ? [required(at, 'must specify namespace for service account')]
      : invalidEach(at, namespace, nameIsDNSLabel(namespace, false))),
  ];
}

/** Conditions of schemas and of levels: each type once. */
export function validateFlowConditions(
  conditions: readonly { readonly type?: string | undefined }[] | undefined,
): FieldError[] {
  const types = new Seen();
  return eachOf(conditions, 'status.conditions', ({ type = '' }, at) => [
    ...(types.add(type) ? [] : [duplicate(child(at, 'type'), type)]),
    ...(type === '' ? [required(child(at, 'type'))] : []),
  ]);
}

/** Source: pkg/apis/flowcontrol/{v1/defaults.go,validation}, pkg/registry/flowcontrol/flowschema/strategy.go v1.36. */
export const FlowSchema = defineKind<FlowSchema>({
  group: FLOWCONTROL_GROUP,
  version: 'v1',
  kind: 'FlowSchema',
  plural: 'flowschemas',
  namespaced: false,
  definition: 'flowcontrol.v1.FlowSchema',

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
      resetMetadataForStatus(schema, old);
    },
    validateUpdate: ({ status }) => validateFlowConditions(status.conditions),
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
