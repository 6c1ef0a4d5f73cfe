/** What a job's controller may not write. Source: validateJobStatus, ValidateJobStatusUpdate in pkg/apis/batch/validation v1.36. */
import { internalForm } from '../core/internal/print.ts';
import type { FieldError } from '../field-error.ts';
import { child, duplicate, index, invalid, invalidOmit, required } from '../field-error.ts';
import type { Job, JobStatus } from '../generated/batch.v1.ts';
import { timeMs } from '../time.ts';
import { semanticEqual } from '../validation/equal.ts';
import { Seen, validateNonnegative } from '../validation/fields.ts';
import { commonIndex } from './indexes.ts';
import { readIndexes } from './job-policies.ts';
import { INDEXED } from './job-spec.ts';

const CONDITIONS = 'status.conditions';

export const isJobConditionTrue = ({ status }: Job, type: string): boolean =>
  (status.conditions ?? []).some((condition) => condition.type === type && condition.status === 'True');

export const isJobFinished = (job: Job): boolean =>
  isJobConditionTrue(job, 'Complete') || isJobConditionTrue(job, 'Failed');

/** In the order upstream tells it. */
export function validateJobStatusUpdate(job: Job, old: Job): FieldError[] {
  return [
    ...validateCounts(job.status),
    ...validateConflicts(job, old),
    ...validateCompletionTime(job, old),
    ...validateReasons(job, old),
    ...validateFinished(job, old),
    ...validateIndexes(job, old),
    ...validatePods(job, old),
    ...validateSuccess(job),
    ...validateTransition(job, old),
  ];
}

function validateCounts({ uncountedTerminatedPods, ...status }: JobStatus): FieldError[] {
  const errors = (['active', 'succeeded', 'failed', 'ready', 'terminating'] as const).flatMap((field) =>
    validateNonnegative(status[field], child('status', field)),
  );
  const seen = new Seen();
  for (const list of ['succeeded', 'failed'] as const) {
    for (const [i, uid] of (uncountedTerminatedPods?.[list] ?? []).entries()) {
      const at = index(child('status', 'uncountedTerminatedPods', list), i);
      if (uid === '') errors.push(invalid(at, uid, 'must not be empty'));
      else if (!seen.add(uid)) errors.push(duplicate(at, uid));
    }
  }
  return errors;
}

/** Pointers: a zero is something else than nothing. */
const POINTERS: readonly (keyof JobStatus)[] = ['failedIndexes', 'ready', 'terminating'];

const changed = (job: Job, old: Job, ...fields: readonly (keyof JobStatus)[]): boolean =>
  fields.some((field) => {
    const [now, before] = [job.status[field], old.status[field]];
    return POINTERS.includes(field) ? now !== before : !semanticEqual(now, before);
  });

const turned = (job: Job, old: Job, ...types: readonly string[]): boolean =>
  types.some((type) => isJobConditionTrue(job, type) !== isJobConditionTrue(old, type));

const refused = (rules: readonly (readonly [wrong: boolean, why: string])[]): FieldError[] =>
  rules.flatMap(([wrong, why]) => (wrong ? [invalidOmit(CONDITIONS, why)] : []));

function validateConflicts(job: Job, old: Job): FieldError[] {
  const is = (type: string): boolean => isJobConditionTrue(job, type);
  return refused([
    [
      turned(job, old, 'Complete', 'Failed') && is('Complete') && is('Failed'),
      'cannot set Complete=True and Failed=true conditions',
    ],
    [
      turned(job, old, 'Complete', 'FailureTarget') && is('Complete') && is('FailureTarget'),
      'cannot set Complete=True and FailureTarget=true conditions',
    ],
  ]);
}

function validateCompletionTime(job: Job, old: Job): FieldError[] {
  const at = 'status.completionTime';
  const { completionTime, startTime } = job.status;
  const complete = isJobConditionTrue(job, 'Complete');
  const errors: FieldError[] = [];
  if (changed(job, old, 'completionTime') || turned(job, old, 'Complete')) {
    if (completionTime !== undefined && !complete) {
      errors.push(invalid(at, completionTime, 'cannot set completionTime when there is no Complete=True condition'));
    }
    if (completionTime === undefined && complete) {
      errors.push(required(at, 'completionTime is required for Complete jobs'));
    }
  }
  if (
    changed(job, old, 'completionTime', 'startTime') &&
    completionTime !== undefined &&
    startTime !== undefined &&
    timeMs(completionTime) < timeMs(startTime)
  ) {
    errors.push(invalid(at, completionTime, 'must be equal to or after `startTime`'));
  }
  return errors;
}

/** What has to be told before a job ends. */
function validateReasons(job: Job, old: Job): FieldError[] {
  const is = (type: string): boolean => isJobConditionTrue(job, type);
  return refused([
    [
      (turned(job, old, 'Failed') || changed(job, old, 'failedIndexes')) && is('Failed') && !is('FailureTarget'),
      'cannot set Failed=True condition without the FailureTarget=true condition',
    ],
    [
      turned(job, old, 'Complete', 'SuccessCriteriaMet') && is('Complete') && !is('SuccessCriteriaMet'),
      'cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
    ],
  ]);
}

function validateSuccess(job: Job): FieldError[] {
  const is = (type: string): boolean => isJobConditionTrue(job, type);
  const success = is('SuccessCriteriaMet');
  return refused([
    [success && is('Failed'), 'cannot set SuccessCriteriaMet=True and Failed=true conditions'],
    [success && is('FailureTarget'), 'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions'],
    [
      job.spec.successPolicy !== undefined && !success && is('Complete'),
      'cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True',
    ],
  ]);
}

/** What has been reached is not taken back. */
function validateTransition(job: Job, old: Job): FieldError[] {
  const is = (type: string): boolean => isJobConditionTrue(job, type);
  const was = (type: string): boolean => isJobConditionTrue(old, type);
  const lost = (type: string): boolean => was(type) && !is(type);
  return [
    ...refused(
      ['Failed', 'Complete', 'FailureTarget'].map((type) => [
        lost(type),
        `cannot disable the terminal ${type}=True condition`,
      ]),
    ),
    ...validateCounters(job, old),
    ...validateTimesKept(job, old),
    ...refused([
      [lost('SuccessCriteriaMet'), 'cannot disable the SuccessCriteriaMet=True condition'],
      [
        was('Complete') && !was('SuccessCriteriaMet') && is('SuccessCriteriaMet'),
        'cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions',
      ],
    ]),
  ];
}

function validateTimesKept(job: Job, old: Job): FieldError[] {
  const { completionTime, startTime } = job.status;
  const before = old.status.completionTime;
  const errors: FieldError[] = [];
  if (completionTime !== undefined && before !== undefined && completionTime !== before) {
    errors.push(invalid('status.completionTime', completionTime, 'field is immutable'));
  }
  const resumes =
    isJobConditionTrue(old, 'Suspended') &&
    (job.status.conditions ?? []).some(({ type, status }) => type === 'Suspended' && status === 'False');
  if (
    !resumes &&
    old.status.startTime !== undefined &&
    old.status.startTime !== startTime &&
    job.spec.suspend !== true
  ) {
    errors.push(invalid('status.startTime', startTime, 'field is immutable for unsuspended job once set'));
  }
  return errors;
}

/** A finished job has nothing going on any more. Looked at only when something of it changes. */
function validateFinished(job: Job, old: Job): FieldError[] {
  if (!isJobFinished(job)) return [];
  const now = !isJobFinished(old);
  const { active = 0, startTime, uncountedTerminatedPods: uncounted } = job.status;
  const left = (uncounted?.failed ?? []).length + (uncounted?.succeeded ?? []).length;
  const errors: FieldError[] = [];
  if ((now || changed(job, old, 'active')) && active > 0) {
    errors.push(invalid('status.active', active, 'active>0 is invalid for finished job'));
  }
  // A suspended job that has nothing to do is finished without a start.
  const idle = job.spec.suspend === true && job.spec.completions === 0;
  if (!idle && (now || changed(job, old, 'startTime')) && startTime === undefined) {
    errors.push(required('status.startTime', 'startTime is required for finished job'));
  }
  if ((now || changed(job, old, 'uncountedTerminatedPods')) && left > 0) {
    errors.push(
      invalid(
        'status.uncountedTerminatedPods',
        internalForm(uncounted, 'UncountedTerminatedPods'),
        'must be empty for finished job',
      ),
    );
  }
  return errors;
}

function validateIndexes(job: Job, old: Job): FieldError[] {
  const { completions, backoffLimitPerIndex, completionMode } = job.spec;
  const { completedIndexes = '', failedIndexes } = job.status;
  const [completedPath, failedPath] = ['status.completedIndexes', 'status.failedIndexes'];
  const [completedChanged, failedChanged] = [changed(job, old, 'completedIndexes'), changed(job, old, 'failedIndexes')];
  const errors: FieldError[] = [];
  const completed = completions === undefined ? [] : readIndexes(completedIndexes, completions);
  const failed = completions === undefined ? [] : readIndexes(failedIndexes ?? '', completions);
  if (completedChanged && typeof completed === 'string') {
    errors.push(invalid(completedPath, completedIndexes, `error parsing completedIndexes: ${completed}`));
  }
  if (failedChanged && backoffLimitPerIndex !== undefined && typeof failed === 'string') {
    errors.push(invalid(failedPath, failedIndexes, `error parsing failedIndexes: ${failed}`));
  }
  if (completedChanged && completedIndexes !== '' && completionMode !== INDEXED) {
    const why = 'cannot set non-empty completedIndexes when non-indexed completion mode';
    errors.push(invalid(completedPath, completedIndexes, why));
  }
  if (failedChanged && backoffLimitPerIndex === undefined && failedIndexes !== undefined) {
    const why = 'cannot set non-null failedIndexes when backoffLimitPerIndex is null';
    errors.push(invalid(failedPath, failedIndexes, why));
  }
  if ((completedChanged || failedChanged) && typeof completed !== 'string' && typeof failed !== 'string') {
    const common = commonIndex(completed, failed);
    if (common !== undefined) {
      const why = `failedIndexes and completedIndexes overlap at index: ${common}`;
      errors.push(invalid(failedPath, failedIndexes, why));
    }
  }
  return errors;
}

function validatePods(job: Job, old: Job): FieldError[] {
  const { active = 0, ready, terminating = 0 } = job.status;
  const finished = isJobFinished(job);
  const errors: FieldError[] = [];
  if (finished && terminating > 0 && (!isJobFinished(old) || changed(job, old, 'terminating'))) {
    errors.push(invalid('status.terminating', terminating, 'terminating>0 is invalid for finished job'));
  }
  if (changed(job, old, 'ready', 'active') && ready !== undefined && ready > active) {
    errors.push(invalid('status.ready', ready, 'cannot set more ready pods than active'));
  }
  return errors;
}

function validateCounters(job: Job, old: Job): FieldError[] {
  const { failed = 0, succeeded = 0 } = job.status;
  const { completionMode, completions, parallelism } = job.spec;
  const errors: FieldError[] = [];
  if (failed < (old.status.failed ?? 0)) {
    errors.push(invalid('status.failed', failed, 'cannot decrease the failed counter'));
  }
  // An indexed job that shrinks forgets indexes it does not have any more.
  const shrinks = completionMode === INDEXED && completions === parallelism;
  if (!shrinks && succeeded < (old.status.succeeded ?? 0)) {
    errors.push(invalid('status.succeeded', succeeded, 'cannot decrease the succeeded counter'));
  }
  return errors;
}
