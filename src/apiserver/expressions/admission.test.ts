import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Draft,
  MutatingAdmissionPolicy,
  StatusError,
  ValidatingAdmissionPolicy,
  ValidatingWebhookConfiguration,
} from '#api';
import { startTestApiServer } from '#testing';

const RULE = { apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'], operations: ['CREATE'] };
const matchConstraints = { resourceRules: [RULE] };
type PolicySpec = Partial<ValidatingAdmissionPolicy['spec']>;
type MutatingSpec = Partial<MutatingAdmissionPolicy['spec']>;

const validating = (spec: PolicySpec): Draft<ValidatingAdmissionPolicy> => ({
  metadata: { name: 'p.example.com' },
  spec: { matchConstraints, validations: [{ expression: 'true' }], ...spec },
});
const mutating = (spec: MutatingSpec): Draft<MutatingAdmissionPolicy> => ({
  metadata: { name: 'p.example.com' },
  spec: {
    matchConstraints,
    reinvocationPolicy: 'Never',
    mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{}' } }],
    ...spec,
  },
});

/** What is wrong, each on a line of its own, without the lines that point into the text; '' when it is stored. */
async function wrong(create: () => Promise<unknown>): Promise<string[]> {
  try {
    await create();
    return [];
  } catch (error) {
    assert.ok(StatusError.is(error, 'Invalid'), String(error));
    return (error.details?.causes ?? []).map(({ field, message = '' }) => `${field}: ${message.split('\n', 1)[0]}`);
  }
}

// Most are facts from pkg/apis/admissionregistration/validation/validation_test.go v1.36.

test('expressions of a validating policy are compiled when it is written', async () => {
  await using api = await startTestApiServer();
  const found = async (spec: PolicySpec): Promise<string[]> =>
    await wrong(() => api.client.create(ValidatingAdmissionPolicy, validating(spec), { query: { dryRun: 'All' } }));
  const invalid = (field: string, text: string, why: string): string =>
    `spec.${field}: Invalid value: ${JSON.stringify(text)}: ${why}`;
  const open = 'object.x in [1, 2, ';
  const eof = "compilation failed: ERROR: <input>:1:20: Syntax error: missing ']' at '<EOF>'";
  assert.deepEqual(await found({ validations: [{ expression: open }] }), [
    invalid('validations[0].expression', open, eof),
  ]);
  assert.deepEqual(await found({ validations: [{ expression: 'object.x', messageExpression: '0 == 0' }] }), [
    invalid('validations[0].expression', 'object.x', 'must evaluate to bool but got dyn'),
    invalid('validations[0].messageExpression', '0 == 0', 'must evaluate to string but got bool'),
  ]);
  assert.deepEqual(await found({ auditAnnotations: [{ key: 'k', valueExpression: 'true' }] }), [
    invalid('auditAnnotations[0].valueExpression', 'true', 'must evaluate to one of [string null_type] but got bool'),
  ]);
  const params = { expression: 'object.a == params.b' };
  const undeclared = "compilation failed: ERROR: <input>:1:13: undeclared reference to 'params' (in container '')";
  assert.deepEqual(await found({ validations: [params] }), [
    invalid('validations[0].expression', params.expression, undeclared),
  ]);
  const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' };
  assert.deepEqual(await found({ validations: [params], paramKind }), []);
  assert.deepEqual(
    await found({
      validations: [{ expression: 'true', messageExpression: "authorizer.path('/x').check('get').reason()" }],
    }),
    [
      invalid(
        'validations[0].messageExpression',
        "authorizer.path('/x').check('get').reason()",
        "compilation failed: ERROR: <input>:1:1: undeclared reference to 'authorizer' (in container '')",
      ),
    ],
  );
  assert.deepEqual(await found({ matchConditions: [{ name: 'a', expression: ' 6 ' }] }), [
    invalid('matchConditions[0].expression', '6', 'must evaluate to bool but got int'),
  ]);
});

test('variables of a policy are seen by what stands behind them, with their types', async () => {
  await using api = await startTestApiServer();
  const found = async (variables: PolicySpec['variables'], ...expressions: string[]): Promise<string[]> => {
    const validations = expressions.map((expression) => ({ expression }));
    const policy = validating({ variables, validations });
    return await wrong(() => api.client.create(ValidatingAdmissionPolicy, policy, { query: { dryRun: 'All' } }));
  };
  const foo = { name: 'foo', expression: "'x'" };
  assert.deepEqual(await found([foo], "variables.foo.startsWith('x')"), []);
  assert.deepEqual(await found([foo], 'variables.bar == 2'), [
    `spec.validations[0].expression: Invalid value: "variables.bar == 2": compilation failed: ERROR: <input>:1:10: undefined field 'bar'`,
  ]);
  assert.deepEqual(await found([{ name: 'a', expression: 'variables.foo + 1' }, foo], 'true'), [
    `spec.variables[0].expression: Invalid value: "variables.foo + 1": compilation failed: ERROR: <input>:1:10: undefined field 'foo'`,
  ]);
  assert.deepEqual(await found([foo], 'variables.foo + 1 == 2'), [
    `spec.validations[0].expression: Invalid value: "variables.foo + 1 == 2": compilation failed: ERROR: <input>:1:15: found no matching overload for '_+_' applied to '(string, int)'`,
  ]);
  // A wrong one may be anything to those behind it.
  assert.deepEqual(await found([{ name: 'a', expression: "114 + '514'" }], 'variables.a == 1'), [
    `spec.variables[0].expression: Invalid value: "114 + '514'": compilation failed: ERROR: <input>:1:5: found no matching overload for '_+_' applied to '(int, string)'`,
  ]);
  assert.deepEqual(await found(undefined, 'variables.foo == 1'), [
    `spec.validations[0].expression: Invalid value: "variables.foo == 1": compilation failed: ERROR: <input>:1:1: undeclared reference to 'variables' (in container '')`,
  ]);
});

test('the request, the namespace and the authorizer have their types', async () => {
  await using api = await startTestApiServer();
  const good = [
    "request.userInfo.groups.exists(g, g == 'a') && request.namespace == 'b' && request.dryRun",
    "request.kind.kind == request.requestKind.kind && request.options.x == 1 && request.userInfo.extra['a'][0] == ''",
    "namespaceObject.metadata.labels['a'] == 'b' && namespaceObject.status.conditions.all(c, c.type != '')",
    "authorizer.group('apps').resource('deployments').subresource('scale').namespace('a').name('b').check('get').allowed()",
    "authorizer.serviceAccount('a', 'b').path('/healthz').check('get').error() == ''",
    "authorizer.requestResource.fieldSelector('a=b').labelSelector('c').check('list').errored()",
  ];
  const validations = good.map((expression) => ({ expression }));
  assert.deepEqual(await wrong(() => api.client.create(ValidatingAdmissionPolicy, validating({ validations }))), []);
  const bad = ['request.object.x == 1', 'request.name == 1', "authorizer.resource('a').check('b').allowed()"];
  const more = bad.map((expression) => ({ expression }));
  const told = await wrong(() =>
    api.client.create(ValidatingAdmissionPolicy, { ...validating({ validations: more }), metadata: { name: 'q.com' } }),
  );
  const failed = 'compilation failed: ERROR: <input>:';
  assert.deepEqual(
    told.map((text) => text.slice(text.indexOf(failed) + failed.length)),
    [
      "1:8: undefined field 'object'",
      "1:14: found no matching overload for '_==_' applied to '(string, int)'",
      "1:20: found no matching overload for 'resource' applied to 'kubernetes.authorization.Authorizer.(string)'",
    ],
  );
});

test('mutations make objects or patches, and nothing else', async () => {
  await using api = await startTestApiServer();
  const apply = async (expression: string): Promise<string[]> => {
    const policy = mutating({ mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }] });
    return await wrong(() => api.client.create(MutatingAdmissionPolicy, policy, { query: { dryRun: 'All' } }));
  };
  const patch = async (expression: string): Promise<string[]> => {
    const policy = mutating({ mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression } }] });
    return await wrong(() => api.client.create(MutatingAdmissionPolicy, policy, { query: { dryRun: 'All' } }));
  };
  assert.deepEqual(await apply('Object{spec: Object.spec{replicas: 1, template: object.spec.template}}'), []);
  assert.deepEqual(
    await patch("[JSONPatch{op: 'add', path: '/a/' + jsonpatch.escapeKey('b/c'), value: Object.spec{x: 1}}]"),
    [],
  );
  assert.deepEqual(await apply('1 < 2'), [
    'spec.mutations[0].applyConfiguration.expression: Invalid value: "1 < 2": must evaluate to Object but got bool',
  ]);
  assert.deepEqual(await patch('[JSONPatch{op: 1}]'), [
    `spec.mutations[0].jsonPatch.expression: Invalid value: "[JSONPatch{op: 1}]": compilation failed: ERROR: <input>:1:14: expected type of field 'op' is 'string' but provided type is 'int'`,
  ]);
  assert.deepEqual(await patch('Object{}'), [
    'spec.mutations[0].jsonPatch.expression: Invalid value: "Object{}": must evaluate to list(JSONPatch) but got Object',
  ]);
  const variables = [{ name: 'a', expression: '///' }];
  assert.match(
    (await wrong(() => api.client.create(MutatingAdmissionPolicy, mutating({ variables }))))[0]!,
    /^spec\.variables\[0\]\.expression: Invalid value: "\/\/\/": compilation failed: ERROR: <input>:/,
  );
});

test('match conditions of webhooks are compiled unless they were there before', async () => {
  await using api = await startTestApiServer();
  const configuration = (expression: string): Draft<ValidatingWebhookConfiguration> => ({
    metadata: { name: 'w' },
    webhooks: [
      {
        name: 'a.example.com',
        clientConfig: { url: 'https://example.com' },
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        matchConditions: [{ name: 'c', expression }],
      },
    ],
  });
  const create = (expression: string): Promise<ValidatingWebhookConfiguration> =>
    api.client.create(ValidatingWebhookConfiguration, configuration(expression));
  assert.deepEqual(await wrong(() => create('object.x in [1, 2,')), [
    `webhooks[0].matchConditions[0].expression: Invalid value: "object.x in [1, 2,": compilation failed: ERROR: <input>:1:19: Syntax error: missing ']' at '<EOF>'`,
  ]);
  const stored = await create("request.operation == 'CREATE' && !authorizer.requestResource.check('a').allowed()");
  const [hook] = stored.webhooks!;
  const next = { ...stored, webhooks: [{ ...hook!, matchConditions: [{ name: 'c', expression: 'params.x' }] }] };
  assert.equal((await wrong(() => api.client.update(ValidatingWebhookConfiguration, next))).length, 1);
  const same = { ...stored, webhooks: [{ ...hook!, timeoutSeconds: 3 }] };
  assert.deepEqual(await wrong(() => api.client.update(ValidatingWebhookConfiguration, same)), []);
});
