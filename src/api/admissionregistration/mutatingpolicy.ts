import type { FieldError } from '../field-error.ts';
import { child, invalid, notSupported, required } from '../field-error.ts';
import type * as admission from '../generated/admissionregistration.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';
import { eachOf, invalidEach, unchecked, validateEnum, validateOptionalEnum } from '../validation/fields.ts';
import { nameIsDNSSubdomain } from '../validation/names.ts';
import {
  ADMISSION_GROUP,
  defaultMatchResources,
  FAILURE_POLICIES,
  paramKindText,
  paramRefText,
  REINVOCATION_POLICIES,
  validateMatchConditions,
  validateMatchResources,
  validateParamKind,
  validateParamRef,
  validateVariables,
} from './common.ts';

export type MutatingAdmissionPolicy = admission.MutatingAdmissionPolicy;
export type MutatingAdmissionPolicyBinding = admission.MutatingAdmissionPolicyBinding;

const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'UPDATE'];
const PATCH_TYPES = ['ApplyConfiguration', 'JSONPatch'];

function validatePolicy({ spec }: MutatingAdmissionPolicy): FieldError[] {
  const { mutations = [], matchConstraints } = spec;
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
          ...validateOperations(matchConstraints, 'spec.matchConstraints'),
        ]),
    ...validateMatchConditions(spec.matchConditions, 'spec.matchConditions'),
    ...validateVariables(spec.variables, 'spec.variables'),
    ...(mutations.length === 0 ? [required('spec.mutations', 'mutations must contain at least one item')] : []),
    ...eachOf(mutations, 'spec.mutations', validateMutation),
    ...validateEnum(spec.reinvocationPolicy, REINVOCATION_POLICIES, 'spec.reinvocationPolicy'),
  ];
}

/** What is deleted cannot be changed. Upstream does not say which rule it means. */
const validateOperations = ({ resourceRules = [] }: admission.MatchResources, path: string): FieldError[] =>
  resourceRules
    .flatMap((rule) => rule.operations ?? [])
    .filter((operation) => !OPERATIONS.includes(operation))
    .map((operation) => notSupported(child(path, 'resourceRules', 'operations'), operation, OPERATIONS));

/** The field that goes with the type, and an expression in it. */
function validateMutation(mutation: admission.Mutation, path: string): FieldError[] {
  const { patchType = '', applyConfiguration, jsonPatch } = unchecked(mutation);
  const errors = validateEnum(patchType, PATCH_TYPES, child(path, 'patchType'));
  if (errors.length > 0) return errors;
  const [field, patch] =
    patchType === 'JSONPatch'
      ? (['jsonPatch', jsonPatch] as const)
      : (['applyConfiguration', applyConfiguration] as const);
  const at = child(path, field);
  const [other, otherPatch] =
    patchType === 'JSONPatch'
      ? (['applyConfiguration', applyConfiguration] as const)
      : (['jsonPatch', jsonPatch] as const);
  return [
    ...(patch === undefined
      ? [required(at, `must be specified when patchType is ${patchType}`)]
      : (patch.expression ?? '').trim() === ''
        ? [required(child(at, 'expression'))]
        : []),
    ...(otherPatch === undefined
      ? []
      : [invalid(child(path, other), `{${other}}`, `must not be specified when patchType is ${patchType}`)]),
  ];
}

/** Source: pkg/registry/admissionregistration/mutatingadmissionpolicy/strategy.go v1.36. */
export const MutatingAdmissionPolicy = defineKind<MutatingAdmissionPolicy>({
  group: ADMISSION_GROUP,
  version: 'v1',
  kind: 'MutatingAdmissionPolicy',
  plural: 'mutatingadmissionpolicies',
  categories: ['api-extensions'],
  namespaced: false,
  definition: 'admissionregistration.v1.MutatingAdmissionPolicy',
  unconditionalUpdate: false,
  anyFinalizers: true,

  defaults(policy) {
    policy.spec ??= {};
    policy.spec.failurePolicy ??= 'Fail';
    if (policy.spec.matchConstraints !== undefined) defaultMatchResources(policy.spec.matchConstraints);
  },
  validate: validatePolicy,
  generation: true,

  columns: [NAME, { name: 'Mutations', type: 'integer' }, { name: 'ParamKind', type: 'string' }, AGE],
  row: (policy, { nowMs }) => ({
    cells: [
      policy.metadata.name,
      (policy.spec.mutations ?? []).length,
      paramKindText(policy.spec.paramKind),
      age(policy, nowMs),
    ],
  }),
});

function validateBinding({ spec }: MutatingAdmissionPolicyBinding): FieldError[] {
  const { policyName = '', paramRef, matchResources } = spec;
  return [
    ...(policyName === ''
      ? [required('spec.policyName')]
      : invalidEach('spec.policyName', policyName, nameIsDNSSubdomain(policyName, false))),
    ...validateParamRef(paramRef, 'spec.paramRef'),
    ...(matchResources === undefined
      ? []
      : [
          ...validateMatchResources(matchResources, 'spec.matchResources'),
          ...validateOperations(matchResources, 'spec.matchResources'),
        ]),
  ];
}

/** Source: pkg/registry/admissionregistration/mutatingadmissionpolicybinding/strategy.go v1.36. */
export const MutatingAdmissionPolicyBinding = defineKind<MutatingAdmissionPolicyBinding>({
  group: ADMISSION_GROUP,
  version: 'v1',
  kind: 'MutatingAdmissionPolicyBinding',
  plural: 'mutatingadmissionpolicybindings',
  categories: ['api-extensions'],
  namespaced: false,
  definition: 'admissionregistration.v1.MutatingAdmissionPolicyBinding',
  unconditionalUpdate: false,
  anyFinalizers: true,

  defaults(binding) {
    binding.spec ??= {};
    if (binding.spec.matchResources !== undefined) defaultMatchResources(binding.spec.matchResources);
  },
  validate: validateBinding,
  generation: true,

  columns: [NAME, { name: 'PolicyName', type: 'string' }, { name: 'ParamRef', type: 'string' }, AGE],
  row: (binding, { nowMs }) => ({
    cells: [
      binding.metadata.name,
      binding.spec.policyName ?? '',
      paramRefText(binding.spec.paramRef),
      age(binding, nowMs),
    ],
  }),
});
