import type { FieldError } from '../field-error.ts';
import { child, duplicate, index, invalid, required } from '../field-error.ts';
import type * as admission from '../generated/admissionregistration.v1.ts';
import { JSONPathError, parseJSONPath } from '../jsonpath/jsonpath.ts';
import { defineKind } from '../kind.ts';
import { resetMetadataForStatus } from '../meta/reset.ts';
import { semanticEqual } from '../validation/equal.ts';
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
import { byteLength, nameIsDNSSubdomain } from '../validation/names.ts';
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

const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];
const MAX_ANNOTATIONS = 20;
const MAX_VALUE_BYTES = 5 * 1024;
const ACTIONS = ['Audit', 'Deny', 'Warn'];

function validatePolicy({ metadata, spec }: ValidatingAdmissionPolicy, old?: ValidatingAdmissionPolicy): FieldError[] {
  const { validations = [], auditAnnotations = [], matchConstraints } = spec;
  const none = 'validations or auditAnnotations must contain at least one item';
  const keepsConditions =
    old !== undefined &&
    semanticEqual(spec.paramKind, old.spec.paramKind) &&
    semanticEqual(spec.matchConditions, old.spec.matchConditions);
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
    ...(keepsConditions ? [] : validateMatchConditions(spec.matchConditions, 'spec.matchConditions')),
    ...validateVariables(spec.variables, 'spec.variables'),
    ...(validations.length + auditAnnotations.length === 0
      ? [required('spec.validations', none), required('spec.auditAnnotations', none)]
      : []),
    ...eachOf(validations, 'spec.validations', validateValidation),
    ...validateAnnotations(auditAnnotations, metadata.name, 'spec.auditAnnotations'),
  ];
}

function validateAnnotations(list: readonly admission.AuditAnnotation[], policy: string, path: string): FieldError[] {
  const keys = new Seen();
  // Shown as upstream's internal type is: its fields have no JSON names.
  const shown = list.map(({ key, valueExpression }) => ({ Key: key, ValueExpression: valueExpression }));
  return [
    ...(list.length > MAX_ANNOTATIONS
      ? [invalid(path, shown, `must not have more than ${MAX_ANNOTATIONS} auditAnnotations`)]
      : []),
    ...eachOf(list, path, (annotation, at) => {
      const { key = '', valueExpression = '' } = unchecked(annotation);
      const [keyPath, valuePath] = [child(at, 'key'), child(at, 'valueExpression')];
      const value = valueExpression.trim();
      const tooLarge = byteLength(value) > MAX_VALUE_BYTES;
      return [
        ...validateQualifiedName(`${policy}/${key}`, keyPath),
        ...(value === '' ? [required(valuePath, 'valueExpression is not specified')] : []),
        ...(tooLarge ? [required(valuePath, `must not exceed ${MAX_VALUE_BYTES} bytes in length`)] : []),
        ...(keys.add(key) ? [] : [duplicate(keyPath, key)]),
      ];
    }),
  ];
}

function validateValidation(validation: admission.Validation, path: string): FieldError[] {
  const { expression = '', message = '', messageExpression = '', reason } = unchecked(validation);
  const errors = expression.trim() === '' ? [required(child(path, 'expression'), 'expression is not specified')] : [];
  if (messageExpression !== '' && messageExpression.trim() === '') {
    errors.push(invalid(child(path, 'messageExpression'), messageExpression, 'must be non-empty if specified'));
  }
  if (message !== '' && message.trim() === '') {
    errors.push(invalid(child(path, 'message'), message, 'must be non-empty if specified'));
  } else if (/[\n\r]/.test(message.trim())) {
    errors.push(invalid(child(path, 'message'), message, 'must not contain line breaks'));
  }
  return [...errors, ...validateOptionalEnum(reason, REASONS, child(path, 'reason'))];
}

/** What a check of types found: where, as a JSONPath, and what. */
function validateWarning(found: Partial<admission.ExpressionWarning>, path: string): FieldError[] {
  const fieldRef = (found.fieldRef ?? '').trim();
  const fault = fieldRef === '' ? undefined : pathFault(`{${fieldRef}}`);
  return [
    ...((found.warning ?? '') === '' ? [required(child(path, 'warning'))] : []),
    ...(fieldRef === '' ? [required(child(path, 'fieldRef'))] : []),
    ...(fault === undefined ? [] : [invalid(child(path, 'fieldRef'), fieldRef, `invalid JSONPath: ${fault}`)]),
  ];
}

function pathFault(template: string): string | undefined {
  try {
    parseJSONPath(template);
    return undefined;
  } catch (error) {
    if (error instanceof JSONPathError) return error.message;
    throw error;
  }
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
  anyFinalizers: true,

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
      resetMetadataForStatus(policy, old);
    },
    validateUpdate: ({ status }) => [
      ...eachOf(status.typeChecking?.expressionWarnings, 'status.typeChecking.expressionWarnings', validateWarning),
      ...validateConditions(status.conditions, 'status.conditions'),
    ],
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
    ...actions.flatMap((action, i) => [
      ...validateOptionalEnum(action, ACTIONS, index(path, i)),
      ...(seen.add(action) ? [] : [duplicate(index(path, i), action)]),
    ]),
    ...(actions.includes('Deny') && actions.includes('Warn')
      ? [
          invalid(
            path,
            actions,
            'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
          ),
        ]
      : []),
    ...(actions.length === 0 ? [required(path, 'at least one validation action is required')] : []),
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
  anyFinalizers: true,

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
