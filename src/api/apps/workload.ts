/** What the kinds that make pods of a template have in common. Source: pkg/apis/apps/validation/validation.go v1.36. */
import type { FieldError } from '../field-error.ts';
import { child, forbiddenField, invalid, notSupported, required } from '../field-error.ts';
import type { PodTemplateSpec } from '../generated/core.v1.ts';
import type { LabelSelector } from '../generated/meta.v1.ts';
import { internalForm } from '../core/internal/print.ts';
import { validatePodTemplate } from '../core/pod/spec.ts';
import { labelSelectorAsSelector } from '../selector/selector.ts';
import { validateImmutable, validateLabelSelector, validateNonnegative } from '../validation/fields.ts';
import { isDNS1123Label } from '../validation/names.ts';

interface Workload {
  readonly replicas?: number | undefined;
  readonly selector?: LabelSelector | undefined;
  readonly template?: PodTemplateSpec | undefined;
}

/** As Go's JSON has them: sorted, and the parts of a requirement are always there. */
export const shownSelector = (selector: LabelSelector | undefined): unknown => internalForm(selector, '*LabelSelector');
export const shownLabels = (labels: Readonly<Record<string, string>> | undefined): unknown =>
  internalForm(labels, '{}string');

export const validateSelectorUpdate = (now: LabelSelector | undefined, old: LabelSelector | undefined): FieldError[] =>
  validateImmutable(shownSelector(now), shownSelector(old), 'spec.selector');

/** The selector has to match what the template makes. */
export function validateWorkload({ replicas, selector, template }: Workload, more: FieldError[] = []): FieldError[] {
  const path = 'spec.selector';
  const errors = [...validateNonnegative(replicas, 'spec.replicas'), ...more];
  const selectorErrors = validateLabelSelector(selector, path);
  errors.push(...selectorErrors);
  if (selector === undefined) errors.push(required(path));
  else if (Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0) {
    errors.push(invalid(path, shownSelector(selector), 'empty selector is invalid for deployment'));
  }
  // Nothing more can be said of the template then.
  if (selectorErrors.length > 0) return [...errors, invalid(path, shownSelector(selector), 'invalid label selector')];
  return [...errors, ...validateTemplate(template, selector, 'spec.template')];
}

function validateTemplate(
  template: PodTemplateSpec | undefined,
  selector: LabelSelector | undefined,
  path: string,
): FieldError[] {
  if (template === undefined) return [required(path)];
  const errors: FieldError[] = [];
  const labels = template.metadata?.labels ?? {};
  const chosen = labelSelectorAsSelector(selector);
  // Where there is no selector nothing matches, which upstream says as well.
  if (!chosen.empty && !chosen.matches(labels)) {
    const why = '`selector` does not match template `labels`';
    errors.push(invalid(child(path, 'metadata', 'labels'), shownLabels(template.metadata?.labels), why));
  }
  errors.push(...validatePodTemplate(template, path));
  const { restartPolicy, activeDeadlineSeconds } = template.spec ?? {};
  if (restartPolicy !== 'Always') {
    errors.push(notSupported(child(path, 'spec', 'restartPolicy'), restartPolicy ?? '', ['Always']));
  }
  if (activeDeadlineSeconds !== undefined) {
    const why = 'activeDeadlineSeconds in ReplicaSet is not Supported';
    errors.push(forbiddenField(child(path, 'spec', 'activeDeadlineSeconds'), why));
  }
  return errors;
}

/** A share as its number, as is a text that is one; what is neither counts as nothing. Source: getIntOrPercentValue. */
export function intOrPercentValue(value: number | string): number {
  if (typeof value === 'number') return value;
  return /^([0-9]+%|[-+]?[0-9]+)$/.test(value) ? Number.parseInt(value, 10) : 0;
}

/** A strategy as upstream shows it: its internal types have no JSON names, and always have every field. */
export const shownStrategy = (type: string, rollingUpdate: object | undefined): object => ({
  Type: type,
  RollingUpdate: rollingUpdate ?? null,
});

interface RollingUpdate {
  readonly maxUnavailable?: number | string | undefined;
  readonly maxSurge?: number | string | undefined;
}

/** As upstream shows those of Deployments and DaemonSets. */
export const shownRollingUpdate = (rollingUpdate: RollingUpdate | undefined): object | undefined =>
  rollingUpdate && { MaxUnavailable: rollingUpdate.maxUnavailable ?? 0, MaxSurge: rollingUpdate.maxSurge ?? 0 };

/** Names of workloads end up in those of their pods. Source: WarningsOnCreate of pkg/registry/{apps,batch}/…/strategy.go v1.36. */
export function nameWarnings(name: string): string[] {
  const messages = isDNS1123Label(name);
  const what =
    'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended';
  return messages.length > 0 ? [`${what}: [${messages.join(' ')}]`] : [];
}

/** Counts of a status are never negative, and none is larger than the one it is a part of. */
export function validateCounts<K extends string>(
  status: { readonly [k in K]?: number | undefined },
  counts: readonly K[],
  parts: readonly (readonly [part: K, whole: K, message: string])[],
): FieldError[] {
  return [
    ...counts.flatMap((field) => validateNonnegative(status[field], child('status', field))),
    ...parts.flatMap(([part, whole, message]) => {
      const value = status[part] ?? 0;
      return value > (status[whole] ?? 0) ? [invalid(child('status', part), value, message)] : [];
    }),
  ];
}

/** Counts collisions of names and never goes back. */
export const validateCollisionCount = (
  { collisionCount: count }: { readonly collisionCount?: number | undefined },
  { collisionCount: before }: { readonly collisionCount?: number | undefined },
): FieldError[] =>
  before !== undefined && (count === undefined || count < before)
    ? [invalid('status.collisionCount', count ?? 0, 'cannot be decremented')]
    : [];

export const OVER_REPLICAS = 'cannot be greater than status.replicas';
export const OVER_READY = 'cannot be greater than readyReplicas';

/** The selector of a workload as text, for its scale; '' when it cannot be read. */
export const selectorText = (selector: LabelSelector | undefined): string =>
  validateLabelSelector(selector, '').length > 0 ? '' : labelSelectorAsSelector(selector).toString();
