/**
 * Expressions of admission policies and of webhooks, compiled when they are written. Whether they fit the kinds they are about is not looked at here: a
 * controller tells that in the status of a policy. Source: pkg/apis/admissionregistration/validation/validation.go v1.36.
 */
import {
  child,
  equalValues,
  type FieldError,
  index,
  type KubeObject,
  type MutatingAdmissionPolicy,
  type MutatingWebhookConfiguration,
  type ValidatingAdmissionPolicy,
  type ValidatingWebhookConfiguration,
} from '#api';
import { BOOL, type Declarations, DYN, NULL, OBJECT, PATCH_LIST, STRING, type Type } from '#cel';
import type { Clock } from '#util';
import { paced } from '../registry/pace.ts';
import type { ResourceHooks } from '../registry/scope.ts';
import { compiled, expressionError, oneOf } from './compile.ts';
import { declarationsOf, variableType } from './environment.ts';

type Condition = NonNullable<ValidatingAdmissionPolicy['spec']['matchConditions']>[number];
type PolicyVariable = NonNullable<ValidatingAdmissionPolicy['spec']['variables']>[number];
type Webhook = NonNullable<ValidatingWebhookConfiguration['webhooks']>[number];
/** Errors, found in steps: one expression each. */
type Steps = Generator<void, FieldError[]>;

const hooksOf = <T extends KubeObject>(
  clock: Clock,
  steps: (object: T, old: T | undefined) => Steps,
): ResourceHooks => ({
  validate: (object, old) => paced(clock, steps(object as T, old as T | undefined)),
});

/** By `plural.group`. */
export const admissionHooks = (clock: Clock): readonly (readonly [string, ResourceHooks])[] => [
  ['validatingadmissionpolicies.admissionregistration.k8s.io', hooksOf(clock, validatingPolicy)],
  ['mutatingadmissionpolicies.admissionregistration.k8s.io', hooksOf(clock, mutatingPolicy)],
  ['validatingwebhookconfigurations.admissionregistration.k8s.io', hooksOf(clock, webhooks)],
  ['mutatingwebhookconfigurations.admissionregistration.k8s.io', hooksOf(clock, webhooks)],
];

const isBool = oneOf(BOOL);
const isText = oneOf(STRING);
const isAnnotation = oneOf(STRING, NULL);
const isObject = oneOf(OBJECT);
const isPatch = oneOf(PATCH_LIST);
const isAnything = (): undefined => undefined;

/** The errors of one expression: none or one. */
function check(
  path: string,
  text: string,
  declarations: Declarations,
  judge: (type: Type) => string | undefined,
): FieldError[] {
  const { error } = compiled(text, declarations, judge);
  return error === undefined ? [] : [expressionError(path, text, error)];
}

function* conditions(list: readonly Condition[] | undefined, path: string, params: boolean): Steps {
  const declarations = declarationsOf({ params, authorizer: true });
  const errors: FieldError[] = [];
  for (const [i, { expression }] of (list ?? []).entries()) {
    errors.push(...check(child(index(path, i), 'expression'), expression.trim(), declarations, isBool));
    yield;
  }
  return errors;
}

/** Each may read those before it, whose types are put into `own`. */
function* variables(
  list: readonly PolicyVariable[] | undefined,
  path: string,
  { own, params }: { readonly own: Map<string, Type>; readonly params: boolean },
): Steps {
  const declarations = declarationsOf({ params, authorizer: true, own });
  const errors: FieldError[] = [];
  for (const [i, { name, expression }] of (list ?? []).entries()) {
    const { error, expression: found } = compiled(expression, declarations, isAnything);
    if (error === undefined) own.set(name, variableType(found.type));
    else {
      own.set(name, DYN);
      errors.push(expressionError(child(index(path, i), 'expression'), expression, error));
    }
    yield;
  }
  return errors;
}

function* validatingPolicy({ spec }: ValidatingAdmissionPolicy, old: ValidatingAdmissionPolicy | undefined): Steps {
  if (equalValues(spec, old?.spec)) return [];
  const params = spec.paramKind !== undefined;
  const errors: FieldError[] = [];
  if (!sameConditions(spec, old?.spec))
    errors.push(...(yield* conditions(spec.matchConditions, 'spec.matchConditions', params)));
  const own = (spec.variables ?? []).length === 0 ? undefined : new Map<string, Type>();
  if (own !== undefined) errors.push(...(yield* variables(spec.variables, 'spec.variables', { own, params })));
  const declarations = declarationsOf({ params, authorizer: true, own });
  const ofMessages = declarationsOf({ params, authorizer: false, own });
  for (const [i, { expression, messageExpression = '' }] of (spec.validations ?? []).entries()) {
    const at = index('spec.validations', i);
    errors.push(...check(child(at, 'expression'), expression, declarations, isBool));
    if (messageExpression !== '')
      errors.push(...check(child(at, 'messageExpression'), messageExpression, ofMessages, isText));
    yield;
  }
  for (const [i, { valueExpression }] of (spec.auditAnnotations ?? []).entries()) {
    const at = child(index('spec.auditAnnotations', i), 'valueExpression');
    const { error } = compiled(valueExpression.trim(), declarations, isAnnotation);
    if (error !== undefined) errors.push(expressionError(at, valueExpression, error));
    yield;
  }
  return errors;
}

function* mutatingPolicy({ spec }: MutatingAdmissionPolicy, old: MutatingAdmissionPolicy | undefined): Steps {
  if (equalValues(spec, old?.spec)) return [];
  const params = spec.paramKind !== undefined;
  const errors: FieldError[] = [];
  if (!sameConditions(spec, old?.spec))
    errors.push(...(yield* conditions(spec.matchConditions, 'spec.matchConditions', params)));
  const own = new Map<string, Type>();
  errors.push(...(yield* variables(spec.variables, 'spec.variables', { own, params })));
  const declarations = declarationsOf({ params, authorizer: true, patches: true, own });
  for (const [i, { patchType, applyConfiguration, jsonPatch }] of (spec.mutations ?? []).entries()) {
    const at = index('spec.mutations', i);
    const [field, patch, judge] =
      patchType === 'JSONPatch'
        ? (['jsonPatch', jsonPatch, isPatch] as const)
        : (['applyConfiguration', applyConfiguration, isObject] as const);
    const text = (patch?.expression ?? '').trim();
    errors.push(...check(child(at, field, 'expression'), text, declarations, judge));
    yield;
  }
  return errors;
}

interface WithConditions {
  readonly paramKind?: unknown;
  readonly matchConditions?: readonly Condition[] | undefined;
}

/** What was right stays so, even for those that are stricter by now. Source: ignoreValidatingAdmissionPolicyMatchConditions and its like. */
const sameConditions = (spec: WithConditions, old: WithConditions | undefined): boolean =>
  old !== undefined &&
  equalValues(spec.paramKind, old.paramKind) &&
  equalValues(spec.matchConditions ?? [], old.matchConditions ?? []);

function* webhooks(
  object: ValidatingWebhookConfiguration | MutatingWebhookConfiguration,
  old: ValidatingWebhookConfiguration | MutatingWebhookConfiguration | undefined,
): Steps {
  const [now, before]: readonly (readonly Pick<Webhook, 'matchConditions'>[] | undefined)[] = [
    object.webhooks ?? [],
    old?.webhooks,
  ];
  if (before?.length === now!.length && now!.every((hook, i) => sameConditions(hook, before[i]))) return [];
  const errors: FieldError[] = [];
  for (const [i, { matchConditions }] of now!.entries())
    errors.push(...(yield* conditions(matchConditions, child(index('webhooks', i), 'matchConditions'), false)));
  return errors;
}
