/** Questions about what somebody may do. Source: pkg/registry/authorization v1.36. */
import {
  invalidObject,
  type Kind,
  type KubeObject,
  LocalSubjectAccessReview,
  type ResourceAttributes,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  badRequest,
  SubjectAccessReview,
  type SubjectAccessReviewSpec,
  type SubjectAccessReviewStatus,
} from '#api';
import type { UserInfo } from '../admission/admission.ts';
import { aggregate, type AuthorizationAttributes, type Authorizer } from '../authz/authz.ts';
import { readFieldSelector, readLabelSelector } from './selectors.ts';
import { created, type VirtualResource } from './virtual.ts';

export const accessReviews = (authorizer: Authorizer): readonly VirtualResource[] => [
  subjectReview(SubjectAccessReview, authorizer),
  subjectReview(LocalSubjectAccessReview, authorizer),
  selfReview(authorizer),
  rulesReview(authorizer),
];

/** Upstream names no kind here: its internal objects do not know theirs. */
function check<T extends KubeObject>(kind: Kind<T>, review: T): void {
  const errors = kind.validate?.(review) ?? [];
  if (errors.length > 0) throw invalidObject({ group: kind.group, kind: '' }, '', errors);
}

function subjectReview(kind: Kind<SubjectAccessReview>, authorizer: Authorizer): VirtualResource {
  return {
    kind,
    async create(object) {
      const review = object as SubjectAccessReview;
      check(kind, review);
      const { user = '', uid, groups = [], extra } = review.spec;
      review.status = await answer(authorizer, { name: user, uid, groups, extra }, review.spec);
      return created(kind, review);
    },
  };
}

const selfReview = (authorizer: Authorizer): VirtualResource => ({
  kind: SelfSubjectAccessReview,
  async create(object, { user }) {
    const review = object as SelfSubjectAccessReview;
    check(SelfSubjectAccessReview, review);
    review.status = await answer(authorizer, user, review.spec);
    return created(SelfSubjectAccessReview, review);
  },
});

type Question = Pick<SubjectAccessReviewSpec, 'resourceAttributes' | 'nonResourceAttributes'>;

async function answer(authorizer: Authorizer, user: UserInfo, question: Question): Promise<SubjectAccessReviewStatus> {
  const { resourceAttributes: resource } = question;
  const notes: string[] = [];
  const attributes =
    resource === undefined ? pathAttributes(user, question) : resourceAttributes(user, resource, notes);
  const { allowed, denied = false, reason, error } = await authorizer.authorize(attributes);
  const errors = [...(error === undefined ? [] : [error]), ...notes];
  return {
    allowed,
    ...(denied ? { denied } : {}),
    ...(reason === '' ? {} : { reason }),
    ...(errors.length === 0 ? {} : { evaluationError: errors.join('; ') }),
  };
}

const NOTHING = { path: '', group: '', version: '', resource: '', subresource: '', namespace: '', name: '' };

function pathAttributes(user: UserInfo, { nonResourceAttributes = {} }: Question): AuthorizationAttributes {
  const { path = '', verb = '' } = nonResourceAttributes;
  return { ...NOTHING, user, verb, isResourceRequest: false, path };
}

function resourceAttributes(user: UserInfo, resource: ResourceAttributes, notes: string[]): AuthorizationAttributes {
  const { verb = '', group = '', version = '', subresource = '', namespace = '', name = '' } = resource;
  const fields = readFieldSelector(resource);
  const labels = readLabelSelector(resource);
  const note = (
    selector: string,
    { requirements, failed }: { requirements: readonly unknown[]; failed: boolean },
  ): void => {
    const partially = requirements.length > 0 ? 'partially ' : '';
    if (failed) notes.push(`spec.resourceAttributes.${selector} ${partially}ignored due to parse error`);
  };
  note('fieldSelector', fields);
  note('labelSelector', labels);
  return {
    ...NOTHING,
    user,
    verb,
    isResourceRequest: true,
    group,
    version: version === '' ? '*' : version,
    resource: resource.resource ?? '',
    subresource,
    namespace,
    name,
    fieldSelector: fields.requirements,
    labelSelector: labels.requirements,
  };
}

const rulesReview = (authorizer: Authorizer): VirtualResource => ({
  kind: SelfSubjectRulesReview,
  async create(object, { user }) {
    const { namespace = '' } = (object as SelfSubjectRulesReview).spec;
    if (namespace === '') throw badRequest('no namespace on request');
    const { resourceRules, nonResourceRules, incomplete, errors } = await authorizer.permissions(user, namespace);
    const review: SelfSubjectRulesReview = {
      apiVersion: object.apiVersion,
      kind: object.kind,
      metadata: {} as KubeObject['metadata'],
      spec: {},
      status: {
        resourceRules: [...resourceRules],
        nonResourceRules: [...nonResourceRules],
        incomplete,
        ...(errors.length === 0 ? {} : { evaluationError: aggregate(errors) }),
      },
    };
    return created(SelfSubjectRulesReview, review);
  },
});
