import { OVER_READY, OVER_REPLICAS, validateCounts } from '../apps/workload.ts';
import type { FieldError } from '../field-error.ts';
import { child, forbiddenField, invalid, notSupported, required } from '../field-error.ts';
import type * as core from '../generated/core.v1.ts';
import { defineKind } from '../kind.ts';
import { selectorFromSet } from '../selector/selector.ts';
import { AGE, age, NAME, orNone, TEMPLATE_COLUMNS, templateCells } from '../table.ts';
import { semanticEqual } from '../validation/equal.ts';
import { validateNonnegative } from '../validation/fields.ts';
import { defaultPodTemplate } from './pod/defaults.ts';
import { dropDisabledTemplateFields } from './pod/disabled.ts';
import { validatePodTemplate } from './pod/spec.ts';
import { podWarnings } from './pod/warnings.ts';

export type ReplicationController = core.ReplicationController;

/** Source: SetDefaults_ReplicationController in pkg/apis/core/v1/defaults.go v1.36. */
function defaultReplicationController(controller: ReplicationController): void {
  controller.spec ??= {};
  controller.status ??= { replicas: 0 };
  controller.status.replicas ??= 0;
  const { spec, metadata } = controller;
  if (spec.template !== undefined) {
    defaultPodTemplate(spec.template);
    const labels = spec.template.metadata?.labels;
    if (labels !== undefined) {
      if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
      if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
    }
  }
  spec.replicas ??= 1;
}

function validateReplicationController({ spec }: ReplicationController): FieldError[] {
  const { selector = {}, template, replicas, minReadySeconds } = spec;
  const path = 'spec.template';
  const errors = [
    ...validateNonnegative(minReadySeconds, 'spec.minReadySeconds'),
    ...(Object.keys(selector).length === 0 ? [required('spec.selector')] : []),
    ...(replicas === undefined ? [required('spec.replicas')] : validateNonnegative(replicas, 'spec.replicas')),
  ];
  if (template === undefined) return [...errors, required(path)];
  if (!selectorFromSet(selector).matches(template.metadata?.labels ?? {})) {
    const why = '`selector` does not match template `labels`';
    errors.push(invalid(child(path, 'metadata', 'labels'), template.metadata?.labels, why));
  }
  errors.push(...validatePodTemplate(template, path));
  const { restartPolicy = '', activeDeadlineSeconds } = template.spec ?? {};
  if (restartPolicy !== 'Always') {
    errors.push(notSupported(child(path, 'spec', 'restartPolicy'), restartPolicy, ['Always']));
  }
  if (activeDeadlineSeconds !== undefined) {
    const why = 'activeDeadlineSeconds in ReplicationController is not Supported';
    errors.push(forbiddenField(child(path, 'spec', 'activeDeadlineSeconds'), why));
  }
  return errors;
}

/** Source: pkg/registry/core/replicationcontroller/strategy.go v1.36. */
export const ReplicationController = defineKind<ReplicationController>({
  group: '',
  version: 'v1',
  kind: 'ReplicationController',
  plural: 'replicationcontrollers',
  shortNames: ['rc'],
  categories: ['all'],
  namespaced: true,
  definition: 'core.v1.ReplicationController',
  storagePrefix: 'controllers',
  orphansDependents: true,

  defaults: defaultReplicationController,
  validate: validateReplicationController,
  generation: true,
  prepareForCreate(controller) {
    controller.status = { replicas: 0 };
    dropDisabledTemplateFields(controller.spec.template);
  },
  prepareForUpdate: ({ spec }, old) => dropDisabledTemplateFields(spec.template, old.spec.template),
  warnings: ({ spec: { template } }, old) =>
    template?.spec === undefined || (old !== undefined && semanticEqual(template, old.spec.template))
      ? []
      : podWarnings(template.spec, template.metadata, 'spec.template'),
  status: {
    prepareForUpdate(controller, old) {
      controller.spec = old.spec;
    },
    validateUpdate: ({ status }) =>
      validateCounts(
        status,
        ['replicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas', 'observedGeneration'],
        [
          ['fullyLabeledReplicas', 'replicas', OVER_REPLICAS],
          ['readyReplicas', 'replicas', OVER_REPLICAS],
          ['availableReplicas', 'replicas', OVER_REPLICAS],
          ['availableReplicas', 'readyReplicas', OVER_READY],
        ],
      ),
  },
  scale: {
    specReplicas: ({ spec }) => spec.replicas ?? 0,
    statusReplicas: ({ status }) => status.replicas,
    selector: ({ spec }) => selectorFromSet(spec.selector).toString(),
    withReplicas: (controller, replicas) => ({ ...controller, spec: { ...controller.spec, replicas } }),
  },

  columns: [
    NAME,
    { name: 'Desired', type: 'integer' },
    { name: 'Current', type: 'integer' },
    { name: 'Ready', type: 'integer' },
    AGE,
    ...TEMPLATE_COLUMNS,
  ],
  row: (controller, { nowMs }) => {
    const { spec, status } = controller;
    return {
      cells: [
        controller.metadata.name,
        spec.replicas ?? 0,
        status.replicas,
        status.readyReplicas ?? 0,
        age(controller, nowMs),
        ...templateCells(spec.template?.spec?.containers, undefined).slice(0, 2),
        orNone(selectorFromSet(spec.selector).toString()),
      ],
    };
  },
  selectableFields: { 'status.replicas': ({ status }) => String(status.replicas) },
});
