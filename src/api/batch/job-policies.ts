/** What a job does with failed pods and when it counts as done. Source: pkg/apis/batch/validation/validation.go v1.36. */
import type { FieldError } from '../field-error.ts';
import {
  child,
  duplicate,
  index,
  invalid,
  invalidOmit,
  notSupported,
  required,
  tooLong,
  tooMany,
} from '../field-error.ts';
import type {
  JobSpec,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyOnPodConditionsPattern,
  PodFailurePolicyRule,
  SuccessPolicyRule,
} from '../generated/batch.v1.ts';
import { eachOf, unchecked, validateNonnegative, validateQualifiedName } from '../validation/fields.ts';
import { countIndexes, IndexesError, parseIndexes } from './indexes.ts';

const MAX_RULES = 20;
const MAX_EXIT_CODES = 255;
const MAX_PATTERNS = 20;
const MAX_INDEXES_BYTES = 64 * 1024;
const ACTIONS = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const OPERATORS = ['In', 'NotIn'];
const STATUSES = ['False', 'True', 'Unknown'];

/** Go prints lists of words in brackets. */
const validValues = (values: readonly string[]): string =>
  `valid values: [${values.map((v) => JSON.stringify(v)).join(' ')}]`;

export function validatePodFailurePolicy(spec: JobSpec, path: string): FieldError[] {
  const rules = spec.podFailurePolicy?.rules ?? [];
  const at = child(path, 'rules');
  const { containers, initContainers = [] } = spec.template.spec ?? { containers: [] };
  const names = new Set([...containers, ...initContainers].map(({ name }) => name));
  return [
    ...(rules.length > MAX_RULES ? [tooMany(at, rules.length, MAX_RULES)] : []),
    ...eachOf(rules, at, (rule, rulePath) => validateFailureRule(spec, rule, rulePath, names)),
  ];
}

function validateFailureRule(
  spec: JobSpec,
  rule: PodFailurePolicyRule,
  path: string,
  names: ReadonlySet<string>,
): FieldError[] {
  const { action = '', onExitCodes, onPodConditions = [] } = unchecked(rule);
  const at = child(path, 'action');
  const errors: FieldError[] = [];
  if (action === '') errors.push(required(at, validValues(ACTIONS)));
  else if (action === 'FailIndex') {
    if (spec.backoffLimitPerIndex === undefined) {
      errors.push(invalid(at, action, 'requires the backoffLimitPerIndex to be set'));
    }
  } else if (!ACTIONS.includes(action)) errors.push(notSupported(at, action, ACTIONS));
  if (onExitCodes !== undefined) errors.push(...validateExitCodes(onExitCodes, child(path, 'onExitCodes'), names));
  const patternsPath = child(path, 'onPodConditions');
  if (onPodConditions.length > MAX_PATTERNS) {
    errors.push(tooMany(patternsPath, onPodConditions.length, MAX_PATTERNS));
  }
  errors.push(...eachOf(onPodConditions, patternsPath, validatePattern));
  if (onExitCodes !== undefined && onPodConditions.length > 0) {
    errors.push(invalidOmit(path, 'specifying both OnExitCodes and OnPodConditions is not supported'));
  }
  if (onExitCodes === undefined && onPodConditions.length === 0) {
    errors.push(invalidOmit(path, 'specifying one of OnExitCodes and OnPodConditions is required'));
  }
  return errors;
}

function validatePattern(pattern: PodFailurePolicyOnPodConditionsPattern, path: string): FieldError[] {
  const { type = '', status = '' } = unchecked(pattern);
  const at = child(path, 'status');
  const errors = validateQualifiedName(type, child(path, 'type'));
  if (status === '') errors.push(required(at, validValues(STATUSES)));
  else if (!STATUSES.includes(status)) errors.push(notSupported(at, status, STATUSES));
  return errors;
}

function validateExitCodes(
  requirement: PodFailurePolicyOnExitCodesRequirement,
  path: string,
  names: ReadonlySet<string>,
): FieldError[] {
  const { operator = '', containerName, values = [] } = unchecked(requirement);
  const [operatorPath, valuesPath] = [child(path, 'operator'), child(path, 'values')];
  const errors: FieldError[] = [];
  if (operator === '') errors.push(required(operatorPath, validValues(OPERATORS)));
  else if (!OPERATORS.includes(operator)) errors.push(notSupported(operatorPath, operator, OPERATORS));
  if (containerName !== undefined && !names.has(containerName)) {
    const why = 'must be one of the container or initContainer names in the pod template';
    errors.push(invalid(child(path, 'containerName'), containerName, why));
  }
  if (values.length === 0) errors.push(invalid(valuesPath, requirement.values, 'at least one value is required'));
  else if (values.length > MAX_EXIT_CODES) errors.push(tooMany(valuesPath, values.length, MAX_EXIT_CODES));
  const seen = new Set<number>();
  for (const [i, value] of values.entries()) {
    const at = index(valuesPath, i);
    if (operator === 'In' && value === 0) errors.push(invalid(at, value, 'must not be 0 for the In operator'));
    if (seen.has(value)) errors.push(duplicate(at, value));
    seen.add(value);
  }
  if (values.some((value, i) => i > 0 && values[i - 1]! > value)) {
    errors.push(invalid(valuesPath, values, 'must be ordered'));
  }
  return errors;
}

export function validateSuccessPolicy({ successPolicy, completions = 0 }: JobSpec, path: string): FieldError[] {
  const rules = successPolicy?.rules ?? [];
  const at = child(path, 'rules');
  const none = 'at least one rules must be specified when the successPolicy is specified';
  return [
    ...(rules.length === 0 ? [required(at, none)] : []),
    ...(rules.length > MAX_RULES ? [tooMany(at, rules.length, MAX_RULES)] : []),
    ...eachOf(rules, at, (rule, rulePath) => validateSuccessRule(rule, completions, rulePath)),
  ];
}

function validateSuccessRule(
  { succeededCount, succeededIndexes }: SuccessPolicyRule,
  completions: number,
  path: string,
): FieldError[] {
  const [countPath, indexesPath] = [child(path, 'succeededCount'), child(path, 'succeededIndexes')];
  const errors: FieldError[] = [];
  if (succeededCount === undefined && succeededIndexes === undefined) {
    errors.push(required(path, 'at least one of succeededCount or succeededIndexes must be specified'));
  }
  let total = 0;
  if (succeededIndexes !== undefined) {
    if (succeededIndexes.length > MAX_INDEXES_BYTES) errors.push(tooLong(indexesPath, MAX_INDEXES_BYTES));
    const parsed = readIndexes(succeededIndexes, completions);
    if (typeof parsed === 'string') {
      errors.push(invalid(indexesPath, succeededIndexes, `error parsing succeededIndexes: ${parsed}`));
    } else total = countIndexes(parsed);
  }
  if (succeededCount === undefined) return errors;
  errors.push(...validateNonnegative(succeededCount, countPath));
  if (succeededCount > completions) {
    const why = `must be less than or equal to ${completions} (the number of specified completions)`;
    errors.push(invalid(countPath, succeededCount, why));
  }
  if (succeededIndexes !== undefined && succeededCount > total) {
    const why = `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`;
    errors.push(invalid(countPath, succeededCount, why));
  }
  return errors;
}

/** The intervals, or why there are none. */
export function readIndexes(text: string, completions: number): ReturnType<typeof parseIndexes> | string {
  try {
    return parseIndexes(text, completions);
  } catch (error) {
    if (error instanceof IndexesError) return error.message;
    throw error;
  }
}
