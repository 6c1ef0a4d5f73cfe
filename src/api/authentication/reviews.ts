import type * as authentication from '../generated/authentication.v1.ts';
import { defineKind, VIRTUAL } from '../kind.ts';

export type SelfSubjectReview = authentication.SelfSubjectReview;
export type TokenReview = authentication.TokenReview;

const GROUP = { group: 'authentication.k8s.io', version: 'v1' } as const;

/** Source: pkg/registry/authentication/selfsubjectreview/rest.go v1.36. */
export const SelfSubjectReview = defineKind<SelfSubjectReview>({
  ...GROUP,
  ...VIRTUAL,
  kind: 'SelfSubjectReview',
  plural: 'selfsubjectreviews',
  namespaced: false,
  definition: 'authentication.v1.SelfSubjectReview',
});

/** Source: pkg/registry/authentication/tokenreview/storage.go v1.36. */
export const TokenReview = defineKind<TokenReview>({
  ...GROUP,
  ...VIRTUAL,
  kind: 'TokenReview',
  plural: 'tokenreviews',
  namespaced: false,
  definition: 'authentication.v1.TokenReview',
});
