import { defaultPodTemplate } from '../core/pod/defaults.ts';
import { dropDisabledTemplateFields } from '../core/pod/disabled.ts';
import type { FieldError } from '../field-error.ts';
import { child, invalid, keyPath, required } from '../field-error.ts';
import type { PodTemplateSpec } from '../generated/core.v1.ts';
import type * as batch from '../generated/batch.v1.ts';
import { deepClone } from '../equality.ts';
import { defineKind } from '../kind.ts';
import { labelSelectorAsSelector } from '../selector/selector.ts';
import { AGE, age, ageOf, NAME, sinceText, TEMPLATE_COLUMNS, templateCells } from '../table.ts';
import { timeMs } from '../time.ts';
import { own } from '../validation/equal.ts';
import { unchecked, validateImmutable, validateLabelSelector } from '../validation/fields.ts';
import { isDNS1123Label } from '../validation/names.ts';
import { INDEXED, jobWarnings, NON_INDEXED, validateJobSpec } from './job-spec.ts';
import { isJobConditionTrue, validateJobStatusUpdate } from './job-status.ts';

export type Job = batch.Job;

const DEFAULT_BACKOFF_LIMIT = 6;
const MAX_INT32 = 2_147_483_647;

/** Each label in its old form and with a prefix. Source: k8s.io/api/batch/v1/types.go. */
const UID_LABEL = 'batch.kubernetes.io/controller-uid';
const NAME_LABEL = 'batch.kubernetes.io/job-name';
const OLD_UID_LABEL = 'controller-uid';
const OLD_NAME_LABEL = 'job-name';

/** Source: SetDefaults_Job in pkg/apis/batch/v1/defaults.go v1.36. */
function defaultJob(job: Job): void {
  job.spec ??= { template: {} };
  job.status ??= {};
  const { spec, metadata } = job;
  defaultJobTemplate(spec);
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? DEFAULT_BACKOFF_LIMIT : MAX_INT32;
  const labels = spec.template.metadata?.labels;
  if (labels !== undefined && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
  spec.completionMode ??= NON_INDEXED;
  spec.suspend ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed';
  spec.manualSelector ??= false;
}

/** What a job inside a cron job gets too. */
export function defaultJobTemplate(spec: batch.JobSpec): void {
  spec.template ??= {};
  defaultPodTemplate(spec.template);
  for (const { onPodConditions = [] } of spec.podFailurePolicy?.rules ?? []) {
    for (const pattern of onPodConditions) if ((pattern.status ?? '') === '') pattern.status = 'True';
  }
}

/** Labels and selector that no other job has. What the user set stays, and is for validation to refuse. Source: generateSelector. */
function generateSelector({ metadata, spec }: Job): void {
  if (spec.manualSelector === true) return;
  const { name = '', uid = '' } = unchecked(metadata);
  const templateMetadata = (spec.template.metadata ??= {});
  const labels = (templateMetadata.labels = { ...templateMetadata.labels });
  if (!Object.hasOwn(labels, OLD_NAME_LABEL)) {
    labels[OLD_NAME_LABEL] = name;
    labels[NAME_LABEL] = name;
  }
  if (!Object.hasOwn(labels, OLD_UID_LABEL)) {
    labels[OLD_UID_LABEL] = uid;
    labels[UID_LABEL] = uid;
  }
  spec.selector = { ...spec.selector, matchLabels: { [UID_LABEL]: uid, ...spec.selector?.matchLabels } };
}

function validateJob(job: Job): FieldError[] {
  const { spec, metadata } = job;
  const { selector, template, completions = 0 } = spec;
  const errors = [...validateGeneratedSelector(job), ...validateJobSpec(spec, 'spec')];
  const selectorErrors = validateLabelSelector(selector, 'spec.selector');
  if (selector === undefined) errors.push(required('spec.selector'));
  errors.push(...selectorErrors);
  if (selectorErrors.length === 0 && !labelSelectorAsSelector(selector).matches(template.metadata?.labels ?? {})) {
    const why = '`selector` does not match template `labels`';
    errors.push(invalid('spec.template.metadata.labels', template.metadata?.labels, why));
  }
  if (spec.completionMode === INDEXED && completions > 0) {
    // The host name of the last pod.
    const hostname = `${metadata.name}-${completions - 1}`;
    if (isDNS1123Label(hostname).length > 0) {
      const why = `will not able to create pod with invalid DNS label: ${hostname}`;
      errors.push(invalid('metadata.name', metadata.name, why));
    }
  }
  return errors;
}

function validateGeneratedSelector({ metadata, spec }: Job): FieldError[] {
  const { selector, template } = spec;
  if (spec.manualSelector === true || selector === undefined) return [];
  const path = 'spec.template.metadata';
  const { name = '', uid = '' } = unchecked(metadata);
  const expected = {
    [OLD_UID_LABEL]: uid,
    [OLD_NAME_LABEL]: name,
    [UID_LABEL]: uid,
    [NAME_LABEL]: name,
  };
  const errors = uid === '' ? [required('metadata.uid')] : [];
  for (const [key, value] of Object.entries(expected)) {
    const actual = own(template.metadata?.labels, key);
    const at = keyPath(child(path, 'labels'), key);
    if (actual === undefined) errors.push(required(at, `must be '${value}'`));
    else if (actual !== value) errors.push(invalid(at, template.metadata?.labels, `must be '${value}'`));
  }
  if (validateLabelSelector(selector, '').length === 0 && !labelSelectorAsSelector(selector).matches(expected)) {
    errors.push(invalid('spec.selector', selector, '`selector` not auto-generated'));
  }
  return errors;
}

function validateUpdate({ spec }: Job, old: Job): FieldError[] {
  const before = old.spec;
  return [
    ...validateCompletions(spec, before),
    ...validateImmutable(spec.selector, before.selector, 'spec.selector'),
    ...validateImmutable(spec.template, asMutable(spec.template, old), 'spec.template'),
    ...(['completionMode', 'podFailurePolicy', 'backoffLimitPerIndex', 'managedBy', 'successPolicy'] as const).flatMap(
      (field) => validateImmutable(spec[field], before[field], `spec.${field}`),
    ),
  ];
}

/** Indexed jobs grow and shrink, with as many pods at a time as completions. */
function validateCompletions(spec: batch.JobSpec, old: batch.JobSpec): FieldError[] {
  const path = 'spec.completions';
  if (spec.completionMode !== INDEXED) return validateImmutable(spec.completions, old.completions, path);
  return spec.completions === old.completions || spec.completions === undefined || spec.completions === spec.parallelism
    ? []
    : [invalid(path, spec.completions, 'can only be modified in tandem with spec.parallelism')];
}

/**
 * The old template with the scheduling directives and, since v1.36, resources of the new one: those of a suspended job that
 * has not started may change. Source: validatePodTemplateUpdate.
 */
function asMutable(template: PodTemplateSpec, { spec, status }: Job): PodTemplateSpec {
  const old = spec.template;
  if (
    spec.suspend !== true ||
    status.startTime !== undefined ||
    template.spec === undefined ||
    old.spec === undefined
  ) {
    return old;
  }
  const { nodeAffinity: _, ...others } = { ...old.spec.affinity };
  const mine = template.spec.affinity?.nodeAffinity;
  const affinity = { ...others, ...(mine === undefined ? {} : { nodeAffinity: mine }) };
  const withResources = (
    containers: readonly NonNullable<PodTemplateSpec['spec']>['containers'][number][] = [],
    now: readonly NonNullable<PodTemplateSpec['spec']>['containers'][number][] = [],
  ): NonNullable<PodTemplateSpec['spec']>['containers'] =>
    containers.map((container, i) =>
      containers.length === now.length && now[i]!.name === container.name
        ? { ...container, resources: now[i]!.resources }
        : container,
    );
  return {
    metadata: { ...old.metadata, annotations: template.metadata?.annotations, labels: template.metadata?.labels },
    spec: {
      ...deepClone(old.spec),
      affinity,
      nodeSelector: template.spec.nodeSelector,
      tolerations: template.spec.tolerations,
      schedulingGates: template.spec.schedulingGates,
      containers: withResources(old.spec.containers, template.spec.containers),
      initContainers: withResources(old.spec.initContainers, template.spec.initContainers),
    },
  };
}

function statusText(job: Job): string {
  if (isJobConditionTrue(job, 'Complete')) return 'Complete';
  if (isJobConditionTrue(job, 'Failed')) return 'Failed';
  if (job.metadata.deletionTimestamp !== undefined) return 'Terminating';
  return (
    ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'].find((type) => isJobConditionTrue(job, type)) ?? 'Running'
  );
}

function completionsText({ spec: { completions, parallelism = 0 }, status: { succeeded = 0 } }: Job): string {
  if (completions !== undefined) return `${succeeded}/${completions}`;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function durationText({ status: { startTime, completionTime } }: Job, nowMs: number): string {
  if (startTime === undefined) return '';
  return completionTime === undefined ? ageOf(startTime, nowMs) : sinceText(timeMs(startTime), timeMs(completionTime));
}

/** Source: pkg/registry/batch/job/strategy.go v1.36. */
export const Job = defineKind<Job>({
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  plural: 'jobs',
  categories: ['all'],
  namespaced: true,
  definition: 'batch.v1.Job',
  orphansDependents: true,

  defaults: defaultJob,
  validate: validateJob,
  validateUpdate,
  generation: true,
  prepareForCreate(job) {
    generateSelector(job);
    job.status = {};
    dropDisabledTemplateFields(job.spec.template);
  },
  prepareForUpdate: ({ spec }, old) => dropDisabledTemplateFields(spec.template, old.spec.template),
  warnings({ metadata, spec }, old) {
    if (old !== undefined) return [];
    const messages = isDNS1123Label(metadata.name);
    const hostname =
      'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended';
    return [...(messages.length > 0 ? [`${hostname}: [${messages.join(' ')}]`] : []), ...jobWarnings(spec, 'spec')];
  },
  status: {
    prepareForUpdate(job, old) {
      job.spec = old.spec;
    },
    validateUpdate: validateJobStatusUpdate,
  },

  columns: [
    NAME,
    { name: 'Status', type: 'string' },
    { name: 'Completions', type: 'string' },
    { name: 'Duration', type: 'string' },
    AGE,
    ...TEMPLATE_COLUMNS,
  ],
  row: (job, { nowMs }) => ({
    cells: [
      job.metadata.name,
      statusText(job),
      completionsText(job),
      durationText(job, nowMs),
      age(job, nowMs),
      ...templateCells(job.spec.template.spec?.containers, job.spec.selector),
    ],
  }),
  selectableFields: { 'status.successful': ({ status }) => String(status.succeeded ?? 0) },
});
