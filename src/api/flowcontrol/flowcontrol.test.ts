import assert from 'node:assert/strict';
import { test } from 'node:test';
import { APIService, FlowSchema, PriorityLevelConfiguration } from '../kinds.ts';
import { created, errors, statusErrors } from '../testdata/kinds.ts';

const level = { name: 'x' };
const resourceRule = { verbs: ['get'], apiGroups: ['*'], resources: ['*'], clusterScope: true };
const schema = (rule: object, subject: object = { kind: 'User', user: { name: 'u' } }): object => ({
  spec: { priorityLevelConfiguration: level, rules: [{ subjects: [subject], resourceRules: [resourceRule], ...rule }] },
});

test('rules of flow schemas: everything or some things, known verbs, paths', () => {
  assert.deepEqual(errors(FlowSchema, schema({})), []);
  assert.deepEqual(
    errors(
      FlowSchema,
      schema({
        resourceRules: [
          { verbs: ['*', 'get'], apiGroups: ['*', 'a'], resources: ['*', 'a'], namespaces: ['*', 'a'] },
          { verbs: ['GET'], apiGroups: ['a'], resources: ['a'], namespaces: ['A'] },
        ],
        nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['', 'a', '/a b', '//', '/*a', '/', '/a/*'] }],
      }),
    ).map((text) => text.replace(/DNS-1123 label; a lowercase.*/, 'DNS-1123 label; …')),
    [
      'spec.rules[0].resourceRules[0].verbs: Invalid value: ["*","get"]: if \'*\' is present, must not specify other verbs',
      'spec.rules[0].resourceRules[0].apiGroups: Invalid value: ["*","a"]: if \'*\' is present, must not specify other api groups',
      'spec.rules[0].resourceRules[0].resources: Invalid value: ["*","a"]: if \'*\' is present, must not specify other resources',
      'spec.rules[0].resourceRules[0].namespaces: Invalid value: ["*","a"]: if \'*\' is present, must not specify other namespaces',
      'spec.rules[0].resourceRules[1].verbs: Unsupported value: ["GET"]: supported values: "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"',
      'spec.rules[0].resourceRules[1].namespaces[0]: Invalid value: "A": each member of this list must be \'*\' or a DNS-1123 label; …',
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "": must not be empty',
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[1]: Invalid value: "a": must start with slash',
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[2]: Invalid value: "/a b": must not contain white-space',
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[3]: Invalid value: "//": must not contain double slash',
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[4]: Invalid value: "/*a": wildcard can only do suffix matching',
    ],
  );
});

test('subjects of flow schemas: what is not of their kind is forbidden, in its own words', () => {
  const account = { kind: 'ServiceAccount', serviceAccount: { name: '*', namespace: 'A' }, user: { name: 'u' } };
  assert.deepEqual(
    errors(FlowSchema, schema({}, account)).map((text) => text.replace(/: a lowercase.*/, '')),
    [
      'spec.rules[0].subjects[0].serviceAccount.namespace: Invalid value: "A"',
      "spec.rules[0].subjects[0].user: Forbidden: user is forbidden when subject kind is not 'User'",
    ],
  );
});

test('what is mandatory stays as it is', () => {
  const all = (...names: string[]): object => ({
    subjects: names.map((name) => ({ kind: 'Group', group: { name } })),
    resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], clusterScope: true }],
    nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
  });
  const exempt = (name: string): object => ({
    metadata: { name: 'exempt' },
    spec: { matchingPrecedence: 1, priorityLevelConfiguration: { name: 'exempt' }, rules: [all(name)] },
  });
  assert.deepEqual(errors(FlowSchema, exempt('system:masters')), []);
  assert.match(errors(FlowSchema, exempt('others')).join(), /: spec of 'exempt' must equal the fixed value$/);
  const shares = (nominalConcurrencyShares: number): object => ({
    metadata: { name: 'catch-all' },
    spec: { type: 'Limited', limited: { nominalConcurrencyShares, limitResponse: { type: 'Reject' } } },
  });
  assert.deepEqual(errors(PriorityLevelConfiguration, shares(5)), []);
  assert.match(
    errors(PriorityLevelConfiguration, shares(6)).join(),
    /: spec of 'catch-all' must equal the fixed value$/,
  );
});

test('priority levels: the hand fits into sixty bits as upstream counts them', () => {
  const queuing = (queues: number, handSize: number): object => ({
    spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing: { queues, handSize } } } },
  });
  assert.deepEqual(errors(PriorityLevelConfiguration, queuing(64, 10)), []);
  assert.deepEqual(errors(PriorityLevelConfiguration, queuing(65, 10)), [
    'spec.limited.limitResponse.queuing.handSize: Invalid value: 10: required entropy bits of deckSize 65 and handSize 10 should not be greater than 60',
  ]);
  assert.equal(
    errors(PriorityLevelConfiguration, { spec: { type: 'Exempt' } })[0],
    "spec.type: Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'",
  );
  assert.deepEqual(
    statusErrors(PriorityLevelConfiguration, { status: { conditions: [{ type: 'a' }, { type: 'a' }, {}] } }, {}),
    ['status.conditions[1].type: Duplicate value: "a"', 'status.conditions[2].type: Required value'],
  );
});

test('services of the API: those of the server itself are there at once', () => {
  const spec = { group: 'a.io', version: 'v1', groupPriorityMinimum: 1, versionPriority: 1 };
  const service = { namespace: 'n', name: 's' };
  const [condition] = created(APIService, { metadata: { name: 'v1.a.io' }, spec }).status.conditions!;
  assert.deepEqual([condition!.status, condition!.reason], ['True', 'Local']);
  assert.deepEqual(created(APIService, { spec: { ...spec, service } }).status, {});
  assert.deepEqual(
    errors(APIService, {
      metadata: { name: 'v2.' },
      spec: { ...spec, group: '', version: 'v2', service, insecureSkipTLSVerify: true, caBundle: 'AA==' },
    }),
    [
      'spec.group: Required value: only v1 may have an empty group and it better be legacy kube',
      'spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present',
    ],
  );
  assert.deepEqual(statusErrors(APIService, { status: { conditions: [{ type: 'Available', status: 'Maybe' }] } }, {}), [
    'status.conditions[0].status: Unsupported value: "Maybe": supported values: "True", "False", "Unknown"',
  ]);
});
