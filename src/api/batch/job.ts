import { nameWarnings, shownLabels, shownSelector, validateSelectorUpdate } from '../apps/workload.ts';
import { internalEqual, internalForm } from '../core/internal/print.ts';
import { defaultPodTemplate } from '../core/pod/defaults.ts';
import { dropDisabledTemplateFields } from '../core/pod/disabled.ts';
import type { FieldError } from '../field-error.ts';
import { child, invalid, keyPath, required } from '../field-error.ts';
import type { Affinity, Container, PodTemplateSpec } from '../generated/core.v1.ts';
import type * as batch from '../generated/batch.v1.ts';
import { defineKind } from '../kind.ts';
import { labelSelectorAsSelector } from '../selector/selector.ts';
import { AGE, age, ageOf, NAME, sinceText, TEMPLATE_COLUMNS, templateCells } from '../table.ts';
import { timeMs } from '../time.ts';
import { own, semanticEqual } from '../validation/equal.ts';
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
  const { spec } = job;
  defaultJobTemplate(spec);
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? DEFAULT_BACKOFF_LIMIT : MAX_INT32;
  defaultLabels(job);
  spec.completionMode ??= NON_INDEXED;
  spec.suspend ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed';
  spec.manualSelector ??= false;
}

/** Without labels of its own a job has those of its pods: the very same map, so that it gets what is added to them. */
function defaultLabels({ metadata, spec }: Job): void {
  const labels = spec.template.metadata?.labels;
  if (labels !== undefined && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = labels;
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
  const shared = metadata.labels !== undefined && metadata.labels === templateMetadata.labels;
  const labels = (templateMetadata.labels = { ...templateMetadata.labels });
  for (const label of [OLD_NAME_LABEL, NAME_LABEL]) if (!Object.hasOwn(labels, label)) labels[label] = name;
  for (const label of [OLD_UID_LABEL, UID_LABEL]) if (!Object.hasOwn(labels, label)) labels[label] = uid;
  if (shared) metadata.labels = { ...labels };
  spec.selector = { ...spec.selector, matchLabels: { [UID_LABEL]: uid, ...spec.selector?.matchLabels } };
}

function validateJob(job: Job, old?: Job): FieldError[] {
  const { spec, metadata } = job;
  const { completions = 0 } = spec;
  const errors = [...validateGeneratedSelector(job, old), ...validateSpecAndSelector(spec)];
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

function validateSpecAndSelector(spec: batch.JobSpec): FieldError[] {
  const { selector, template } = spec;
  const errors = validateJobSpec(spec, 'spec');
  const selectorErrors = validateLabelSelector(selector, 'spec.selector');
  if (selector === undefined) errors.push(required('spec.selector'));
  errors.push(...selectorErrors);
  if (selectorErrors.length === 0 && !labelSelectorAsSelector(selector).matches(template.metadata?.labels ?? {})) {
    const why = '`selector` does not match template `labels`';
    errors.push(invalid('spec.template.metadata.labels', shownLabels(template.metadata?.labels), why));
  }
  return errors;
}

/** A job made before the labels had a prefix need not have those that have one. */
function validateGeneratedSelector({ metadata, spec }: Job, old: Job | undefined): FieldError[] {
  const { selector, template } = spec;
  if (spec.manualSelector === true || selector === undefined) return [];
  const path = 'spec.template.metadata';
  const { name = '', uid = '' } = unchecked(metadata);
  const had = (label: string): boolean =>
    old === undefined || own(old.spec.template.metadata?.labels, label) !== undefined;
  const prefixed = had(NAME_LABEL) && had(UID_LABEL);
  const expected = {
    [OLD_UID_LABEL]: uid,
    [OLD_NAME_LABEL]: name,
    ...(prefixed ? { [UID_LABEL]: uid, [NAME_LABEL]: name } : {}),
  };
  const errors = uid === '' ? [required('metadata.uid')] : [];
  for (const [key, value] of Object.entries(expected)) {
    const actual = own(template.metadata?.labels, key);
    const at = keyPath(child(path, 'labels'), key);
    if (actual === undefined) errors.push(required(at, `must be '${value}'`));
    else if (actual !== value) errors.push(invalid(at, shownLabels(template.metadata?.labels), `must be '${value}'`));
  }
  if (validateLabelSelector(selector, '').length === 0 && !labelSelectorAsSelector(selector).matches(expected)) {
    errors.push(invalid('spec.selector', shownSelector(selector), '`selector` not auto-generated'));
  }
  return errors;
}

function validateUpdate({ spec }: Job, old: Job): FieldError[] {
  const before = old.spec;
  return [
    // Upstream looks at the spec twice, and so tells twice what is wrong with it.
    ...validateSpecAndSelector(spec),
    ...validateCompletions(spec, before),
    ...validateSelectorUpdate(spec.selector, before.selector),
    ...validateTemplateUpdate(spec.template, old),
    ...IMMUTABLE.flatMap(([field, type]) => validateUnchanged(spec[field], before[field], type, `spec.${field}`)),
  ];
}

const IMMUTABLE = [
  ['completionMode', '*string'],
  ['podFailurePolicy', '*PodFailurePolicy'],
  ['backoffLimitPerIndex', '*number'],
  ['managedBy', '*string'],
  ['successPolicy', '*SuccessPolicy'],
] as const;

/** Compared and shown as upstream's internal types. */
const validateUnchanged = (now: unknown, old: unknown, type: string, path: string): FieldError[] =>
  internalEqual(now, old, type) ? [] : [invalid(path, internalForm(now, type), 'field is immutable')];

/** Indexed jobs grow and shrink, with as many pods at a time as completions. */
function validateCompletions(spec: batch.JobSpec, old: batch.JobSpec): FieldError[] {
  const path = 'spec.completions';
  if (spec.completionMode !== INDEXED) return validateImmutable(spec.completions, old.completions, path);
  return spec.completions === old.completions || spec.completions === undefined || spec.completions === spec.parallelism
    ? []
    : [invalid(path, spec.completions, 'can only be modified in tandem with spec.parallelism')];
}

/**
 * The scheduling directives and, since v1.36, the resources of a suspended job that has no pods may change.
 * Source: validatePodTemplateUpdate, validatePodResourceUpdatesOnly; shouldAllowMutablePodTemplate in pkg/registry/batch/job/strategy.go v1.36.
 */
function validateTemplateUpdate(template: PodTemplateSpec, old: Job): FieldError[] {
  const { startTime, active = 0 } = old.status;
  const before = old.spec.template;
  const mutable =
    old.spec.suspend === true && (startTime === undefined || isJobConditionTrue(old, 'Suspended')) && active === 0;
  if (!mutable) return validateUnchanged(template, before, 'PodTemplateSpec', 'spec.template');
  const now = template.spec ?? { containers: [] };
  const spec = before.spec ?? { containers: [] };
  const allowed = {
    ...spec,
    affinity: withNodeAffinity(spec.affinity, now.affinity),
    nodeSelector: now.nodeSelector,
    tolerations: now.tolerations,
    schedulingGates: now.schedulingGates,
    containers: withResources(spec.containers, now.containers),
    initContainers: withResources(spec.initContainers, now.initContainers),
  };
  return validateUnchanged(now, allowed, 'PodSpec', 'spec.template.spec');
}

/** The node affinity of the other; without any affinity there only one that has nothing else may go. */
function withNodeAffinity(affinity: Affinity | undefined, now: Affinity | undefined): Affinity | undefined {
  const { nodeAffinity: _, ...others } = { ...affinity };
  if (now === undefined) return Object.keys(others).length === 0 ? undefined : others;
  return now.nodeAffinity === undefined ? others : { ...others, nodeAffinity: now.nodeAffinity };
}

/** The containers with the resources of those of the same name and place, if there are as many. */
const withResources = (containers: readonly Container[] = [], now: readonly Container[] = []): readonly Container[] =>
  containers.length === now.length
    ? containers.map((container, i) =>
        now[i]!.name === container.name ? { ...container, resources: now[i]!.resources } : container,
      )
    : containers;

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
    // Upstream gives defaults again to what it reads from the store: the labels just made are the job's, too.
    defaultLabels(job);
    job.status = {};
    dropDisabledTemplateFields(job.spec.template);
  },
  prepareForUpdate: ({ spec }, old) => dropDisabledTemplateFields(spec.template, old.spec.template),
  warnings: ({ metadata, spec }, old) => [
    ...(old === undefined ? nameWarnings(metadata.name) : []),
    ...(old === undefined || !semanticEqual(spec, old.spec) ? jobWarnings(spec, 'spec') : []),
  ],
  status: {
    prepareForUpdate(job, old) {
      job.spec = old.spec;
      // As on create: who writes no labels leaves the job those of its pods.
      defaultLabels(job);
      job.metadata.labels &&= { ...job.metadata.labels };
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
