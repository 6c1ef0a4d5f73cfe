/** Definitions and policies: what brings schemas, rules and expressions with it. */
import type { Json } from '../mutate/json.ts';

/** A schema that says all that schemas can say, with rules in CEL. */
const schema: Json = {
  type: 'object',
  required: ['spec'],
  properties: {
    spec: {
      type: 'object',
      'x-kubernetes-validations': [
        { rule: 'self.min <= self.max', message: 'min is larger', fieldPath: '.min' },
        { rule: 'self.list.all(x, x.size() < 5) && self.list.exists_one(y, y == "a")' },
        { rule: '!has(oldSelf.name) || self.name == oldSelf.name', reason: 'FieldValueForbidden' },
        { rule: "self.name.matches('^a+$') || self.tags.exists(k, self.tags[k].lowerAscii().size() > 2)" },
        { rule: 'quantity(self.size).isGreaterThan(quantity("1Mi"))', messageExpression: '"size " + self.size' },
      ],
      properties: {
        name: { type: 'string', minLength: 1, maxLength: 20, pattern: '^[a-z]+$', default: 'a' },
        min: { type: 'integer', format: 'int32', minimum: 0 },
        max: { type: 'integer', maximum: 100, multipleOf: 1 },
        ratio: { type: 'number', exclusiveMinimum: true, minimum: 0, nullable: true },
        size: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
        at: { type: 'string', format: 'date-time' },
        list: {
          type: 'array',
          maxItems: 10,
          'x-kubernetes-list-type': 'set',
          items: { type: 'string', maxLength: 20 },
        },
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['port'],
          items: { type: 'object', required: ['port'], properties: { port: { type: 'integer', default: 80 } } },
        },
        tags: { type: 'object', additionalProperties: { type: 'string', maxLength: 20 }, maxProperties: 5 },
        mode: { type: 'string', enum: ['a', 'b'] },
        raw: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        template: {
          type: 'object',
          'x-kubernetes-embedded-resource': true,
          'x-kubernetes-preserve-unknown-fields': true,
        },
        not: { not: { required: ['x'] }, oneOf: [{ required: ['a'] }], type: 'object' },
      },
    },
    status: { type: 'object', properties: { replicas: { type: 'integer' }, selector: { type: 'string' } } },
  },
};

const EXPRESSIONS = [
  'object.spec.replicas <= 5',
  "object.metadata.name.startsWith('a') || oldObject == null",
  "request.userInfo.groups.exists(g, g == 'system:masters') ? true : has(object.spec)",
  "variables.n.split('.').size() > 1",
  "authorizer.group('').resource('pods').namespace('default').check('get').allowed()",
  "[1, 2, 3].map(x, x * 2).filter(y, y > 2).sum() == 10 && {'a': 1}['a'] == 1",
  "duration('1h') > timestamp('2026-01-01T00:00:00Z') - timestamp('2026-01-01T00:00:00Z')",
];

/** Columns of each type, over paths that are there, are not, and are odd. */
const COLUMNS: Json = [
  { name: 'Min', type: 'integer', jsonPath: '.spec.min' },
  { name: 'Ratio', type: 'number', format: 'float', jsonPath: '.spec.ratio', priority: 1 },
  { name: 'At', type: 'date', jsonPath: '.spec.at' },
  { name: 'Name', type: 'string', jsonPath: '.spec.name', description: 'd' },
  { name: 'Ports', type: 'string', jsonPath: '.spec.ports[*].port' },
  { name: 'Last', type: 'string', jsonPath: '.spec.list[-1:]' },
  { name: 'Tag', type: 'boolean', jsonPath: '.spec.tags.a\\.b' },
  { name: 'Ready', type: 'string', jsonPath: '.spec.ports[?(@.port==80)].port' },
];

const SCALE: Json = {
  specReplicasPath: '.spec.min',
  statusReplicasPath: '.status.replicas',
  labelSelectorPath: '.status.selector',
};

const version = (name: string, more: { [key: string]: Json }): Json => ({
  name,
  served: true,
  schema: { openAPIV3Schema: schema },
  ...more,
});

const THING: Json = { kind: 'Thing', plural: 'things', singular: 'thing', shortNames: ['th'], categories: ['all'] };
const OPEN: Json = {
  openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
};

const definition = (spec: { [key: string]: Json }): { [key: string]: Json } => ({
  metadata: { name: 'things.fuzz.example.com' },
  spec: { group: 'fuzz.example.com', scope: 'Namespaced', names: THING, ...spec },
});

const storage = version('v1', {
  storage: true,
  subresources: { status: {}, scale: SCALE },
  additionalPrinterColumns: COLUMNS,
  selectableFields: [{ jsonPath: '.spec.mode' }],
});

const DEFINITIONS: readonly { [key: string]: Json }[] = [
  definition({ versions: [storage] }),
  definition({
    versions: [
      version('v1', { storage: false, deprecated: true, deprecationWarning: 'use v2', schema: OPEN }),
      version('v2', { storage: true, selectableFields: [{ jsonPath: '.spec.mode' }, { jsonPath: '.spec.name' }] }),
    ],
    conversion: { strategy: 'None' },
  }),
  definition({
    versions: [storage, version('v2', { storage: false, schema: OPEN })],
    preserveUnknownFields: false,
    conversion: {
      strategy: 'Webhook',
      webhook: {
        conversionReviewVersions: ['v1', 'v1beta1'],
        clientConfig: { service: { name: 'web', namespace: 'default', path: '/convert', port: 443 } },
      },
    },
  }),
];

const RULES: Json = {
  resourceRules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['configmaps'] }],
};
const MATCH: Json = [{ name: 'm', expression: "request.operation != 'DELETE'" }];
const VARIABLES: Json = [{ name: 'n', expression: 'object.metadata.name' }];

const MUTATIONS: Json = [
  {
    patchType: 'ApplyConfiguration',
    applyConfiguration: { expression: "Object{metadata: Object.metadata{labels: {'a': 'b'}}}" },
  },
  {
    patchType: 'JSONPatch',
    jsonPatch: {
      expression: "[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b'), value: 'c'}]",
    },
  },
];

/** By `kind.group`. */
export const RULED: Readonly<Record<string, readonly { [key: string]: Json }[]>> = {
  'CustomResourceDefinition.apiextensions.k8s.io': DEFINITIONS,
  'ValidatingAdmissionPolicy.admissionregistration.k8s.io': EXPRESSIONS.map((expression) => ({
    spec: {
      failurePolicy: 'Ignore',
      matchConstraints: RULES,
      matchConditions: MATCH,
      variables: VARIABLES,
      validations: [{ expression, messageExpression: "'not ' + object.metadata.name", reason: 'Forbidden' }],
      auditAnnotations: [{ key: 'k', valueExpression: "'v'" }],
    },
  })),
  'ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io': [
    {
      spec: {
        policyName: 'web',
        validationActions: ['Warn', 'Audit'],
        paramRef: { selector: { matchLabels: { a: 'b' } }, parameterNotFoundAction: 'Allow' },
        matchResources: { namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'Exists' }] } },
      },
    },
  ],
  'MutatingAdmissionPolicy.admissionregistration.k8s.io': [
    {
      spec: {
        matchConstraints: RULES,
        matchConditions: MATCH,
        variables: VARIABLES,
        reinvocationPolicy: 'IfNeeded',
        mutations: MUTATIONS,
      },
    },
  ],
};

/** Of the definitions above, in each of their versions. */
export const THING_OBJECT: { [key: string]: Json } = {
  kind: 'Thing',
  spec: {
    name: 'a',
    min: 1,
    max: 2,
    ratio: 0.5,
    size: '5Mi',
    mode: 'a',
    list: ['a', 'b'],
    ports: [{ port: 80 }],
    tags: { a: 'B' },
    raw: { x: [1] },
    at: '2026-01-01T00:00:00Z',
  },
  status: { replicas: 1, selector: 'a=b' },
};
