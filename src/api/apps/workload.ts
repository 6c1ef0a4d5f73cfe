/** What the kinds that make pods of a template have in common. Source: pkg/apis/apps/validation/validation.go v1.36. */
import type { FieldError } from '../field-error.ts';
import { child, forbiddenField, invalid, notSupported, required } from '../field-error.ts';
import type { PodTemplateSpec } from '../generated/core.v1.ts';
import type { LabelSelector } from '../generated/meta.v1.ts';
import { validatePodTemplate } from '../core/pod/spec.ts';
import { labelSelectorAsSelector } from '../selector/selector.ts';
import { validateLabelSelector, validateNonnegative } from '../validation/fields.ts';

interface Workload {
  readonly replicas?: number | undefined;
  readonly minReadySeconds?: number | undefined;
  readonly selector?: LabelSelector | undefined;
  readonly template?: PodTemplateSpec | undefined;
}

/** The selector has to match what the template makes. */
export function validateWorkload({ replicas, minReadySeconds, selector, template }: Workload): FieldError[] {
  const path = 'spec.selector';
  const errors = [
    ...validateNonnegative(replicas, 'spec.replicas'),
    ...validateNonnegative(minReadySeconds, 'spec.minReadySeconds'),
  ];
  const selectorErrors = validateLabelSelector(selector, path);
  errors.push(...selectorErrors);
  if (selector === undefined) errors.push(required(path));
  else if (Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0) {
    errors.push(invalid(path, selector, 'empty selector is invalid for deployment'));
  }
  // A selector that cannot be read has been reported above; nothing more can be said of the template then.
  if (selectorErrors.length > 0) return errors;
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
  if (selector !== undefined && !chosen.empty && !chosen.matches(labels)) {
    const why = '`selector` does not match template `labels`';
    errors.push(invalid(child(path, 'metadata', 'labels'), template.metadata?.labels, why));
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
