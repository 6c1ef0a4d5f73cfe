import { defaultPodTemplate } from '../core/pod/defaults.ts';
import { dropDisabledTemplateFields } from '../core/pod/disabled.ts';
import { validatePodTemplate } from '../core/pod/spec.ts';
import { podWarnings } from '../core/pod/warnings.ts';
import type { FieldError } from '../field-error.ts';
import { child, forbiddenField, invalid, notSupported, required } from '../field-error.ts';
import type * as apps from '../generated/apps.v1.ts';
import { defineKind } from '../kind.ts';
import { labelSelectorAsSelector, selectorFromSet } from '../selector/selector.ts';
import { AGE, age, NAME, orNone, TEMPLATE_COLUMNS, templateCells } from '../table.ts';
import { semanticEqual } from '../validation/equal.ts';
import {
  validateAtMost100Percent,
  validateLabelSelector,
  validateNonnegative,
  validatePositiveIntOrPercent,
} from '../validation/fields.ts';
import {
  intOrPercentValue,
  shownLabels,
  shownRollingUpdate,
  shownSelector,
  shownStrategy,
  validateCollisionCount,
  validateCounts,
  validateSelectorUpdate,
} from './workload.ts';

export type DaemonSet = apps.DaemonSet;

const DEFAULT_REVISION_HISTORY = 10;
const ROLLING_UPDATE = 'RollingUpdate';
/** Counts changes of the template: a field of versions before apps/v1. Source: DeprecatedTemplateGeneration in k8s.io/api/apps/v1. */
const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation';

/** Source: SetDefaults_DaemonSet in pkg/apis/apps/v1/defaults.go v1.36. */
function defaultDaemonSet(set: DaemonSet): void {
  set.spec ??= { selector: {}, template: {} };
  set.status = { ...emptyStatus(), ...set.status };
  const { spec } = set;
  spec.template ??= {};
  defaultPodTemplate(spec.template);
  spec.updateStrategy ??= {};
  if ((spec.updateStrategy.type ?? '') === '') spec.updateStrategy.type = ROLLING_UPDATE;
  if (spec.updateStrategy.type === ROLLING_UPDATE) {
    spec.updateStrategy.rollingUpdate ??= {};
    spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
  }
  // Also with another strategy: upstream's internal type always has both. Source: pkg/apis/apps/v1/conversion.go v1.36.
  const { rollingUpdate } = spec.updateStrategy;
  if (rollingUpdate !== undefined) {
    rollingUpdate.maxUnavailable ??= 0;
    rollingUpdate.maxSurge ??= 0;
  }
  spec.revisionHistoryLimit ??= DEFAULT_REVISION_HISTORY;
}

const emptyStatus = (): apps.DaemonSetStatus => ({
  currentNumberScheduled: 0,
  numberMisscheduled: 0,
  desiredNumberScheduled: 0,
  numberReady: 0,
});

function validateDaemonSet({ spec }: DaemonSet): FieldError[] {
  const { selector, template } = spec;
  const path = 'spec.template';
  const errors = validateLabelSelector(selector, 'spec.selector');
  if (errors.length === 0 && !labelSelectorAsSelector(selector).matches(template.metadata?.labels ?? {})) {
    const why = '`selector` does not match template `labels`';
    errors.push(invalid(child(path, 'metadata', 'labels'), shownLabels(template.metadata?.labels), why));
  }
  if (
    selector !== undefined &&
    Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0
  ) {
    errors.push(invalid('spec.selector', shownSelector(selector), 'empty selector is invalid for daemonset'));
  }
  errors.push(...validatePodTemplate(template, path));
  const { restartPolicy = '', activeDeadlineSeconds } = template.spec ?? {};
  if (restartPolicy !== 'Always') {
    errors.push(notSupported(child(path, 'spec', 'restartPolicy'), restartPolicy, ['Always']));
  }
  if (activeDeadlineSeconds !== undefined) {
    const why = 'activeDeadlineSeconds in DaemonSet is not Supported';
    errors.push(forbiddenField(child(path, 'spec', 'activeDeadlineSeconds'), why));
  }
  return [
    ...errors,
    ...validateNonnegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...validateUpdateStrategy(spec.updateStrategy ?? {}, 'spec.updateStrategy'),
    ...validateNonnegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'),
  ];
}

function validateUpdateStrategy(strategy: apps.DaemonSetUpdateStrategy, path: string): FieldError[] {
  const at = child(path, 'rollingUpdate');
  switch (strategy.type) {
    case 'OnDelete':
      return [];
    case ROLLING_UPDATE:
      return strategy.rollingUpdate === undefined ? [required(at)] : validateRollingUpdate(strategy.rollingUpdate, at);
    default: {
      const shown = shownStrategy(strategy.type ?? '', shownRollingUpdate(strategy.rollingUpdate));
      return [notSupported(path, shown, [ROLLING_UPDATE, 'OnDelete'])];
    }
  }
}

/** Either of the two is more than nothing, never both. */
function validateRollingUpdate(
  { maxUnavailable = 0, maxSurge = 0 }: apps.RollingUpdateDaemonSet,
  path: string,
): FieldError[] {
  const [unavailablePath, surgePath] = [child(path, 'maxUnavailable'), child(path, 'maxSurge')];
  const errors = [
    ...validatePositiveIntOrPercent(maxUnavailable, unavailablePath),
    ...validatePositiveIntOrPercent(maxSurge, surgePath),
    ...validateAtMost100Percent(maxUnavailable, unavailablePath),
    ...validateAtMost100Percent(maxSurge, surgePath),
  ];
  const isSet = (value: number | string): boolean => intOrPercentValue(value) !== 0;
  if (isSet(maxUnavailable) && isSet(maxSurge)) {
    errors.push(invalid(surgePath, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  } else if (!isSet(maxUnavailable) && !isSet(maxSurge)) {
    errors.push(required(unavailablePath, 'cannot be 0 when maxSurge is 0'));
  }
  return errors;
}

const templateGeneration = ({ metadata }: DaemonSet): number => {
  const text = metadata.annotations?.[TEMPLATE_GENERATION] ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : 0;
};

const setTemplateGeneration = ({ metadata }: DaemonSet, generation: number): void => {
  metadata.annotations = { ...metadata.annotations, [TEMPLATE_GENERATION]: String(generation) };
};

const validateStatusUpdate = ({ status }: DaemonSet, old: DaemonSet): FieldError[] => [
  ...validateCounts(
    status,
    [
      'currentNumberScheduled',
      'numberMisscheduled',
      'desiredNumberScheduled',
      'numberReady',
      'observedGeneration',
      'updatedNumberScheduled',
      'numberAvailable',
      'numberUnavailable',
      'collisionCount',
    ],
    [],
  ),
  ...validateCollisionCount(status, old.status),
];

/** Source: pkg/registry/apps/daemonset/strategy.go v1.36. */
export const DaemonSet = defineKind<DaemonSet>({
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  shortNames: ['ds'],
  categories: ['all'],
  namespaced: true,
  definition: 'apps.v1.DaemonSet',

  defaults: defaultDaemonSet,
  validate: validateDaemonSet,
  validateUpdate: ({ spec }, old) => validateSelectorUpdate(spec.selector, old.spec.selector),
  changesFirst: true,
  generation: true,
  prepareForCreate(set) {
    set.status = emptyStatus();
    dropDisabledTemplateFields(set.spec.template);
    setTemplateGeneration(set, Math.max(templateGeneration(set), 1));
  },
  prepareForUpdate(set, old) {
    dropDisabledTemplateFields(set.spec.template, old.spec.template);
    const changed = !semanticEqual(set.spec.template, old.spec.template);
    setTemplateGeneration(set, templateGeneration(old) + (changed ? 1 : 0));
  },
  warnings: ({ spec: { template } }, old) =>
    old !== undefined && semanticEqual(template, old.spec.template)
      ? []
      : podWarnings(template.spec ?? { containers: [] }, template.metadata, 'spec.template'),
  status: {
    prepareForUpdate(set, old) {
      set.spec = old.spec;
      // Upstream's spec holds it, and shows it as an annotation. Source: Convert_apps_DaemonSet_To_v1_DaemonSet of pkg/apis/apps/v1/conversion.go v1.36.
      setTemplateGeneration(set, templateGeneration(old));
    },
    validateUpdate: validateStatusUpdate,
  },

  columns: [
    NAME,
    { name: 'Desired', type: 'integer' },
    { name: 'Current', type: 'integer' },
    { name: 'Ready', type: 'integer' },
    { name: 'Up-to-date', type: 'integer' },
    { name: 'Available', type: 'integer' },
    { name: 'Node Selector', type: 'string' },
    AGE,
    ...TEMPLATE_COLUMNS,
  ],
  row: (set, { nowMs }) => {
    const { spec, status } = set;
    return {
      cells: [
        set.metadata.name,
        status.desiredNumberScheduled,
        status.currentNumberScheduled,
        status.numberReady,
        status.updatedNumberScheduled ?? 0,
        status.numberAvailable ?? 0,
        orNone(selectorFromSet(spec.template.spec?.nodeSelector).toString()),
        age(set, nowMs),
        ...templateCells(spec.template.spec?.containers, spec.selector),
      ],
    };
  },
});
