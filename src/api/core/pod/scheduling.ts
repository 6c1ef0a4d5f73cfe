/** Validation of what decides where a pod runs. Source: validateAffinity, ValidateTolerations, validateTopologySpreadConstraints in pkg/apis/core/validation v1.36. */
import type { FieldError } from '../../field-error.ts';
import { child, duplicate, forbiddenField, index, invalid, notSupported, required } from '../../field-error.ts';
import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  Taint,
  Toleration,
  TopologySpreadConstraint,
} from '../../generated/core.v1.ts';
import type { LabelSelector } from '../../generated/meta.v1.ts';
import {
  eachOf,
  invalidEach,
  Seen,
  validateLabelSelector,
  validateOptionalEnum,
  validateQualifiedName,
  unchecked,
} from '../../validation/fields.ts';
import { isLabelValue, nameIsDNSLabel, nameIsDNSSubdomain } from '../../validation/names.ts';

const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];
const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';

const OPERATORS = ['Equal', 'Exists'];
/** Lt and Gt are refused as long as TaintTolerationComparisonOperators is off, as it is in v1.36; the message then names them all the same. */
const OPERATORS_WITH_COMPARISON = [...OPERATORS, 'Lt', 'Gt'];

export function validateTolerations(tolerations: readonly Toleration[] | undefined, path: string): FieldError[] {
  return eachOf(tolerations, path, ({ key = '', operator = '', value = '', effect = '', tolerationSeconds }, at) => {
    const errors = key === '' ? [] : validateQualifiedName(key, child(at, 'key'));
    const operatorPath = child(at, 'operator');
    if (key === '' && operator !== 'Exists') {
      const why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
      errors.push(invalid(operatorPath, operator, why));
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
      const why = "effect must be 'NoExecute' when `tolerationSeconds` is set";
      errors.push(invalid(child(at, 'effect'), effect, why));
    }
    if (operator === 'Exists') {
      if (value !== '') errors.push(invalid(operatorPath, value, "value must be empty when `operator` is 'Exists'"));
    } else if (operator === '' || operator === 'Equal') {
      const messages = isLabelValue(value);
      if (messages.length > 0) errors.push(invalid(operatorPath, value, messages.join(';')));
    } else {
      const supported = operator === 'Lt' || operator === 'Gt' ? OPERATORS_WITH_COMPARISON : OPERATORS;
      errors.push(notSupported(operatorPath, operator, supported));
    }
    if (effect !== '' && !EFFECTS.includes(effect)) errors.push(notSupported(child(at, 'effect'), effect, EFFECTS));
    return errors;
  });
}

export function validateTaints(taints: readonly Taint[] | undefined, path: string): FieldError[] {
  const seen = new Seen();
  return eachOf(taints, path, (taint, at) => {
    const { key = '', value = '', effect = '' } = unchecked(taint);
    const errors = validateQualifiedName(key, child(at, 'key'));
    const messages = isLabelValue(value);
    if (messages.length > 0) errors.push(invalid(child(at, 'value'), value, messages.join(';')));
    if (effect === '') errors.push(required(child(at, 'effect')));
    else if (!EFFECTS.includes(effect)) errors.push(notSupported(child(at, 'effect'), effect, EFFECTS));
    if (!seen.add(`${effect}\0${key}`)) {
      // Upstream prints its internal type, by Go's names.
      const shown = { Key: key, Value: value, Effect: effect, TimeAdded: taint.timeAdded ?? null };
      const { type, field, message } = duplicate(at, shown);
      errors.push({ type, field, message: `${message}: taints must be unique by key and effect pair` });
    }
    return errors;
  });
}

export function validateAffinity(affinity: Affinity | undefined, path: string): FieldError[] {
  if (affinity === undefined) return [];
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity;
  const nodePath = child(path, 'nodeAffinity');
  return [
    ...validateNodeSelector(nodeAffinity?.[REQUIRED], child(nodePath, REQUIRED)),
    ...eachOf(nodeAffinity?.[PREFERRED], child(nodePath, PREFERRED), ({ weight, preference }, at) => [
      ...validateWeight(weight, child(at, 'weight')),
      // Values are not checked here: a cluster of one node never looks at preferences.
      ...validateNodeSelectorTerm(preference, child(at, 'preference'), false),
    ]),
    ...validatePodAffinity(podAffinity, child(path, 'podAffinity')),
    ...validatePodAffinity(podAntiAffinity, child(path, 'podAntiAffinity')),
  ];
}

const validateWeight = (weight: number | undefined, path: string): FieldError[] =>
  weight !== undefined && weight > 0 && weight <= 100 ? [] : [invalid(path, weight ?? 0, 'must be in the range 1-100')];

export function validateNodeSelector(selector: NodeSelector | undefined, path: string): FieldError[] {
  if (selector === undefined) return [];
  const at = child(path, 'nodeSelectorTerms');
  if ((selector.nodeSelectorTerms ?? []).length === 0) {
    return [required(at, 'must have at least one node selector term')];
  }
  return eachOf(selector.nodeSelectorTerms, at, (term, termPath) => validateNodeSelectorTerm(term, termPath, true));
}

const validateNodeSelectorTerm = (
  { matchExpressions, matchFields }: NodeSelectorTerm = {},
  path: string,
  checkValues: boolean,
): FieldError[] => [
  ...eachOf(matchExpressions, child(path, 'matchExpressions'), (requirement, at) =>
    validateExpression(requirement, at, checkValues),
  ),
  ...eachOf(matchFields, child(path, 'matchFields'), validateFieldRequirement),
];

function validateExpression(
  { key = '', operator = '', values = [] }: Partial<NodeSelectorRequirement>,
  path: string,
  checkValues: boolean,
): FieldError[] {
  const at = child(path, 'values');
  const errors: FieldError[] = [];
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) errors.push(required(at, "must be specified when `operator` is 'In' or 'NotIn'"));
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        errors.push(forbiddenField(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
      }
      break;
    case 'Gt':
    case 'Lt':
      if (values.length !== 1) {
        errors.push(required(at, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
      }
      break;
    default:
      errors.push(invalid(child(path, 'operator'), operator, 'not a valid selector operator'));
  }
  errors.push(...validateQualifiedName(key, child(path, 'key')));
  if (checkValues)
    errors.push(...eachOf(values, at, (value, valuePath) => invalidEach(valuePath, value, isLabelValue(value))));
  return errors;
}

function validateFieldRequirement(
  { key = '', operator = '', values = [] }: Partial<NodeSelectorRequirement>,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (operator !== 'In' && operator !== 'NotIn') {
    errors.push(invalid(child(path, 'operator'), operator, 'not a valid selector operator'));
  } else if (values.length !== 1) {
    const why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
    errors.push(required(child(path, 'values'), why));
  }
  if (key !== 'metadata.name') {
    errors.push(invalid(child(path, 'key'), key, 'not a valid field selector key'));
    return errors;
  }
  return [
    ...errors,
    ...eachOf(values, child(path, 'values'), (value, at) => invalidEach(at, value, nameIsDNSSubdomain(value, false))),
  ];
}

const validatePodAffinity = (affinity: PodAffinity | undefined, path: string): FieldError[] => [
  ...eachOf(affinity?.[REQUIRED], child(path, REQUIRED), validateAffinityTerm),
  ...eachOf(affinity?.[PREFERRED], child(path, PREFERRED), ({ weight, podAffinityTerm }, at) => [
    ...validateWeight(weight, child(at, 'weight')),
    ...validateAffinityTerm(podAffinityTerm ?? { topologyKey: '' }, child(at, 'podAffinityTerm')),
  ]),
];

function validateAffinityTerm(term: PodAffinityTerm, path: string): FieldError[] {
  const { labelSelector, namespaceSelector, namespaces = [], topologyKey = '' } = unchecked(term);
  const keyPath = child(path, 'topologyKey');
  return [
    ...validateLabelSelector(labelSelector, child(path, 'labelSelector')),
    ...validateLabelSelector(namespaceSelector, child(path, 'namespaceSelector')),
    ...namespaces.flatMap((name) => invalidEach(child(path, 'namespace'), name, nameIsDNSLabel(name, false))),
    ...validateAffinityLabelKeys(term, path),
    ...(topologyKey === '' ? [required(keyPath, 'can not be empty')] : []),
    ...validateQualifiedName(topologyKey, keyPath),
  ];
}

function validateAffinityLabelKeys(
  { matchLabelKeys = [], mismatchLabelKeys = [], labelSelector }: PodAffinityTerm,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const [field, keys] of Object.entries({ matchLabelKeys, mismatchLabelKeys })) {
    if (keys.length === 0) continue;
    if (labelSelector === undefined) {
      errors.push(forbiddenField(child(path, field), 'must not be specified when labelSelector is not set'));
    } else errors.push(...eachOf(keys, child(path, field), validateQualifiedName));
  }
  // The keys themselves have been merged into the expressions already: a key counts as given twice only when it stands there twice.
  const seen = new Seen();
  for (const key of Object.keys(labelSelector?.matchLabels ?? {})) seen.add(key);
  for (const { key } of labelSelector?.matchExpressions ?? []) {
    const i = matchLabelKeys.indexOf(key);
    if (!seen.add(key) && i >= 0) {
      errors.push(invalid(index(path, i), key, 'exists in both matchLabelKeys and labelSelector'));
    }
  }
  for (const [i, key] of matchLabelKeys.entries()) {
    if (mismatchLabelKeys.includes(key)) {
      const at = index(child(path, 'matchLabelKeys'), i);
      errors.push(invalid(at, key, 'exists in both matchLabelKeys and mismatchLabelKeys'));
    }
  }
  return errors;
}

const WHEN_UNSATISFIABLE = ['DoNotSchedule', 'ScheduleAnyway'];

export function validateTopologySpreadConstraints(
  constraints: readonly TopologySpreadConstraint[] = [],
  path: string,
): FieldError[] {
  const same = ({ topologyKey, whenUnsatisfiable }: Partial<TopologySpreadConstraint>): string =>
    JSON.stringify([topologyKey ?? '', whenUnsatisfiable ?? '']);
  const last = new Map(constraints.map((constraint, i) => [same(constraint), i]));
  return eachOf(constraints, path, (constraint, at, i) => {
    const { maxSkew = 0, minDomains, topologyKey = '', whenUnsatisfiable = '' } = unchecked(constraint);
    const errors: FieldError[] = [];
    const positive = 'must be greater than zero';
    if (maxSkew <= 0) errors.push(invalid(child(at, 'maxSkew'), maxSkew, positive));
    if (topologyKey === '') errors.push(required(child(at, 'topologyKey'), 'can not be empty'));
    if (!WHEN_UNSATISFIABLE.includes(whenUnsatisfiable)) {
      errors.push(notSupported(child(at, 'whenUnsatisfiable'), whenUnsatisfiable, WHEN_UNSATISFIABLE));
    }
    if (last.get(same(constraint)) !== i) {
      errors.push(duplicate(child(at, '{topologyKey, whenUnsatisfiable}'), `{${topologyKey}, ${whenUnsatisfiable}}`));
    }
    if (minDomains !== undefined) {
      if (minDomains <= 0) errors.push(invalid(child(at, 'minDomains'), minDomains, positive));
      if (whenUnsatisfiable !== 'DoNotSchedule') {
        const why = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
        errors.push(invalid(child(at, 'minDomains'), minDomains, why));
      }
    }
    for (const field of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
      errors.push(...validateOptionalEnum(constraint[field], ['Honor', 'Ignore'], child(at, field)));
    }
    return [
      ...errors,
      ...validateSpreadLabelKeys(constraint.matchLabelKeys, constraint.labelSelector, child(at, 'matchLabelKeys')),
      ...validateLabelSelector(constraint.labelSelector, child(at, 'labelSelector')),
    ];
  });
}

/** A key of matchLabelKeys stands in the selector's expressions too once it has been merged there; twice is once too often. */
function validateSpreadLabelKeys(
  keys: readonly string[] = [],
  selector: LabelSelector | undefined,
  path: string,
): FieldError[] {
  if (keys.length === 0) return [];
  const errors: FieldError[] = [];
  if (selector === undefined) {
    errors.push(forbiddenField(path, 'must not be specified when labelSelector is not set'));
  }
  const count = (key: string): number =>
    Object.keys(selector?.matchLabels ?? {}).filter((k) => k === key).length +
    (selector?.matchExpressions ?? []).filter((e) => e.key === key).length;
  return [
    ...errors,
    ...eachOf(keys, path, (key, at) => [
      ...validateQualifiedName(key, at),
      ...(count(key) > 1 ? [invalid(at, key, 'exists in both matchLabelKeys and labelSelector')] : []),
    ]),
  ];
}
