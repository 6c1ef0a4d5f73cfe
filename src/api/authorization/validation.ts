/** What is wrong with a question about access. Source: pkg/apis/authorization/validation/validation.go v1.36. */
import { child, type FieldError, forbiddenField, index, invalid, required } from '../field-error.ts';
import type {
  LocalSubjectAccessReview,
  NonResourceAttributes,
  ResourceAttributes,
  SelfSubjectAccessReview,
  SubjectAccessReview,
} from '../generated/authorization.v1.ts';
import type { FieldSelectorRequirement, LabelSelectorRequirement, ObjectMeta } from '../generated/meta.v1.ts';
import { validateLabelSelectorRequirement } from '../validation/fields.ts';

interface Question {
  readonly resourceAttributes?: ResourceAttributes | undefined;
  readonly nonResourceAttributes?: NonResourceAttributes | undefined;
}

/** As upstream's internal type shows itself in a message. */
const shownPath = ({ path = '', verb = '' }: NonResourceAttributes): object => ({ Path: path, Verb: verb });

function validateQuestion({ resourceAttributes, nonResourceAttributes }: Question): FieldError[] {
  const errors: FieldError[] = [];
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined)
    errors.push(
      invalid(
        'spec.nonResourceAttributes',
        shownPath(nonResourceAttributes),
        'cannot be specified in combination with resourceAttributes',
      ),
    );
  if (resourceAttributes === undefined && nonResourceAttributes === undefined)
    errors.push(
      invalid(
        'spec.resourceAttributes',
        undefined,
        'exactly one of nonResourceAttributes or resourceAttributes must be specified',
      ),
    );
  if (resourceAttributes !== undefined) errors.push(...validateSelectors(resourceAttributes));
  return errors;
}

interface SelectorAttributes<R> {
  readonly rawSelector?: string | undefined;
  readonly requirements?: readonly R[] | undefined;
}

const validateSelectors = ({ fieldSelector, labelSelector }: ResourceAttributes): FieldError[] => [
  ...validateSelector(fieldSelector, 'spec.resourceAttributes.fieldSelector', validateFieldRequirement),
  ...validateSelector(labelSelector, 'spec.resourceAttributes.labelSelector', validateLabelRequirement),
];

function validateSelector<R>(
  selector: SelectorAttributes<R> | undefined,
  path: string,
  validate: (requirement: R, path: string) => FieldError[],
): FieldError[] {
  if (selector === undefined) return [];
  const { rawSelector = '', requirements = [] } = selector;
  const errors: FieldError[] = [];
  if (rawSelector !== '' && requirements.length > 0)
    errors.push(invalid(child(path, 'rawSelector'), rawSelector, 'may not specified at the same time as requirements'));
  if (rawSelector === '' && requirements.length === 0)
    errors.push(
      required(child(path, 'requirements'), `when ${path} is specified, requirements or rawSelector is required`),
    );
  for (const [i, one] of requirements.entries()) errors.push(...validate(one, index(child(path, 'requirements'), i)));
  return errors;
}

/** Operators nobody knows pass: the question comes from a newer client, and leaving them out only makes the answer stricter. */
const validateLabelRequirement = (one: LabelSelectorRequirement, path: string): FieldError[] =>
  validateLabelSelectorRequirement(one, path, { unknownOperators: true });

/** Source: ValidateFieldSelectorRequirement in apimachinery pkg/apis/meta/v1/validation v0.36. */
function validateFieldRequirement(
  { key = '', operator, values = [] }: Partial<FieldSelectorRequirement>,
  path: string,
): FieldError[] {
  const errors = key === '' ? [required(child(path, 'key'), 'must be specified')] : [];
  const at = child(path, 'values');
  if ((operator === 'In' || operator === 'NotIn') && values.length === 0)
    errors.push(required(at, "must be specified when `operator` is 'In' or 'NotIn'"));
  if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0)
    errors.push(forbiddenField(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
  return errors;
}

/** Whether nothing is set but `managedFields` and what `but` names. */
function isEmpty(metadata: ObjectMeta, but?: keyof ObjectMeta): boolean {
  return Object.entries(metadata).every(
    ([field, value]) => field === 'managedFields' || field === but || value === undefined || value === '',
  );
}

const mustBeEmpty = (metadata: ObjectMeta, detail: string, but?: keyof ObjectMeta): FieldError[] =>
  isEmpty(metadata, but) ? [] : [invalid('metadata', metadata, detail)];

const validateSubject = ({ spec: { user = '', groups = [] } }: SubjectAccessReview): FieldError[] =>
  user === '' && groups.length === 0
    ? [invalid('spec.user', user, 'at least one of user or group must be specified')]
    : [];

export const validateSubjectAccessReview = (review: SubjectAccessReview): FieldError[] => [
  ...validateQuestion(review.spec),
  ...validateSubject(review),
  ...mustBeEmpty(review.metadata, 'must be empty'),
];

export const validateSelfSubjectAccessReview = ({ spec, metadata }: SelfSubjectAccessReview): FieldError[] => [
  ...validateQuestion(spec),
  ...mustBeEmpty(metadata, 'must be empty'),
];

export function validateLocalSubjectAccessReview(review: LocalSubjectAccessReview): FieldError[] {
  const { spec, metadata } = review;
  const { resourceAttributes, nonResourceAttributes } = spec;
  const errors = [
    ...validateQuestion(spec),
    ...validateSubject(review),
    ...mustBeEmpty(metadata, 'must be empty except for namespace', 'namespace'),
  ];
  const namespace = resourceAttributes?.namespace ?? '';
  if (resourceAttributes !== undefined && namespace !== metadata.namespace)
    errors.push(invalid('spec.resourceAttributes.namespace', namespace, 'must match metadata.namespace'));
  if (nonResourceAttributes !== undefined)
    errors.push(
      invalid('spec.nonResourceAttributes', shownPath(nonResourceAttributes), 'disallowed on this kind of request'),
    );
  return errors;
}
