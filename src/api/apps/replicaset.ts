import { defaultPodTemplate } from '../core/pod/defaults.ts';
import { dropDisabledTemplateFields } from '../core/pod/disabled.ts';
import { podWarnings } from '../core/pod/warnings.ts';
import type { FieldError } from '../field-error.ts';
import type * as apps from '../generated/apps.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME, TEMPLATE_COLUMNS, templateCells } from '../table.ts';
import { semanticEqual } from '../validation/equal.ts';
import { validateNonnegative } from '../validation/fields.ts';
import {
  nameWarnings,
  OVER_READY,
  OVER_REPLICAS,
  selectorText,
  validateCounts,
  validateSelectorUpdate,
  validateWorkload,
} from './workload.ts';

export type ReplicaSet = apps.ReplicaSet;

const validateStatusUpdate = ({ status }: ReplicaSet): FieldError[] =>
  validateCounts(
    status,
    [
      'replicas',
      'fullyLabeledReplicas',
      'readyReplicas',
      'availableReplicas',
      'observedGeneration',
      'terminatingReplicas',
    ],
    [
      ['fullyLabeledReplicas', 'replicas', OVER_REPLICAS],
      ['readyReplicas', 'replicas', OVER_REPLICAS],
      ['availableReplicas', 'replicas', OVER_REPLICAS],
      ['availableReplicas', 'readyReplicas', OVER_READY],
    ],
  );

/** Source: pkg/apis/apps/validation, pkg/registry/apps/replicaset/strategy.go v1.36. */
export const ReplicaSet = defineKind<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  shortNames: ['rs'],
  categories: ['all'],
  namespaced: true,
  definition: 'apps.v1.ReplicaSet',

  defaults(replicaSet) {
    replicaSet.spec ??= { selector: {} };
    replicaSet.status ??= { replicas: 0 };
    replicaSet.status.replicas ??= 0;
    replicaSet.spec.template ??= {};
    defaultPodTemplate(replicaSet.spec.template);
    replicaSet.spec.replicas ??= 1;
  },
  validate: ({ spec }) => validateWorkload(spec, validateNonnegative(spec.minReadySeconds, 'spec.minReadySeconds')),
  validateUpdate: ({ spec }, old) => validateSelectorUpdate(spec.selector, old.spec.selector),
  generation: true,
  prepareForCreate(replicaSet) {
    replicaSet.status = { replicas: 0 };
    dropDisabledTemplateFields(replicaSet.spec.template);
  },
  prepareForUpdate(replicaSet, old) {
    dropDisabledTemplateFields(replicaSet.spec.template, old.spec.template);
    replicaSet.status = old.status;
  },
  warnings: ({ metadata, spec }, old) => [
    ...(old === undefined ? nameWarnings(metadata.name) : []),
    ...(old === undefined || !semanticEqual(spec, old.spec)
      ? podWarnings(spec.template?.spec ?? { containers: [] }, spec.template?.metadata, 'spec.template')
      : []),
  ],
  status: {
    prepareForUpdate(replicaSet, old) {
      replicaSet.spec = old.spec;
    },
    validateUpdate: validateStatusUpdate,
  },
  scale: {
    specReplicas: ({ spec }) => spec.replicas ?? 0,
    statusReplicas: ({ status }) => status.replicas,
    selector: ({ spec }) => selectorText(spec.selector),
    withReplicas: (replicaSet, replicas) => ({ ...replicaSet, spec: { ...replicaSet.spec, replicas } }),
  },

  columns: [
    NAME,
    { name: 'Desired', type: 'integer' },
    { name: 'Current', type: 'integer' },
    { name: 'Ready', type: 'integer' },
    AGE,
    ...TEMPLATE_COLUMNS,
  ],
  row: (replicaSet, { nowMs }) => {
    const { spec, status } = replicaSet;
    return {
      cells: [
        replicaSet.metadata.name,
        spec.replicas ?? 0,
        status.replicas,
        status.readyReplicas ?? 0,
        age(replicaSet, nowMs),
        ...templateCells(spec.template?.spec?.containers, spec.selector),
      ],
    };
  },
  selectableFields: { 'status.replicas': ({ status }) => String(status.replicas) },
});
