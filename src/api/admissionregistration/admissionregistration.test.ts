import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldErrorText } from '../field-error.ts';
import {
  MutatingAdmissionPolicy,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
} from '../kinds.ts';
import { errors, make } from '../testdata/kinds.ts';

const rule = { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] };
const hook = {
  name: 'a.example.com',
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
  clientConfig: { url: 'https://a/b' },
  rules: [rule],
};
const webhooks = (...more: object[]): object => ({ webhooks: more.map((each) => ({ ...hook, ...each })) });
const at = 'webhooks[0]';

test('webhooks: names, side effects and versions in upstream’s words and order', () => {
  assert.deepEqual(
    errors(
      ValidatingWebhookConfiguration,
      webhooks({ name: '', sideEffects: undefined, admissionReviewVersions: ['v2', 'v2'] }),
    ),
    [
      `${at}.name: Required value`,
      `${at}.sideEffects: Required value: must specify one of None, NoneOnDryRun`,
      `${at}.admissionReviewVersions[1]: Invalid value: "v2": duplicate version`,
      `${at}.admissionReviewVersions: Invalid value: ["v2","v2"]: must include at least one of v1, v1beta1`,
    ],
  );
  assert.deepEqual(errors(ValidatingWebhookConfiguration, webhooks({ name: 'a.b' }, {}, {})), [
    `${at}.name: Invalid value: "a.b": should be a domain with at least three segments separated by dots`,
    'webhooks[2].name: Duplicate value: "a.example.com"',
  ]);
});

test('webhooks: what stored ones got wrong may go on', () => {
  const old = webhooks({ sideEffects: 'Some', admissionReviewVersions: ['v2'] }, {});
  const now = webhooks({ sideEffects: 'Unknown', admissionReviewVersions: ['v3'] }, {});
  const wrong = ValidatingWebhookConfiguration.validate!(
    make(ValidatingWebhookConfiguration, now),
    make(ValidatingWebhookConfiguration, old),
  );
  assert.deepEqual(wrong.map(fieldErrorText), []);
});

test('resources of a rule: only what stands before covers', () => {
  const wrong = (...resources: string[]): string[] =>
    errors(ValidatingWebhookConfiguration, webhooks({ rules: [{ ...rule, resources }] }));
  const path = `${at}.rules[0].resources`;
  assert.deepEqual(wrong('pods/*', 'pods/status', '*/log', 'a/log'), [
    `${path}[1]: Invalid value: "pods/status": if 'pods/*' is present, must not specify pods/status`,
    `${path}[3]: Invalid value: "a/log": if '*/log' is present, must not specify a/log`,
  ]);
  assert.deepEqual(wrong('pods/status', 'pods/*'), []);
  assert.deepEqual(wrong('*/*', 'pods'), [
    `${path}: Invalid value: ["*/*","pods"]: if '*/*' is present, must not specify other resources`,
  ]);
  assert.deepEqual(wrong('*', 'pods'), [
    `${path}: Invalid value: ["*","pods"]: if '*' is present, must not specify other resources without subresources`,
  ]);
  assert.deepEqual(wrong('pods', '*'), []);
});

test('policies: what they say of themselves', () => {
  const matchConstraints = { resourceRules: [rule] };
  const policy = (spec: object): object => ({ spec: { matchConstraints, ...spec } });
  const none = 'validations or auditAnnotations must contain at least one item';
  assert.deepEqual(errors(ValidatingAdmissionPolicy, policy({})), [
    `spec.validations: Required value: ${none}`,
    `spec.auditAnnotations: Required value: ${none}`,
  ]);
  assert.deepEqual(
    errors(
      ValidatingAdmissionPolicy,
      policy({
        paramKind: { apiVersion: 'a/b/c', kind: '' },
        variables: [
          { name: 'in', expression: '1' },
          { name: ' ', expression: '' },
        ],
        validations: [
          { expression: 'true', message: 'a\nb', messageExpression: ' ', reason: 'Unauthorized' },
          { expression: 'true', message: ' ' },
          { expression: 'a\nb' },
        ],
        auditAnnotations: [
          { key: 'k', valueExpression: ' ' },
          { key: 'k', valueExpression: '1'.repeat(5121) },
        ],
      }),
    ),
    [
      'spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
      'spec.paramKind.kind: Required value',
      'spec.variables[0].name: Invalid value: "in": must be a valid CEL identifier',
      'spec.variables[1].name: Required value: name is not specified',
      'spec.variables[1].expression: Required value: expression is not specified',
      'spec.validations[0].messageExpression: Invalid value: " ": must be non-empty if specified',
      'spec.validations[0].message: Invalid value: "a\\nb": must not contain line breaks',
      'spec.validations[0].reason: Unsupported value: "Unauthorized": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"',
      'spec.validations[1].message: Invalid value: " ": must be non-empty if specified',
      'spec.auditAnnotations[0].valueExpression: Required value: valueExpression is not specified',
      'spec.auditAnnotations[1].valueExpression: Required value: must not exceed 5120 bytes in length',
      'spec.auditAnnotations[1].key: Duplicate value: "k"',
    ],
  );
});

test('bindings: either a name or a selector, and not both deny and warn', () => {
  assert.deepEqual(
    errors(ValidatingAdmissionPolicyBinding, {
      spec: { policyName: 'a', validationActions: ['Deny', 'Warn'], paramRef: { name: 'a', selector: {} } },
    }),
    [
      'spec.paramRef.name: Forbidden: name and selector are mutually exclusive',
      'spec.paramRef.selector: Forbidden: name and selector are mutually exclusive',
      'spec.paramRef.parameterNotFoundAction: Required value',
      'spec.validationActions: Invalid value: ["Deny","Warn"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
    ],
  );
});

test('mutations: nothing of what is deleted, and one patch', () => {
  const mutation = { patchType: 'JSONPatch', jsonPatch: { expression: '' }, applyConfiguration: { expression: 'a' } };
  const matchConstraints = { resourceRules: [{ ...rule, operations: ['DELETE'] }] };
  assert.deepEqual(
    errors(MutatingAdmissionPolicy, { spec: { matchConstraints, mutations: [mutation], reinvocationPolicy: 'Never' } }),
    [
      'spec.matchConstraints.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"',
      'spec.mutations[0].jsonPatch.expression: Required value',
      'spec.mutations[0].applyConfiguration: Invalid value: "{applyConfiguration}": must not be specified when patchType is JSONPatch',
    ],
  );
});
