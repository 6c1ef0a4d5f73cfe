/** What the server says of a definition, as functions of it. Source: apiextensions-apiserver pkg/apihelpers/helpers.go v0.36. */
import { type CustomResourceDefinition, deepClone } from '#api';

export type Condition = Readonly<
  Pick<NonNullable<CustomResourceDefinition['status']['conditions']>[number], 'type' | 'status'>
> & {
  readonly reason: string;
  readonly message: string;
};

export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';

const findCondition = (definition: CustomResourceDefinition, type: string): Condition | undefined =>
  definition.status.conditions?.find((condition) => condition.type === type) as Condition | undefined;

export const isTrue = (definition: CustomResourceDefinition, type: string): boolean =>
  findCondition(definition, type)?.status === 'True';

const timeText = (nowMs: number): string => `${new Date(nowMs).toISOString().slice(0, 19)}Z`;

/** Writes a condition into a private copy; its time moves with its status only. */
export function setCondition(definition: CustomResourceDefinition, condition: Condition, nowMs: number): void {
  const conditions = definition.status.conditions ?? [];
  const old = conditions.find(({ type }) => type === condition.type);
  const lastTransitionTime =
    old?.status === condition.status && old.lastTransitionTime !== undefined ? old.lastTransitionTime : timeText(nowMs);
  const next = { lastTransitionTime, ...condition };
  definition.status.conditions =
    old === undefined ? [...conditions, next] : conditions.map((own) => (own === old ? { ...own, ...next } : own));
}

const saysTheSame = (a: Condition, b: Condition | undefined): boolean =>
  a.status === b?.status && a.reason === (b.reason ?? '') && a.message === (b.message ?? '');

/** A copy with the condition; undefined when it says so already. */
function withCondition(
  definition: CustomResourceDefinition,
  condition: Condition,
  nowMs: number,
): CustomResourceDefinition | undefined {
  if (saysTheSame(condition, findCondition(definition, condition.type))) return undefined;
  const next = deepClone(definition);
  setCondition(next, condition, nowMs);
  return next;
}

const APPROVAL_ANNOTATION = 'api-approved.kubernetes.io';
const PULL = 'see https://github.com/kubernetes/enhancements/pull/1111';

/** Groups of the community need its approval. Source: pkg/controller/apiapproval/apiapproval_controller.go, helpers.go v0.36. */
export function judgeApproval(
  definition: CustomResourceDefinition,
  nowMs: number,
): CustomResourceDefinition | undefined {
  if (!/(?:^|\.)(?:k8s|kubernetes)\.io$/.test(definition.spec.group)) return undefined;
  const annotation = definition.metadata.annotations?.[APPROVAL_ANNOTATION] ?? '';
  return withCondition(definition, { type: 'KubernetesAPIApprovalPolicyConformant', ...approval(annotation) }, nowMs);
}

function approval(annotation: string): Omit<Condition, 'type'> {
  const needed = `protected groups must have approval annotation "${APPROVAL_ANNOTATION}"`;
  if (annotation === '') return { status: 'False', reason: 'MissingAnnotation', message: `${needed}, ${PULL}` };
  if (annotation.startsWith('unapproved'))
    return { status: 'False', reason: 'UnapprovedAnnotation', message: `not approved: ${JSON.stringify(annotation)}` };
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#]/.test(annotation))
    return { status: 'True', reason: 'ApprovedAnnotation', message: `approved in ${annotation}` };
  const or = 'with either a URL or a reason starting with "unapproved"';
  return { status: 'False', reason: 'InvalidAnnotation', message: `${needed} ${or}, ${PULL}` };
}

/** The last step into service, once the names are accepted. Source: pkg/controller/establish/establishing_controller.go v0.36. */
export function establish(
  definition: CustomResourceDefinition,
  isBundleValid: boolean,
  nowMs: number,
): CustomResourceDefinition | undefined {
  if (!isTrue(definition, 'NamesAccepted') || isTrue(definition, 'Established')) return undefined;
  const type = 'Established';
  const condition: Condition = isBundleValid
    ? { type, status: 'True', reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' }
    : { type, status: 'False', reason: 'InvalidCABundle', message: 'The conversion webhook CABundle is invalid' };
  return withCondition(definition, condition, nowMs);
}

/** What becomes of the condition Established when names are judged. Source: calculateNamesAndConditions, see names.ts. */
export function establishedAfterNaming(definition: CustomResourceDefinition, accepted: boolean): Condition {
  const type = 'Established';
  const old = findCondition(definition, type) ?? {
    type,
    status: 'False',
    reason: 'NotAccepted',
    message: 'not all names are accepted',
  };
  if (old.status === 'True' || !accepted) return old;
  return { type, status: 'False', reason: 'Installing', message: 'the initial names have been accepted' };
}

/** Whether the condition would say something new. */
export const isNews = (definition: CustomResourceDefinition, condition: Condition): boolean =>
  !saysTheSame(condition, findCondition(definition, condition.type));
