import { nameWarnings, shownSelector } from '../apps/workload.ts';
import { dropDisabledTemplateFields } from '../core/pod/disabled.ts';
import type { FieldError } from '../field-error.ts';
import { child, invalid, notSupported, required } from '../field-error.ts';
import type * as batch from '../generated/batch.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, ageOf, boolText, NAME, TEMPLATE_COLUMNS, templateCells } from '../table.ts';
import { semanticEqual } from '../validation/equal.ts';
import { validateEnum, validateNonnegative } from '../validation/fields.ts';
import { byteLength } from '../validation/names.ts';
import { defaultJobTemplate } from './job.ts';
import { jobWarnings, validateJobSpec } from './job-spec.ts';
import { isTimeZone, parseSchedule, ScheduleError } from './schedule.ts';

export type CronJob = batch.CronJob;

const DEFAULT_SUCCESSFUL_JOBS = 3;
const DEFAULT_FAILED_JOBS = 1;
/** Eleven letters are left for the time of each job. */
const NAME_MAX = 52;
const POLICIES = ['Allow', 'Forbid', 'Replace'];

/** Source: SetDefaults_CronJob in pkg/apis/batch/v1/defaults.go v1.36. Its jobs get their own defaults when they are made. */
function defaultCronJob(cronJob: CronJob): void {
  cronJob.spec ??= { schedule: '', jobTemplate: {} };
  cronJob.status ??= {};
  const { spec } = cronJob;
  spec.schedule ??= '';
  spec.jobTemplate ??= {};
  spec.jobTemplate.metadata ??= {};
  spec.jobTemplate.spec ??= { template: {} };
  defaultJobTemplate(spec.jobTemplate.spec);
  if ((spec.concurrencyPolicy ?? '') === '') spec.concurrencyPolicy = 'Allow';
  spec.suspend ??= false;
  spec.successfulJobsHistoryLimit ??= DEFAULT_SUCCESSFUL_JOBS;
  spec.failedJobsHistoryLimit ??= DEFAULT_FAILED_JOBS;
}

function validateCronJob({ metadata, spec }: CronJob, old?: CronJob): FieldError[] {
  const { schedule, jobTemplate, timeZone } = spec;
  const path = 'spec.jobTemplate.spec';
  const jobSpec = jobTemplate.spec ?? { template: {} };
  const hadZone = old?.spec.schedule.includes('TZ') === true;
  return [
    ...(schedule === '' ? [required('spec.schedule')] : validateSchedule(spec, hadZone, 'spec.schedule')),
    ...validateNonnegative(spec.startingDeadlineSeconds, 'spec.startingDeadlineSeconds'),
    ...(old === undefined || timeZone !== old.spec.timeZone ? validateTimeZone(timeZone, 'spec.timeZone') : []),
    ...validateEnum(spec.concurrencyPolicy, POLICIES, 'spec.concurrencyPolicy'),
    ...validateJobSpec(jobSpec, path),
    ...(jobSpec.selector === undefined
      ? []
      : [invalid(child(path, 'selector'), shownSelector(jobSpec.selector), '`selector` will be auto-generated')]),
    ...(jobSpec.manualSelector === true ? [notSupported(child(path, 'manualSelector'), true, ['nil', 'false'])] : []),
    ...validateNonnegative(spec.successfulJobsHistoryLimit, 'spec.successfulJobsHistoryLimit'),
    ...validateNonnegative(spec.failedJobsHistoryLimit, 'spec.failedJobsHistoryLimit'),
    ...(old === undefined && byteLength(metadata.name) > NAME_MAX
      ? [invalid('metadata.name', metadata.name, `must be no more than ${NAME_MAX} characters`)]
      : []),
  ];
}

/** `hadZone`: a schedule that named its zone before may go on to do so. */
function validateSchedule({ schedule, timeZone }: batch.CronJobSpec, hadZone: boolean, path: string): FieldError[] {
  const errors: FieldError[] = [];
  try {
    parseSchedule(schedule);
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error;
    errors.push(invalid(path, schedule, error.message));
  }
  if (schedule.includes('TZ') && !hadZone) {
    errors.push(invalid(path, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'));
  } else if (schedule.includes('TZ') && timeZone !== undefined) {
    errors.push(invalid(path, schedule, 'cannot use both timeZone field and TZ or CRON_TZ in schedule'));
  }
  return errors;
}

/** Source of the rules of names: https://data.iana.org/time-zones/theory.html#naming. */
function validateTimeZone(timeZone: string | undefined, path: string): FieldError[] {
  if (timeZone === undefined) return [];
  if (timeZone === '') return [invalid(path, timeZone, 'timeZone must be nil or non-empty string')];
  const unknown = invalid(path, timeZone, `unknown time zone ${timeZone}`);
  const wellFormed = timeZone
    .split('/')
    .every((part) => part !== '.' && part !== '..' && !part.startsWith('-') && /^[A-Za-z.\-_0-9+]{1,14}$/.test(part));
  if (!wellFormed) return [unknown];
  if (timeZone.toLowerCase() === 'local') {
    const why = 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones';
    return [invalid(path, timeZone, why)];
  }
  return isTimeZone(timeZone) ? [] : [unknown];
}

/** Source: pkg/registry/batch/cronjob/strategy.go v1.36. */
export const CronJob = defineKind<CronJob>({
  group: 'batch',
  version: 'v1',
  kind: 'CronJob',
  plural: 'cronjobs',
  shortNames: ['cj'],
  categories: ['all'],
  namespaced: true,
  definition: 'batch.v1.CronJob',

  defaults: defaultCronJob,
  validate: validateCronJob,
  generation: true,
  prepareForCreate(cronJob) {
    cronJob.status = {};
    dropDisabledTemplateFields(cronJob.spec.jobTemplate.spec?.template);
  },
  prepareForUpdate: ({ spec }, old) =>
    dropDisabledTemplateFields(spec.jobTemplate.spec?.template, old.spec.jobTemplate.spec?.template),
  warnings: ({ metadata, spec }, old) => [
    ...(old === undefined ? nameWarnings(metadata.name) : []),
    ...(old === undefined || !semanticEqual(spec, old.spec)
      ? jobWarnings(spec.jobTemplate.spec ?? { template: {} }, 'spec.jobTemplate.spec')
      : []),
    ...(old !== undefined && spec.schedule.includes('TZ')
      ? [
          'cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details',
        ]
      : []),
  ],
  status: {
    prepareForUpdate(cronJob, old) {
      cronJob.spec = old.spec;
    },
  },

  columns: [
    NAME,
    { name: 'Schedule', type: 'string' },
    { name: 'Timezone', type: 'string' },
    { name: 'Suspend', type: 'boolean' },
    { name: 'Active', type: 'integer' },
    { name: 'Last Schedule', type: 'string' },
    AGE,
    ...TEMPLATE_COLUMNS,
  ],
  row: (cronJob, { nowMs }) => {
    const { spec, status } = cronJob;
    return {
      cells: [
        cronJob.metadata.name,
        spec.schedule,
        spec.timeZone ?? '<none>',
        boolText(spec.suspend),
        (status.active ?? []).length,
        status.lastScheduleTime === undefined ? '<none>' : ageOf(status.lastScheduleTime, nowMs),
        age(cronJob, nowMs),
        ...templateCells(spec.jobTemplate.spec?.template.spec?.containers, spec.jobTemplate.spec?.selector),
      ],
    };
  },
});
