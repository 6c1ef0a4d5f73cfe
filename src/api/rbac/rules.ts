/** What roles and bindings have in common. Source: pkg/apis/rbac/validation/validation.go v1.36. */
import type { FieldError } from '../field-error.ts';
import { child, invalid, notSupported, required } from '../field-error.ts';
import type { PolicyRule, RoleRef, Subject } from '../generated/rbac.v1.ts';
import { semanticEqual } from '../validation/equal.ts';
import { eachOf, invalidEach, unchecked } from '../validation/fields.ts';
import { isPathSegmentName, nameIsDNSSubdomain } from '../validation/names.ts';

export const RBAC_GROUP = 'rbac.authorization.k8s.io';
const SUBJECT_KINDS = ['ServiceAccount', 'User', 'Group'];

export const validateRules = (rules: readonly PolicyRule[] | undefined, namespaced: boolean): FieldError[] =>
  eachOf(rules, 'rules', (rule, at) => validateRule(rule, at, namespaced));

function validateRule(rule: PolicyRule, path: string, namespaced: boolean): FieldError[] {
  const { verbs = [], nonResourceURLs = [], apiGroups = [], resources = [], resourceNames = [] } = unchecked(rule);
  const errors: FieldError[] = [];
  if (verbs.length === 0) errors.push(required(child(path, 'verbs'), 'verbs must contain at least one value'));
  if (nonResourceURLs.length > 0) {
    const wrong = (why: string): FieldError => invalid(child(path, 'nonResourceURLs'), nonResourceURLs, why);
    if (namespaced) errors.push(wrong('namespaced rules cannot apply to non-resource URLs'));
    if (apiGroups.length > 0 || resources.length > 0 || resourceNames.length > 0) {
      errors.push(wrong('rules cannot apply to both regular resources and non-resource URLs'));
    }
    return errors;
  }
  if (apiGroups.length === 0) {
    errors.push(required(child(path, 'apiGroups'), 'resource rules must supply at least one api group'));
  }
  if (resources.length === 0) {
    errors.push(required(child(path, 'resources'), 'resource rules must supply at least one resource'));
  }
  return errors;
}

interface Binding {
  roleRef: RoleRef;
  subjects?: Subject[] | undefined;
}

/** Source: SetDefaults_RoleBinding, SetDefaults_Subject in pkg/apis/rbac/v1/defaults.go v1.36. */
export function defaultBinding(binding: Binding): void {
  binding.roleRef ??= { kind: '', name: '' };
  if ((binding.roleRef.apiGroup ?? '') === '') binding.roleRef.apiGroup = RBAC_GROUP;
  for (const subject of binding.subjects ?? []) {
    if ((subject.apiGroup ?? '') === '' && (subject.kind === 'User' || subject.kind === 'Group')) {
      subject.apiGroup = RBAC_GROUP;
    }
  }
}

export function validateBinding(
  { roleRef, subjects }: Binding,
  roleKinds: readonly string[],
  namespaced: boolean,
): FieldError[] {
  const { apiGroup = '', kind = '', name = '' } = unchecked(roleRef);
  return [
    ...(apiGroup === RBAC_GROUP ? [] : [notSupported('roleRef.apiGroup', apiGroup, [RBAC_GROUP])]),
    ...(roleKinds.includes(kind) ? [] : [notSupported('roleRef.kind', kind, roleKinds)]),
    ...(name === '' ? [required('roleRef.name')] : invalidEach('roleRef.name', name, isPathSegmentName(name))),
    ...eachOf(subjects, 'subjects', (subject, at) => validateSubject(subject, at, namespaced)),
  ];
}

function validateSubject(subject: Subject, path: string, namespaced: boolean): FieldError[] {
  const { kind = '', name = '', apiGroup = '', namespace = '' } = unchecked(subject);
  const groupPath = child(path, 'apiGroup');
  const errors = name === '' ? [required(child(path, 'name'))] : [];
  switch (kind) {
    case 'ServiceAccount':
      if (name !== '') errors.push(...invalidEach(child(path, 'name'), name, nameIsDNSSubdomain(name, false)));
      if (apiGroup !== '') errors.push(notSupported(groupPath, apiGroup, ['']));
      if (!namespaced && namespace === '') errors.push(required(child(path, 'namespace')));
      break;
    case 'User':
    case 'Group':
      if (apiGroup !== RBAC_GROUP) errors.push(notSupported(groupPath, apiGroup, [RBAC_GROUP]));
      break;
    default:
      errors.push(notSupported(child(path, 'kind'), kind, SUBJECT_KINDS));
  }
  return errors;
}

/** The value is shown as upstream's internal type is: its fields have no JSON names. */
export const validateBindingUpdate = ({ roleRef }: Binding, old: Binding): FieldError[] => {
  if (semanticEqual(roleRef, old.roleRef)) return [];
  const shown = { APIGroup: roleRef.apiGroup ?? '', Kind: roleRef.kind ?? '', Name: roleRef.name ?? '' };
  return [invalid('roleRef', shown, 'cannot change roleRef')];
};

/** Users, groups and service accounts of a binding, as its table shows them. Source: SubjectsStrings in pkg/apis/rbac/helpers.go v1.36. */
export const subjectCells = (subjects: readonly Subject[] = []): string[] =>
  [
    ...['User', 'Group'].map((kind) => subjects.filter((s) => s.kind === kind).map(({ name }) => name)),
    subjects
      .filter((s) => s.kind === 'ServiceAccount')
      .map(({ name, namespace = '' }) => (namespace === '' ? name : `${namespace}/${name}`)),
  ].map((names) => names.join(', '));
