/** Source: pkg/apis/autoscaling/validation/validation.go v1.36. */
import { validateContainerResourceName } from '../core/pod/requirements.ts';
import type { FieldError } from '../field-error.ts';
import { child, forbiddenField, index, invalid, notSupported, required } from '../field-error.ts';
import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HPAScalingPolicy,
  HPAScalingRules,
  MetricIdentifier,
  MetricSpec,
  MetricTarget,
} from '../generated/autoscaling.v2.ts';
import { canonicalQuantity, compareQuantity } from '../quantity.ts';
import {
  eachOf,
  invalidEach,
  unchecked,
  validateDNS1123Label,
  validateNonnegative,
  validateOptionalEnum,
} from '../validation/fields.ts';
import { isPathSegmentName } from '../validation/names.ts';

const MAX_PERIOD_SECONDS = 1800;
const MAX_STABILIZATION_SECONDS = 3600;
const SELECT_POLICIES = ['Disabled', 'Max', 'Min'];
const POLICY_TYPES = ['Percent', 'Pods'];
const TARGET_TYPES = ['Utilization', 'Value', 'AverageValue'];

/** What the words of `type` call their fields. */
const SOURCES = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
} as const;
const TYPES = Object.keys(SOURCES);
/** In the order in which upstream looks at them. */
const ORDER = ['object', 'external', 'pods', 'resource', 'containerResource'] as const;

/** `old`: nothing at all is allowed only where it was so before, and so are references that say no group. */
export function validateHorizontalPodAutoscaler(
  { spec }: HorizontalPodAutoscaler,
  old?: HorizontalPodAutoscaler,
): FieldError[] {
  const { minReplicas, maxReplicas = 0, metrics = [], behavior } = { ...unchecked(spec) };
  const maxPath = 'spec.maxReplicas';
  const errors = validateMinReplicas(minReplicas, old?.spec.minReplicas === 0 ? 0 : 1);
  if (maxReplicas === 0) errors.push(required(maxPath, 'must be set and greater than 0'));
  else if (maxReplicas < 0) errors.push(invalid(maxPath, maxReplicas, 'must be greater than or equal to 1'));
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    errors.push(invalid(maxPath, maxReplicas, 'must be greater than or equal to `minReplicas`'));
  }
  errors.push(
    ...validateReference(spec.scaleTargetRef, 'spec.scaleTargetRef', targetGroup(spec, old?.spec)),
    ...eachOf(metrics, 'spec.metrics', (metric, at) => validateMetric(metric, at, objectGroup(old?.spec))),
  );
  if (minReplicas === 0 && !metrics.some(({ type }) => type === 'Object' || type === 'External')) {
    const why = 'must specify at least one Object or External metric to support scaling to zero replicas';
    errors.push(forbiddenField('spec.metrics', why));
  }
  return [
    ...errors,
    ...validateRules(behavior?.scaleUp, 'spec.behavior.scaleUp'),
    ...validateRules(behavior?.scaleDown, 'spec.behavior.scaleDown'),
  ];
}

const validateMinReplicas = (minReplicas: number | undefined, lowest: number): FieldError[] =>
  minReplicas === undefined || minReplicas >= lowest
    ? []
    : [invalid('spec.minReplicas', minReplicas, `must be greater than or equal to ${lowest}`)];

/** What a reference has to say of the group of what it refers to. */
type GroupRule = 'named' | 'core too' | 'anything';
type Spec = HorizontalPodAutoscaler['spec'];

/** Source: validationOptionsForHorizontalPodAutoscaler in pkg/registry/autoscaling/horizontalpodautoscaler/strategy.go v1.36, as is the next. */
function targetGroup({ scaleTargetRef: now }: Spec, old: Spec | undefined): GroupRule {
  const before = old?.scaleTargetRef;
  if (before !== undefined && (before.apiVersion ?? '') === (now.apiVersion ?? '') && before.kind === now.kind)
    return 'anything';
  return now.kind === 'ReplicationController' ? 'core too' : 'named';
}

const objectGroup = (old: Spec | undefined): GroupRule =>
  (old?.metrics ?? []).some(
    ({ type, object }) =>
      type === 'Object' && validateGroup(object?.describedObject?.apiVersion ?? '', 'core too', '').length > 0,
  )
    ? 'anything'
    : 'core too';

/** Source: ValidateAPIVersion; schema.ParseGroupVersion in apimachinery pkg/runtime/schema/group_version.go v0.36. */
function validateGroup(apiVersion: string, rule: GroupRule, path: string): FieldError[] {
  if (rule === 'anything') return [];
  const slashes = apiVersion.split('/').length - 1;
  if (slashes > 1) return [invalid(path, apiVersion, `unexpected GroupVersion string: ${apiVersion}`)];
  const grouped = slashes === 1 && !apiVersion.startsWith('/');
  return rule === 'named' && !grouped ? [invalid(path, apiVersion, 'apiVersion must specify API group')] : [];
}

export const validateStatusUpdate = ({ status }: HorizontalPodAutoscaler): FieldError[] => [
  ...validateNonnegative(status.currentReplicas, 'status.currentReplicas'),
  ...validateNonnegative(status.desiredReplicas, 'status.desiredReplicas'),
];

function validateReference(reference: CrossVersionObjectReference, path: string, rule: GroupRule): FieldError[] {
  const { apiVersion = '' } = reference;
  const named = (['kind', 'name'] as const).flatMap((field) => {
    const value = unchecked(reference)[field] ?? '';
    const at = child(path, field);
    return value === '' ? [required(at)] : invalidEach(at, value, isPathSegmentName(value));
  });
  return [...named, ...validateGroup(apiVersion, rule, child(path, 'apiVersion'))];
}

function validateMetric(metric: MetricSpec, path: string, rule: GroupRule): FieldError[] {
  const { type = '' } = unchecked(metric);
  const at = child(path, 'type');
  const errors: FieldError[] = [];
  if (type === '') errors.push(required(at, 'must specify a metric source type'));
  if (!TYPES.includes(type)) errors.push(notSupported(at, type, TYPES));
  const present = ORDER.filter((source) => metric[source] !== undefined);
  // Only the first of several is looked at.
  if (present[0] !== undefined) errors.push(...validateSource(metric, present[0], child(path, present[0]), rule));
  const expected = TYPES.includes(type) ? SOURCES[type as keyof typeof SOURCES] : undefined;
  if (expected === undefined) errors.push(notSupported(at, type, TYPES));
  else if (metric[expected] === undefined) {
    errors.push(required(child(path, expected), 'must populate information for the given metric source'));
  }
  if (present.length !== 1) {
    const others = present.filter((source) => source !== expected);
    errors.push(...others.map((s) => forbiddenField(child(path, s), 'must populate the given metric source only')));
  }
  return errors;
}

function validateSource(
  metric: MetricSpec,
  source: (typeof ORDER)[number],
  path: string,
  rule: GroupRule,
): FieldError[] {
  const target = metric[source]?.target ?? { type: '' };
  const targetPath = child(path, 'target');
  const { value, averageValue, averageUtilization } = target;
  const common = validateTarget(target, targetPath);
  const identified = (metricId: MetricIdentifier | undefined): FieldError[] =>
    validateIdentifier(metricId ?? { name: '' }, child(path, 'metric'));
  const missing = (field: string, why: string): FieldError[] => [required(child(targetPath, field), why)];
  const none = value === undefined && averageValue === undefined;
  switch (source) {
    case 'object':
      return [
        ...validateReference(
          metric.object?.describedObject ?? { kind: '', name: '' },
          child(path, 'describedObject'),
          rule,
        ),
        ...identified(metric.object?.metric),
        ...common,
        ...(none ? missing('averageValue', 'must set either a target value or averageValue') : []),
      ];
    case 'external':
      return [
        ...identified(metric.external?.metric),
        ...common,
        ...(none ? missing('averageValue', 'must set either a target value for metric or a per-pod target') : []),
        ...(value !== undefined && averageValue !== undefined
          ? [
              forbiddenField(
                child(targetPath, 'value'),
                'may not set both a target value for metric and a per-pod target',
              ),
            ]
          : []),
      ];
    case 'pods':
      return [
        ...identified(metric.pods?.metric),
        ...common,
        ...(averageValue === undefined ? missing('averageValue', 'must specify a positive target averageValue') : []),
      ];
    case 'resource':
    case 'containerResource': {
      const name = metric[source]?.name ?? '';
      const container = metric.containerResource?.container ?? '';
      const containerPath = child(path, 'container');
      const both = 'may not set both a target raw value and a target utilization';
      return [
        ...(name === ''
          ? [required(child(path, 'name'), 'must specify a resource name')]
          : source === 'resource'
            ? []
            : validateContainerResourceName(name, child(path, 'name'))),
        ...(source === 'resource'
          ? []
          : container === ''
            ? [required(containerPath, 'must specify a container')]
            : validateDNS1123Label(container, containerPath)),
        ...common,
        ...(averageUtilization === undefined && averageValue === undefined
          ? missing('averageUtilization', 'must set either a target raw value or a target utilization')
          : []),
        ...(averageUtilization !== undefined && averageValue !== undefined
          ? [forbiddenField(child(targetPath, 'averageValue'), both)]
          : []),
      ];
    }
  }
}

function validateIdentifier(identifier: MetricIdentifier, path: string): FieldError[] {
  const { name = '' } = unchecked(identifier);
  const at = child(path, 'name');
  return name === '' ? [required(at, 'must specify a metric name')] : invalidEach(at, name, isPathSegmentName(name));
}

function validateTarget(target: MetricTarget, path: string): FieldError[] {
  const { type = '', averageUtilization } = unchecked(target);
  const errors = type === '' ? [required(child(path, 'type'), 'must specify a metric target type')] : [];
  if (!TARGET_TYPES.includes(type)) {
    errors.push(invalid(child(path, 'type'), type, 'must be either Utilization, Value, or AverageValue'));
  }
  for (const field of ['value', 'averageValue'] as const) {
    const quantity = target[field];
    if (quantity !== undefined && compareQuantity(quantity, '0') <= 0) {
      errors.push(invalid(child(path, field), canonicalQuantity(quantity), 'must be positive'));
    }
  }
  if (averageUtilization !== undefined && averageUtilization < 1) {
    errors.push(invalid(child(path, 'averageUtilization'), averageUtilization, 'must be greater than 0'));
  }
  return errors;
}

function validateRules(rules: HPAScalingRules | undefined, path: string): FieldError[] {
  if (rules === undefined) return [];
  const { stabilizationWindowSeconds: seconds, policies = [], tolerance } = rules;
  const at = child(path, 'stabilizationWindowSeconds');
  const errors: FieldError[] = [];
  if (seconds !== undefined && seconds < 0) {
    errors.push(invalid(at, seconds, 'must be greater than or equal to zero'));
  }
  if (seconds !== undefined && seconds > MAX_STABILIZATION_SECONDS) {
    errors.push(invalid(at, seconds, `must be less than or equal to ${MAX_STABILIZATION_SECONDS}`));
  }
  errors.push(...validateOptionalEnum(rules.selectPolicy, SELECT_POLICIES, child(path, 'selectPolicy')));
  const policiesPath = child(path, 'policies');
  if (policies.length === 0) errors.push(required(policiesPath, 'must specify at least one Policy'));
  errors.push(...policies.flatMap((policy, i) => validatePolicy(policy, index(policiesPath, i))));
  if (tolerance !== undefined && compareQuantity(tolerance, '0') < 0) {
    const shown = canonicalQuantity(tolerance);
    errors.push(invalid(child(path, 'tolerance'), shown, 'must be greater than or equal to 0'));
  }
  return errors;
}

function validatePolicy(policy: HPAScalingPolicy, path: string): FieldError[] {
  const { type = '', value = 0, periodSeconds = 0 } = unchecked(policy);
  const errors = validateOptionalEnum(type, POLICY_TYPES, child(path, 'type'));
  if (value <= 0) errors.push(invalid(child(path, 'value'), value, 'must be greater than zero'));
  const at = child(path, 'periodSeconds');
  if (periodSeconds <= 0) errors.push(invalid(at, periodSeconds, 'must be greater than zero'));
  if (periodSeconds > MAX_PERIOD_SECONDS) {
    errors.push(invalid(at, periodSeconds, `must be less than or equal to ${MAX_PERIOD_SECONDS}`));
  }
  return errors;
}
