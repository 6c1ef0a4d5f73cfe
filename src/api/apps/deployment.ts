import { defaultPodTemplate } from '../core/pod/defaults.ts';
import { dropDisabledTemplateFields } from '../core/pod/disabled.ts';
import { podWarnings } from '../core/pod/warnings.ts';
import { equalValues } from '../equality.ts';
import type { FieldError } from '../field-error.ts';
import { child, forbiddenField, invalid, notSupported, required } from '../field-error.ts';
import type * as apps from '../generated/apps.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME, TEMPLATE_COLUMNS, templateCells } from '../table.ts';
import { semanticEqual } from '../validation/equal.ts';
import { validateAtMost100Percent, validateNonnegative, validatePositiveIntOrPercent } from '../validation/fields.ts';
import {
  intOrPercentValue,
  nameWarnings,
  OVER_READY,
  OVER_REPLICAS,
  selectorText,
  shownRollingUpdate,
  shownStrategy,
  validateCollisionCount,
  validateCounts,
  validateSelectorUpdate,
  validateWorkload,
} from './workload.ts';

export type Deployment = apps.Deployment;

const DEFAULT_REVISION_HISTORY = 10;
const DEFAULT_PROGRESS_DEADLINE_SECONDS = 600;
const DEFAULT_STEP = '25%';
const ROLLING_UPDATE = 'RollingUpdate';

/** Source: SetDefaults_Deployment in pkg/apis/apps/v1/defaults.go v1.36. */
function defaultDeployment(deployment: Deployment): void {
  deployment.spec ??= { selector: {}, template: {} };
  deployment.status ??= {};
  const { spec } = deployment;
  spec.template ??= {};
  defaultPodTemplate(spec.template);
  spec.replicas ??= 1;
  spec.strategy ??= {};
  if ((spec.strategy.type ?? '') === '') spec.strategy.type = ROLLING_UPDATE;
  if (spec.strategy.type === ROLLING_UPDATE) {
    spec.strategy.rollingUpdate ??= {};
    spec.strategy.rollingUpdate.maxUnavailable ??= DEFAULT_STEP;
    spec.strategy.rollingUpdate.maxSurge ??= DEFAULT_STEP;
  }
  spec.revisionHistoryLimit ??= DEFAULT_REVISION_HISTORY;
  spec.progressDeadlineSeconds ??= DEFAULT_PROGRESS_DEADLINE_SECONDS;
}

function validateDeployment({ spec }: Deployment): FieldError[] {
  const { minReadySeconds = 0, progressDeadlineSeconds: deadline } = spec;
  const errors = [
    ...validateWorkload(spec),
    ...validateStrategy(spec.strategy ?? {}, 'spec.strategy'),
    ...validateNonnegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...validateNonnegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'),
    ...validateNonnegative(deadline, 'spec.progressDeadlineSeconds'),
  ];
  if (deadline !== undefined && deadline <= minReadySeconds) {
    errors.push(invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'));
  }
  return errors;
}

function validateStrategy({ type = '', rollingUpdate }: apps.DeploymentStrategy, path: string): FieldError[] {
  const at = child(path, 'rollingUpdate');
  switch (type) {
    case 'Recreate':
      return rollingUpdate === undefined
        ? []
        : [forbiddenField(at, "may not be specified when strategy `type` is 'Recreate'")];
    case ROLLING_UPDATE:
      return rollingUpdate === undefined
        ? [required(at, 'this should be defaulted and never be nil')]
        : validateRollingUpdate(rollingUpdate, at);
    default:
      return [notSupported(path, shownStrategy(type, shownRollingUpdate(rollingUpdate)), ['Recreate', ROLLING_UPDATE])];
  }
}

function validateRollingUpdate(
  { maxUnavailable = 0, maxSurge = 0 }: apps.RollingUpdateDeployment,
  path: string,
): FieldError[] {
  const [unavailablePath, surgePath] = [child(path, 'maxUnavailable'), child(path, 'maxSurge')];
  const errors = [
    ...validatePositiveIntOrPercent(maxUnavailable, unavailablePath),
    ...validatePositiveIntOrPercent(maxSurge, surgePath),
  ];
  if (intOrPercentValue(maxUnavailable) === 0 && intOrPercentValue(maxSurge) === 0) {
    errors.push(invalid(unavailablePath, maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  }
  return [...errors, ...validateAtMost100Percent(maxUnavailable, unavailablePath)];
}

const validateStatusUpdate = ({ status }: Deployment, old: Deployment): FieldError[] => [
  ...validateCounts(
    status,
    [
      'observedGeneration',
      'replicas',
      'updatedReplicas',
      'readyReplicas',
      'availableReplicas',
      'unavailableReplicas',
      'terminatingReplicas',
      'collisionCount',
    ],
    [
      ['updatedReplicas', 'replicas', OVER_REPLICAS],
      ['readyReplicas', 'replicas', OVER_REPLICAS],
      ['availableReplicas', 'replicas', OVER_REPLICAS],
      ['availableReplicas', 'readyReplicas', OVER_READY],
    ],
  ),
  ...validateCollisionCount(status, old.status),
];

/** Source: pkg/registry/apps/deployment/strategy.go v1.36. */
export const Deployment = defineKind<Deployment>({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  shortNames: ['deploy'],
  categories: ['all'],
  namespaced: true,
  definition: 'apps.v1.Deployment',

  defaults: defaultDeployment,
  validate: validateDeployment,
  validateUpdate: ({ spec }, old) => validateSelectorUpdate(spec.selector, old.spec.selector),
  generation: true,
  generationMetadata: ['annotations'],
  prepareForCreate(deployment) {
    deployment.status = {};
    dropDisabledTemplateFields(deployment.spec.template);
  },
  prepareForUpdate(deployment, old) {
    dropDisabledTemplateFields(deployment.spec.template, old.spec.template);
    deployment.status = old.status;
  },
  warnings: ({ spec, metadata }, old) => [
    ...(old === undefined ? nameWarnings(metadata.name) : []),
    // Upstream looks at the generation, which annotations move as well.
    ...(old === undefined ||
    !semanticEqual(spec, old.spec) ||
    !equalValues(metadata.annotations ?? {}, old.metadata.annotations ?? {})
      ? podWarnings(spec.template.spec ?? { containers: [] }, spec.template.metadata, 'spec.template')
      : []),
  ],
  status: {
    prepareForUpdate(deployment, old) {
      deployment.spec = old.spec;
      if (old.metadata.labels === undefined) delete deployment.metadata.labels;
      else deployment.metadata.labels = old.metadata.labels;
    },
    validateUpdate: validateStatusUpdate,
  },
  scale: {
    specReplicas: ({ spec }) => spec.replicas ?? 0,
    statusReplicas: ({ status }) => status.replicas ?? 0,
    selector: ({ spec }) => selectorText(spec.selector),
    withReplicas: (deployment, replicas) => ({ ...deployment, spec: { ...deployment.spec, replicas } }),
  },

  columns: [
    NAME,
    { name: 'Ready', type: 'string' },
    { name: 'Up-to-date', type: 'string' },
    { name: 'Available', type: 'string' },
    AGE,
    ...TEMPLATE_COLUMNS,
  ],
  row: (deployment, { nowMs }) => {
    const { spec, status } = deployment;
    return {
      cells: [
        deployment.metadata.name,
        `${status.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
        status.updatedReplicas ?? 0,
        status.availableReplicas ?? 0,
        age(deployment, nowMs),
        ...templateCells(spec.template.spec?.containers, spec.selector),
      ],
    };
  },
});
