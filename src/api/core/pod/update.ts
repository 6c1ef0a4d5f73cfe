/** What may change in a pod, and through which door. Source: ValidatePodUpdate, ValidatePodEphemeralContainersUpdate in pkg/apis/core/validation v1.36. */
import { equalValues } from '../../equality.ts';
import type { FieldError } from '../../field-error.ts';
import { child, forbiddenField, index, invalid, required, ROOT } from '../../field-error.ts';
import type {
  Affinity,
  Container,
  NodeSelectorTerm,
  Pod,
  PodSchedulingGate,
  PodSpec,
  Toleration,
} from '../../generated/core.v1.ts';
import { own, semanticEqual } from '../../validation/equal.ts';
import type { Unchecked } from '../../validation/fields.ts';
import { inclusiveRangeError } from '../../validation/names.ts';
import { internalDiff } from '../internal/diff.ts';
import { internalEqual } from '../internal/print.ts';
import { validateImageWhitespace } from './container/containers.ts';
import { validateTolerations } from './scheduling.ts';
import { MIRROR_ANNOTATION, validateAnnotationUpdates } from './security/annotations.ts';
import { validatePod } from './spec.ts';

const UPDATABLE = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');
const MAX_INT32 = 2_147_483_647;
const NODE_TERMS = 'affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';

/** The registry checks the pod itself as well. */
export function validatePodUpdate(pod: Pod, old: Pod): FieldError[] {
  const errors = validateAnnotationUpdates(pod, old);
  const [spec, oldSpec] = [pod.spec, old.spec];
  for (const list of ['containers', 'initContainers'] as const) {
    const path = child('spec', list);
    const containers = spec[list] ?? [];
    if (containers.length !== (oldSpec[list] ?? []).length) {
      return [...errors, forbiddenField(path, 'pod updates may not add or remove containers')];
    }
    for (const [i, container] of containers.entries()) {
      if ((container.image ?? '') === '') errors.push(required(child(index(path, i), 'image')));
      errors.push(...validateImageWhitespace(container, index(path, i)));
    }
  }
  const deadline = validateDeadline(spec.activeDeadlineSeconds, oldSpec.activeDeadlineSeconds);
  errors.push(...deadline.errors);
  if (deadline.stop) return errors;
  errors.push(
    ...validateTolerationsKept(spec.tolerations ?? [], oldSpec.tolerations ?? []),
    ...validateGatesOnlyRemoved(spec, oldSpec),
  );
  const munged = withUpdatableFieldsOf(spec, oldSpec);
  if ((oldSpec.schedulingGates ?? []).length > 0) errors.push(...takeGatedChanges(munged, oldSpec));
  if (!equalValues(oldSpec, munged) && !internalEqual(oldSpec, munged, 'PodSpec')) {
    const changes = internalDiff(oldSpec, munged, 'PodSpec');
    errors.push(forbiddenField('spec', `pod updates may not change fields other than ${UPDATABLE}\n${changes}`));
  }
  return errors;
}

/** A copy of the new spec in which everything that may change is as it was. */
function withUpdatableFieldsOf(spec: PodSpec, old: PodSpec): PodSpec {
  const withImagesOf = (containers: Container[] | undefined, before: Container[] | undefined): Container[] =>
    (containers ?? []).map((container, i) => ({ ...container, image: before?.[i]?.image }));
  const munged: PodSpec = {
    ...spec,
    containers: withImagesOf(spec.containers, old.containers),
    initContainers: withImagesOf(spec.initContainers, old.initContainers),
    activeDeadlineSeconds: old.activeDeadlineSeconds,
    tolerations: old.tolerations,
    schedulingGates: old.schedulingGates,
  };
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1) {
    munged.terminationGracePeriodSeconds = old.terminationGracePeriodSeconds;
  }
  return munged;
}

function validateDeadline(
  now: number | undefined,
  before: number | undefined,
): { errors: FieldError[]; stop: boolean } {
  const path = 'spec.activeDeadlineSeconds';
  if (now === undefined) {
    const why = 'must not update from a positive integer to nil value';
    return { errors: before === undefined ? [] : [invalid(path, undefined, why)], stop: false };
  }
  if (now < 0 || now > MAX_INT32) {
    return { errors: [invalid(path, now, inclusiveRangeError(0, MAX_INT32))], stop: true };
  }
  return before !== undefined && before < now
    ? { errors: [invalid(path, now, 'must be less than or equal to previous value')], stop: true }
    : { errors: [], stop: false };
}

function validateTolerationsKept(now: readonly Toleration[], before: readonly Toleration[]): FieldError[] {
  const same = (a: Toleration, b: Toleration): boolean =>
    semanticEqual({ ...a, tolerationSeconds: undefined }, { ...b, tolerationSeconds: undefined });
  return before.every((old) => now.some((toleration) => same(toleration, old)))
    ? validateTolerations(now, 'spec.tolerations')
    : [forbiddenField('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')];
}

function validateGatesOnlyRemoved({ schedulingGates = [] }: PodSpec, old: PodSpec): FieldError[] {
  const before = new Set((old.schedulingGates ?? []).map(({ name }) => name));
  const last = new Map(schedulingGates.map(({ name = '' }: Unchecked<PodSchedulingGate>, i) => [name, i]));
  return schedulingGates.flatMap(({ name = '' }: Unchecked<PodSchedulingGate>, i) =>
    before.has(name) || last.get(name) !== i
      ? []
      : [
          forbiddenField(
            child(index('spec.schedulingGates', i), 'name'),
            `only deletion is allowed, but found new scheduling gate '${name}'`,
          ),
        ],
  );
}

/** A pod still gated may be tied down further; `munged` then takes the old values so that the comparison passes. */
function takeGatedChanges(munged: PodSpec, old: PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  const { nodeSelector = {} } = munged;
  if (Object.entries(old.nodeSelector ?? {}).some(([key, value]) => own(nodeSelector, key) !== value)) {
    const why = 'only additions to spec.nodeSelector are allowed (no mutations or deletions)';
    errors.push(invalid('spec.nodeSelector', nodeSelector, why));
  }
  munged.nodeSelector = old.nodeSelector;
  const [now, before] = [munged.affinity?.nodeAffinity, old.affinity?.nodeAffinity];
  if (semanticEqual(now, before)) return errors;
  const terms = (affinity: Affinity['nodeAffinity']): NodeSelectorTerm[] =>
    affinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  errors.push(...validateTermsOnlyAdded(terms(now), terms(before)));
  const { nodeAffinity: _now, ...others } = munged.affinity ?? {};
  const affinity = { ...others, ...(before === undefined ? {} : { nodeAffinity: before }) };
  munged.affinity = Object.keys(affinity).length === 0 ? undefined : affinity;
  return errors;
}

function validateTermsOnlyAdded(now: readonly NodeSelectorTerm[], before: readonly NodeSelectorTerm[]): FieldError[] {
  const path = child('spec', NODE_TERMS);
  if (before.length === 0) return [];
  if (before.length !== now.length) {
    return [invalid(path, now, 'no additions/deletions to non-empty NodeSelectorTerms list are allowed')];
  }
  const startsWith = (list: readonly unknown[] = [], head: readonly unknown[] = []): boolean =>
    semanticEqual(list.slice(0, head.length), head);
  const size = (term: NodeSelectorTerm): number =>
    (term.matchExpressions ?? []).length + (term.matchFields ?? []).length;
  return now.flatMap((term, i) => {
    const old = before[i]!;
    const added =
      startsWith(term.matchExpressions, old.matchExpressions) &&
      startsWith(term.matchFields, old.matchFields) &&
      (size(old) > 0 || size(term) === 0);
    return added ? [] : [invalid(index(path, i), term, 'only additions are allowed (no mutations or deletions)')];
  });
}

/** Through /ephemeralcontainers containers are only added. */
export function validateEphemeralContainersUpdate(pod: Pod, old: Pod): FieldError[] {
  if (old.metadata.annotations?.[MIRROR_ANNOTATION] !== undefined) {
    return [forbiddenField(ROOT, 'static pods do not support ephemeral containers')];
  }
  const path = 'spec.ephemeralContainers';
  const now = new Map((pod.spec.ephemeralContainers ?? []).map((container) => [container.name, container]));
  const changed = (old.spec.ephemeralContainers ?? []).flatMap((container) => {
    const name = JSON.stringify(container.name);
    const next = now.get(container.name);
    if (next === undefined) {
      return [forbiddenField(path, `existing ephemeral containers ${name} may not be removed\n`)];
    }
    if (equalValues(container, next) || internalEqual(container, next, 'EphemeralContainer')) return [];
    const changes = internalDiff(container, next, 'EphemeralContainer');
    return [forbiddenField(path, `existing ephemeral containers ${name} may not be changed\n${changes}`)];
  });
  return [...validatePod(pod), ...validateAnnotationUpdates(pod, old), ...changed];
}
