/** Specs of jobs, alone and inside cron jobs. Source: validateJobSpec in pkg/apis/batch/validation/validation.go v1.36. */
import { internalForm } from '../core/internal/print.ts';
import { validatePodTemplate } from '../core/pod/spec.ts';
import { podWarnings } from '../core/pod/warnings.ts';
import type { FieldError } from '../field-error.ts';
import { child, invalid, notSupported, required, tooLong } from '../field-error.ts';
import type { JobSpec } from '../generated/batch.v1.ts';
import { validateDomainPrefixedPath, validateNonnegative } from '../validation/fields.ts';
import { byteLength } from '../validation/names.ts';
import { validatePodFailurePolicy, validateSuccessPolicy } from './job-policies.ts';

export const INDEXED = 'Indexed';
export const NON_INDEXED = 'NonIndexed';

const MAX_PARALLELISM_INDEXED = 100_000;
const MAX_FAILED_INDEXES = 100_000;
const COMPLETIONS_SOFT_LIMIT = 100_000;
const PARALLELISM_LIMIT = 10_000;
const FAILED_INDEXES_LIMIT = 10_000;
const MANAGED_BY_MAX = 63;

const COUNTS = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const;

export function validateJobSpec(spec: JobSpec, path: string): FieldError[] {
  const { completionMode, managedBy, podFailurePolicy, successPolicy } = spec;
  const at = (field: string): string => child(path, field);
  const errors = COUNTS.flatMap((field) => validateNonnegative(spec[field], at(field)));
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    errors.push(required(at('backoffLimitPerIndex'), 'when maxFailedIndexes is specified'));
  }
  if (managedBy !== undefined) {
    errors.push(...validateDomainPrefixedPath(managedBy, at('managedBy')));
    if (byteLength(managedBy) > MANAGED_BY_MAX) errors.push(tooLong(at('managedBy'), MANAGED_BY_MAX));
  }
  if (completionMode !== undefined && completionMode !== NON_INDEXED && completionMode !== INDEXED) {
    errors.push(notSupported(at('completionMode'), completionMode, [NON_INDEXED, INDEXED]));
  }
  if (completionMode === INDEXED) errors.push(...validateIndexed(spec, path));
  else if (completionMode === undefined || completionMode === NON_INDEXED) {
    for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const) {
      if (spec[field] !== undefined) errors.push(invalid(at(field), spec[field], 'requires indexed completion mode'));
    }
  }
  if (podFailurePolicy !== undefined) errors.push(...validatePodFailurePolicy(spec, at('podFailurePolicy')));
  if (successPolicy !== undefined) {
    errors.push(
      ...(completionMode === INDEXED
        ? validateSuccessPolicy(spec, at('successPolicy'))
        : [
            invalid(
              at('successPolicy'),
              internalForm(successPolicy, 'SuccessPolicy'),
              'requires indexed completion mode',
            ),
          ]),
    );
  }
  return [
    ...errors,
    ...validateReplacement(spec, at('podReplacementPolicy')),
    ...validatePodTemplate(spec.template, at('template')),
    ...validateRestartPolicy(spec, child(path, 'template', 'spec', 'restartPolicy')),
  ];
}

function validateIndexed(spec: JobSpec, path: string): FieldError[] {
  const { completions, parallelism, maxFailedIndexes, backoffLimitPerIndex } = spec;
  const errors: FieldError[] = [];
  const most = (field: 'parallelism' | 'maxFailedIndexes', max: number, when = ''): void => {
    const value = spec[field];
    if (value !== undefined && value > max) {
      errors.push(invalid(child(path, field), value, `must be less than or equal to ${max}${when}`));
    }
  };
  if (completions === undefined) {
    errors.push(required(child(path, 'completions'), `when completion mode is ${INDEXED}`));
  }
  most('parallelism', MAX_PARALLELISM_INDEXED, ` when completion mode is ${INDEXED}`);
  if (completions !== undefined && maxFailedIndexes !== undefined && maxFailedIndexes > completions) {
    const at = child(path, 'maxFailedIndexes');
    errors.push(invalid(at, maxFailedIndexes, 'must be less than or equal to completions'));
  }
  most('maxFailedIndexes', MAX_FAILED_INDEXES);
  if (completions === undefined || completions <= COMPLETIONS_SOFT_LIMIT || backoffLimitPerIndex === undefined) {
    return errors;
  }
  if (maxFailedIndexes === undefined) {
    const why = `must be specified when completions is above ${COMPLETIONS_SOFT_LIMIT}`;
    errors.push(required(child(path, 'maxFailedIndexes'), why));
  }
  const when = ` when completions are above ${COMPLETIONS_SOFT_LIMIT} and used with backoff limit per index`;
  if (parallelism !== undefined) most('parallelism', PARALLELISM_LIMIT, when);
  most('maxFailedIndexes', FAILED_INDEXES_LIMIT, when);
  return errors;
}

function validateReplacement({ podReplacementPolicy: policy, podFailurePolicy }: JobSpec, path: string): FieldError[] {
  if (policy === undefined) return [];
  const supported = podFailurePolicy === undefined ? ['Failed', 'TerminatingOrFailed'] : ['Failed'];
  return supported.includes(policy) ? [] : [notSupported(path, policy, supported)];
}

/** Always is what templates get when nobody says anything, so it counts as nothing said. */
function validateRestartPolicy({ template, podFailurePolicy }: JobSpec, path: string): FieldError[] {
  const policy = template.spec?.restartPolicy ?? '';
  if (policy === '' || policy === 'Always') return [required(path, 'valid values: "OnFailure", "Never"')];
  if (policy !== 'OnFailure' && policy !== 'Never') return [notSupported(path, policy, ['OnFailure', 'Never'])];
  return podFailurePolicy !== undefined && policy !== 'Never'
    ? [invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')]
    : [];
}

/** Source: WarningsForJobSpec in pkg/api/job/warnings.go v1.36. */
export function jobWarnings(spec: JobSpec, path: string): string[] {
  const { completionMode, completions = 0, parallelism = 0, template } = spec;
  return [
    ...(completionMode === INDEXED && completions > COMPLETIONS_SOFT_LIMIT && parallelism > PARALLELISM_LIMIT
      ? [
          `${path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail`,
        ]
      : []),
    ...podWarnings(template.spec ?? { containers: [] }, template.metadata, child(path, 'template')),
  ];
}
