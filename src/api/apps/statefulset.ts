import { validatePersistentVolumeClaimSpec } from '../core/volume/claimspec.ts';
import { fractionWarnings, storagePath } from '../core/volume/modes.ts';
import { defaultPersistentVolumeClaim } from '../core/volume/persistentvolumeclaim.ts';
import { defaultPodTemplate } from '../core/pod/defaults.ts';
import { dropDisabledTemplateFields } from '../core/pod/disabled.ts';
import { validatePodAnnotations } from '../core/pod/security/annotations.ts';
import { validatePodTemplate } from '../core/pod/spec.ts';
import { podWarnings } from '../core/pod/warnings.ts';
import type { FieldError } from '../field-error.ts';
import { child, forbiddenField, invalid, notSupported, required } from '../field-error.ts';
import type { PodTemplateSpec } from '../generated/core.v1.ts';
import type * as apps from '../generated/apps.v1.ts';
import { defineKind } from '../kind.ts';
import { labelSelectorAsSelector } from '../selector/selector.ts';
import { AGE, age, NAME, TEMPLATE_COLUMNS, templateCells } from '../table.ts';
import { semanticEqual } from '../validation/equal.ts';
import {
  eachOf,
  unchecked,
  validateAnnotations,
  validateAtMost100Percent,
  validateDNS1123Label,
  validateLabels,
  validateLabelSelector,
  validateNonnegative,
  validatePositiveIntOrPercent,
} from '../validation/fields.ts';
import { nameIsDNSLabel } from '../validation/names.ts';
import {
  intOrPercentValue,
  OVER_REPLICAS,
  selectorText,
  shownLabels,
  shownSelector,
  shownStrategy,
  validateCollisionCount,
  validateCounts,
} from './workload.ts';

export type StatefulSet = apps.StatefulSet;

const DEFAULT_REVISION_HISTORY = 10;
const ROLLING_UPDATE = 'RollingUpdate';
const RETENTION = ['Retain', 'Delete'];

/** Source: SetDefaults_StatefulSet in pkg/apis/apps/v1/{defaults,conversion}.go v1.36. */
function defaultStatefulSet(set: StatefulSet): void {
  set.spec ??= { selector: {}, template: {} };
  set.status ??= { replicas: 0 };
  set.status.replicas ??= 0;
  set.status.availableReplicas ??= 0;
  const { spec } = set;
  spec.template ??= {};
  defaultPodTemplate(spec.template);
  if ((spec.podManagementPolicy ?? '') === '') spec.podManagementPolicy = 'OrderedReady';
  spec.updateStrategy ??= {};
  // Who names the strategy gets no parameters with it.
  if ((spec.updateStrategy.type ?? '') === '') {
    spec.updateStrategy.type = ROLLING_UPDATE;
    spec.updateStrategy.rollingUpdate ??= {};
  }
  const { type, rollingUpdate } = spec.updateStrategy;
  if (type === ROLLING_UPDATE && rollingUpdate !== undefined) rollingUpdate.partition ??= 0;
  spec.persistentVolumeClaimRetentionPolicy ??= {};
  const retention = spec.persistentVolumeClaimRetentionPolicy;
  if ((retention.whenDeleted ?? '') === '') retention.whenDeleted = 'Retain';
  if ((retention.whenScaled ?? '') === '') retention.whenScaled = 'Retain';
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= DEFAULT_REVISION_HISTORY;
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.apiVersion = 'v1';
    claim.kind = 'PersistentVolumeClaim';
    defaultPersistentVolumeClaim(claim);
  }
}

/**
 * What cannot change any more is not looked at again, nor is the template of a set that was not right before.
 * Source: ValidateStatefulSet, ValidateStatefulSetUpdate in pkg/apis/apps/validation v1.36.
 */
function validateStatefulSet({ spec }: StatefulSet, old?: StatefulSet): FieldError[] {
  if (old === undefined) return validateSpec(spec, { isNew: true, skipTemplate: false });
  const wasWrong = validateSpec(old.spec, { isNew: false, skipTemplate: false }).length > 0;
  return validateSpec(spec, { isNew: false, skipTemplate: wasWrong });
}

function validateSpec(
  spec: apps.StatefulSetSpec,
  { isNew, skipTemplate }: { readonly isNew: boolean; readonly skipTemplate: boolean },
): FieldError[] {
  const { podManagementPolicy: management = '', persistentVolumeClaimRetentionPolicy: retention } = spec;
  const managementPath = 'spec.podManagementPolicy';
  const errors: FieldError[] = [];
  if (management === '') errors.push(required(managementPath));
  else if (management !== 'OrderedReady' && management !== 'Parallel') {
    errors.push(invalid(managementPath, management, "must be 'OrderedReady' or 'Parallel'"));
  }
  errors.push(...validateUpdateStrategy(spec.updateStrategy ?? {}, 'spec.updateStrategy'));
  for (const field of ['whenDeleted', 'whenScaled'] as const) {
    const policy = retention?.[field] ?? '';
    if (retention !== undefined && !RETENTION.includes(policy)) {
      errors.push(notSupported(child('spec.persistentVolumeClaimRetentionPolicy', field), policy, RETENTION));
    }
  }
  const { serviceName = '' } = spec;
  return [
    ...errors,
    ...(isNew
      ? eachOf(spec.volumeClaimTemplates, 'spec.volumeClaimTemplates', (claim, at) =>
          validatePersistentVolumeClaimSpec(claim.spec, child(at, 'spec')),
        )
      : []),
    ...validateNonnegative(spec.replicas, 'spec.replicas'),
    ...validateNonnegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...validateNonnegative(spec.ordinals?.start, 'spec.ordinals.start'),
    ...(isNew && serviceName !== '' ? validateDNS1123Label(serviceName, 'spec.serviceName') : []),
    ...validateSelectorAndTemplate(spec, skipTemplate),
  ];
}

function validateUpdateStrategy(strategy: apps.StatefulSetUpdateStrategy, path: string): FieldError[] {
  const { type = '', rollingUpdate } = strategy;
  const at = child(path, 'rollingUpdate');
  switch (type) {
    case '':
      return [required(path)];
    case 'OnDelete':
      return rollingUpdate === undefined
        ? []
        : [invalid(at, shownRollingUpdate(rollingUpdate), "only allowed for updateStrategy 'RollingUpdate'")];
    case ROLLING_UPDATE:
      return rollingUpdate === undefined ? [] : validateRollingUpdate(rollingUpdate, at);
    default:
      return [
        invalid(
          path,
          shownStrategy(type, rollingUpdate && shownRollingUpdate(rollingUpdate)),
          "must be 'RollingUpdate' or 'OnDelete'",
        ),
      ];
  }
}

/** Upstream's internal type has no JSON names. */
const shownRollingUpdate = ({ partition, maxUnavailable }: apps.RollingUpdateStatefulSetStrategy): object => ({
  Partition: partition ?? 0,
  MaxUnavailable: maxUnavailable ?? null,
});

function validateRollingUpdate(
  { partition, maxUnavailable }: apps.RollingUpdateStatefulSetStrategy,
  path: string,
): FieldError[] {
  const errors = validateNonnegative(partition, child(path, 'partition'));
  if (maxUnavailable === undefined) return errors;
  const at = child(path, 'maxUnavailable');
  errors.push(...validatePositiveIntOrPercent(maxUnavailable, at));
  if (intOrPercentValue(maxUnavailable) === 0) {
    errors.push(invalid(at, maxUnavailable, 'cannot be 0'));
  }
  return [...errors, ...validateAtMost100Percent(maxUnavailable, at)];
}

/** The template with a volume for each claim, which every pod will have, and without the names the controller gives. */
function withClaims({ template, volumeClaimTemplates = [] }: apps.StatefulSetSpec): PodTemplateSpec {
  const names = new Set(volumeClaimTemplates.map((claim) => unchecked(claim).metadata?.name ?? ''));
  const claims = [...names].map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  const { volumes = [], subdomain: _, hostname: __, ...spec } = template.spec ?? { containers: [] };
  const others = volumes.filter(({ name }) => !names.has(name));
  return { ...template, spec: { ...spec, volumes: [...claims, ...others] } };
}

function validateSelectorAndTemplate(spec: apps.StatefulSetSpec, skipTemplate: boolean): FieldError[] {
  const { selector, template } = spec;
  const path = 'spec.template';
  const selectorErrors = validateLabelSelector(selector, 'spec.selector');
  const errors = [...selectorErrors];
  if (selector === undefined) errors.push(required('spec.selector'));
  else if (Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0) {
    errors.push(invalid('spec.selector', shownSelector(selector), 'empty selector is invalid for statefulset'));
  }
  if (selectorErrors.length > 0) errors.push(invalid('spec.selector', shownSelector(selector), ''));
  else {
    const chosen = labelSelectorAsSelector(selector);
    if (!chosen.empty && !chosen.matches(template.metadata?.labels ?? {})) {
      const why = '`selector` does not match template `labels`';
      errors.push(invalid(child(path, 'metadata', 'labels'), shownLabels(template.metadata?.labels), why));
    }
    const { labels, annotations } = template.metadata ?? {};
    const podSpec = template.spec ?? { containers: [] };
    // Upstream looks at these once more, and so tells twice what is wrong with them.
    errors.push(
      ...(skipTemplate ? [] : validatePodTemplate(withClaims(spec), path)),
      ...validateLabels(labels, child(path, 'labels')),
      ...validateAnnotations(annotations, child(path, 'annotations')),
      ...validatePodAnnotations(annotations, podSpec, child(path, 'annotations')),
    );
  }
  const { restartPolicy = '', activeDeadlineSeconds } = template.spec ?? {};
  if (restartPolicy !== 'Always') {
    errors.push(notSupported(child(path, 'spec', 'restartPolicy'), restartPolicy, ['Always']));
  }
  if (activeDeadlineSeconds !== undefined) {
    const why = 'activeDeadlineSeconds in StatefulSet is not Supported';
    errors.push(forbiddenField(child(path, 'spec', 'activeDeadlineSeconds'), why));
  }
  return errors;
}

/** MaxUnavailableStatefulSet is off in v1.36. */
function dropDisabledFields({ spec }: StatefulSet, old?: StatefulSet): void {
  if (old?.spec.updateStrategy?.rollingUpdate?.maxUnavailable === undefined) {
    delete spec.updateStrategy?.rollingUpdate?.maxUnavailable;
  }
  dropDisabledTemplateFields(spec.template, old?.spec.template);
}

/** Parts of the spec that may change. */
const MUTABLE = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const;

function validateUpdate({ spec }: StatefulSet, old: StatefulSet): FieldError[] {
  const kept = Object.fromEntries(MUTABLE.map((field) => [field, old.spec[field]]));
  if (semanticEqual({ ...spec, ...kept }, old.spec)) return [];
  const list = `${MUTABLE.slice(0, -1)
    .map((field) => `'${field}'`)
    .join(', ')} and '${MUTABLE.at(-1)}'`;
  return [forbiddenField('spec', `updates to statefulset spec for fields other than ${list} are forbidden`)];
}

const validateStatusUpdate = ({ status }: StatefulSet, old: StatefulSet): FieldError[] => [
  ...validateCounts(
    status,
    [
      'replicas',
      'readyReplicas',
      'currentReplicas',
      'updatedReplicas',
      'availableReplicas',
      'observedGeneration',
      'collisionCount',
    ],
    [
      ['readyReplicas', 'replicas', OVER_REPLICAS],
      ['currentReplicas', 'replicas', OVER_REPLICAS],
      ['updatedReplicas', 'replicas', OVER_REPLICAS],
      ['availableReplicas', 'replicas', OVER_REPLICAS],
      ['availableReplicas', 'readyReplicas', 'cannot be greater than status.readyReplicas'],
    ],
  ),
  ...validateCollisionCount(status, old.status),
];

/** Source: pkg/registry/apps/statefulset/strategy.go v1.36. */
export const StatefulSet = defineKind<StatefulSet>({
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  shortNames: ['sts'],
  categories: ['all'],
  namespaced: true,
  definition: 'apps.v1.StatefulSet',

  defaults: defaultStatefulSet,
  validateName: nameIsDNSLabel,
  validate: validateStatefulSet,
  validateUpdate,
  generation: true,
  prepareForCreate(set) {
    set.status = { replicas: 0, availableReplicas: 0 };
    dropDisabledFields(set);
  },
  prepareForUpdate: dropDisabledFields,
  warnings: ({ spec }, old) => [
    ...(old === undefined || !semanticEqual(spec, old.spec)
      ? podWarnings(spec.template.spec ?? { containers: [] }, spec.template.metadata, 'spec.template')
      : []),
    ...(spec.volumeClaimTemplates ?? []).flatMap((claim, i) => {
      // On update upstream writes `Spec`.
      const at = `spec.volumeClaimTemplates[${i}]${old === undefined ? '' : '.Spec'}`;
      const { requests, limits } = claim.spec.resources ?? {};
      return [
        ...fractionWarnings(requests?.['storage'], storagePath(at, 'resources', 'requests')),
        ...fractionWarnings(limits?.['storage'], storagePath(at, 'resources', 'limits')),
      ];
    }),
    ...((spec.revisionHistoryLimit ?? 0) < 0
      ? ['spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended']
      : []),
  ],
  status: {
    prepareForUpdate(set, old) {
      set.spec = old.spec;
    },
    validateUpdate: validateStatusUpdate,
  },
  scale: {
    specReplicas: ({ spec }) => spec.replicas ?? 0,
    statusReplicas: ({ status }) => status.replicas,
    selector: ({ spec }) => selectorText(spec.selector),
    withReplicas: (set, replicas) => ({ ...set, spec: { ...set.spec, replicas } }),
  },

  columns: [NAME, { name: 'Ready', type: 'string' }, AGE, ...TEMPLATE_COLUMNS.slice(0, 2)],
  row: (set, { nowMs }) => {
    const { spec, status } = set;
    return {
      cells: [
        set.metadata.name,
        `${status.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
        age(set, nowMs),
        ...templateCells(spec.template.spec?.containers, undefined).slice(0, 2),
      ],
    };
  },
});
