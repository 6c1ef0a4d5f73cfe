import type { FieldError } from '../field-error.ts';
import { child, duplicate, forbiddenField, index, invalid, required } from '../field-error.ts';
import type * as admission from '../generated/admissionregistration.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';
import { validateConditions } from '../validation/conditions.ts';
import {
  eachOf,
  invalidEach,
  Seen,
  unchecked,
  validateOptionalEnum,
  validateQualifiedName,
} from '../validation/fields.ts';
import { nameIsDNSSubdomain } from '../validation/names.ts';
import {
  ADMISSION_GROUP,
  defaultMatchResources,
  FAILURE_POLICIES,
  paramKindText,
  paramRefText,
  validateMatchConditions,
  validateMatchResources,
  validateParamKind,
  validateParamRef,
  validateVariables,
} from './common.ts';

export type ValidatingAdmissionPolicy = admission.ValidatingAdmissionPolicy;
export type ValidatingAdmissionPolicyBinding = admission.ValidatingAdmissionPolicyBinding;

const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized'];
const ACTIONS = ['Audit', 'Deny', 'Warn'];

function validatePolicy({ spec }: ValidatingAdmissionPolicy): FieldError[] {
  const { validations = [], auditAnnotations = [], matchConstraints } = spec;
  const none = 'validations or auditAnnotations must be non-empty; at least one of them must be specified';
  const keys = new Seen();
  return [
    ...validateOptionalEnum(spec.failurePolicy, FAILURE_POLICIES, 'spec.failurePolicy'),
    ...validateParamKind(spec.paramKind, 'spec.paramKind'),
    ...(matchConstraints === undefined
      ? [required('spec.matchConstraints')]
      : [
          ...validateMatchResources(matchConstraints, 'spec.matchConstraints'),
          ...((matchConstraints.resourceRules ?? []).length === 0
            ? [required('spec.matchConstraints.resourceRules')]
            : []),
        ]),
    ...validateVariables(spec.variables, 'spec.variables'),
    ...validateMatchConditions(spec.matchConditions, 'spec.matchConditions'),
    ...(validations.length + auditAnnotations.length === 0
      ? [required('spec.validations', none), required('spec.auditAnnotations', none)]
      : []),
    ...eachOf(validations, 'spec.validations', validateValidation),
    ...eachOf(auditAnnotations, 'spec.auditAnnotations', (annotation, at) => {
      const { key = '', valueExpression = '' } = unchecked(annotation);
      return [
        ...(key === '' ? [required(child(at, 'key'))] : validateQualifiedName(key, child(at, 'key'))),
        ...(valueExpression.trim() === '' ? [required(child(at, 'valueExpression'))] : []),
        ...(keys.add(key) ? [] : [duplicate(child(at, 'key'), key)]),
      ];
    }),
  ];
}

function validateValidation(validation: admission.Validation, path: string): FieldError[] {
  const { expression = '', message = '', messageExpression = '', reason } = unchecked(validation);
  const errors = expression.trim() === '' ? [required(child(path, 'expression'), 'expression is not specified')] : [];
  if (message !== '' && message.trim() === '') {
    const why = 'message must be non-empty if specified';
    errors.push(invalid(child(path, 'message'), message, why));
  } else if (message.includes('\n')) {
    errors.push(invalid(child(path, 'message'), message, 'message must not contain line breaks'));
  } else if (message === '' && expression.includes('\n') && messageExpression === '') {
    const why = 'message must be specified if expression contains line breaks';
    errors.push(required(child(path, 'message'), why));
  }
  return [...errors, ...validateOptionalEnum(reason, REASONS, child(path, 'reason'))];
}

/** Source: pkg/registry/admissionregistration/validatingadmissionpolicy/strategy.go v1.36. */
export const ValidatingAdmissionPolicy = defineKind<ValidatingAdmissionPolicy>({
  group: ADMISSION_GROUP,
  version: 'v1',
  kind: 'ValidatingAdmissionPolicy',
  plural: 'validatingadmissionpolicies',
  categories: ['api-extensions'],
  namespaced: false,
  definition: 'admissionregistration.v1.ValidatingAdmissionPolicy',
  unconditionalUpdate: false,

  defaults(policy) {
    policy.spec ??= {};
    policy.status ??= {};
    policy.spec.failurePolicy ??= 'Fail';
    if (policy.spec.matchConstraints !== undefined) defaultMatchResources(policy.spec.matchConstraints);
  },
  validate: validatePolicy,
  generation: true,
  prepareForCreate(policy) {
    policy.status = {};
  },
  status: {
    prepareForUpdate(policy, old) {
      policy.spec = old.spec;
    },
    validateUpdate: ({ status }) => validateConditions(status.conditions, 'status.conditions'),
  },

  columns: [NAME, { name: 'Validations', type: 'integer' }, { name: 'ParamKind', type: 'string' }, AGE],
  row: (policy, { nowMs }) => ({
    cells: [
      policy.metadata.name,
      (policy.spec.validations ?? []).length,
      paramKindText(policy.spec.paramKind),
      age(policy, nowMs),
    ],
  }),
});

function validateBinding({ spec }: ValidatingAdmissionPolicyBinding): FieldError[] {
  const { policyName = '', paramRef, matchResources, validationActions: actions = [] } = unchecked(spec);
  const path = 'spec.validationActions';
  const seen = new Seen();
  return [
    ...(policyName === ''
      ? [required('spec.policyName')]
      : invalidEach('spec.policyName', policyName, nameIsDNSSubdomain(policyName, false))),
    ...validateParamRef(paramRef, 'spec.paramRef'),
    ...(matchResources === undefined ? [] : validateMatchResources(matchResources, 'spec.matchResources')),
    ...(actions.length === 0 ? [required(path, 'at least one validation action is required')] : []),
    ...actions.flatMap((action, i) => [
      ...validateOptionalEnum(action, ACTIONS, index(path, i)),
      ...(seen.add(action) ? [] : [duplicate(index(path, i), action)]),
    ]),
    ...(actions.includes('Deny') && actions.includes('Warn')
      ? [
          forbiddenField(
            path,
            'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
          ),
        ]
      : []),
  ];
}

/** Source: pkg/registry/admissionregistration/validatingadmissionpolicybinding/strategy.go v1.36. */
export const ValidatingAdmissionPolicyBinding = defineKind<ValidatingAdmissionPolicyBinding>({
  group: ADMISSION_GROUP,
  version: 'v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  plural: 'validatingadmissionpolicybindings',
  categories: ['api-extensions'],
  namespaced: false,
  definition: 'admissionregistration.v1.ValidatingAdmissionPolicyBinding',
  unconditionalUpdate: false,

  defaults(binding) {
    binding.spec ??= { policyName: '', validationActions: [] };
    if (binding.spec.matchResources !== undefined) defaultMatchResources(binding.spec.matchResources);
  },
  validate: validateBinding,
  generation: true,

  columns: [NAME, { name: 'PolicyName', type: 'string' }, { name: 'ParamRef', type: 'string' }, AGE],
  row: (binding, { nowMs }) => ({
    cells: [binding.metadata.name, binding.spec.policyName, paramRefText(binding.spec.paramRef), age(binding, nowMs)],
  }),
});
