import type * as authorization from '../generated/authorization.v1.ts';
import { defineKind, VIRTUAL } from '../kind.ts';
import {
  validateLocalSubjectAccessReview,
  validateSelfSubjectAccessReview,
  validateSubjectAccessReview,
} from './validation.ts';

export type LocalSubjectAccessReview = authorization.LocalSubjectAccessReview;
export type SelfSubjectAccessReview = authorization.SelfSubjectAccessReview;
export type SelfSubjectRulesReview = authorization.SelfSubjectRulesReview;
export type SubjectAccessReview = authorization.SubjectAccessReview;

const GROUP = { group: 'authorization.k8s.io', version: 'v1' } as const;

/** Source: pkg/registry/authorization/localsubjectaccessreview/rest.go v1.36. */
export const LocalSubjectAccessReview = defineKind<LocalSubjectAccessReview>({
  ...GROUP,
  ...VIRTUAL,
  kind: 'LocalSubjectAccessReview',
  plural: 'localsubjectaccessreviews',
  namespaced: true,
  definition: 'authorization.v1.LocalSubjectAccessReview',
  validate: validateLocalSubjectAccessReview,
});

/** Source: pkg/registry/authorization/selfsubjectaccessreview/rest.go v1.36. */
export const SelfSubjectAccessReview = defineKind<SelfSubjectAccessReview>({
  ...GROUP,
  ...VIRTUAL,
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
  namespaced: false,
  definition: 'authorization.v1.SelfSubjectAccessReview',
  validate: validateSelfSubjectAccessReview,
});

/** Source: pkg/registry/authorization/selfsubjectrulesreview/rest.go v1.36. */
export const SelfSubjectRulesReview = defineKind<SelfSubjectRulesReview>({
  ...GROUP,
  ...VIRTUAL,
  kind: 'SelfSubjectRulesReview',
  plural: 'selfsubjectrulesreviews',
  namespaced: false,
  definition: 'authorization.v1.SelfSubjectRulesReview',
});

/** Source: pkg/registry/authorization/subjectaccessreview/rest.go v1.36. */
export const SubjectAccessReview = defineKind<SubjectAccessReview>({
  ...GROUP,
  ...VIRTUAL,
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  namespaced: false,
  definition: 'authorization.v1.SubjectAccessReview',
  validate: validateSubjectAccessReview,
});
